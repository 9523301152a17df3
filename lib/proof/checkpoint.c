#include "proof/checkpoint.h"

#include <string.h>

#include "base/clock.h"
#include "json/write.h"
#include "net/digest.h"

void hex_add(buf *out, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;
	char *to = buf_room(out, 2 * n);

	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digits[b[i] >> 4];
		to[2 * i + 1] = digits[b[i] & 15];
	}
	out->n += 2 * n;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_read(str text, void *ret_bytes, size_t n)
{
	uint8_t *to = ret_bytes;

	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = digit_of(text.p[2 * i]), low = digit_of(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void put_hex(buf *out, const char *name, const void *bytes, size_t n)
{
	buf_printf(out, ",\"%s\":\"", name);
	hex_add(out, bytes, n);
	buf_add_char(out, '"');
}

void checkpoint_write(const checkpoint *c, buf *out)
{
	char at[CLOCK_TEXT_MAX];

	clock_text(c->at_us, at);
	buf_printf(out, "{\"chain\":\"%c\",\"size\":%lld", c->chain, (long long)c->size);
	put_hex(out, "root", c->root.v, MERKLE_HASH);
	put_hex(out, "hash", c->hash.v, MERKLE_HASH);
	if (c->has_prev)
		put_hex(out, "prev", c->prev.v, MERKLE_HASH);
	else
		buf_add_str(out, S(",\"prev\":null"));
	buf_printf(out, ",\"at\":\"%s\"", at);
	put_hex(out, "key", c->key, SIGNATURE_KEY);
	buf_add_char(out, '}');
}

static bool take(str *s, str expected)
{
	if (!str_starts(*s, expected))
		return false;
	*s = str_cut(*s, expected.n, s->n);
	return true;
}

static bool take_hash(str *s, str before, merkle_hash *ret)
{
	if (!take(s, before) || !hex_read(str_cut(*s, 0, 2 * MERKLE_HASH), ret->v, MERKLE_HASH))
		return false;
	*s = str_cut(*s, 2 * MERKLE_HASH, s->n);
	return true;
}

static bool members_read(str s, checkpoint *c)
{
	merkle_hash key;

	if (!take(&s, S("{\"chain\":\"")) || !s.n || (*s.p != 'g' && *s.p != 'p'))
		return false;
	c->chain = *s.p;
	s = str_cut(s, 1, s.n);
	if (!take(&s, S("\",\"size\":")) || !str_to_i64(str_split(&s, ','), &c->size) || c->size < 1)
		return false;
	if (!take_hash(&s, S("\"root\":\""), &c->root) || !take_hash(&s, S("\",\"hash\":\""), &c->hash))
		return false;
	c->has_prev = take_hash(&s, S("\",\"prev\":\""), &c->prev);
	if (!take(&s, c->has_prev ? S("\",\"at\":\"") : S("\",\"prev\":null,\"at\":\"")))
		return false;
	if (!clock_parse(str_split(&s, '"'), &c->at_us) || !take_hash(&s, S(",\"key\":\""), &key))
		return false;
	memcpy(c->key, key.v, sizeof(c->key));
	return str_eq(s, S("\"}"));
}

bool checkpoint_read(str body, checkpoint *ret)
{
	buf again;
	bool ok;

	memset(ret, 0, sizeof(*ret));
	if (body.n > CHECKPOINT_BYTES_MAX || !members_read(body, ret))
		return false;
	buf_init(&again, CHECKPOINT_BYTES_MAX);
	checkpoint_write(ret, &again);
	ok = str_eq(buf_str(&again), body);
	buf_done(&again);
	return ok;
}

void checkpoint_digest(str body, merkle_hash *ret)
{
	digest_sha256(&body, 1, ret->v);
}
