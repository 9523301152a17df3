#include "api/types/tenant.h"
#include "api/types/label.h"

#define F(...) JS_FIELD(tenant, __VA_ARGS__)
static const js_field tenant_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: tnt_ and a ULID."),
	F(name, JS_REQUIRED, "Unique among its siblings.", .form = JS_NAME, JS_LEN(1, 63)),
	F(path, JS_READ_ONLY, "Names from the root down, joined by '/'. Written with '~' inside URLs."),
	F(parent, JS_OPTIONAL, "Path or id of the parent; absent: the fleet itself.", .form = JS_TENANT_REF),
	F(depth, JS_READ_ONLY, "1 below the fleet, at most 8."),
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000)),
	F(labels, JS_OPTIONAL, "Object of texts.", LABELS),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(created_at, JS_READ_ONLY, "When it was made."),
};
#undef F
JS_TYPE(tenant, "A tenant: a node of the tree that rights, quota and bills hang on.");

#define F(...) JS_FIELD(tenant_patch, __VA_ARGS__)
static const js_field tenant_patch_fields[] = {
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000), .nullable = true),
	F(labels, JS_OPTIONAL, "Object of texts; replaces the whole.", LABELS, .nullable = true),
	F(parent, JS_OPTIONAL,
		"Path or id of a new parent; null: the fleet itself. All that hangs below moves with it.",
		.form = JS_TENANT_REF, .nullable = true),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_PATCH(tenant_patch, "Changes of a tenant as a merge patch.");
