#include "agents/real/receipt.h"
#include "base/base64.h"

enum { FIELDS = 10, FIELDS_MAX = 12 };

/* What is signed: the receipt's own words behind those that tie it to its pod. */
static str signed_text(str words, str pod_uid, str node, arena *a)
{
	return str_print(
		a, "reeve-receipt/1 " STR_FMT " " STR_FMT " " STR_FMT, STR_ARG(pod_uid), STR_ARG(node), STR_ARG(words));
}

static bool is_word(str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ')
			return false;
	return s.n > 0;
}

str receipt_sign(const receipt *r, str pod_uid, str node, const signing_key *k, arena *a)
{
	uint8_t signature[SIGNATURE_BYTES];
	str loan = r->loan.n ? r->loan : S("-");

	if (!is_word(r->id) || !is_word(r->fence) || !is_word(r->tenant) || !is_word(loan))
		return STR_NONE;
	str words = str_print(a, STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " %lld %lld %lld %lld %lld %lld",
		STR_ARG(r->id), STR_ARG(r->fence), STR_ARG(r->tenant), STR_ARG(loan),
		(long long)r->charge.v[AXIS_DEVICE_MILLI], (long long)r->charge.v[AXIS_MEMORY_MIB],
		(long long)r->charge.v[AXIS_COMPUTE_MILLI], (long long)r->at_us, (long long)r->max_runtime_s,
		(long long)r->index);
	if (r->self_fence_s || r->speak_s)
		words = str_print(
			a, STR_FMT " %lld %lld", STR_ARG(words), (long long)r->self_fence_s, (long long)r->speak_s);
	signing_key_sign(k, signed_text(words, pod_uid, node, a), signature);
	str sign = base64_print(str_of((const char *)signature, sizeof(signature)), a);
	str text = str_print(a, STR_FMT " " STR_FMT, STR_ARG(words), STR_ARG(sign));
	return text.n <= RECEIPT_BYTES_MAX ? text : STR_NONE;
}

static bool words_read(str words, receipt *ret)
{
	str v[FIELDS_MAX];
	int64_t *const numbers[] = {&ret->charge.v[AXIS_DEVICE_MILLI], &ret->charge.v[AXIS_MEMORY_MIB],
		&ret->charge.v[AXIS_COMPUTE_MILLI], &ret->at_us, &ret->max_runtime_s, &ret->index, &ret->self_fence_s,
		&ret->speak_s};
	int n = 0;

	for (; n < FIELDS || (n < FIELDS_MAX && words.p); n++)
		v[n] = str_split(&words, ' ');
	if (words.p || (n != FIELDS && n != FIELDS_MAX))
		return false;
	*ret = (receipt){.id = v[0], .fence = v[1], .tenant = v[2], .loan = str_eq(v[3], S("-")) ? STR_NONE : v[3]};
	for (int i = 0; i < n - 4; i++)
		if (!str_to_i64(v[i + 4], numbers[i]) || *numbers[i] < 0)
			return false;
	return ret->id.n && ret->fence.n && ret->tenant.n;
}

/* Where its last word begins, the signature; 0: it has none. */
static uint32_t signature_at(str text)
{
	uint32_t cut = text.n <= RECEIPT_BYTES_MAX ? text.n : 0;

	while (cut && text.p[cut - 1] != ' ')
		cut--;
	return cut;
}

bool receipt_read(str text, receipt *ret)
{
	uint32_t cut = signature_at(text);

	return cut && words_read(str_cut(text, 0, cut - 1), ret);
}

bool receipt_open(str text, str pod_uid, str node, const uint8_t key[SIGNATURE_KEY], receipt *ret)
{
	AUTO_ARENA a = arena_new(0);
	uint32_t cut = signature_at(text);
	str bytes;

	if (!cut || !base64_read(str_cut(text, cut, text.n), a, &bytes) || bytes.n != SIGNATURE_BYTES)
		return false;
	str words = str_cut(text, 0, cut - 1);
	return signature_holds(key, signed_text(words, pod_uid, node, a), (const uint8_t *)bytes.p) &&
	       words_read(words, ret);
}
