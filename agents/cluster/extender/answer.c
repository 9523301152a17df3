#include "agents/cluster/extender/answer.h"
#include <assert.h>
#include "json/write.h"

/* Long lists of names are written into one room, made for the longest that they can be. */
static char *text_put(char *to, str s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

static char *raw_name_put(char *to, str name)
{
	return text_put(to, (str){name.p - 1, name.n + 2});
}

static bool is_raw(const extender_args *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (!q->nodes[i].is_raw)
			return false;
	return true;
}

static size_t names_bytes(const extender_args *q)
{
	size_t n = 0;

	for (uint32_t i = 0; i < q->n; i++)
		n += q->nodes[i].name.n + 2;
	return n;
}

static void name_put(buf *out, str name)
{
	js_writer w = js_writer_on(out);

	js_text(&w, name);
}

/* Names that passed and stand side by side in what was asked, with a comma between two, are repeated together. The end
 * of those from `at` on. */
static uint32_t run_end(const extender_args *q, const filter_verdict *v, uint32_t at)
{
	if (v[at].text)
		return at;
	for (at++; at < q->n && !v[at].text; at++) {
		str before = q->nodes[at - 1].name;
		if (q->nodes[at].name.p != before.p + before.n + sizeof("\",\"") - 1)
			break;
	}
	return at;
}

static char *run_put(char *to, const str *first, const str *last)
{
	return text_put(to, (str){first->p - 1, (uint32_t)(last->p + last->n - first->p) + 2});
}

static void passed_raw_put(const extender_args *q, const filter_verdict *v, buf *out)
{
	char *from = buf_room(out, names_bytes(q) + q->n + 2), *to = from;

	if (!from)
		return;
	*to++ = '[';
	for (uint32_t i = 0; i < q->n;) {
		uint32_t end = run_end(q, v, i);
		if (end > i && to[-1] == '"')
			*to++ = ',';
		if (end > i)
			to = run_put(to, &q->nodes[i].name, &q->nodes[end - 1].name);
		i = end > i ? end : i + 1;
	}
	*to++ = ']';
	out->n += (size_t)(to - from);
}

static void passed_each_put(const extender_args *q, const filter_verdict *v, buf *out)
{
	js_writer w = js_writer_on(out);

	js_array_begin(&w);
	for (uint32_t i = 0; i < q->n; i++)
		if (!v[i].text)
			js_text(&w, q->nodes[i].name);
	js_array_end(&w);
}

static void passed_objects_put(const extender_args *q, const filter_verdict *v, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("items"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < q->n; i++)
		if (!v[i].text)
			js_raw_value(&w, q->objects[i]);
	js_array_end(&w);
	js_object_end(&w);
}

static void passed_put(const extender_args *q, const filter_verdict *v, buf *out)
{
	if (q->is_whole) {
		buf_add_str(out, S("\"Nodes\":"));
		passed_objects_put(q, v, out);
		buf_add_str(out, S(",\"NodeNames\":null"));
		return;
	}
	buf_add_str(out, S("\"NodeNames\":"));
	(is_raw(q) ? passed_raw_put : passed_each_put)(q, v, out);
	buf_add_str(out, S(",\"Nodes\":null"));
}

static void failed_put(const extender_args *q, const filter_verdict *v, bool is_final, buf *out)
{
	js_writer w = js_writer_on(out);

	buf_add_str(out, is_final ? S(",\"FailedAndUnresolvableNodes\":") : S(",\"FailedNodes\":"));
	js_object_begin(&w);
	for (uint32_t i = 0; i < q->n; i++)
		if (v[i].text && v[i].is_final == is_final) {
			js_key(&w, q->nodes[i].name);
			js_text(&w, str_from(v[i].text));
		}
	js_object_end(&w);
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

void filter_answer(const extender_args *all, const filter_verdict *v, const char *error, buf *out)
{
	extender_args none = {.is_whole = all->is_whole};
	const extender_args *q = error ? &none : all;

	buf_add_char(out, '{');
	passed_put(q, v, out);
	failed_put(q, v, false, out);
	failed_put(q, v, true, out);
	buf_add_char(out, ',');
	error_put(error, out);
	buf_add_char(out, '}');
}

#define FIRST_KEY "{\"Host\":"
#define HOST_KEY  "," FIRST_KEY
#define SCORE_KEY ",\"Score\":"
enum { SCORE_DIGITS = 20, SCORE_BYTES = sizeof(HOST_KEY) + sizeof(SCORE_KEY) + SCORE_DIGITS + 1 };

static void pair_put(char *to, uint32_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";

	memcpy(to, &pairs[2 * v], 2);
}

/* Without its leading zeros; there is room for 8 digits behind `to`. */
static char *short_put(char *to, uint32_t v)
{
	char digits[2 * sizeof(uint64_t)] = {0};
	uint32_t zeros = 0;

	pair_put(digits, v / 1000000);
	pair_put(digits + 2, v / 10000 % 100);
	pair_put(digits + 4, v / 100 % 100);
	pair_put(digits + 6, v % 100);
	while (zeros < 7 && digits[zeros] == '0')
		zeros++;
	memcpy(to, digits + zeros, sizeof(uint64_t));
	return to + sizeof(uint64_t) - zeros;
}

static char *score_put(char *to, int64_t score)
{
	char digits[SCORE_DIGITS], *at = digits + SCORE_DIGITS;

	assert(score >= 0);
	if (score < 100000000)
		return short_put(to, (uint32_t)score);
	do
		*--at = (char)('0' + score % 10);
	while (score /= 10);
	return text_put(to, (str){at, (uint32_t)(digits + SCORE_DIGITS - at)});
}

static void scores_raw_put(const extender_args *q, const int64_t *scores, buf *out)
{
	char *from = buf_room(out, names_bytes(q) + q->n * (size_t)SCORE_BYTES + 2), *to = from;

	if (!from)
		return;
	if (!q->n)
		to++;
	for (uint32_t i = 0; i < q->n; i++) {
		to = text_put(to, S(HOST_KEY));
		to = raw_name_put(to, q->nodes[i].name);
		to = text_put(to, S(SCORE_KEY));
		to = score_put(to, scores[i]);
		*to++ = '}';
	}
	*from = '['; /* where the comma before the first would be */
	*to++ = ']';
	out->n += (size_t)(to - from);
}

void prioritize_answer(const extender_args *q, const int64_t *scores, buf *out)
{
	if (is_raw(q)) {
		scores_raw_put(q, scores, out);
		return;
	}
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < q->n; i++) {
		buf_add_str(out, i ? S(HOST_KEY) : S(FIRST_KEY));
		name_put(out, q->nodes[i].name);
		buf_add_str(out, S(SCORE_KEY));
		buf_add_i64(out, scores[i]);
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
