#include <criterion/criterion.h>
#include <signal.h>
#include "net/router.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { LIST, MAKE, READ, CHANGE, REMOVE, QUOTA, RELEASE, RELEASE_READ, BATCH, ROOT, SELF, DEEP, DEEPER };

static router *table_new(void)
{
	router *r = router_new();

	router_add(r, WEB_GET, "/v1/placements/{id}", READ);
	router_add(r, WEB_POST, "/v1/placements/{id}:release", RELEASE);
	router_add(r, WEB_GET, "/v1/placements/{id}:release", RELEASE_READ);
	router_add(r, WEB_PATCH, "/v1/placements/{placement}", CHANGE);
	router_add(r, WEB_DELETE, "/v1/placements/{id}", REMOVE);
	router_add(r, WEB_POST, "/v1/placements:batch", BATCH);
	router_add(r, WEB_GET, "/v1/placements", LIST);
	router_add(r, WEB_POST, "/v1/placements", MAKE);
	router_add(r, WEB_GET, "/v1/tenants/{tenant}/quota", QUOTA);
	router_add(r, WEB_GET, "/v1/tenants/self", SELF);
	router_add(r, WEB_GET, "/v1/{a}/{b}/{c}/{d}", DEEP);
	router_add(r, WEB_PUT, "/v1/x/{b}:go/y/{d}", DEEPER);
	router_add(r, WEB_GET, "/", ROOT);
	return r;
}

Test(router, a_path_finds_its_route_and_its_variables)
{
	const struct {
		web_method m;
		const char *path;
		int32_t route;
		uint32_t n_vars;
		const char *first;
	} rows[] = {
		{WEB_GET, "/", ROOT, 0, NULL},
		{WEB_GET, "/v1/placements", LIST, 0, NULL},
		{WEB_HEAD, "/v1/placements", LIST, 0, NULL},
		{WEB_POST, "/v1/placements", MAKE, 0, NULL},
		{WEB_POST, "/v1/placements:batch", BATCH, 0, NULL},
		{WEB_GET, "/v1/placements/plc_1", READ, 1, "plc_1"},
		{WEB_PATCH, "/v1/placements/plc_1", CHANGE, 1, "plc_1"},
		{WEB_DELETE, "/v1/placements/batch", REMOVE, 1, "batch"},
		{WEB_POST, "/v1/placements/plc_1:release", RELEASE, 1, "plc_1"},
		{WEB_GET, "/v1/placements/plc_1:release", RELEASE_READ, 1, "plc_1"},
		{WEB_GET, "/v1/placements/a:b", READ, 1, "a:b"},
		{WEB_POST, "/v1/placements/a:b:release", RELEASE, 1, "a:b"},
		{WEB_GET, "/v1/placements/a%2Fb%20c", READ, 1, "a/b c"},
		{WEB_GET, "/v1/placements/a+b", READ, 1, "a+b"},
		{WEB_GET, "/v1/placements/%3arelease", READ, 1, ":release"},
		{WEB_GET, "/v1/tenants/acme/quota", QUOTA, 1, "acme"},
		{WEB_GET, "/v1/tenants/self/quota", QUOTA, 1, "self"},
		{WEB_GET, "/v1/tenants/self", SELF, 0, NULL},
		{WEB_GET, "/v1/a/b/c/d", DEEP, 4, "a"},
		{WEB_GET, "/v1/x/b:go/y/z", -1, 2, "b"},
		{WEB_PUT, "/v1/x/b:go/y/z", DEEPER, 2, "b"},
		{WEB_GET, "/v1/x/b:went/y/z", DEEP, 4, "x"},
		{WEB_GET, "/v1/placements/", -1, 0, NULL},
		{WEB_GET, "/v1/placements/:release", READ, 1, ":release"},
		{WEB_GET, "/v1//quota", -1, 0, NULL},
		{WEB_GET, "/v1/tenants//quota", -1, 0, NULL},
		{WEB_GET, "//", -1, 0, NULL},
		{WEB_GET, "/v1", -1, 0, NULL},
		{WEB_GET, "", -1, 0, NULL},
		{WEB_GET, "*", -1, 0, NULL},
		{WEB_GET, "/v1/placements/a%", -1, 0, NULL},
		{WEB_GET, "/v1/placements/a%2", -1, 0, NULL},
		{WEB_GET, "/v1/placements/a%zz", -1, 0, NULL},
		{WEB_GET, "/v1/placements/a%00", -1, 0, NULL},
		{WEB_GET, "/V1/placements", -1, 0, NULL},
	};
	router *r = table_new();

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_ARENA a = arena_new(0);
		router_match found = router_find(r, a, rows[i].m, str_from(rows[i].path));
		cr_expect_eq(found.route, rows[i].route, "%s: %d", rows[i].path, found.route);
		cr_expect_eq(found.n_vars, rows[i].n_vars, "%s: %u", rows[i].path, found.n_vars);
		if (rows[i].first)
			cr_expect(str_eq(found.vars[0], str_from(rows[i].first)), "%s: " STR_FMT, rows[i].path,
				STR_ARG(found.vars[0]));
	}
	router_free(r);
}

Test(router, a_known_path_tells_its_methods)
{
	router *r = table_new();
	AUTO_ARENA a = arena_new(0);

	cr_expect_eq(router_find(r, a, WEB_PUT, S("/v1/placements")).allowed,
		1u << WEB_GET | 1u << WEB_HEAD | 1u << WEB_POST);
	cr_expect_eq(router_find(r, a, WEB_PUT, S("/v1/placements")).route, -1);
	cr_expect_eq(router_find(r, a, WEB_GET, S("/v1/placements:batch")).allowed, 1u << WEB_POST);
	cr_expect_eq(router_find(r, a, WEB_GET, S("/v2")).allowed, 0);
	router_free(r);
}

static void pair_add(const char *one, const char *two)
{
	router *r = router_new();

	router_add(r, WEB_GET, one, 1);
	router_add(r, WEB_GET, two, 2);
}

#define ABORTS(name, one, two)                                                                                         \
	Test(router, name, .signal = SIGABRT)                                                                          \
	{                                                                                                              \
		pair_add(one, two);                                                                                    \
	}

ABORTS(the_same_path_twice_aborts, "/a", "/a")
ABORTS(paths_that_differ_in_a_variables_name_abort, "/a/{b}", "/a/{c}")
ABORTS(an_empty_segment_aborts, "/a", "/a//b")
ABORTS(a_trailing_slash_aborts, "/a", "/b/")
ABORTS(an_open_variable_aborts, "/a", "/{b")
ABORTS(an_unnamed_variable_aborts, "/a", "/{}")
ABORTS(text_before_a_variable_aborts, "/a", "/x{b}")
ABORTS(text_after_a_variable_that_is_no_action_aborts, "/a", "/{b}x")
ABORTS(too_many_variables_abort, "/a", "/{a}/{b}/{c}/{d}/{e}")

Test(query, pairs_come_decoded_and_in_order)
{
	const struct {
		const char *text;
		uint32_t n;
		const char *name, *value; /* of the last */
		bool is_bad;
	} rows[] = {
		{"", 0, NULL, NULL, false},
		{"&&", 0, NULL, NULL, false},
		{"a=b", 1, "a", "b", false},
		{"a", 1, "a", "", false},
		{"a=", 1, "a", "", false},
		{"=b", 1, "", "b", false},
		{"a=b=c", 1, "a", "b=c", false},
		{"a=1&&b=2&", 2, "b", "2", false},
		{"a=x+y%2Bz%26", 1, "a", "x y+z&", false},
		{"a%3Db=%C3%A9", 1, "a=b", "\xc3\xa9", false},
		{"a=%", 1, NULL, NULL, true},
		{"a=%4", 1, NULL, NULL, true},
		{"%g0=1", 1, NULL, NULL, true},
		{"a=%00", 1, NULL, NULL, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_ARENA a = arena_new(0);
		str rest = str_from(rows[i].text), name, value;
		uint32_t n = 0;
		bool is_bad = false;
		while (!is_bad && query_next(&rest, a, &name, &value, &is_bad))
			n++;
		cr_expect_eq(n, rows[i].n, "%s: %u", rows[i].text, n);
		cr_expect_eq(is_bad, rows[i].is_bad, "%s", rows[i].text);
		if (rows[i].name)
			cr_expect(str_eq(name, str_from(rows[i].name)) && str_eq(value, str_from(rows[i].value)), "%s",
				rows[i].text);
	}
}
