#include "api/types/token.h"

#include "api/types/query.h"

#define F(...) JS_FIELD(token, __VA_ARGS__)
static const js_field token_fields[] = {
	F(id, JS_READ_ONLY, "tok_ and a ULID; not the secret."),
	F(name, JS_REQUIRED, "For people.", .form = JS_NAME, JS_LEN(1, 63)),
	F(subject, JS_OPTIONAL,
		"user:NAME, group:NAME or service:NAME: for whom it stands. It never holds more than they do. Absent: for whoever makes it.",
		JS_LEN(6, 159)),
	F(role, JS_REQUIRED, "One of GET /v1/roles.", JS_LEN(1, 63)),
	F(tenant, JS_OPTIONAL, "Where in the tree the role counts, downwards; absent: the whole fleet.",
		.form = JS_TENANT_REF),
	F(cidrs, JS_OPTIONAL,
		"Addresses it may be used from, as 10.0.0.0/8 or 2001:db8::/32. None: from wherever the token it is made with may be, else from anywhere.",
		JS_ITEMS(0, 32)),
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

#define F(...) JS_FIELD(token_revoke, __VA_ARGS__)
static const js_field token_revoke_fields[] = {
	F(keep_made, JS_OPTIONAL,
		"Tokens that were made with it go on: for a planned change of tokens, not for one that leaked."),
	F(reason, JS_OPTIONAL, "Why, for the audit log.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(token_revoke, "How a token ends.");

static const char *const token_sorts[] = {SORT("name"), SORT("subject"), SORT("role"), SORT("tenant"),
	SORT("created_at"), SORT("expires_at"), SORT("last_used_at"), NULL};

#define F(...) JS_FIELD(token_query, __VA_ARGS__)
static const js_field token_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only of this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "The tenants below it too."),
	F(subject, JS_OPTIONAL, "Only those that stand for this subject.", JS_LEN(1, 159)),
	F(unused_for_s, JS_OPTIONAL, "Only those that still count and were not used for so many seconds.",
		JS_RANGE(0, 3162240000)),
	SORT_FIELD(token_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(token_query, "Which tokens.");

#define F(...) JS_FIELD(own_token_query, __VA_ARGS__)
static const js_field own_token_query_fields[] = {
	F(unused_for_s, JS_OPTIONAL, "Only those that still count and were not used for so many seconds.",
		JS_RANGE(0, 3162240000)),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(own_token_query, "Which of one's own tokens.");

#define F(...) JS_FIELD(role, __VA_ARGS__)
static const js_field role_fields[] = {
	F(name, JS_READ_ONLY, "Its name."),
	F(description, JS_READ_ONLY, "Who it is for."),
	F(rights, JS_READ_ONLY, "What it allows.", .always = true),
};
#undef F
JS_TYPE(role, "A role: a closed set of rights.");
