/* binding: a role of somebody at a node of the tenant tree. */
#pragma once
#include "json/js.h"

typedef struct binding {
	str id;
	str subject;
	str role;
	str tenant;
	js_time expires_at;
	str managed_by;
	str reason;
	str created_by;
	js_time created_at;
	int64_t revision;
} binding;
JS_DECLARE(binding);

typedef struct binding_query {
	uint64_t given;
	str tenant;
	bool subtree;
	str subject;
	str role;
	str managed_by;
	strs sort;
	int64_t limit;
	str cursor;
} binding_query;
JS_DECLARE(binding_query);
