/* bind: the parameters of a statement, filled by name from what a request holds. */
#pragma once
#include "server/edge/request.h"

/* The in-struct of s, zeroed, with every nullable parameter NULL. */
void *bind_new(arena *a, sql_id s);
/* A tenant as named in a URL, where '~' stands for the '/' of its path. */
str bind_tenant_path(arena *a, str s);
/* The path's variables, by their names in the route. */
void bind_vars(const request *r, sql_id s, void *in);
/* The members of a struct, by its table. A text that is absent becomes '' (a free-form object: {}) where the parameter
 * is not nullable; one that a merge patch sets to null becomes the same. */
void bind_struct(sql_id s, void *in, const js_type *t, const void *value);
/* Path variables, query, body, If-Match and If-None-Match. */
void *bind_request(const request *r, sql_id s);

/* NULL, or a sentence about the first parameter of s that nothing of the route and no name of `given` (NULL-terminated)
 * fills. */
const char *bind_check(const route *t, sql_id s, const char *const *given);
