#include "server/edge/traceparent.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"

enum {
	ID_AT = 3,
	SPAN_AT = ID_AT + TRACEPARENT_ID + 1,
	FLAGS_AT = SPAN_AT + TRACEPARENT_SPAN + 1,
	WHOLE = FLAGS_AT + 2
};

traceparent_source traceparent_source_new(void)
{
	traceparent_source s;

	random_bytes(&s.state, sizeof(s.state));
	return s;
}

/* splitmix64: every state once, well mixed. Never 0, which stands for no id. */
static uint64_t draw(traceparent_source *s)
{
	uint64_t x = s->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return x ? x : 1;
}

/* Lower-case hex digits, not all of them 0. */
static bool is_id(str s)
{
	bool is_zero = true;

	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		is_zero &= c == '0';
	}
	return !is_zero;
}

static bool is_hex(str s)
{
	return is_id(s) || str_eq(s, S("00"));
}

/* A version of later days may go on behind the flags with a dash; version ff is none. */
static bool is_parent(str s)
{
	if (s.n < WHOLE || s.p[2] != '-' || s.p[SPAN_AT - 1] != '-' || s.p[FLAGS_AT - 1] != '-')
		return false;
	str version = str_cut(s, 0, 2);
	bool is_first = str_eq(version, S("00"));
	bool ends = s.n == WHOLE || (!is_first && s.p[WHOLE] == '-');

	return ends && is_hex(version) && !str_eq(version, S("ff")) &&
	       is_id(str_cut(s, ID_AT, ID_AT + TRACEPARENT_ID)) &&
	       is_id(str_cut(s, SPAN_AT, SPAN_AT + TRACEPARENT_SPAN)) && is_hex(str_cut(s, FLAGS_AT, WHOLE));
}

void traceparent_begin(traceparent_source *s, str given, traceparent *ret)
{
	given = str_trim(given);
	*ret = (traceparent){.flags = "00"};
	snprintf(ret->span, sizeof(ret->span), "%016" PRIx64, draw(s));
	if (given.p && is_parent(given)) {
		memcpy(ret->id, given.p + ID_AT, TRACEPARENT_ID);
		memcpy(ret->flags, given.p + FLAGS_AT, 2);
		return;
	}
	uint64_t high = draw(s), low = draw(s);
	snprintf(ret->id, sizeof(ret->id), "%016" PRIx64 "%016" PRIx64, high, low);
}

void traceparent_print(const traceparent *t, char out[TRACEPARENT_MAX])
{
	snprintf(out, TRACEPARENT_MAX, "00-%s-%s-%s", t->id, t->span, t->flags);
}
