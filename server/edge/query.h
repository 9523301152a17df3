/* query: the parameters behind '?' as one of api/types/query.h, by the same table and the same reader that read bodies.
 *
 * A parameter is turned into the JSON its row expects (numbers and bools as they are, lists split at commas) and the
 * strict reader judges it; its refusals come back as UNKNOWN_PARAMETER and BAD_PARAMETER with the parameter's name as
 * pointer.
 */
#pragma once
#include "json/js.h"

/* t NULL: no parameter is known. out is zeroed first and gets the defaults when there are no parameters. */
err query_read(const js_type *t, str query, arena *a, void *out, fault *f) MUST_CHECK;

/* Takes the parameter off *query, for what every route of a kind knows beside its own parameters. *ret stays as it is
 * when it is not given. */
/* *query without the parameter; its value, decoded, or STR_NONE. */
err query_take(str *query, const char *name, arena *a, str *ret_value, fault *f) MUST_CHECK;
err query_take_bool(str *query, const char *name, arena *a, bool *ret, fault *f) MUST_CHECK;

/* "free_memory_mib.gte" for the row free_memory_mib_gte. */
str query_name(const js_field *row, arena *a);

/* "500ms", "5s", "2m": milliseconds. False for another form or more than a day. */
bool query_duration(str s, int64_t *ret_ms);
