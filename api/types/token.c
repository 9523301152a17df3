#include "api/types/token.h"

#define F(...) JS_FIELD(token, __VA_ARGS__)
static const js_field token_fields[] = {
	F(id, JS_READ_ONLY, "tok_ and a ULID; not the secret."),
	F(name, JS_REQUIRED, "For people.", .form = JS_NAME, JS_LEN(1, 63)),
	F(role, JS_REQUIRED, "One of GET /v1/roles.", JS_LEN(1, 63)),
	F(tenant, JS_OPTIONAL, "Where in the tree the role counts, downwards; absent: the whole fleet.",
		.form = JS_TENANT_REF),
	F(ttl_s, JS_OPTIONAL, "Seconds until it expires, at most 366 days.", JS_RANGE(60, 31622400),
		JS_INITIAL(7776000), .asked_only = true),
	F(token, JS_SECRET, "The secret, shown once."),
	F(created_by, JS_READ_ONLY, "Who made it."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(expires_at, JS_READ_ONLY, "When it ends."),
	F(last_used_at, JS_READ_ONLY, "When it was last used, to five minutes."),
	F(revoked_at, JS_READ_ONLY, "When it was revoked."),
};
#undef F
JS_TYPE(token, "A bearer token.");

#define F(...) JS_FIELD(whoami, __VA_ARGS__)
static const js_field whoami_fields[] = {
	F(token_id, JS_READ_ONLY, "The token's id."),
	F(name, JS_READ_ONLY, "The token's name."),
	F(role, JS_READ_ONLY, "Its role."),
	F(tenant, JS_READ_ONLY, "Where the role counts; empty: the whole fleet.", .always = true),
	F(rights, JS_READ_ONLY, "What that allows.", .always = true),
	F(expires_at, JS_READ_ONLY, "When it ends."),
};
#undef F
JS_TYPE(whoami, "Who the caller is.");

#define F(...) JS_FIELD(role, __VA_ARGS__)
static const js_field role_fields[] = {
	F(name, JS_READ_ONLY, "Its name."),
	F(description, JS_READ_ONLY, "Who it is for."),
	F(rights, JS_READ_ONLY, "What it allows.", .always = true),
};
#undef F
JS_TYPE(role, "A role: a closed set of rights.");
