#include <criterion/criterion.h>
#include "json_sample.h"

typedef struct pair {
	int64_t a, b;
	str c;
} pair;

#define TYPE(rows, bytes) TYPE_MASKED(rows, bytes, JS_NO_MASK, JS_NO_MASK)
#define TYPE_MASKED(rows, bytes, given, nulled)                                                                        \
	&(const js_type)                                                                                               \
	{                                                                                                              \
		"pair", "A pair.", rows, sizeof(rows) / sizeof(*(rows)), bytes, given, nulled, false                   \
	}
#define ROW(m, ...) JS_FIELD(pair, m, JS_OPTIONAL, "Doc.", ##__VA_ARGS__)

typedef struct check_case {
	const js_type *t;
	const char *wrong; /* a part of the sentence */
} check_case;

static const js_field good[] = {ROW(a), ROW(b), ROW(c)};
static const js_field gap[] = {ROW(a), ROW(c)};
static const js_field tail[] = {ROW(a), ROW(b)};
static const js_field twice[] = {ROW(a), ROW(b), ROW(c), JS_FIELD_AS(pair, b, "a", JS_OPTIONAL, "Doc.")};
static const js_field overlap[] = {ROW(a), ROW(b), ROW(c), JS_FIELD_AS(pair, b, "d", JS_OPTIONAL, "Doc.")};
static const js_field upside_down[] = {ROW(a, JS_RANGE(2, 1)), ROW(b), ROW(c)};
static const js_field too_wide[] = {ROW(a, JS_RANGE(0, INT64_MAX)), ROW(b), ROW(c)};
static const js_field bad_initial[] = {ROW(a, JS_RANGE(1, 2), JS_INITIAL(3)), ROW(b), ROW(c)};
static const js_field text_initial[] = {ROW(a), ROW(b), ROW(c, JS_INITIAL(3))};
static const js_field bad_form[] = {ROW(a, .form = JS_NAME), ROW(b), ROW(c)};
static const js_field no_values[] = {ROW(a), ROW(b), ROW(c, .form = JS_ENUM)};
static const js_field stray_values[] = {ROW(a), ROW(b), ROW(c, .values = sample_policies)};
static const js_field stray_table[] = {ROW(a, .of = &sample_type), ROW(b), ROW(c)};
static const js_field no_table[] = {{.name = "a", .name_n = 1, .doc = "Doc.", .kind = JS_LIST, .size = 16}};
static const js_field no_doc[] = {JS_FIELD(pair, a, JS_OPTIONAL, ""), ROW(b), ROW(c)};
static const js_field bad_size[] = {{.name = "a", .name_n = 1, .doc = "Doc.", .kind = JS_I64, .size = 4}};
static const js_field bad_name[] = {{.name = "a", .name_n = 2, .doc = "Doc.", .kind = JS_I64, .size = 8}};

static const check_case cases[] = {
	{&sample_type, NULL}, {TYPE(good, sizeof(pair)), NULL},
	{TYPE(gap, sizeof(pair)), "bytes 8 to 16 of the struct belong to no row"},
	{TYPE(tail, sizeof(pair)), "bytes 16 to 32 of the struct belong to no row"},
	{TYPE(twice, sizeof(pair)), "pair.a: the name stands twice"}, {TYPE(overlap, sizeof(pair)), "rows overlap"},
	{TYPE(upside_down, sizeof(pair)), "least value is above"}, {TYPE(too_wide, sizeof(pair)), "53 bits"},
	{TYPE(bad_initial, sizeof(pair)), "out of its range"}, {TYPE(text_initial, sizeof(pair)), "initial"},
	{TYPE(bad_form, sizeof(pair)), "form"}, {TYPE(no_values, sizeof(pair)), "enum without values"},
	{TYPE(stray_values, sizeof(pair)), "values without"}, {TYPE(stray_table, sizeof(pair)), "names a table"},
	{TYPE(no_table, sizeof(pair)), "names no table"}, {TYPE(no_doc, sizeof(pair)), "no documentation"},
	{TYPE(bad_size, sizeof(pair)), "the member has 4 bytes, its kind 8"}, {TYPE(bad_name, sizeof(pair)), "length"},
	{TYPE_MASKED(tail, sizeof(pair), 16, 24), NULL},
	{TYPE_MASKED(tail, sizeof(pair), 16, JS_NO_MASK), "bytes 24 to 32"},
	{TYPE_MASKED(tail, sizeof(pair), JS_NO_MASK, 24), "nulled mask needs"}, {&sample_label_type, "bare"},
	{&sample_axes_type, "bytes 0 to 16"}, /* an entry's key is known through the map's row alone */
};

Test(check, each_mistake_of_a_table_is_told)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *why = js_type_check(cases[i].t);
		if (!cases[i].wrong)
			cr_expect_null(why, "row %zu: %s", i, why);
		else
			cr_expect(why && strstr(why, cases[i].wrong), "row %zu: '%s' lacks '%s'", i,
				why ? why : "(fine)", cases[i].wrong);
	}
}

static const js_type tree_type;
static const js_field tree_rows[] = {
	{.name = "children", .name_n = 8, .doc = "Doc.", .kind = JS_LIST, .size = sizeof(js_list), .of = &tree_type}};
static const js_type tree_type = {"tree", "A tree.", tree_rows, 1, sizeof(js_list), JS_NO_MASK, JS_NO_MASK, false};

Test(check, a_type_may_hold_itself)
{
	cr_expect_null(js_type_check(&tree_type));
}
