#include "agents/scheduling/extender/answer.h"
#include <endian.h>
#include "json/write.h"

/* Long lists of names are written into one room, made for the longest that they can be. Most texts in them are of 16 to
 * 32 bytes. */
static inline char *text_put(char *to, str s)
{
	enum { WIDE = 16 };

	if (s.n >= WIDE && s.n <= 2 * WIDE) {
		memcpy(to, s.p, WIDE);
		memcpy(to + s.n - WIDE, s.p + s.n - WIDE, WIDE);
	} else {
		memcpy(to, s.p, s.n);
	}
	return to + s.n;
}

static inline char *raw_name_put(char *to, str name)
{
	return text_put(to, (str){name.p - 1, name.n + 2});
}

static void name_put(buf *out, str name)
{
	js_writer w = js_writer_on(out);

	js_text(&w, name);
}

/* The first from `at` on that did not pass, or n. */
static uint32_t passed_end(const uint8_t *verdicts, uint32_t at, uint32_t n)
{
	uint64_t eight;

	for (; n - at >= sizeof(eight); at += (uint32_t)sizeof(eight)) {
		memcpy(&eight, verdicts + at, sizeof(eight));
		if (eight)
			break;
	}
	while (at < n && !verdicts[at])
		at++;
	return at;
}

/* Names that passed and stand side by side in what was asked, with a comma between two, are repeated together. The end
 * of those from `at` on. */
static uint32_t run_end(const extender_args *q, const uint8_t *verdicts, uint32_t at)
{
	uint32_t end = passed_end(verdicts, at, q->n);

	if (q->is_tight || end == at)
		return end;
	for (at++; at < end; at++) {
		str before = q->nodes[at - 1].name;
		if (q->nodes[at].name.p != before.p + before.n + NODE_INDEX_BETWEEN)
			break;
	}
	return at;
}

static char *run_put(char *to, const str *first, const str *last)
{
	return text_put(to, (str){first->p - 1, (uint32_t)(last->p + last->n - first->p) + 2});
}

static void passed_raw_put(const extender_args *q, const uint8_t *verdicts, buf *out)
{
	char *from = buf_room(out, q->names_bytes + 2), *to = from;

	if (!from)
		return;
	*to++ = '[';
	for (uint32_t i = 0; i < q->n;) {
		uint32_t end = run_end(q, verdicts, i);
		if (end > i && to[-1] == '"')
			*to++ = ',';
		if (end > i)
			to = run_put(to, &q->nodes[i].name, &q->nodes[end - 1].name);
		i = end > i ? end : i + 1;
	}
	*to++ = ']';
	out->n += (size_t)(to - from);
}

static void passed_each_put(const extender_args *q, const uint8_t *verdicts, buf *out)
{
	js_writer w = js_writer_on(out);

	js_array_begin(&w);
	for (uint32_t i = 0; i < q->n; i++)
		if (!verdicts[i])
			js_text(&w, q->nodes[i].name);
	js_array_end(&w);
}

static void passed_objects_put(const extender_args *q, const uint8_t *verdicts, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("items"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < q->n; i++)
		if (!verdicts[i])
			js_raw_value(&w, q->objects[i]);
	js_array_end(&w);
	js_object_end(&w);
}

static void passed_put(const extender_args *q, const uint8_t *verdicts, buf *out)
{
	if (q->is_whole) {
		buf_add_str(out, S("\"Nodes\":"));
		passed_objects_put(q, verdicts, out);
		buf_add_str(out, S(",\"NodeNames\":null"));
		return;
	}
	buf_add_str(out, S("\"NodeNames\":"));
	(q->is_raw ? passed_raw_put : passed_each_put)(q, verdicts, out);
	buf_add_str(out, S(",\"Nodes\":null"));
}

/* "name":"reason", of each node that was refused, finally or not. */
typedef struct refused {
	const extender_args *q;
	const uint8_t *verdicts;
	const filter_reason *reasons;
	bool is_final;
} refused;

/* The first from `at` on, or n. */
static uint32_t refused_next(const refused *r, uint32_t at)
{
	while ((at = passed_end(r->verdicts, at, r->q->n)) < r->q->n &&
		r->reasons[r->verdicts[at]].is_final != r->is_final)
		at++;
	return at;
}

static size_t refused_bytes(const refused *r)
{
	size_t bytes = 0;

	for (uint32_t i = refused_next(r, 0); i < r->q->n; i = refused_next(r, i + 1))
		bytes += r->q->nodes[i].name.n + r->reasons[r->verdicts[i]].text.n + sizeof("\"\":\"\",") - 1;
	return bytes;
}

static void refused_raw_put(const refused *r, buf *out)
{
	size_t bytes = refused_bytes(r);
	char *to = bytes ? buf_room(out, bytes) : NULL;

	if (!to)
		return;
	for (uint32_t i = refused_next(r, 0); i < r->q->n; i = refused_next(r, i + 1)) {
		to = raw_name_put(to, r->q->nodes[i].name);
		*to++ = ':';
		*to++ = '"';
		to = text_put(to, r->reasons[r->verdicts[i]].text);
		*to++ = '"';
		*to++ = ',';
	}
	out->n += bytes - 1; /* without the comma behind the last */
}

static void refused_each_put(const refused *r, buf *out)
{
	bool is_first = true;

	for (uint32_t i = refused_next(r, 0); i < r->q->n; i = refused_next(r, i + 1), is_first = false) {
		if (!is_first)
			buf_add_char(out, ',');
		name_put(out, r->q->nodes[i].name);
		buf_add_str(out, S(":\""));
		buf_add_str(out, r->reasons[r->verdicts[i]].text);
		buf_add_char(out, '"');
	}
}

static void refused_put(const refused *r, buf *out)
{
	buf_add_str(out, r->is_final ? S(",\"FailedAndUnresolvableNodes\":{") : S(",\"FailedNodes\":{"));
	(r->q->is_raw ? refused_raw_put : refused_each_put)(r, out);
	buf_add_char(out, '}');
}

/* Schedulers up to 1.28 pass the text through a format function. */
static void error_put(const char *error, buf *out)
{
	js_writer w = js_writer_on(out);
	buf plain;

	buf_init(&plain, 16 * FAULT_DETAIL_MAX);
	for (const char *c = error ? error : ""; *c; c++) {
		if (*c == '%')
			buf_add_str(&plain, S(" percent"));
		else
			buf_add_char(&plain, *c);
	}
	buf_add_str(out, S("\"Error\":"));
	js_text(&w, buf_str(&plain));
	buf_done(&plain);
}

void filter_answer(
	const extender_args *all, const uint8_t *verdicts, const filter_reason *reasons, const char *error, buf *out)
{
	extender_args none = {.is_whole = all->is_whole};
	refused r = {.q = error ? &none : all, .verdicts = verdicts, .reasons = reasons};

	buf_add_char(out, '{');
	passed_put(r.q, verdicts, out);
	refused_put(&r, out);
	r.is_final = true;
	refused_put(&r, out);
	buf_add_char(out, ',');
	error_put(error, out);
	buf_add_char(out, '}');
}

#define FIRST_KEY "{\"Host\":"
#define HOST_KEY  "," FIRST_KEY
#define SCORE_KEY ",\"Score\":"
/* The last three digits of a score: zeros. */
#define STEP_WORD ((uint64_t)0x303030 << 40)
enum { SCORE_DIGITS = 8, SCORE_BYTES = sizeof(HOST_KEY) + sizeof(SCORE_KEY) + SCORE_DIGITS };
_Static_assert(EXTENDER_STEP == 1000 && EXTENDER_RANK_MAX < 100000 && (int)ARGS_NODES_MAX <= (int)EXTENDER_RANK_MAX,
	"a score has 8 digits at most, of which the last three are zeros");

/* The two digits of v below 100, the first in the lower byte. */
static inline uint64_t pair_of(uint32_t v)
{
	return '0' + v / 10 + ((uint64_t)('0' + v % 10) << 8);
}

/* All digits in one word, the first in its lowest byte, without a branch: the leading zeros are shifted out. There is
 * room for 8 bytes behind `to`. */
static inline char *score_put(char *to, uint32_t rank)
{
	uint32_t zeros = (rank ? 0u : 3u) + (rank < 10000) + (rank < 1000) + (rank < 100) + (rank < 10);
	uint64_t word = '0' + rank / 10000 + (pair_of(rank / 100 % 100) << 8) + (pair_of(rank % 100) << 24) + STEP_WORD;

	word = htole64(word >> 8 * zeros);
	memcpy(to, &word, sizeof(word));
	return to + SCORE_DIGITS - zeros;
}

static void scores_raw_put(const extender_args *q, const uint32_t *ranks, buf *out)
{
	char *from = buf_room(out, q->names_bytes + q->n * (size_t)SCORE_BYTES + 2), *to = from;

	if (!from)
		return;
	if (!q->n)
		to++;
	for (uint32_t i = 0; i < q->n; i++) {
		memcpy(to, HOST_KEY, sizeof(HOST_KEY) - 1);
		to = raw_name_put(to + sizeof(HOST_KEY) - 1, q->nodes[i].name);
		memcpy(to, SCORE_KEY, sizeof(SCORE_KEY) - 1);
		to = score_put(to + sizeof(SCORE_KEY) - 1, ranks[i]);
		*to++ = '}';
	}
	*from = '['; /* where the comma before the first would be */
	*to++ = ']';
	out->n += (size_t)(to - from);
}

void prioritize_answer(const extender_args *q, const uint32_t *ranks, buf *out)
{
	if (q->is_raw) {
		scores_raw_put(q, ranks, out);
		return;
	}
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < q->n; i++) {
		buf_add_str(out, i ? S(HOST_KEY) : S(FIRST_KEY));
		name_put(out, q->nodes[i].name);
		buf_add_str(out, S(SCORE_KEY));
		buf_add_i64(out, (int64_t)ranks[i] * EXTENDER_STEP);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void bind_answer(const char *error, buf *out)
{
	buf_add_char(out, '{');
	error_put(error, out);
	buf_add_char(out, '}');
}

void preempt_answer(const preemption_args *q, const bool *keep, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("NodeNameToMetaVictims"));
	js_object_begin(&w);
	for (uint32_t i = 0; i < q->n; i++) {
		if (!keep[i])
			continue;
		js_key(&w, q->nodes[i].node);
		js_object_begin(&w);
		js_key(&w, S("Pods"));
		js_array_begin(&w);
		for (uint32_t k = 0; k < q->nodes[i].n; k++) {
			js_object_begin(&w);
			js_put_text(&w, "UID", q->nodes[i].uids[k]);
			js_object_end(&w);
		}
		js_array_end(&w);
		js_put_i64(&w, "NumPDBViolations", q->nodes[i].violations);
		js_object_end(&w);
	}
	js_object_end(&w);
	js_object_end(&w);
}
