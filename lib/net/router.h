/* router: from method and path to a route number, and the path's variables.
 *
 * Built once from the route table: "/v1/tenants/{tenant}/quota", "/v1/placements/{id}:release", "/v1/placements:batch".
 * A variable matches one segment (up to '/' or a literal ":action"), is percent-decoded, and may not be empty. Literal
 * text wins over a variable. Two routes that could match the same path with the same method, and paths that are not
 * well-formed, abort at build.
 */
#pragma once
#include "base/arena.h"
#include "net/web.h"

enum { ROUTER_VARS_MAX = 4 };

typedef struct router router;

typedef struct router_match {
	int32_t route;             /* the number given to router_add; -1: none */
	uint32_t allowed;          /* methods that this path answers, bit per web_method; 0: no such path */
	str vars[ROUTER_VARS_MAX]; /* in order of appearance, decoded into the arena when needed */
	uint32_t n_vars;
} router_match;

router *router_new(void);
void router_add(router *r, web_method m, const char *path, int32_t route);
void router_free(router *r);
/* HEAD finds the GET route. */
router_match router_find(const router *r, arena *a, web_method m, str path);

/* Query parameters: takes the next name=value off *rest, decoded ('+' is a blank). False at the end; ERR in *ret_bad
 * for a bad escape. */
bool query_next(str *rest, arena *a, str *ret_name, str *ret_value, bool *ret_bad);
