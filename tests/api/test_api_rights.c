/* Every route for every role: whether it is let in follows from the two tables and nothing else. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "api/routes.h"
#include "scene.h"

enum { PATH_BYTES = 200 };

/* Something to ask for: names that do not exist, so that nothing is changed by the asking. */
static const char *asked(const route *t, char out[PATH_BYTES])
{
	const char *from = t->path;
	size_t n = 0;

	while (*from && n < PATH_BYTES - 8) {
		if (*from == '{') {
			memcpy(out + n, "nobody", 6);
			n += 6;
			from = strchr(from, '}') + 1;
		} else
			out[n++] = *from++;
	}
	out[n] = '\0';
	return out;
}

static bool is_for_tokens(const route *t)
{
	return t->right != RIGHT_NONE && t->right != RIGHT_AGENT && !(t->flags & ROUTE_STREAM) &&
	       t != &routes[OP_AUDIT_VERIFY];
}

static bool writes(const route *t)
{
	return strcmp(t->method, "GET") != 0;
}

/* With a body that cannot be read, behind the rights, nothing is ever done. */
static answer call(arena *a, const route *t, const char *token)
{
	char path[PATH_BYTES];
	const char *type = (t->flags & ROUTE_MERGE) ? "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n"
						    : "Content-Type: application/json\r\nIf-Match: *\r\n";

	return served_call(a, token, t->method, asked(t, path), writes(t) ? type : NULL, t->body ? "[" : NULL);
}

Test(api_rights, each_role_does_what_its_rights_say_and_no_more)
{
	served_start("api_rights");
	for (uint32_t k = 0; k < roles_n; k++)
		for (int where = roles[k].is_platform; where < 2; where++) {
			const char *token = served_token(roles[k].name, where ? NULL : "system");
			for (op o = 0; o < OP_COUNT; o++) {
				AUTO_ARENA a = arena_new(0);
				if (!is_for_tokens(&routes[o]))
					continue;
				bool may =
					routes[o].right == RIGHT_SELF || rights_hold(roles[k].rights, routes[o].right);
				answer r = call(a, &routes[o], token);
				cr_expect_eq(r.status == 403, !may, "%s %s as %s gave %d", routes[o].method,
					routes[o].path, roles[k].name, r.status);
				cr_expect_lt(r.status, 500, "%s %s as %s gave %d", routes[o].method, routes[o].path,
					roles[k].name, r.status);
			}
		}
}

Test(api_rights, without_a_token_only_the_open_routes_answer)
{
	served_start("api_open");
	for (op o = 0; o < OP_COUNT; o++) {
		AUTO_ARENA a = arena_new(0);
		answer r = call(a, &routes[o], NULL);
		cr_expect_eq(r.status == 401, routes[o].right != RIGHT_NONE, "%s %s gave %d", routes[o].method,
			routes[o].path, r.status);
	}
}

/* A platform role that stands at a tenant counts for nothing. */
Test(api_rights, a_platform_role_counts_only_for_the_whole_fleet)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_platform");
	cr_expect_eq(
		served_call(a, served_token("platform_admin", "system"), "GET", "/v1/tenants", NULL, NULL).status, 403);
}
