#include "api/types/binding.h"

#include "api/types/query.h"

#define F(...) JS_FIELD(binding, __VA_ARGS__)
static const js_field binding_fields[] = {
	F(id, JS_READ_ONLY, "bnd_ and a ULID."),
	F(subject, JS_REQUIRED, "user:NAME, group:NAME or service:NAME.", JS_LEN(6, 159)),
	F(role, JS_REQUIRED, "One of GET /v1/roles.", JS_LEN(1, 63)),
	F(tenant, JS_OPTIONAL, "Where in the tree the role counts, downwards; absent: the whole fleet.",
		.form = JS_TENANT_REF),
	F(expires_at, JS_OPTIONAL, "When it ends by itself; absent: never."),
	F(managed_by, JS_OPTIONAL, "What keeps it, as a manifest's name; for filters.", JS_LEN(1, 200)),
	F(reason, JS_OPTIONAL, "Why, for people and the audit log.", JS_LEN(1, 500)),
	F(created_by, JS_READ_ONLY, "Who made it."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(revision, JS_READ_ONLY, "Of its making."),
};
#undef F
JS_TYPE(binding, "A role of somebody at a node of the tenant tree and below it.");

static const char *const binding_sorts[] = {SORT("subject"), SORT("role"), SORT("tenant"), SORT("managed_by"),
	SORT("expires_at"), SORT("created_at"), NULL};

#define F(...) JS_FIELD(binding_query, __VA_ARGS__)
static const js_field binding_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only at this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "The tenants below it too."),
	F(subject, JS_OPTIONAL, "Only of this subject.", JS_LEN(1, 159)),
	F(role, JS_OPTIONAL, "Only of this role.", JS_LEN(1, 63)),
	F(managed_by, JS_OPTIONAL, "Only what this keeps.", JS_LEN(1, 200)),
	SORT_FIELD(binding_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(binding_query, "Which bindings.");
