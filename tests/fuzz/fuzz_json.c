/* Any bytes through the JSON reader. Held: skipping and walking agree, what we take jansson takes, and a body that
 * binds is written as JSON that binds to the same bytes again.
 */
#include <assert.h>
#include <jansson.h>
#include "json/pull.h"
#include "json/write.h"
#include "json_sample.h"

enum { OUT_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void value_walk(pull *p, arena *a)
{
	bool has_escape;
	str key, text;
	int64_t v;

	switch (pull_next(p)) {
	case PULL_OBJECT:
		while (pull_key(p, &key, &has_escape))
			value_walk(p, a);
		break;
	case PULL_ARRAY:
		while (pull_item(p))
			value_walk(p, a);
		break;
	case PULL_TEXT:
		if (!pull_unescape(p->text, p->has_escape, a, &text))
			assert(str_is_utf8(text));
		break;
	case PULL_NUMBER:
		(void)!pull_i64(p->text, &v);
		break;
	default:
		break;
	}
}

static err text_skip(str text)
{
	pull p;

	pull_init(&p, text, PULL_DEPTH_CAP);
	err e = pull_skip(&p);
	return e ? e : pull_finish(&p);
}

static void oracle_ask(str text)
{
	json_error_t why;
	json_t *doc = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
	enum json_error_code code = doc ? json_error_unknown : json_error_code(&why);

	assert(doc || code == json_error_null_byte_in_key || code == json_error_numeric_overflow);
	json_decref(doc);
}

static void sample_print(buf *out, const sample *s)
{
	js_writer w;

	buf_init(out, OUT_MAX);
	w = js_writer_on(out);
	js_write(&w, &sample_type, s);
	assert(!out->over);
}

static void fault_hold(const fault *f)
{
	assert(f->pointer[0] == '#' && f->detail[0]);
	assert(str_is_utf8(str_from(f->pointer)) && str_is_utf8(str_from(f->detail)));
}

static void sample_bind(str text, arena *a)
{
	fault f = {0};
	sample s, again;
	buf one, two;

	err e = js_read(&sample_type, text, a, &s, &f);
	if (e) {
		fault_hold(&f);
		return;
	}
	assert(!text_skip(text));
	sample_print(&one, &s);
	e = js_read_output(&sample_type, buf_str(&one), a, &again, &f);
	assert(!e);
	sample_print(&two, &again);
	assert(str_eq(buf_str(&one), buf_str(&two)));
	buf_done(&one);
	buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_ARENA a = arena_new(0);
	str text = {(const char *)bytes, (uint32_t)n};
	pull p;
	sample s;
	fault f = {0};

	err e = text_skip(text);
	pull_init(&p, text, PULL_DEPTH_CAP);
	value_walk(&p, a);
	assert(pull_finish(&p) == e);
	if (!e)
		oracle_ask(text);
	sample_bind(text, a);
	if (js_read_output(&sample_type, text, a, &s, &f))
		fault_hold(&f);
	return 0;
}
