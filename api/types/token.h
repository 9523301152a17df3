/* token: a bearer credential of a person or a pipeline, and what its holder may do. */
#pragma once
#include "json/js.h"

typedef struct token {
	str id;
	str name;
	str role;
	str tenant;
	int64_t ttl_s;
	str token;
	str created_by;
	js_time created_at, expires_at, last_used_at, revoked_at;
} token;
JS_DECLARE(token);

typedef struct whoami {
	str token_id;
	str name;
	str role;
	str tenant;
	strs rights;
	js_time expires_at;
} whoami;
JS_DECLARE(whoami);

typedef struct role {
	str name;
	str description;
	strs rights;
} role;
JS_DECLARE(role);
