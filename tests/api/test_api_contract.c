/* The contract as printed is the one in docs/openapi.json. REEVE_UPDATE=1 writes it anew. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/openapi.h"
#include "api/routes.h"

enum { CONTRACT_MAX = 4 << 20 };

static json_t *printed(void)
{
	buf out;

	buf_init(&out, CONTRACT_MAX);
	openapi_print(&out);
	cr_assert_not(out.over);
	json_t *doc = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
	buf_done(&out);
	return doc;
}

Test(contract, is_the_one_in_the_tree)
{
	json_t *now = printed(), *kept;

	cr_assert(now, "it is JSON without a key twice");
	if (getenv("REEVE_UPDATE"))
		cr_assert_eq(json_dump_file(now, CONTRACT_FILE, JSON_INDENT(1)), 0);
	kept = json_load_file(CONTRACT_FILE, 0, NULL);
	cr_expect(kept && json_equal(now, kept), "docs/openapi.json is old: run this test with REEVE_UPDATE=1");
	json_decref(now);
	json_decref(kept);
}

/* Every $ref leads somewhere. */
static void refs_check(json_t *doc, json_t *at)
{
	const char *key;
	json_t *v;
	size_t i;

	json_array_foreach(at, i, v) refs_check(doc, v);
	json_object_foreach(at, key, v)
	{
		if (strcmp(key, "$ref") != 0) {
			refs_check(doc, v);
			continue;
		}
		str rest = str_from(json_string_value(v));
		json_t *to = doc;
		cr_assert(str_eq(str_split(&rest, '/'), S("#")));
		while (rest.p) {
			str name = str_split(&rest, '/');
			to = json_object_getn(to, name.p, name.n);
		}
		cr_expect(to, "%s leads nowhere", json_string_value(v));
	}
}

Test(contract, names_every_route_and_every_schema_it_uses)
{
	json_t *doc = printed(), *paths = json_object_get(doc, "paths");

	for (op o = 0; o < OP_COUNT; o++) {
		json_t *path = json_object_get(paths, routes[o].path);
		char method[16];
		size_t n = strlen(routes[o].method);
		for (size_t i = 0; i <= n; i++)
			method[i] = (char)(routes[o].method[i] ? routes[o].method[i] | 0x20 : 0);
		cr_expect(json_object_get(path, method), "%s %s", routes[o].method, routes[o].path);
	}
	refs_check(doc, doc);
	json_decref(doc);
}
