#include <criterion/criterion.h>
#include <stdio.h>
#include "json_sample.h"

typedef struct read_case {
	const char *body;
	err e;
	const char *pointer;
	const char *detail; /* a part of it */
} read_case;

/* The least body that is taken, with more members behind it. */
#define BODY(more)  "{\"tenant\":\"acme/nlp\",\"name\":\"a\",\"groups\":[{\"name\":\"w\"}]" more "}"
#define GROUP(more) "{\"tenant\":\"acme\",\"name\":\"a\",\"groups\":[{\"name\":\"w\"" more "}]}"
#define TEN         "aaaaaaaaaa"

static const read_case cases[] = {
	{BODY(""), ERR_OK, "", ""},
	{" \t\r\n" BODY("") " \n", ERR_OK, "", ""},
	{BODY(",\"nope\":1"), ERR_UNKNOWN_FIELD, "#/nope", "not a field of sample, which takes tenant, name"},
	{BODY(",\"n\\u006fpe\":1"), ERR_UNKNOWN_FIELD, "#/nope", ""},
	{BODY(",\"n/o~p e\":1"), ERR_UNKNOWN_FIELD, "#/n~1o~0p%20e", ""},
	{GROUP(",\"devices\":[{},{\"memory\":1}]"), ERR_UNKNOWN_FIELD, "#/groups/0/devices/1/memory", "count, classes"},
	{BODY(",\"name\":\"b\""), ERR_DUPLICATE_KEY, "#/name", "twice"},
	{BODY(",\"n\\u0061me\":\"b\""), ERR_DUPLICATE_KEY, "#/name", "twice"},
	{BODY(",\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"1\"}"), ERR_DUPLICATE_KEY, "#/labels/a", ""},
	{BODY(",\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\","
	      "\"i\":\"\",\"j\":\"\",\"c\":\"\"}"),
		ERR_DUPLICATE_KEY, "#/labels/c", ""},
	{"{\"tenant\":\"acme\",\"groups\":[{\"name\":\"w\"}]}", ERR_MISSING_FIELD, "#/name", "required"},
	{"{}", ERR_MISSING_FIELD, "#/tenant", ""},
	{"{\"tenant\":\"acme\",\"name\":\"a\",\"groups\":[{\"name\":\"w\"},{}]}", ERR_MISSING_FIELD, "#/groups/1/name",
		""},
	{BODY(",\"id\":\"plc_01ARZ3NDEKTSV4RRFFQ69G5FAV\""), ERR_READ_ONLY_FIELD, "#/id", "set by the server"},
	{BODY(",\"secret\":\"x\""), ERR_READ_ONLY_FIELD, "#/secret", ""},
	{BODY(",\"weight\":\"1\""), ERR_WRONG_TYPE, "#/weight", "must be an integer, is a text"},
	{BODY(",\"weight\":null"), ERR_WRONG_TYPE, "#/weight", "is null"},
	{BODY(",\"queue\":1"), ERR_WRONG_TYPE, "#/queue", "must be true or false, is 1"},
	{BODY(",\"policy\":[]"), ERR_WRONG_TYPE, "#/policy", "must be a text, is a list"},
	{BODY(",\"clusters\":\"a\""), ERR_WRONG_TYPE, "#/clusters", "must be a list, is a text"},
	{BODY(",\"clusters\":[\"a\",{}]"), ERR_WRONG_TYPE, "#/clusters/1", "must be a text, is an object"},
	{BODY(",\"ports\":[1,true]"), ERR_WRONG_TYPE, "#/ports/1", "must be an integer, is true"},
	{BODY(",\"labels\":[]"), ERR_WRONG_TYPE, "#/labels", "must be an object, is a list"},
	{BODY(",\"labels\":{\"a\":1}"), ERR_WRONG_TYPE, "#/labels/a", "must be a text, is 1"},
	{BODY(",\"models\":{\"a\":1}"), ERR_WRONG_TYPE, "#/models/a", "must be an object, is 1"},
	{GROUP(",\"host\":null"), ERR_WRONG_TYPE, "#/groups/0/host", "must be an object, is null"},
	{GROUP(",\"devices\":[1]"), ERR_WRONG_TYPE, "#/groups/0/devices/0", "must be an object, is 1"},
	{BODY(",\"until\":1"), ERR_WRONG_TYPE, "#/until", "time"},
	{"[]", ERR_WRONG_TYPE, "#", "must be an object, is a list"},
	{"null", ERR_WRONG_TYPE, "#", "is null"},
	{BODY(",\"weight\":1.5"), ERR_NOT_AN_INTEGER, "#/weight", "must be an integer, is 1.5"},
	{BODY(",\"weight\":1e2"), ERR_NOT_AN_INTEGER, "#/weight", "is 1e2"},
	{BODY(",\"weight\":1.0"), ERR_NOT_AN_INTEGER, "#/weight", ""},
	{BODY(",\"weight\":1001"), ERR_BAD_FIELD, "#/weight", "must be -5 to 1000, is 1001"},
	{BODY(",\"weight\":-6"), ERR_BAD_FIELD, "#/weight", "is -6"},
	{BODY(",\"weight\":-5"), ERR_OK, "", ""},
	{BODY(",\"weight\":-0"), ERR_OK, "", ""},
	{GROUP(",\"devices\":[{},{\"memory_mib\":-5}]"), ERR_BAD_FIELD, "#/groups/0/devices/1/memory_mib",
		"must be 0 to 1000000000, is -5"},
	{BODY(",\"ports\":[9007199254740991,-9007199254740991]"), ERR_OK, "", ""},
	{BODY(",\"ports\":[9007199254740992]"), ERR_BAD_FIELD, "#/ports/0", "is 9007199254740992"},
	{BODY(",\"ports\":[99999999999999999999999999999999]"), ERR_BAD_FIELD, "#/ports/0", ""},
	{"{\"tenant\":\"acme\",\"name\":\"A\"", ERR_BAD_FIELD, "#/name", "must be a name"},
	{"{\"name\":\"a\\nb\"", ERR_BAD_FIELD, "#/name", "is \"a?b\""},
	{"{\"name\":\"\"", ERR_BAD_FIELD, "#/name", "is \"\""},
	{"{\"tenant\":\"acme/\"", ERR_BAD_FIELD, "#/tenant", "tenant's path"},
	{"{\"tenant\":\"/acme\"", ERR_BAD_FIELD, "#/tenant", ""},
	{"{\"tenant\":\"a/b/c/d/e/f/g/h/i\"", ERR_BAD_FIELD, "#/tenant", ""},
	{"{\"tenant\":\"a/b/c/d/e/f/g/h\",\"x\"", ERR_MALFORMED_JSON, "#", "ends too early"},
	{"{\"tenant\":\"tnt_01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"x\":1", ERR_UNKNOWN_FIELD, "#/x", ""},
	{BODY(",\"policy\":\"pack\""), ERR_BAD_FIELD, "#/policy", "must be one of binpack, spread, is \"pack\""},
	{BODY(",\"policy\":\"bin\\u0070ack\""), ERR_OK, "", ""},
	{BODY(",\"clusters\":[\"par-1\",\"Par\"]"), ERR_BAD_FIELD, "#/clusters/1", ""},
	{BODY(",\"until\":\"soon\""), ERR_BAD_FIELD, "#/until", "RFC 3339"},
	{BODY(",\"until\":null"), ERR_OK, "", ""},
	{BODY(",\"labels\":{\"app.kubernetes.io/Name_1\":\"nlp\"}"), ERR_OK, "", ""},
	{BODY(",\"labels\":{\"-a\":\"nlp\"}"), ERR_BAD_FIELD, "#/labels/-a", "label"},
	{BODY(",\"labels\":{\"a/b/c\":\"nlp\"}"), ERR_BAD_FIELD, "#/labels/a~1b~1c", ""},
	{BODY(",\"labels\":{\"a\":\"" TEN TEN TEN TEN TEN TEN TEN "\"}"), ERR_BAD_FIELD, "#/labels/a",
		"0 to 63 bytes long, is 70"},
	{BODY(",\"labels\":{\"a\":\"" TEN TEN TEN TEN TEN TEN "123\"}"), ERR_OK, "", ""},
	{BODY(",\"labels\":{\"a\":\"" TEN TEN TEN TEN TEN TEN "1234\"}"), ERR_BAD_FIELD, "#/labels/a", "is 64"},
	{GROUP(",\"devices\":[{\"mig_profile\":\"\"}]"), ERR_BAD_FIELD, "#/groups/0/devices/0/mig_profile",
		"1 to 63 bytes long, is 0"},
	{BODY(",\"models\":{\"H100\":{}}"), ERR_BAD_FIELD, "#/models/H100", "a-z"},
	{BODY(",\"models\":{\"h100.x\":{\"memory_mib\":null}}"), ERR_OK, "", ""},
	{BODY(",\"labels\":{\"a\":\"x\\u0000\"}"), ERR_BAD_FIELD, "#/labels/a", "U+0000"},
	{BODY(",\"extra\":{\"a\":[\"\\\\u0000\",\"\\\\\\u0000\"]}"), ERR_BAD_FIELD, "#/extra", "U+0000"},
	{BODY(",\"extra\":{\"a\":[\"\\\\u0000\",1.5e3,null]}"), ERR_OK, "", ""},
	{BODY(",\"extra\":{\"a\":[}"), ERR_MALFORMED_JSON, "#/extra", "'}' may not stand at byte 70"},
	{BODY(",\"groups\":[]"), ERR_DUPLICATE_KEY, "#/groups", ""},
	{"{\"groups\":[]", ERR_BAD_FIELD, "#/groups", "at least 1 items, has 0"},
	{GROUP(",\"devices\":[{},{},{},{},{},{},{},{}]"), ERR_OK, "", ""},
	{GROUP(",\"devices\":[{},{},{},{},{},{},{},{},{}]"), ERR_TOO_MANY_ITEMS, "#/groups/0/devices",
		"at most 8 items"},
	{"", ERR_MALFORMED_JSON, "#", "ends too early, at byte 0"},
	{"{\"name\":\"a\"", ERR_MALFORMED_JSON, "#", "byte 11"},
	{"{\"name\":\"a", ERR_MALFORMED_JSON, "#/name", ""},
	{"{\"name\":\"a\nb\"}", ERR_MALFORMED_JSON, "#/name", "code 10"},
	{"{\"name\" \"a\"}", ERR_MALFORMED_JSON, "#", "'\"' may not stand at byte 8"},
	{BODY("") "x", ERR_MALFORMED_JSON, "#", "'x'"},
	{BODY("") "{}", ERR_MALFORMED_JSON, "#", ""},
	{BODY(","), ERR_MALFORMED_JSON, "#", "'}'"},
	{BODY(",\"ports\":[1,]"), ERR_MALFORMED_JSON, "#/ports", "']'"},
	{BODY(",\"ports\":[01]"), ERR_MALFORMED_JSON, "#/ports", ""},
	{BODY(",\"weight\":+1"), ERR_MALFORMED_JSON, "#/weight", ""},
	{BODY(",\"extra\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]"), ERR_OK, "", ""},
	{BODY(",\"extra\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]"), ERR_TOO_DEEP, "#/extra",
		"more than 24 levels"},
	{"{\"name\":\"\xff\"}", ERR_BAD_UTF8, "#/name", "byte 9"},
	{"{\"name\":\"\xc0\xaf\"}", ERR_BAD_UTF8, "#/name", ""},
	{"{\"name\":\"\\ud800\"}", ERR_BAD_UTF8, "#/name", ""},
	{"{\"name\":\"\\udc00\\ud800\"}", ERR_BAD_UTF8, "#/name", ""},
};

Test(read, each_body_has_its_code_place_and_detail)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const read_case *c = &cases[i];
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		sample s;

		err e = js_read(&sample_type, str_from(c->body), a, &s, &f);
		cr_expect(
			e == c->e, "%s: %s, not %s (%s %s)", c->body, err_code(e), err_code(c->e), f.pointer, f.detail);
		cr_expect_str_eq(f.pointer, c->pointer, "%s: at %s, not %s", c->body, f.pointer, c->pointer);
		cr_expect(strstr(f.detail, c->detail), "%s: '%s' lacks '%s'", c->body, f.detail, c->detail);
	}
}

static err sample_read(const char *body, arena *a, sample *ret)
{
	fault f = {0};
	err e = js_read(&sample_type, str_from(body), a, ret, &f);

	cr_expect(!e, "%s: %s %s", body, f.pointer, f.detail);
	return e;
}

Test(read, values_arrive_and_defaults_fill_the_rest)
{
	AUTO_ARENA a = arena_new(0);
	sample s;

	(void)sample_read("{\"groups\":[{\"host\":{\"memory_mib\":7},\"name\":\"w\"},{\"name\":\"x\",\"replicas\":3}],"
			  "\"name\":\"na-me\",\"tenant\":\"a/b\",\"labels\":{\"k\":\"\\u00e9\\ud83d\\ude00\\n\"},"
			  "\"until\":\"1970-01-01T00:00:01Z\",\"ports\":[1,2,3,4,5],\"extra\": [1, {}] }",
		a, &s);
	cr_assert_eq(s.groups.n, 2);
	const sample_group *g = s.groups.v;
	cr_expect_eq(g[0].host.memory_mib, 7);
	cr_expect_eq(g[0].replicas, 1);
	cr_expect_eq(g[1].replicas, 3);
	cr_expect(str_eq(s.tenant, S("a/b")));
	cr_expect(s.queue && !s.preemptible);
	cr_expect_eq(s.weight, 100);
	cr_expect_eq(s.until.us, 1000000);
	cr_assert_eq(s.ports.n, 5);
	cr_expect_eq(s.ports.v[4], 5);
	cr_expect(str_eq(s.extra.json, S("[1, {}]")));
	cr_expect_null(s.policy.p);
	const sample_label *l = s.labels.v;
	cr_expect(str_eq(l->key, S("k")) && str_eq(l->value, S("\xc3\xa9\xf0\x9f\x98\x80\n")));
}

Test(read, texts_without_escapes_are_not_copied)
{
	static const char body[] = BODY("");
	AUTO_ARENA a = arena_new(0);
	sample s;

	(void)sample_read(body, a, &s);
	cr_expect(s.name.p > body && s.name.p < body + sizeof(body));
}

Test(read, masks_tell_given_from_null_from_absent)
{
	AUTO_ARENA a = arena_new(0);
	sample s;

	(void)sample_read(
		BODY(",\"models\":{\"a\":{\"memory_mib\":0},\"b\":{\"memory_mib\":null,\"note\":null},\"c\":null}"), a,
		&s);
	cr_assert_eq(s.models.n, 3);
	const sample_axes *m = s.models.v;
	cr_expect(js_given(&sample_axes_type, &m[0], "memory_mib"));
	cr_expect_not(js_given(&sample_axes_type, &m[0], "device_milli"));
	cr_expect_not(js_nulled(&sample_axes_type, &m[0], "memory_mib"));
	cr_expect(
		js_given(&sample_axes_type, &m[1], "memory_mib") && js_nulled(&sample_axes_type, &m[1], "memory_mib"));
	cr_expect(js_nulled(&sample_axes_type, &m[1], "note"));
	cr_expect_not(js_is_nulled_whole(&sample_axes_type, &m[1]));
	cr_expect(js_is_nulled_whole(&sample_axes_type, &m[2]));
}

Test(read, null_without_a_nulled_mask_is_as_if_left_out)
{
	static const js_type type = {.name = "axes",
		.doc = "Axes.",
		.fields = sample_axes_fields,
		.n = 3,
		.size = sizeof(sample_axes),
		.given_at = offsetof(sample_axes, given),
		.nulled_at = JS_NO_MASK};
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	sample_axes axes;

	cr_assert_not(js_read(&type, S("{\"device_milli\":null,\"memory_mib\":1}"), a, &axes, &f));
	cr_expect_not(js_given(&type, &axes, "device_milli"));
	cr_expect(js_given(&type, &axes, "memory_mib"));
}

Test(read, a_client_takes_what_a_newer_server_writes)
{
	static const char body[] =
		"{\"id\":\"plc_01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"name\":null,\"policy\":\"newest\",\"later\":"
		"[{\"x\":1.5}],\"secret\":\"s\",\"position\":4,\"groups\":[],\"weight\":99999}";
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	sample s;

	cr_assert(!js_read_output(&sample_type, str_from(body), a, &s, &f), "%s %s", f.pointer, f.detail);
	cr_expect(str_eq(s.policy, S("newest")) && str_eq(s.secret, S("s")) && s.position == 4 && !s.name.p &&
		  s.weight == 99999);
	cr_expect_eq(js_read_output(&sample_type, S("{\"later\":[}"), a, &s, &f), ERR_MALFORMED_JSON);
	cr_expect_eq(js_read_output(&sample_type, S("{\"name\":\"No Name\"}"), a, &s, &f), ERR_BAD_FIELD);
	cr_expect_eq(js_read_output(&sample_type, S("{\"ports\":[1e3]}"), a, &s, &f), ERR_NOT_AN_INTEGER);
}

Test(read, bare_arrays_are_read_up_to_their_limit)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	js_list l;

	cr_assert(!js_read_list(&sample_group_type, S("[{\"name\":\"a\"},{\"name\":\"b\"}]"), a, 2, &l, &f));
	cr_expect_eq(l.n, 2);
	cr_expect_eq(js_read_list(&sample_group_type, S("[{\"name\":\"a\"},{\"name\":\"b\"}]"), a, 1, &l, &f),
		ERR_TOO_MANY_ITEMS);
	cr_expect_eq(js_read_list(&sample_group_type, S("[{\"name\":\"a\"},{}]"), a, 2, &l, &f), ERR_MISSING_FIELD);
	cr_expect_str_eq(f.pointer, "#/1/name");
	cr_expect_eq(js_read_list(&sample_group_type, S("{}"), a, 2, &l, &f), ERR_WRONG_TYPE);
	cr_expect_eq(js_read_list(&sample_group_type, S("[] []"), a, 2, &l, &f), ERR_MALFORMED_JSON);
}

typedef struct leaf {
	char name[1024];
	js_list of_many;
} leaf;
static const js_type leaf_type;
static const js_field leaf_fields[] = {JS_FIELD(leaf, of_many, JS_OPTIONAL, "Many.", .of = &leaf_type)};
static const js_type leaf_type = {.name = "leaf",
	.doc = "A leaf.",
	.fields = leaf_fields,
	.n = 1,
	.size = sizeof(leaf),
	.given_at = JS_NO_MASK,
	.nulled_at = JS_NO_MASK};

Test(read, empty_items_cannot_fill_the_memory)
{
	enum { ITEMS = 1000, BYTES = ITEMS * (ITEMS * 3 + 20) };
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	leaf l;
	buf b;

	buf_init(&b, BYTES);
	buf_add_str(&b, S("{\"of_many\":["));
	for (int i = 0; i < ITEMS / 10; i++) {
		buf_add_str(&b, i ? S(",{\"of_many\":[{}") : S("{\"of_many\":[{}"));
		for (int k = 1; k < ITEMS; k++)
			buf_add_str(&b, S(",{}"));
		buf_add_str(&b, S("]}"));
	}
	buf_add_str(&b, S("]}"));
	cr_assert_not(b.over);
	cr_expect_eq(js_read(&leaf_type, buf_str(&b), a, &l, &f), ERR_TOO_MANY_ITEMS);
	cr_expect(strstr(f.detail, "together"), "%s", f.detail);
	cr_expect_lt(arena_bytes(a), (size_t)JS_READ_BYTES_MAX + (1 << 20));
	buf_done(&b);
}

typedef struct tagged {
	js_raw labels;
} tagged;

#define F(...) JS_FIELD(tagged, __VA_ARGS__)
static const js_field tagged_fields[] = {
	F(labels, JS_OPTIONAL, "Labels.", JS_OF(sample_label), .form = JS_LABEL_KEY, JS_LEN(0, 24), .nullable = true),
};
#undef F
static JS_TYPE(tagged, "What keeps its labels as they were written.");

static const struct {
	const char *body;
	err e;
	const char *pointer, *kept;
} tagged_cases[] = {
	{"{\"labels\":{\"a\":\"1\", \"b\":\"\"}}", ERR_OK, "", "{\"a\":\"1\", \"b\":\"\"}"},
	{"{\"labels\":{}}", ERR_OK, "", "{}"},
	{"{\"labels\":null}", ERR_OK, "", NULL},
	{"{\"labels\":[]}", ERR_WRONG_TYPE, "#/labels", NULL},
	{"{\"labels\":{\"a\":1}}", ERR_WRONG_TYPE, "#/labels/a", NULL},
	{"{\"labels\":{\"-\":\"1\"}}", ERR_BAD_FIELD, "#/labels/-", NULL},
	{"{\"labels\":{\"a\":\"\",\"a\":\"\"}}", ERR_DUPLICATE_KEY, "#/labels/a", NULL},
	{"{\"labels\":{\"a\":\"3456789012345678901\"}}", ERR_BAD_FIELD, "#/labels", NULL},
};

Test(read, a_raw_map_is_checked_and_kept_as_it_was_written)
{
	const char *why = js_type_check(&tagged_type);

	cr_assert_null(why, "%s", why);
	for (size_t i = 0; i < sizeof(tagged_cases) / sizeof(*tagged_cases); i++) {
		AUTO_ARENA a = arena_new(0);
		tagged got;
		fault f = {0};
		err e = js_read(&tagged_type, str_from(tagged_cases[i].body), a, &got, &f);
		cr_expect_eq(e, tagged_cases[i].e, "%s: %s", tagged_cases[i].body, f.detail);
		cr_expect_str_eq(f.pointer, tagged_cases[i].pointer, "%s", tagged_cases[i].body);
		if (!e && tagged_cases[i].kept)
			cr_expect(str_eq(got.labels.json, str_from(tagged_cases[i].kept)), "%s", tagged_cases[i].body);
	}
}
