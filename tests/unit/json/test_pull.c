#include <criterion/criterion.h>
#include "json/pull.h"

typedef struct syntax_case {
	const char *json;
	err e;
} syntax_case;

enum { DEPTH = 4 };

static const syntax_case syntax[] = {
	{"{}", ERR_OK},
	{" [ ] ", ERR_OK},
	{"0", ERR_OK},
	{"-0.5e-7", ERR_OK},
	{"1E+999", ERR_OK},
	{"\"a long text without anything to stop a scan of sixteen bytes\"", ERR_OK},
	{"{\"a\":[1,{\"b\":[]},\"c\"],\"d\":{}}", ERR_OK},
	{"[true,false,null]", ERR_OK},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", ERR_OK},
	{"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		ERR_OK},
	{"[[[[]]]]", ERR_OK},
	{"[[[[[]]]]]", ERR_TOO_DEEP},
	{"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", ERR_TOO_DEEP},
	{"", ERR_MALFORMED_JSON},
	{"  ", ERR_MALFORMED_JSON},
	{"{", ERR_MALFORMED_JSON},
	{"[", ERR_MALFORMED_JSON},
	{"[1", ERR_MALFORMED_JSON},
	{"[1,", ERR_MALFORMED_JSON},
	{"[1,]", ERR_MALFORMED_JSON},
	{"[,1]", ERR_MALFORMED_JSON},
	{"[1 2]", ERR_MALFORMED_JSON},
	{"[}", ERR_MALFORMED_JSON},
	{"{]", ERR_MALFORMED_JSON},
	{"{\"a\"}", ERR_MALFORMED_JSON},
	{"{\"a\":}", ERR_MALFORMED_JSON},
	{"{\"a\":1,}", ERR_MALFORMED_JSON},
	{"{,\"a\":1}", ERR_MALFORMED_JSON},
	{"{a:1}", ERR_MALFORMED_JSON},
	{"{1:1}", ERR_MALFORMED_JSON},
	{"{'a':1}", ERR_MALFORMED_JSON},
	{"{\"a\":1 \"b\":2}", ERR_MALFORMED_JSON},
	{"01", ERR_MALFORMED_JSON},
	{"-", ERR_MALFORMED_JSON},
	{"+1", ERR_MALFORMED_JSON},
	{".5", ERR_MALFORMED_JSON},
	{"1.", ERR_MALFORMED_JSON},
	{"1e", ERR_MALFORMED_JSON},
	{"1e+", ERR_MALFORMED_JSON},
	{"1e1000", ERR_MALFORMED_JSON},
	{"0x1", ERR_MALFORMED_JSON},
	{"NaN", ERR_MALFORMED_JSON},
	{"nul", ERR_MALFORMED_JSON},
	{"True", ERR_MALFORMED_JSON},
	{"truex", ERR_MALFORMED_JSON},
	{"[] []", ERR_MALFORMED_JSON},
	{"[]\v", ERR_MALFORMED_JSON},
	{"\xef\xbb\xbf[]", ERR_MALFORMED_JSON},
	{"\"", ERR_MALFORMED_JSON},
	{"\"\\\"", ERR_MALFORMED_JSON},
	{"\"\\", ERR_MALFORMED_JSON},
	{"\"\\x\"", ERR_MALFORMED_JSON},
	{"\"\\u12g4\"", ERR_MALFORMED_JSON},
	{"\"\\u12", ERR_MALFORMED_JSON},
	{"\"a\tb\"", ERR_MALFORMED_JSON},
	{"\"0123456789abcde\x1f\"", ERR_MALFORMED_JSON},
	{"\"\\ud83d\"", ERR_BAD_UTF8},
	{"\"\\ude00\"", ERR_BAD_UTF8},
	{"\"\\ud83d\\n\"", ERR_BAD_UTF8},
	{"\"\\ud83d\\ud83d\"", ERR_BAD_UTF8},
	{"\"\x80\"", ERR_BAD_UTF8},
	{"\"\xc0\xaf\"", ERR_BAD_UTF8},
	{"\"\xc1\xbf\"", ERR_BAD_UTF8},
	{"\"\xe0\x9f\xbf\"", ERR_BAD_UTF8},
	{"\"\xed\xa0\x80\"", ERR_BAD_UTF8},
	{"\"\xf0\x8f\xbf\xbf\"", ERR_BAD_UTF8},
	{"\"\xf4\x90\x80\x80\"", ERR_BAD_UTF8},
	{"\"\xf5\x80\x80\x80\"", ERR_BAD_UTF8},
	{"\"\xc3\"", ERR_BAD_UTF8},
	{"\"\xe2\x82", ERR_BAD_UTF8},
	{"{\"\xff\":1}", ERR_BAD_UTF8},
};

/* Walks a value token by token. */
static void value_walk(pull *p)
{
	bool has_escape;
	str key;

	switch (pull_next(p)) {
	case PULL_OBJECT:
		while (pull_key(p, &key, &has_escape))
			value_walk(p);
		break;
	case PULL_ARRAY:
		while (pull_item(p))
			value_walk(p);
		break;
	default:
		break;
	}
}

Test(pull, skipping_and_walking_hold_the_grammar_alike)
{
	for (size_t i = 0; i < sizeof(syntax) / sizeof(*syntax); i++) {
		pull p;
		pull_init(&p, str_from(syntax[i].json), DEPTH);
		err e = pull_skip(&p);
		if (!e)
			e = pull_finish(&p);
		cr_expect(e == syntax[i].e, "skip %s: %s, not %s", syntax[i].json, err_code(e), err_code(syntax[i].e));

		pull_init(&p, str_from(syntax[i].json), DEPTH);
		value_walk(&p);
		e = pull_finish(&p);
		cr_expect(e == syntax[i].e, "walk %s: %s, not %s", syntax[i].json, err_code(e), err_code(syntax[i].e));
	}
}

Test(pull, every_position_of_a_stop_byte_is_seen)
{
	static const char stops[] = "\"\\\x01\x1f\x80\xff";
	char json[100];

	for (size_t s = 0; s < sizeof(stops) - 1; s++)
		for (uint32_t n = 1; n < 60; n++)
			for (uint32_t at = 1; at + 1 < n; at++) {
				pull p;
				memset(json, 'a', sizeof(json));
				json[0] = '"';
				json[n] = '"';
				json[at] = stops[s];
				pull_init(&p, (str){json, n + 1}, DEPTH);
				err e = pull_skip(&p);
				if (stops[s] == '"')
					cr_expect(!e && p.at == json + at + 1, "quote at %u of %u", at, n);
				else
					cr_expect(e && p.at == json + at, "byte %d at %u of %u", stops[s], at, n);
			}
}

/* What a quick step takes of a list, and what it leaves to pull_item. */
Test(pull, a_quick_step_takes_plain_items_alone)
{
	static const struct {
		const char *json;
		int plain; /* how many at the front */
		err e;     /* of the walk that goes on there */
	} cases[] = {
		{"[]", 0, ERR_OK},
		{"[\"a\"]", 1, ERR_OK},
		{"[\"a\",\"b.c-d\",\"\"]", 3, ERR_OK},
		{"[\"a\", \"b\",\"c\"]", 1, ERR_OK},
		{"[\"a\",\"b\\n\",\"c\"]", 1, ERR_OK},
		{"[\"a\",\"b\\\"\"]", 1, ERR_OK},
		{"[\"\xc3\xa9\"]", 0, ERR_OK},
		{"[\"a\",1]", 1, ERR_OK},
		{"[\"a\"\"b\"]", 1, ERR_MALFORMED_JSON},
		{"[\"a\",]", 1, ERR_MALFORMED_JSON},
		{"[\"a\",\"b", 1, ERR_MALFORMED_JSON},
		{"[\"a\",\"b\x01\"]", 1, ERR_MALFORMED_JSON},
		{"[\"a\",\"\xff\"]", 1, ERR_BAD_UTF8},
		{"[\"a\"", 1, ERR_MALFORMED_JSON},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pull p;
		str one;
		int n = 0;
		pull_init(&p, str_from(cases[i].json), DEPTH);
		cr_assert_eq(pull_next(&p), PULL_ARRAY);
		while (pull_plain_item(&p, &one))
			n++;
		cr_expect_eq(n, cases[i].plain, "%s: %d, not %d", cases[i].json, n, cases[i].plain);
		err e = ERR_OK;
		while (!e && pull_item(&p))
			e = pull_skip(&p);
		e = e ? e : pull_finish(&p);
		cr_expect_eq(e, cases[i].e, "%s: %s, not %s", cases[i].json, err_code(e), err_code(cases[i].e));
	}
}

Test(pull, tokens_come_in_order)
{
	static const char json[] = " {\"a\" : [ 1 , \"x\\ty\" , true ] , \"b\":null } ";
	AUTO_ARENA a = arena_new(0);
	bool has_escape;
	str key, text;
	pull p;

	pull_init(&p, str_from(json), DEPTH);
	cr_assert_eq(pull_next(&p), PULL_OBJECT);
	cr_assert(pull_key(&p, &key, &has_escape) && str_eq(key, S("a")) && !has_escape);
	cr_assert_eq(pull_next(&p), PULL_ARRAY);
	cr_assert_eq(pull_next(&p), PULL_NUMBER);
	cr_assert(str_eq(p.text, S("1")));
	cr_assert_eq(pull_next(&p), PULL_TEXT);
	cr_assert(p.has_escape && !pull_unescape(p.text, true, a, &text) && str_eq(text, S("x\ty")));
	cr_assert_eq(pull_next(&p), PULL_TRUE);
	cr_assert_eq(pull_next(&p), PULL_ARRAY_END);
	cr_assert(pull_key(&p, &key, &has_escape) && str_eq(key, S("b")));
	cr_assert_eq(pull_next(&p), PULL_NULL);
	cr_assert_not(pull_key(&p, &key, &has_escape));
	cr_assert_eq(pull_next(&p), PULL_END);
	cr_assert_eq(p.e, ERR_OK);
}

Test(pull, the_first_error_stays)
{
	bool has_escape;
	str span;
	pull p;

	pull_init(&p, S("[1,\"\xff\",}"), DEPTH);
	cr_assert_eq(pull_next(&p), PULL_ARRAY);
	cr_assert_eq(pull_next(&p), PULL_NUMBER);
	cr_assert_eq(pull_next(&p), PULL_ERROR);
	cr_expect_eq(p.e, ERR_BAD_UTF8);
	cr_expect_eq(pull_next(&p), PULL_ERROR);
	cr_expect_not(pull_item(&p));
	cr_expect_not(pull_key(&p, &span, &has_escape));
	cr_expect_eq(pull_skip(&p), ERR_BAD_UTF8);
	cr_expect_eq(pull_span(&p, &span), ERR_BAD_UTF8);
	cr_expect_eq(pull_finish(&p), ERR_BAD_UTF8);
}

Test(pull, spans_are_the_bytes_of_a_value)
{
	static const char *const values[] = {"{ \"k\": [ 1 ] }", "[]", "\"a\\\"b\"", "-1.5e3", "null"};
	str span;
	pull p;

	pull_init(&p, S("[ { \"k\": [ 1 ] } , [],\"a\\\"b\" , -1.5e3,null ]"), DEPTH);
	cr_assert_eq(pull_next(&p), PULL_ARRAY);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		cr_assert(pull_item(&p));
		cr_assert_not(pull_span(&p, &span));
		cr_expect(str_eq(span, str_from(values[i])), "'" STR_FMT "' is not '%s'", STR_ARG(span), values[i]);
	}
	cr_assert_not(pull_item(&p));
	cr_assert_not(pull_finish(&p));
	pull_init(&p, S("[]"), DEPTH);
	cr_assert_eq(pull_next(&p), PULL_ARRAY);
	cr_expect_eq(pull_skip(&p), ERR_MALFORMED_JSON, "the end of an array is no value");
}

typedef struct number_case {
	const char *text;
	err e;
	int64_t v;
} number_case;

static const number_case numbers[] = {
	{"0", ERR_OK, 0},
	{"-0", ERR_OK, 0},
	{"-17", ERR_OK, -17},
	{"9007199254740991", ERR_OK, 9007199254740991},
	{"-9007199254740991", ERR_OK, -9007199254740991},
	{"9007199254740992", ERR_BAD_FIELD, 0},
	{"-9007199254740992", ERR_BAD_FIELD, 0},
	{"9223372036854775808", ERR_BAD_FIELD, 0},
	{"18446744073709551617", ERR_BAD_FIELD, 0},
	{"90071992547409920000000000000000000000000000000000000000", ERR_BAD_FIELD, 0},
	{"900719925474099200000000000000000.5", ERR_NOT_AN_INTEGER, 0},
	{"1.0", ERR_NOT_AN_INTEGER, 0},
	{"1e0", ERR_NOT_AN_INTEGER, 0},
};

Test(pull, integers_are_those_every_reader_holds_exactly)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		int64_t v = 4711;
		err e = pull_i64(str_from(numbers[i].text), &v);
		cr_expect(e == numbers[i].e, "%s: %s", numbers[i].text, err_code(e));
		cr_expect(v == (e ? 4711 : numbers[i].v), "%s: %lld", numbers[i].text, (long long)v);
	}
}

typedef struct escape_case {
	const char *raw;
	err e;
	const char *text;
} escape_case;

static const escape_case escapes[] = {
	{"", ERR_OK, ""},
	{"plain", ERR_OK, "plain"},
	{"\\\"\\\\\\/\\b\\f\\n\\r\\t", ERR_OK, "\"\\/\b\f\n\r\t"},
	{"a\\u0041\\u00E9\\u20ac\\uFFFDz", ERR_OK, "aA\xc3\xa9\xe2\x82\xac\xef\xbf\xbdz"},
	{"\\ud800\\udc00\\udbff\\udfff", ERR_OK, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
	{"a\\u0000", ERR_BAD_FIELD, ""},
	{"\\ud800x", ERR_BAD_UTF8, ""},
	{"\\q", ERR_MALFORMED_JSON, ""},
	{"\\", ERR_MALFORMED_JSON, ""},
};

Test(pull, escapes_resolve_to_utf8)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		AUTO_ARENA a = arena_new(0);
		str text;
		err e = pull_unescape(str_from(escapes[i].raw), true, a, &text);
		cr_expect(e == escapes[i].e, "%s: %s", escapes[i].raw, err_code(e));
		if (!e)
			cr_expect(str_eq(text, str_from(escapes[i].text)), "%s", escapes[i].raw);
	}
}
