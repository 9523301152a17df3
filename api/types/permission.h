/* permission: what a caller holds, and where. */
#pragma once
#include "json/js.h"

/* One grant of a caller. */
typedef struct held_grant {
	str role;
	str tenant;
	strs rights;
	str granted_by;
	str backed_by;
	js_time expires_at;
} held_grant;
JS_DECLARE(held_grant);

typedef struct whoami {
	str token_id;
	str name;
	str subject;
	strs groups;
	str role;
	str tenant;
	strs rights;
	js_list grants;
	js_time expires_at;
} whoami;
JS_DECLARE(whoami);

typedef struct permission_query {
	str at;
	bool explain;
} permission_query;
JS_DECLARE(permission_query);

/* Why a right is held at a node: one line for each grant that has it. */
typedef struct permission_reason {
	str right;
	str role;
	str tenant;
	str granted_by;
	str backed_by;
	js_time expires_at;
} permission_reason;
JS_DECLARE(permission_reason);

typedef struct permissions {
	str at;
	strs rights;
	js_list explained;
} permissions;
JS_DECLARE(permissions);

typedef struct permission_asked {
	str right;
	str at;
	bool allowed;
} permission_asked;
JS_DECLARE(permission_asked);

typedef struct permission_check {
	js_list items;
} permission_check;
JS_DECLARE(permission_check);
