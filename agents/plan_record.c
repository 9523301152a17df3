#include "agents/plan_record.h"
#include "base/base64.h"
#include "base/buf.h"
#include "net/digest.h"

enum { KEY_NAME = 8, WHOLE_MILLI = 1000, START_MAX = 63, WORDS_MAX = 7 };

static const char magic[] = "reeve-plan/1";

/* A word of the form: visible ASCII, so that a blank or a line end always is one of ours. */
static bool is_word(str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127)
			return false;
	return s.n > 0;
}

static bool share_is_sound(const plan_share *s)
{
	return is_word(s->resource) && is_word(s->uuid) && s->memory_mib >= 0 && s->memory_mib <= PLAN_MEMORY_MIB_MAX &&
	       s->compute_milli >= 1 && s->compute_milli <= WHOLE_MILLI && s->start >= 0 && s->start <= START_MAX &&
	       (s->profile.p ? is_word(s->profile) : s->start == 0);
}

static bool container_is_sound(const plan_container *c)
{
	if (!is_word(c->name) || c->n > PLAN_SHARES_MAX)
		return false;
	for (uint32_t i = 0; i < c->n; i++)
		if (!share_is_sound(&c->shares[i]))
			return false;
	return true;
}

static bool record_is_sound(const plan_record *r)
{
	if (!is_word(r->pod_uid) || !is_word(r->node) || !is_word(r->placement) || r->fence < 1 || r->made_us < 0 ||
		r->n > PLAN_CONTAINERS_MAX)
		return false;
	for (uint32_t i = 0; i < r->n; i++)
		if (!container_is_sound(&r->containers[i]) ||
			(i > 0 && r->containers[i].is_init && !r->containers[i - 1].is_init))
			return false;
	return true;
}

static void share_print(const plan_share *s, buf *out)
{
	buf_printf(out, "share " STR_FMT " " STR_FMT " %lld %lld", STR_ARG(s->resource), STR_ARG(s->uuid),
		(long long)s->memory_mib, (long long)s->compute_milli);
	if (s->profile.p)
		buf_printf(out, " " STR_FMT " %d", STR_ARG(s->profile), s->start);
	buf_add_char(out, '\n');
}

static void record_print(const plan_record *r, buf *out)
{
	buf_printf(out, "%s\npod " STR_FMT "\nnode " STR_FMT "\nplacement " STR_FMT "\nfence %lld\nmade %lld\n", magic,
		STR_ARG(r->pod_uid), STR_ARG(r->node), STR_ARG(r->placement), (long long)r->fence,
		(long long)r->made_us);
	buf_printf(out, "mode %s%s%s\n", r->is_low ? "low" : "high", r->may_lend ? " lend" : "",
		r->may_oversubscribe ? " oversubscribe" : "");
	for (uint32_t i = 0; i < r->n; i++) {
		const plan_container *c = &r->containers[i];
		buf_printf(out, "%s " STR_FMT "\n", c->is_init ? "init" : "container", STR_ARG(c->name));
		for (uint32_t j = 0; j < c->n; j++)
			share_print(&c->shares[j], out);
	}
}

static void key_name(const uint8_t key[SIGNATURE_KEY], char ret_name[KEY_NAME])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[DIGEST_BYTES];

	digest_sha256(&(str){(const char *)key, SIGNATURE_KEY}, 1, digest);
	for (uint32_t i = 0; i < KEY_NAME; i++)
		ret_name[i] = digits[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
}

err plan_record_sign(const plan_record *r, const signing_key *k, arena *a, str *ret_text, fault *f)
{
	uint8_t signature[SIGNATURE_BYTES], key[SIGNATURE_KEY];
	char name[KEY_NAME];
	buf out;

	if (!record_is_sound(r))
		return fault_set(f, ERR_BAD_FIELD, NULL, "the plan has a name or a number that no plan may have");
	buf_init(&out, PLAN_BYTES_MAX);
	record_print(r, &out);
	signing_key_public(k, key);
	key_name(key, name);
	signing_key_sign(k, buf_str(&out), signature);
	str bytes = base64_print((str){(const char *)signature, SIGNATURE_BYTES}, a);
	buf_printf(&out, "signature %.*s " STR_FMT "\n", KEY_NAME, name, STR_ARG(bytes));
	err e = out.over ? fault_set(f, ERR_LIMIT, NULL, "the plan does not fit into an annotation") : ERR_OK;
	if (!e)
		*ret_text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return e;
}

/* Reading goes line by line, each line split at single blanks. */
typedef struct lines {
	str rest;
	str words[WORDS_MAX];
	uint32_t n; /* words of the present line; 0: there is none */
} lines;

static void line_next(lines *l)
{
	l->n = 0;
	if (l->rest.n == 0)
		return;
	str line = str_split(&l->rest, '\n');
	while (line.p && l->n < WORDS_MAX)
		l->words[l->n++] = str_split(&line, ' ');
	if (line.p)
		l->n = 0;
}

static bool line_is(const lines *l, str word, uint32_t n)
{
	return l->n == n && str_eq(l->words[0], word);
}

static bool text_take(lines *l, str word, str *ret)
{
	bool ok = line_is(l, word, 2);

	if (ok)
		*ret = l->words[1];
	line_next(l);
	return ok;
}

static bool number_take(lines *l, str word, int64_t *ret)
{
	str text = STR_NONE;

	return text_take(l, word, &text) && str_to_i64(text, ret);
}

static bool mode_take(lines *l, plan_record *r)
{
	uint32_t at = 2;

	if (l->n < 2 || !str_eq(l->words[0], S("mode")))
		return false;
	r->is_low = str_eq(l->words[1], S("low"));
	if (!r->is_low && !str_eq(l->words[1], S("high")))
		return false;
	r->may_lend = at < l->n && str_eq(l->words[at], S("lend"));
	at += r->may_lend;
	r->may_oversubscribe = at < l->n && str_eq(l->words[at], S("oversubscribe"));
	at += r->may_oversubscribe;
	bool ok = at == l->n;
	line_next(l);
	return ok;
}

static bool share_take(lines *l, plan_container *c)
{
	plan_share *s = &c->shares[c->n++];
	int64_t start = 0;
	bool ok = str_to_i64(l->words[3], &s->memory_mib) && str_to_i64(l->words[4], &s->compute_milli);

	s->resource = l->words[1];
	s->uuid = l->words[2];
	if (l->n == 7) {
		s->profile = l->words[5];
		ok = ok && str_to_i64(l->words[6], &start) && start >= 0 && start <= START_MAX;
		s->start = (int32_t)start;
	}
	line_next(l);
	return ok;
}

static bool container_take(lines *l, arena *a, plan_record *r)
{
	plan_container *c = &r->containers[r->n++];

	c->name = l->words[1];
	c->is_init = str_eq(l->words[0], S("init"));
	line_next(l);
	if (line_is(l, S("share"), 5) || line_is(l, S("share"), 7))
		c->shares = ARENA_ARRAY(a, plan_share, PLAN_SHARES_MAX);
	while (line_is(l, S("share"), 5) || line_is(l, S("share"), 7))
		if (c->n == PLAN_SHARES_MAX || !share_take(l, c))
			return false;
	return true;
}

static bool record_read(str text, arena *a, plan_record *ret)
{
	lines l = {.rest = text};

	*ret = (plan_record){0};
	line_next(&l);
	if (!line_is(&l, str_from(magic), 1))
		return false;
	line_next(&l);
	if (!text_take(&l, S("pod"), &ret->pod_uid) || !text_take(&l, S("node"), &ret->node) ||
		!text_take(&l, S("placement"), &ret->placement) || !number_take(&l, S("fence"), &ret->fence) ||
		!number_take(&l, S("made"), &ret->made_us) || !mode_take(&l, ret))
		return false;
	ret->containers = ARENA_ARRAY(a, plan_container, PLAN_CONTAINERS_MAX);
	while (line_is(&l, S("init"), 2) || line_is(&l, S("container"), 2))
		if (ret->n == PLAN_CONTAINERS_MAX || !container_take(&l, a, ret))
			return false;
	return l.n == 0 && l.rest.n == 0 && record_is_sound(ret);
}

/* The last line, which the signature does not cover. */
static bool signature_split(str text, arena *a, str *ret_body, str *ret_key, str *ret_signature)
{
	uint32_t at = text.n;

	if (text.n == 0 || text.n > PLAN_BYTES_MAX || text.p[text.n - 1] != '\n')
		return false;
	for (at = text.n - 1; at > 0 && text.p[at - 1] != '\n'; at--)
		;
	lines l = {.rest = str_cut(text, at, text.n)};
	line_next(&l);
	*ret_body = str_cut(text, 0, at);
	*ret_key = l.n == 3 ? l.words[1] : STR_NONE;
	return line_is(&l, S("signature"), 3) && base64_read(l.words[2], a, ret_signature) &&
	       str_eq(base64_print(*ret_signature, a), l.words[2]) && ret_signature->n == SIGNATURE_BYTES;
}

static bool is_signed_by(const uint8_t key[SIGNATURE_KEY], str name, str body, str signature)
{
	char own[KEY_NAME];

	key_name(key, own);
	return str_eq(name, (str){own, KEY_NAME}) && signature_holds(key, body, (const uint8_t *)signature.p);
}

err plan_record_read(str text, arena *a, plan_record *ret)
{
	str body, name, signature;

	return signature_split(text, a, &body, &name, &signature) && record_read(body, a, ret) ? ERR_OK : ERR_BAD_FIELD;
}

err plan_record_open(str text, const plan_keys *keys, arena *a, plan_record *ret, fault *f)
{
	str body, name, signature;
	bool holds = false;
	plan_record r;

	if (!signature_split(text, a, &body, &name, &signature))
		return fault_set(f, ERR_BAD_FIELD, NULL, "the plan has no signature line");
	for (uint32_t i = 0; i < keys->n && !holds; i++)
		holds = is_signed_by(keys->v[i], name, body, signature);
	if (!holds)
		return fault_set(f, ERR_PERMISSION_DENIED, NULL, "the plan is not signed by the cluster's agent");
	if (!record_read(body, a, &r))
		return fault_set(f, ERR_BAD_FIELD, NULL, "the plan is not of the form that this node knows");
	*ret = r;
	return ERR_OK;
}
