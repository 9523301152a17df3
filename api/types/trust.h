/* trust: whose pipelines may exchange an identity token for one of ours, and what that one may do. */
#pragma once
#include "json/js.h"

enum { TRUST_GRANTS_MAX = 20, TRUST_TTL_MAX_S = 900 };

typedef struct trust_grant {
	str role;
	str tenant;
} trust_grant;
JS_DECLARE(trust_grant);

typedef struct trust {
	str id;
	str name;
	str issuer;
	str audience;
	js_raw match;
	js_list grants;
	int64_t ttl_s;
	str reason;
	str tenant;
	str created_by;
	js_time created_at, last_used_at;
	int64_t revision;
} trust;
JS_DECLARE(trust);
