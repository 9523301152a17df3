/* YAML of the plain kind becomes the JSON it stands for; whatever may mean two things is refused. */
#include <criterion/criterion.h>

#include "json/yaml.h"

static const struct {
	const char *yaml, *json;
} taken[] = {
	{"a: 1\nb: x\n", "{\"a\":1,\"b\":\"x\"}"},
	{"{a: [1, two, \"3\"], b: {}}", "{\"a\":[1,\"two\",\"3\"],\"b\":{}}"},
	{"a: true\nb: false\nc: null\nd:\n", "{\"a\":true,\"b\":false,\"c\":null,\"d\":null}"},
	{"a: \"yes\"\nb: '010'\nc: \"1.5\"\n", "{\"a\":\"yes\",\"b\":\"010\",\"c\":\"1.5\"}"},
	{"a: |\n  two\n  lines\n", "{\"a\":\"two\\nlines\\n\"}"},
	{"# only a word\nname: h100-80g\nx: 3d-models\n", "{\"name\":\"h100-80g\",\"x\":\"3d-models\"}"},
	{"- a: 1\n- b\n", "[{\"a\":1},\"b\"]"},
	{"{\"a\": {\"b\": [1, 2]}}", "{\"a\":{\"b\":[1,2]}}"},
	{"a: -5\n", "{\"a\":-5}"},
};

static const struct {
	const char *yaml;
	err e;
	const char *pointer;
} refused[] = {
	{"a: &x 1\nb: *x\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: *x\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: {<<: {b: 1}}\n", ERR_MALFORMED_YAML, NULL},
	{"a: !!str 1\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: !x {}\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 1\na: 2\n", ERR_DUPLICATE_KEY, "#/a"},
	{"a:\n  - b: 1\n    b: 2\n", ERR_DUPLICATE_KEY, "#/a/0/b"},
	{"a: yes\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: Null\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 0x10\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 010\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 1_000\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 1.5\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 1e3\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 12:30\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: 2026-01-01\n", ERR_MALFORMED_YAML, "#/a"},
	{"a: ~\n", ERR_MALFORMED_YAML, "#/a"},
	{"1: a\n", ERR_MALFORMED_YAML, NULL},
	{"? [a]\n: b\n", ERR_MALFORMED_YAML, NULL},
	{"a: 1\n---\nb: 2\n", ERR_MALFORMED_YAML, NULL},
	{"", ERR_MALFORMED_YAML, NULL},
	{"a: [1, 2\n", ERR_MALFORMED_YAML, NULL},
	{"\ta: 1\n", ERR_MALFORMED_YAML, NULL},
	{"a: \xff\n", ERR_BAD_UTF8, NULL},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ERR_TOO_DEEP, NULL},
};

Test(yaml, plain_yaml_is_the_json_it_stands_for)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		buf out;
		fault f = {0};
		buf_init(&out, 1 << 20);
		cr_expect_eq(
			yaml_to_json(str_from(taken[i].yaml), &out, &f), ERR_OK, "%s: %s", taken[i].yaml, f.detail);
		cr_expect(str_eq(buf_str(&out), str_from(taken[i].json)), "%s gave " STR_FMT, taken[i].yaml,
			STR_ARG(buf_str(&out)));
		buf_done(&out);
	}
}

Test(yaml, what_may_mean_two_things_is_refused_with_its_place)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		buf out;
		fault f = {0};
		buf_init(&out, 1 << 20);
		err e = yaml_to_json(str_from(refused[i].yaml), &out, &f);
		cr_expect_eq(e, refused[i].e, "%s gave %s: %s", refused[i].yaml, e ? err_code(e) : "nothing", f.detail);
		cr_expect(f.detail[0]);
		if (refused[i].pointer)
			cr_expect_str_eq(f.pointer, refused[i].pointer, "%s", refused[i].yaml);
		buf_done(&out);
	}
}
