/* token: a bearer credential of a person or a pipeline, and what its holder may do. */
#pragma once
#include "json/js.h"

typedef struct token {
	str id;
	str name;
	str subject;
	str role;
	str tenant;
	strs cidrs;
	int64_t ttl_s;
	str token;
	str created_by;
	js_time created_at, expires_at, last_used_at, revoked_at;
} token;
JS_DECLARE(token);

typedef struct token_revoke {
	bool keep_made;
	str reason;
} token_revoke;
JS_DECLARE(token_revoke);

typedef struct token_query {
	uint64_t given;
	str tenant;
	bool subtree;
	str subject;
	int64_t unused_for_s;
	strs sort;
	int64_t limit;
	str cursor;
} token_query;
JS_DECLARE(token_query);

/* Of one's own. */
typedef struct own_token_query {
	uint64_t given;
	int64_t unused_for_s;
	int64_t limit;
	str cursor;
} own_token_query;
JS_DECLARE(own_token_query);

typedef struct role {
	str name;
	str description;
	strs rights;
} role;
JS_DECLARE(role);
