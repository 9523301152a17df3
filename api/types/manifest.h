/* manifest: what a tree of tenants shall look like, kept in git and brought about by plan and apply.
 *
 * A member that an entry does not name is nobody's business: it stays as it is. What is named is named whole: labels
 * and models that are not listed shall not be there. An entry that names nothing but `tenants` is a way to those below
 * it.
 */
#pragma once
#include "api/types/quota.h"
#include "json/js.h"

enum { MANIFEST_TENANTS_MAX = 10000 };

typedef struct manifest_tenant {
	str name; /* the map's key */
	uint64_t given;
	str description;
	js_raw labels;
	tenant_quota quota;
	js_map tenants; /* of manifest_tenant */
} manifest_tenant;
JS_DECLARE(manifest_tenant);

typedef struct manifest {
	str schema;
	str manager;
	bool prune, adopt;
	str on_drift; /* fail, overwrite, adopt; absent: fail */
	js_map tenants;
} manifest;
JS_DECLARE(manifest);
