/* tenant: a node of the tree that rights, quota and bills hang on. */
#pragma once
#include "json/js.h"

typedef struct tenant {
	str id;
	str name;
	str path;
	str parent;
	int64_t depth;
	str description;
	js_raw labels;
	int64_t revision;
	js_time created_at;
} tenant;
JS_DECLARE(tenant);

/* PATCH /v1/tenants/{tenant}, merge patch. */
typedef struct tenant_patch {
	uint64_t given, nulled;
	str description;
	js_raw labels;
	str parent;
	str reason;
} tenant_patch;
JS_DECLARE(tenant_patch);
