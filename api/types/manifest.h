/* manifest: what a tree of tenants shall look like, kept in git and brought about by plan and apply.
 *
 * Bindings and budgets are objects of their own: those listed shall be there, and with prune those go that this manager
 * made and lists no longer; others beside them are nobody's business.
 *
 * A member that an entry does not name is nobody's business: it stays as it is. What is named is named whole: labels
 * and models that are not listed shall not be there. An entry that names nothing but `tenants` is a way to those below
 * it.
 */
#pragma once
#include "api/types/quota.h"
#include "json/js.h"

enum { MANIFEST_TENANTS_MAX = 10000 };

/* Who holds which roles at a tenant. */
typedef struct manifest_binding {
	str subject; /* the map's key */
	strs roles;
} manifest_binding;
JS_DECLARE(manifest_binding);

/* What may be spent below a tenant in each such period, in GPU hours. */
typedef struct manifest_budget {
	str period; /* the map's key */
	uint64_t given;
	str description;
	int64_t amount;
	i64s thresholds;
	str action;
} manifest_budget;
JS_DECLARE(manifest_budget);

typedef struct manifest_tenant {
	str name; /* the map's key */
	uint64_t given;
	str from;
	str description;
	js_raw labels;
	tenant_quota quota;
	js_map bindings; /* of manifest_binding */
	js_map budgets;  /* of manifest_budget */
	js_map tenants;  /* of manifest_tenant */
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
