/* Trusts: what is refused when a pipeline is to be trusted, and who may. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "pg/pg.h"
#include "provider.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define OWNER "tenant_owner", "acme"
#define N(v)  (sizeof(v) / sizeof(*(v)))

#define ANCHOR "\"repository_id\":\"1\""
#define WRITES "[{\"role\":\"ci_provisioner\",\"tenant\":\"acme\"}]"
#define LOOKS  "[{\"role\":\"viewer\",\"tenant\":\"acme\"}]"

/* clang-format off */
static const struct {
	const char *rule, *role, *at, *match, *grants;
	int status;
	const char *pointer;
} trusts[] = {
	{"a protected environment", OWNER, "{" ANCHOR ",\"environment\":\"prod\"}", WRITES, 201, ""},
	{"a protected ref", OWNER, "{" ANCHOR ",\"ref\":\"refs/heads/main\",\"ref_protected\":\"true\"}", WRITES, 201, ""},
	{"one that looks", OWNER, "{" ANCHOR "}", LOOKS, 201, ""},
	{"GitLab's project", OWNER, "{\"project_id\":\"1\"}", LOOKS, 201, ""},
	{"GitLab's group", OWNER, "{\"namespace_id\":[\"1\",\"2\"]}", LOOKS, 201, ""},
	{"the whole fleet, by who holds it", ADMIN, "{" ANCHOR ",\"environment\":\"p\"}", "[{\"role\":\"ci_provisioner\"}]", 201, ""},
	{"no claim", OWNER, "{}", LOOKS, 422, "#/match"},
	{"names alone", OWNER, "{\"repository\":\"acme/quotas\",\"environment\":\"prod\"}", LOOKS, 422, "#/match"},
	{"the owner alone", OWNER, "{\"repository_owner_id\":\"1\"}", LOOKS, 422, "#/match"},
	{"where the job ran alone", OWNER, "{\"job_project_id\":\"1\"}", LOOKS, 422, "#/match"},
	{"sub", OWNER, "{" ANCHOR ",\"sub\":\"repo:acme/quotas:ref:refs/heads/main\"}", LOOKS, 422, "#/match/sub"},
	{"aud", OWNER, "{" ANCHOR ",\"aud\":\"x\"}", LOOKS, 422, "#/match/aud"},
	{"pull_request_target", OWNER, "{" ANCHOR ",\"event_name\":[\"push\",\"pull_request_target\"]}", LOOKS, 422, "#/match/event_name"},
	{"writes from any ref", OWNER, "{" ANCHOR "}", WRITES, 422, "#/match"},
	{"writes from an open ref", OWNER, "{" ANCHOR ",\"ref\":\"refs/heads/main\"}", WRITES, 422, "#/match"},
	{"writes from a ref that may be open", OWNER, "{" ANCHOR ",\"ref\":\"m\",\"ref_protected\":[\"true\",\"false\"]}", WRITES, 422, "#/match"},
	{"a claim that is a number", OWNER, "{\"repository_id\":1}", LOOKS, 422, "#/match/repository_id"},
	{"a claim that is empty", OWNER, "{\"repository_id\":\"\"}", LOOKS, 422, "#/match/repository_id"},
	{"an empty list", OWNER, "{\"repository_id\":[]}", LOOKS, 422, "#/match/repository_id"},
	{"a claim of no name", OWNER, "{" ANCHOR ",\"a b\":\"x\"}", LOOKS, 422, "#/match/a%20b"},
	{"a list", OWNER, "[]", LOOKS, 422, "#/match"},
	{"a text", OWNER, "\"x\"", LOOKS, 422, "#/match"},
	{"no grant", OWNER, "{" ANCHOR "}", "[]", 422, "#/grants"},
	{"a role nobody knows", OWNER, "{" ANCHOR "}", "[{\"role\":\"king\",\"tenant\":\"acme\"}]", 422, "#/grants/0/role"},
	{"a role that makes tokens", OWNER, "{" ANCHOR ",\"environment\":\"p\"}", "[{\"role\":\"tenant_owner\",\"tenant\":\"acme\"}]", 422, "#/grants/0/role"},
	{"a role that does everything", ADMIN, "{" ANCHOR ",\"environment\":\"p\"}", "[{\"role\":\"platform_admin\"}]", 422, "#/grants/0/role"},
	{"a role that approves", OWNER, "{" ANCHOR ",\"environment\":\"p\"}", "[{\"role\":\"quota_approver\",\"tenant\":\"acme\"}]", 422, "#/grants/0/role"},
	{"a tenant that is not there", OWNER, "{" ANCHOR "}", "[{\"role\":\"viewer\",\"tenant\":\"acme\"},{\"role\":\"viewer\",\"tenant\":\"nowhere\"}]", 422, "#/grants/1/tenant"},
	{"a tenant of somebody else", OWNER, "{" ANCHOR "}", "[{\"role\":\"viewer\",\"tenant\":\"other\"}]", 422, "#/grants/0/tenant"},
	{"the whole fleet", OWNER, "{" ANCHOR "}", "[{\"role\":\"viewer\"}]", 403, "#/grants/0/role"},
	{"by a member", "member", "acme", "{" ANCHOR "}", LOOKS, 403, ""},
	{"by a pipeline's role", "ci_provisioner", "acme", "{" ANCHOR "}", LOOKS, 403, ""},
};
/* clang-format on */

static void begin(arena *a, const char *database)
{
	provider_start(database);
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"other\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"a\",\"parent\":\"acme\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"b\",\"parent\":\"acme\"}");
}

static answer make(arena *a, const char *role, const char *at, const char *name, const char *issuer, const char *match,
	const char *grants)
{
	str body = str_print(a, "{\"name\":\"%s\",\"issuer\":\"%s\",\"audience\":\"x\",\"match\":%s,\"grants\":%s}",
		name, issuer, match, grants);

	return served_call(a, served_token(role, at), "POST", "/v1/trusts", NULL, str_z(a, body));
}

Test(api_trust, says_enough_or_is_refused)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_trust");
	for (size_t i = 0; i < N(trusts); i++) {
		const char *name = str_z(a, str_print(a, "t%zu", i));
		answer r =
			make(a, trusts[i].role, trusts[i].at, name, provider_url(), trusts[i].match, trusts[i].grants);
		const json_t *first = json_array_get(json_object_get(r.doc, "errors"), 0);
		const char *at = json_string_value(json_object_get(first, "pointer"));
		cr_expect_eq(r.status, trusts[i].status, "%s: %d " STR_FMT, trusts[i].rule, r.status, STR_ARG(r.body));
		cr_expect_str_eq(at ? at : "", trusts[i].pointer, "%s: " STR_FMT, trusts[i].rule, STR_ARG(r.body));
	}
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM trust"), 6);
	answer r = make(a, OWNER, "x", "https://evil.example", "{" ANCHOR "}", LOOKS);
	cr_expect_eq(r.status, 422, "no server is asked that the settings do not name");
	r = make(a, OWNER, "t0", provider_url(), "{" ANCHOR "}", LOOKS);
	cr_expect_eq(r.status, 409);
}

Test(api_trust, is_seen_where_it_counts)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_trust_seen");
	answer r = make(a, OWNER, "both", provider_url(), "{" ANCHOR "}",
		"[{\"role\":\"viewer\",\"tenant\":\"acme/a\"},{\"role\":\"viewer\",\"tenant\":\"acme/b\"}]");
	cr_assert_eq(r.status, 201, STR_FMT, STR_ARG(r.body));
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "tenant")), "acme", "the lowest above both");
	const char *made = str_z(a, str_from(json_string_value(json_object_get(r.doc, "id"))));
	const char *path = str_z(a, str_print(a, "/v1/trusts/%s", made));
	r = served_call(a, served_token("platform_auditor", NULL), "GET", path, NULL, NULL);
	cr_expect_eq(r.status, 200);
	cr_expect_eq(json_array_size(json_object_get(r.doc, "grants")), 2, STR_FMT, STR_ARG(r.body));
	cr_expect_eq(served_call(a, served_token("tenant_owner", "other"), "GET", path, NULL, NULL).status, 404);
	cr_expect_eq(
		served_call(a, served_token("tenant_owner", "other"), "DELETE", path, "If-Match: *\r\n", NULL).status,
		404);
	cr_expect_eq(served_call(a, served_token(OWNER), "DELETE", path, NULL, NULL).status, 428);
	cr_expect_eq(served_call(a, served_token(OWNER), "DELETE", path, "If-Match: \"1\"\r\n", NULL).status, 412);
	cr_expect_eq(served_call(a, served_token(OWNER), "DELETE", path, "If-Match: *\r\n", NULL).status, 204);
	cr_expect_eq(served_call(a, served_token(OWNER), "GET", path, NULL, NULL).status, 404);
	cr_expect_eq(
		make(a, OWNER, "both", provider_url(), "{" ANCHOR "}", LOOKS).status, 201, "its name is free again");
}
