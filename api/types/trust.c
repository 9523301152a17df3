#include "api/types/trust.h"

#define F(...) JS_FIELD(trust_grant, __VA_ARGS__)
static const js_field trust_grant_fields[] = {
	F(role, JS_REQUIRED, "One of GET /v1/roles; none that makes tokens, bindings or trusts, or approves.",
		JS_LEN(1, 63)),
	F(tenant, JS_OPTIONAL, "Where it counts, downwards; absent: the whole fleet.", .form = JS_TENANT_REF),
};
#undef F
JS_TYPE(trust_grant, "A role at a tenant.");

#define F(...) JS_FIELD(trust, __VA_ARGS__)
static const js_field trust_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: trs_ and a ULID."),
	F(name, JS_REQUIRED, "Unique among the trusts of its tenant.", .form = JS_NAME, JS_LEN(1, 63)),
	F(issuer, JS_REQUIRED, "Who signs the tokens, exactly as in their iss; one of those the server is set to ask.",
		JS_LEN(9, 500)),
	F(audience, JS_REQUIRED, "The one audience the tokens must have.", JS_LEN(1, 500)),
	F(match, JS_REQUIRED,
		"What the claims must be: name to text, or to a list of which one must fit. An id that never changes must be "
		"among them: repository_id (GitHub), project_id or namespace_id (GitLab)."),
	F(grants, JS_REQUIRED, "What such a pipeline may do.", JS_OF(trust_grant), JS_ITEMS(1, TRUST_GRANTS_MAX)),
	F(ttl_s, JS_OPTIONAL, "How long an exchanged token lives, seconds.", JS_RANGE(60, TRUST_TTL_MAX_S),
		JS_INITIAL(600)),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
	F(tenant, JS_READ_ONLY, "The lowest tenant above all of its grants; absent: the whole fleet."),
	F(created_by, JS_READ_ONLY, "Who made it."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(last_used_at, JS_READ_ONLY, "When a token was last exchanged, to five minutes."),
	F(revision, JS_READ_ONLY, "The ETag."),
};
#undef F
JS_TYPE(trust, "A pipeline that is trusted: its identity tokens may be exchanged for access tokens.");
