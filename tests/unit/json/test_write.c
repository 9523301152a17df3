#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include "json/write.h"
#include "json_sample.h"

enum { OUT_MAX = 1 << 20 };

static const char *sample_print(buf *out, const js_type *t, const void *value)
{
	js_writer w;

	buf_init(out, OUT_MAX);
	w = js_writer_on(out);
	js_write(&w, t, value);
	buf_add_char(out, '\0');
	return out->p;
}

typedef struct text_case {
	str text;
	const char *json;
} text_case;

Test(write, texts_are_escaped_where_they_must)
{
	const text_case cases[] = {
		{STR_NONE, "null"},
		{S(""), "\"\""},
		{S("plain"), "\"plain\""},
		{S("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
		{S("\x01\x1f\x7f"), "\"\\u0001\\u001f\x7f\""},
		{S("0123456789abcdef\n0123456789abcdef\""), "\"0123456789abcdef\\n0123456789abcdef\\\"\""},
		{S("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf out;
		buf_init(&out, OUT_MAX);
		js_writer w = js_writer_on(&out);
		js_text(&w, cases[i].text);
		cr_expect(str_eq(buf_str(&out), str_from(cases[i].json)), STR_FMT " is not %s", STR_ARG(buf_str(&out)),
			cases[i].json);
		buf_done(&out);
	}
}

Test(write, commas_stand_between_members_and_items)
{
	buf out;
	buf_init(&out, OUT_MAX);
	js_writer w = js_writer_on(&out);

	js_object_begin(&w);
	js_put_text(&w, "a", S("x"));
	js_put_i64(&w, "b", -9007199254740991);
	js_put_bool(&w, "c", false);
	js_put_raw(&w, "d", S("[1]"));
	js_put_raw(&w, "e", STR_NONE);
	js_put_time(&w, "f", 1000);
	js_put_time(&w, "g", 0);
	js_key(&w, S("q\"q"));
	js_array_begin(&w);
	js_array_begin(&w);
	js_array_end(&w);
	js_object_begin(&w);
	js_object_end(&w);
	js_null(&w);
	js_array_end(&w);
	js_object_end(&w);
	cr_expect(str_eq(buf_str(&out), S("{\"a\":\"x\",\"b\":-9007199254740991,\"c\":false,\"d\":[1],\"e\":null,"
					  "\"f\":\"1970-01-01T00:00:00.001Z\",\"g\":null,\"q\\\"q\":[[],{},null]}")),
		STR_FMT, STR_ARG(buf_str(&out)));
	buf_done(&out);
}

static const char rich[] =
	"{\"tenant\":\"a/b\",\"name\":\"n\",\"policy\":\"spread\",\"preemptible\":true,\"queue\":false,\"weight\":-5,"
	"\"until\":\"2026-11-20T09:14:00.031Z\",\"groups\":[{\"name\":\"w\",\"replicas\":2,\"devices\":[{\"count\":1,"
	"\"classes\":[\"h100.80g\",\"a\"],\"memory_mib\":0,\"mig_profile\":null},{\"count\":2,\"memory_mib\":7,"
	"\"mig_profile\":\"1g.\\\"\\u0001\\n\xe2\x82\xac\"}],\"host\":{\"cpu_milli\":1,\"memory_mib\":2}}],\"clusters\":[],"
	"\"ports\":[1,-2],\"labels\":{\"team\":\"\",\"a.b/C\":\"\xf0\x9f\x98\x80\"},\"models\":{\"h\":{\"device_milli\":null,"
	"\"memory_mib\":0,\"note\":{\"free\":[1.5,null]}},\"gone\":null,\"void\":{}},\"extra\":[ 1 ,2],\"position\":0}";

Test(write, what_was_read_is_written_again_byte_for_byte)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	sample s;
	buf out;

	/* The answer has one read-only member more than a body may have. */
	cr_assert_not(js_read_output(&sample_type, str_from(rich), a, &s, &f), "%s %s", f.pointer, f.detail);
	cr_expect_str_eq(sample_print(&out, &sample_type, &s), rich);
	buf_done(&out);
}

Test(write, what_is_absent_is_left_out_unless_always)
{
	buf out;

	cr_expect_str_eq(sample_print(&out, &sample_type, &(sample){0}),
		"{\"preemptible\":false,\"queue\":false,\"weight\":0,\"until\":null,\"clusters\":[],\"position\":0}");
	buf_done(&out);
	cr_expect_str_eq(sample_print(&out, &sample_axes_type, &(sample_axes){.device_milli = 3, .given = 2}),
		"{\"memory_mib\":0}");
	buf_done(&out);
	cr_expect_str_eq(
		sample_print(&out, &sample_axes_type, &(sample_axes){.device_milli = 3, .given = 3, .nulled = 1}),
		"{\"device_milli\":null,\"memory_mib\":0}");
	buf_done(&out);
}

typedef struct parent {
	bool flag;
	sample_axes axes;
} parent;

Test(write, nested_objects_without_members_are_taken_back)
{
	static const js_type axes = {.name = "axes",
		.doc = "Axes.",
		.fields = sample_axes_fields,
		.n = 3,
		.size = sizeof(sample_axes),
		.given_at = offsetof(sample_axes, given),
		.nulled_at = JS_NO_MASK};
	static const js_field rows[] = {JS_FIELD(parent, axes, JS_OPTIONAL, "Axes.", .of = &axes),
		JS_FIELD(parent, flag, JS_OPTIONAL, "Flag.")};
	static const js_type type = {.name = "parent",
		.doc = "Parent.",
		.fields = rows,
		.n = 2,
		.size = sizeof(parent),
		.given_at = JS_NO_MASK,
		.nulled_at = JS_NO_MASK};
	buf out;

	cr_expect_str_eq(sample_print(&out, &type, &(parent){0}), "{\"flag\":false}");
	buf_done(&out);
	cr_expect_str_eq(sample_print(&out, &type, &(parent){.axes.given = 1}),
		"{\"axes\":{\"device_milli\":0},\"flag\":false}");
	buf_done(&out);
}

typedef struct patch {
	uint64_t given;
	sample_host host;
	strs names;
} patch;

Test(write, what_was_given_empty_is_written_empty)
{
	static const js_type void_type = {.name = "void",
		.doc = "Void.",
		.fields = sample_axes_fields,
		.n = 3,
		.size = sizeof(sample_host),
		.given_at = 0,
		.nulled_at = JS_NO_MASK};
	static const js_field rows[] = {JS_FIELD(patch, host, JS_OPTIONAL, "Host.", .of = &void_type),
		JS_FIELD(patch, names, JS_OPTIONAL, "Names.")};
	static const js_type type = {.name = "patch",
		.doc = "Patch.",
		.fields = rows,
		.n = 2,
		.size = sizeof(patch),
		.given_at = offsetof(patch, given),
		.nulled_at = JS_NO_MASK};
	buf out;

	cr_expect_str_eq(sample_print(&out, &type, &(patch){0}), "{}");
	buf_done(&out);
	cr_expect_str_eq(sample_print(&out, &type, &(patch){.given = 3}), "{\"host\":{},\"names\":[]}");
	buf_done(&out);
}

Test(write, a_buffer_at_its_maximum_only_remembers)
{
	for (size_t max = 0; max < sizeof(rich) + 8; max++) {
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		sample s;
		buf out;

		cr_assert_not(js_read_output(&sample_type, str_from(rich), a, &s, &f));
		buf_init(&out, max);
		js_writer w = js_writer_on(&out);
		js_write(&w, &sample_type, &s);
		cr_expect_eq(out.over, max < sizeof(rich) - 1, "%zu", max);
		cr_expect_leq(out.n, max);
		buf_done(&out);
	}
}

static js_writer stray;
static buf stray_out;

static void stray_begin(void)
{
	buf_init(&stray_out, OUT_MAX);
	stray = js_writer_on(&stray_out);
}

Test(write, a_value_in_an_object_needs_a_key, .init = stray_begin, .signal = SIGABRT)
{
	js_object_begin(&stray);
	js_i64(&stray, 1);
}

Test(write, an_array_is_not_ended_as_an_object, .init = stray_begin, .signal = SIGABRT)
{
	js_array_begin(&stray);
	js_object_end(&stray);
}

Test(write, a_key_needs_its_value, .init = stray_begin, .signal = SIGABRT)
{
	js_object_begin(&stray);
	js_key(&stray, S("a"));
	js_object_end(&stray);
}

Test(write, a_document_is_one_value, .init = stray_begin, .signal = SIGABRT)
{
	js_i64(&stray, 1);
	js_i64(&stray, 2);
}
