#include "api/types/permission.h"

#define F(...) JS_FIELD(held_grant, __VA_ARGS__)
static const js_field held_grant_fields[] = {
	F(role, JS_READ_ONLY, "The role it comes from."),
	F(tenant, JS_READ_ONLY, "Where it counts, downwards; empty: the whole fleet.", .always = true),
	F(rights, JS_READ_ONLY, "What it allows there.", .always = true),
	F(granted_by, JS_READ_ONLY, "The binding or token that grants it."),
	F(backed_by, JS_READ_ONLY,
		"The binding or token of its owner or maker that stands behind it; of several, the last that cut it."),
	F(expires_at, JS_READ_ONLY, "When it ends; absent: with the credential."),
};
#undef F
JS_TYPE(held_grant, "Rights at one node of the tenant tree and below it.");

#define F(...) JS_FIELD(whoami, __VA_ARGS__)
static const js_field whoami_fields[] = {
	F(token_id, JS_READ_ONLY, "The credential's id."),
	F(name, JS_READ_ONLY, "Its name."),
	F(subject, JS_READ_ONLY, "For whom it stands."),
	F(groups, JS_READ_ONLY, "The groups they are in."),
	F(role, JS_READ_ONLY, "The credential's own role."),
	F(tenant, JS_READ_ONLY, "Where that role counts; empty: the whole fleet.", .always = true),
	F(rights, JS_READ_ONLY, "What is held anywhere.", .always = true),
	F(grants, JS_READ_ONLY, "What is held where.", .of = &held_grant_type, .always = true),
	F(expires_at, JS_READ_ONLY, "When the credential ends."),
};
#undef F
JS_TYPE(whoami, "Who the caller is.");

#define F(...) JS_FIELD(permission_query, __VA_ARGS__)
static const js_field permission_query_fields[] = {
	F(at, JS_OPTIONAL, "A tenant, by path or id; absent: the whole fleet.", .form = JS_TENANT_REF),
	F(explain, JS_OPTIONAL, "Also say what grants each right."),
};
#undef F
JS_TYPE(permission_query, "Where.");

#define F(...) JS_FIELD(permission_reason, __VA_ARGS__)
static const js_field permission_reason_fields[] = {
	F(right, JS_READ_ONLY, "The right."),
	F(role, JS_READ_ONLY, "The role it comes from."),
	F(tenant, JS_READ_ONLY, "The node it is granted at; empty: the whole fleet.", .always = true),
	F(granted_by, JS_READ_ONLY, "The binding or token that grants it."),
	F(backed_by, JS_READ_ONLY,
		"The binding or token of its owner or maker that stands behind it; of several, the last that cut it."),
	F(expires_at, JS_READ_ONLY, "Until when; absent: as long as the credential."),
};
#undef F
JS_TYPE(permission_reason, "Why a right is held.");

#define F(...) JS_FIELD(permissions, __VA_ARGS__)
static const js_field permissions_fields[] = {
	F(at, JS_READ_ONLY, "The tenant's path; empty: the whole fleet.", .always = true),
	F(rights, JS_READ_ONLY, "What the caller holds there.", .always = true),
	F(explained, JS_READ_ONLY, "With explain=true: each right with each grant that has it.",
		.of = &permission_reason_type),
};
#undef F
JS_TYPE(permissions, "What the caller holds at a node.");

#define F(...) JS_FIELD(permission_asked, __VA_ARGS__)
static const js_field permission_asked_fields[] = {
	F(right, JS_REQUIRED, "A right, as GET /v1/roles names them.", JS_LEN(1, 63)),
	F(at, JS_OPTIONAL, "A tenant, by path or id; absent: the whole fleet.", .form = JS_TENANT_REF),
	F(allowed, JS_READ_ONLY, "Whether it is held there.", .always = true),
};
#undef F
JS_TYPE(permission_asked, "One question.");

#define F(...) JS_FIELD(permission_check, __VA_ARGS__)
static const js_field permission_check_fields[] = {
	F(items, JS_REQUIRED, "What is asked.", .of = &permission_asked_type, JS_ITEMS(1, 200)),
};
#undef F
JS_TYPE(permission_check, "What the caller may do, asked all at once.");
