/* Pipelines: who may be trusted, which of their tokens are exchanged, and what the exchanged ones may do. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "pg/pg.h"
#include "provider.h"
#include "scene.h"

enum { TEXT_BYTES = 8192 };

#define AUDIENCE "https://reeve.example"
#define ADMIN    "platform_admin", NULL
#define OWNER    "tenant_owner", "acme"
#define N(v)     (sizeof(v) / sizeof(*(v)))

/* As a GitHub workflow's token claims them, but for what the made-up issuer adds. */
static const char github[] =
	"{\"sub\":\"repo:acme/quotas:environment:prod\",\"ref\":\"refs/heads/main\",\"sha\":\"4f2a\",\"repository\":"
	"\"acme/quotas\",\"repository_owner\":\"acme\",\"actor_id\":\"12\",\"repository_visibility\":\"private\","
	"\"repository_id\":\"456789\",\"repository_owner_id\":\"123456\",\"run_id\":\"77\",\"run_number\":\"10\","
	"\"run_attempt\":\"1\",\"runner_environment\":\"github-hosted\",\"actor\":\"octocat\",\"workflow\":\"apply\","
	"\"head_ref\":\"\",\"base_ref\":\"\",\"event_name\":\"push\",\"ref_protected\":\"true\",\"ref_type\":\"branch\","
	"\"workflow_ref\":\"acme/quotas/.github/workflows/apply.yml@refs/heads/main\",\"job_workflow_ref\":"
	"\"acme/quotas/.github/workflows/apply.yml@refs/heads/main\",\"environment\":\"prod\"}";

/* As a GitLab job's ID token claims them. */
static const char gitlab[] =
	"{\"sub\":\"project_path:acme/quotas:ref_type:branch:ref:main\",\"namespace_id\":\"72\",\"namespace_path\":\"acme\","
	"\"project_id\":\"20\",\"project_path\":\"acme/quotas\",\"user_id\":\"1\",\"user_login\":\"ada\",\"user_email\":"
	"\"ada@example.com\",\"user_access_level\":\"owner\",\"pipeline_id\":\"574\",\"pipeline_source\":\"push\",\"job_id\":"
	"\"302\",\"ref\":\"main\",\"ref_type\":\"branch\",\"ref_path\":\"refs/heads/main\",\"ref_protected\":\"true\","
	"\"runner_id\":1,\"runner_environment\":\"self-hosted\",\"sha\":\"714a\",\"project_visibility\":\"public\","
	"\"ci_config_ref_uri\":\"gitlab.example/acme/quotas//.gitlab-ci.yml@refs/heads/main\",\"ci_config_sha\":\"714a\"}";

static void trust_make(
	arena *a, const char *role, const char *at, const char *name, const char *match, const char *grants)
{
	str body = str_print(a,
		"{\"name\":\"%s\",\"issuer\":\"%s\",\"audience\":\"" AUDIENCE
		"\",\"match\":%s,\"grants\":%s,\"reason\":\"x\"}",
		name, provider_url(), match, grants);
	answer r = served_call(a, served_token(role, at), "POST", "/v1/trusts", NULL, str_z(a, body));

	cr_assert_eq(r.status, 201, STR_FMT, STR_ARG(r.body));
}

#define MATCH_MAIN                                                                                                          \
	"{\"repository_id\":\"456789\",\"repository_owner_id\":\"123456\",\"event_name\":[\"push\",\"workflow_dispatch\"]," \
	"\"ref\":\"refs/heads/main\",\"environment\":\"prod\"}"
#define GRANT_ACME "[{\"role\":\"ci_provisioner\",\"tenant\":\"acme\"}]"

static void begin(arena *a, const char *database)
{
	provider_start(database);
	provider_publish("a e");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"other\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"research\",\"parent\":\"acme\"}");
}

/* base with what is changed: a member that is null goes away. The issuer's own claims come first. */
static str claims_of(arena *a, const char *base, const char *changes)
{
	static int n;
	int64_t now_s = clock_now_us() / 1000000;
	str head = str_print(a,
		"{\"iss\":\"%s\",\"aud\":\"" AUDIENCE "\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld,\"jti\":\"j%d\"}",
		provider_url(), (long long)now_s, (long long)now_s - 300, (long long)now_s + 300, n++);
	json_t *all = json_loadb(head.p, head.n, 0, NULL), *more = json_loads(base, 0, NULL);
	json_t *diff = changes ? json_loads(changes, JSON_ALLOW_NUL, NULL) : json_object();
	const char *key;
	json_t *v;

	cr_assert(all && more && diff, "%s", changes);
	json_object_update(all, more);
	json_object_foreach(diff, key, v)
	{
		if (json_is_null(v))
			json_object_del(all, key);
		else if (json_is_integer(v) &&
			 (strcmp(key, "exp") == 0 || strcmp(key, "iat") == 0 || strcmp(key, "nbf") == 0))
			json_object_set_new(all, key, json_integer(now_s + json_integer_value(v)));
		else
			json_object_set(all, key, v);
	}
	char *text = json_dumps(all, JSON_COMPACT);
	str out = str_dup(a, str_from(text));
	free(text);
	json_decref(all);
	json_decref(more);
	json_decref(diff);
	return out;
}

static answer exchange_with(arena *a, str token, const char *more)
{
	str body = str_print(a,
		"grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn%%3Aietf%%3Aparams%%3Aoauth%%"
		"3Atoken-type%%3Aid_token&subject_token=" STR_FMT "%s",
		STR_ARG(token), more);

	return served_call(a, NULL, "POST", "/v1/auth/token", "Content-Type: application/x-www-form-urlencoded\r\n",
		str_z(a, body));
}

static answer exchange(arena *a, str claims, const char *more)
{
	return exchange_with(a, mint_token(a, provider_key(a, "a"), "RS256", "a", ",\"typ\":\"JWT\"", claims), more);
}

static const char *text(const answer *r, const char *name)
{
	const char *s = json_string_value(json_object_get(r->doc, name));

	return s ? s : "";
}

/* clang-format off */
static const struct {
	const char *rule, *names, *changes; /* times are seconds from now */
} bad[] = {
	{"another issuer", "iss", "{\"iss\":\"https://token.actions.githubusercontent.com\"}"},
	{"an issuer with more behind it", "iss", "{\"iss\":\"https://localhost:1/x\"}"},
	{"no issuer", "iss", "{\"iss\":null}"},
	{"an issuer that is a number", "iss", "{\"iss\":7}"},
	{"another audience", "aud", "{\"aud\":\"https://elsewhere.example\"}"},
	{"the audience and another", "aud", "{\"aud\":[\"" AUDIENCE "\",\"https://elsewhere.example\"]}"},
	{"the audience twice", "aud", "{\"aud\":[\"" AUDIENCE "\",\"" AUDIENCE "\"]}"},
	{"no audience", "aud", "{\"aud\":null}"},
	{"an empty audience", "aud", "{\"aud\":\"\"}"},
	{"an audience that is an object", "aud", "{\"aud\":{\"x\":1}}"},
	{"expired", "exp", "{\"exp\":-31}"},
	{"no end", "exp", "{\"exp\":null}"},
	{"an end that is a text", "exp", "{\"exp\":\"9999999999\"}"},
	{"an end in a year", "exp", "{\"exp\":31536000}"},
	{"issued in the future", "iat", "{\"iat\":60}"},
	{"issued at no time", "iat", "{\"iat\":null}"},
	{"issued at a text", "iat", "{\"iat\":\"now\"}"},
	{"not yet valid", "nbf", "{\"nbf\":60}"},
	{"valid from a list", "nbf", "{\"nbf\":[]}"},
	{"no subject", "sub", "{\"sub\":null}"},
	{"a subject that is a number", "sub", "{\"sub\":1}"},
	{"no number", "jti", "{\"jti\":null}"},
	{"an empty number", "jti", "{\"jti\":\"\"}"},
	{"a number that is a list", "jti", "{\"jti\":[\"a\"]}"},
	{"another repository of the name", "repository_id", "{\"repository_id\":\"456780\"}"},
	{"no repository", "repository_id", "{\"repository_id\":null}"},
	{"a list with the repository", "repository_id", "{\"repository_id\":[\"456789\"]}"},
	{"a longer id", "repository_id", "{\"repository_id\":\"4567891\"}"},
	{"an id with a blank", "repository_id", "{\"repository_id\":\" 456789\"}"},
	{"another owner", "repository_owner_id", "{\"repository_owner_id\":\"1\"}"},
	{"another branch", "ref", "{\"ref\":\"refs/heads/dev\"}"},
	{"a tag of the branch's name", "ref", "{\"ref\":\"refs/tags/main\"}"},
	{"a branch in capitals", "ref", "{\"ref\":\"refs/heads/Main\"}"},
	{"no branch", "ref", "{\"ref\":null}"},
	{"another event", "event_name", "{\"event_name\":\"schedule\"}"},
	{"a pull request", "event_name", "{\"event_name\":\"pull_request\"}"},
	{"a pull request with the target's rights", "event_name", "{\"event_name\":\"pull_request_target\"}"},
	{"no event", "event_name", "{\"event_name\":null}"},
	{"an event that is true", "event_name", "{\"event_name\":true}"},
	{"another environment", "environment", "{\"environment\":\"staging\"}"},
	{"no environment", "environment", "{\"environment\":null}"},
	{"an empty environment", "environment", "{\"environment\":\"\"}"},
	{"a number that is too long", "jti", "{\"jti\":\"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj\"}"},
};
/* clang-format on */

static void refused(const char *rule, const char *names, const answer *r, str token)
{
	str detail = str_from(text(r, "detail"));

	cr_expect_eq(r->status, 400, "%s: %d " STR_FMT, rule, r->status, STR_ARG(r->body));
	cr_expect_str_eq(text(r, "code"), "identity_refused", "%s", rule);
	cr_expect_str_eq(text(r, "claim"), names, "%s: " STR_FMT, rule, STR_ARG(r->body));
	cr_expect_str_eq(text(r, "error"), "invalid_request", "%s", rule);
	cr_expect(memmem(detail.p, detail.n, names, strlen(names)), "%s: " STR_FMT, rule, STR_ARG(detail));
	cr_expect_null(
		memmem(r->body.p, r->body.n, token.p, token.n > 40 ? 40 : token.n), "%s: it is not repeated", rule);
}

Test(api_exchange, claims_that_do_not_fit_are_refused_by_name)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_bad");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	for (size_t i = 0; i < N(bad); i++) {
		str token = mint_token(a, provider_key(a, "a"), "RS256", "a", "", claims_of(a, github, bad[i].changes));
		answer r = exchange_with(a, token, "");
		refused(bad[i].rule, bad[i].names, &r, token);
	}
	cr_expect_geq(N(bad), 40);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM ci_token"), 0);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM identity_used"), 0);
	int64_t records = pg_int(served_dsn(),
		"SELECT count(*) FROM audit WHERE action = 'ci.exchange' AND outcome = 'refused:identity_refused'");
	cr_expect(records >= 5 && records <= 20, "each kind once a minute: %lld", (long long)records);
	answer r = exchange(a, claims_of(a, github, NULL), "");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
}

Test(api_exchange, signatures_that_do_not_fit_are_refused)
{
	AUTO_ARENA a = arena_new(0);
	mint_key *stranger = mint_key_new(a, "RSA", "a");

	begin(a, "api_exchange_sig");
	provider_publish("a b e");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	const struct {
		const char *rule, *names;
		str token;
	} rows[] = {
		{"alg none", "alg", mint_token(a, provider_key(a, "a"), "none", "a", "", claims_of(a, github, NULL))},
		{"the public key as a secret", "alg",
			mint_token(a, provider_key(a, "a"), "HS256", "a", "", claims_of(a, github, NULL))},
		{"a stranger's key", "signature",
			mint_token(a, stranger, "RS256", "a", "", claims_of(a, github, NULL))},
		{"an unknown key", "kid", mint_token(a, stranger, "RS256", "zzz", "", claims_of(a, github, NULL))},
		{"the other key's name", "signature",
			mint_token(a, provider_key(a, "a"), "RS256", "b", "", claims_of(a, github, NULL))},
		{"the name of a key of another kind", "kid",
			mint_token(a, provider_key(a, "a"), "RS256", "e", "", claims_of(a, github, NULL))},
		{"no name", "kid", mint_token(a, provider_key(a, "a"), "RS256", NULL, "", claims_of(a, github, NULL))},
		{"an access token", "typ",
			mint_token(a, provider_key(a, "a"), "RS256", "a", ",\"typ\":\"at+jwt\"",
				claims_of(a, github, NULL))},
	};
	for (size_t i = 0; i < N(rows); i++) {
		answer r = exchange_with(a, rows[i].token, "");
		refused(rows[i].rule, rows[i].names, &r, rows[i].token);
	}
	answer r =
		exchange_with(a, mint_token(a, provider_key(a, "e"), "ES256", "e", "", claims_of(a, github, NULL)), "");
	cr_expect_eq(r.status, 200, "ES256 is taken: " STR_FMT, STR_ARG(r.body));
	provider_file("down", "x");
	r = exchange(a, claims_of(a, github, NULL), "");
	cr_expect_eq(r.status, 200, "known keys serve while the issuer is away: " STR_FMT, STR_ARG(r.body));
	r = exchange_with(a, mint_token(a, stranger, "RS256", "yyy", "", claims_of(a, github, NULL)), "");
	cr_expect_eq(r.status, 400);
}

Test(api_exchange, nobody_comes_in_while_the_issuer_never_answered)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_down");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	provider_file("down", "x");
	answer r = exchange(a, claims_of(a, github, NULL), "");
	cr_expect_eq(r.status, 503, STR_FMT, STR_ARG(r.body));
	cr_expect_str_eq(text(&r, "code"), "issuer_unavailable");
	cr_expect(answer_header(&r, "Retry-After").p);
}

/* clang-format off */
static const struct {
	const char *rule, *body, *pointer;
	int status;
} forms[] = {
	{"no grant type", "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:id_token", "grant_type", 400},
	{"another grant type", "grant_type=password&subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:id_token", "grant_type", 400},
	{"another type of token", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:saml2", "subject_token_type", 400},
	{"another token wanted", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:id_token&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token", "requested_token_type", 400},
	{"a scope of no form", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:id_token&scope=everything", "scope", 400},
	{"a parameter twice", "grant_type=a&grant_type=b&subject_token=x&subject_token_type=y", "grant_type", 400},
	{"a parameter nobody knows", "grant_type=a&subject_token=x&subject_token_type=y&password=z", "password", 400},
};
/* clang-format on */

Test(api_exchange, the_form_is_read_strictly)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_form");
	for (size_t i = 0; i < N(forms); i++) {
		answer r = served_call(a, NULL, "POST", "/v1/auth/token",
			"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n", forms[i].body);
		const json_t *first = json_array_get(json_object_get(r.doc, "errors"), 0);
		const char *at = json_string_value(json_object_get(first, "pointer"));
		cr_expect_eq(r.status, forms[i].status, "%s: " STR_FMT, forms[i].rule, STR_ARG(r.body));
		cr_expect_str_eq(at ? at : "", forms[i].pointer, "%s", forms[i].rule);
		cr_expect(*text(&r, "error") && *text(&r, "error_description"), "%s", forms[i].rule);
	}
	answer r = served_call(a, NULL, "POST", "/v1/auth/token", NULL, "{}");
	cr_expect_eq(r.status, 415);
}

Test(api_exchange, an_exchanged_token_does_what_its_trust_grants)
{
	AUTO_ARENA a = arena_new(0);
	str claims;

	begin(a, "api_exchange_use");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	trust_make(a, OWNER, "look", "{\"repository_id\":\"456789\"}",
		"[{\"role\":\"viewer\",\"tenant\":\"acme/research\"}]");
	claims = claims_of(a, github, NULL);
	answer r = exchange(a, claims, "");
	cr_assert_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	const char *ci = str_z(a, str_from(text(&r, "access_token")));
	cr_expect(str_starts(str_from(ci), S("rv_ci_")));
	cr_expect_str_eq(text(&r, "token_type"), "Bearer");
	cr_expect_str_eq(
		text(&r, "scope"), "tenant:acme role:ci_provisioner", "of two that fit the one that demands most");
	cr_expect_eq(json_integer_value(json_object_get(r.doc, "expires_in")), 600);
	cr_expect_eq(
		served_call(a, ci, "POST", "/v1/tenants", NULL, "{\"name\":\"made\",\"parent\":\"acme\"}").status, 201);
	cr_expect_eq(served_call(a, ci, "POST", "/v1/tenants", NULL, "{\"name\":\"made\",\"parent\":\"other\"}").status,
		422);
	cr_expect_eq(served_call(a, ci, "POST", "/v1/tokens", NULL,
			     "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme\"}")
			     .status,
		403);
	r = served_call(a, ci, "GET", "/v1/whoami", NULL, NULL);
	cr_expect_str_eq(text(&r, "subject"), "ci:main", STR_FMT, STR_ARG(r.body));
	r = exchange(a, claims, "");
	refused("a number that was used", "jti", &r, S("eyJ"));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit WHERE action = 'ci.exchange' AND outcome = 'done' AND body LIKE "
			"'%run_id=77%' AND body NOT LIKE '%eyJ%' AND body NOT LIKE '%rv_ci%'"),
		1);
	r = exchange(a, claims_of(a, github, "{\"ref\":\"refs/heads/dev\",\"environment\":null}"), "");
	cr_expect_str_eq(text(&r, "scope"), "tenant:acme/research role:viewer", STR_FMT, STR_ARG(r.body));
	const char *viewer = str_z(a, str_from(text(&r, "access_token")));
	cr_expect_eq(served_call(a, viewer, "GET", "/v1/tenants/acme~research", NULL, NULL).status, 200);
	cr_expect_eq(served_call(a, viewer, "GET", "/v1/tenants/other", NULL, NULL).status, 404);
	cr_expect_eq(served_call(a, viewer, "PATCH", "/v1/tenants/acme~research",
			     "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n", "{\"description\":\"x\"}")
			     .status,
		403);
}

Test(api_exchange, scope_narrows_and_never_widens)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_scope");
	trust_make(a, OWNER, "main", MATCH_MAIN,
		"[{\"role\":\"ci_provisioner\",\"tenant\":\"acme\"},{\"role\":\"viewer\",\"tenant\":\"acme/research\"}]");
	answer r = exchange(a, claims_of(a, github, NULL), "&scope=tenant:acme/research%20role:ci_provisioner");
	cr_assert_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	cr_expect_str_eq(text(&r, "scope"), "tenant:acme/research role:ci_provisioner");
	const char *ci = str_z(a, str_from(text(&r, "access_token")));
	cr_expect_eq(
		served_call(a, ci, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"parent\":\"acme/research\"}").status,
		201);
	cr_expect_neq(
		served_call(a, ci, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"parent\":\"acme\"}").status, 201);
	str claims = claims_of(a, github, NULL);
	const char *const nothing[] = {"&scope=tenant:other", "&scope=role:tenant_owner", "&scope=tenant:nowhere"};
	for (size_t i = 0; i < N(nothing); i++) {
		r = exchange(a, claims, nothing[i]);
		cr_expect_eq(r.status, 400, "%s: " STR_FMT, nothing[i], STR_ARG(r.body));
		cr_expect_str_eq(text(&r, "error"), "invalid_scope", "%s", nothing[i]);
	}
	cr_expect_eq(exchange(a, claims, "").status, 200, "what was refused for its scope uses nothing up");
}

Test(api_exchange, gitlab_jobs_too)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_gitlab");
	trust_make(a, OWNER, "gl", "{\"project_id\":\"20\",\"ref\":\"main\",\"ref_protected\":\"true\"}", GRANT_ACME);
	cr_expect_eq(exchange(a, claims_of(a, gitlab, NULL), "").status, 200);
	cr_expect_eq(exchange(a, claims_of(a, gitlab, "{\"ref_protected\":true,\"project_id\":20}"), "").status, 200,
		"providers write them as texts or not");
	answer r = exchange(a, claims_of(a, gitlab, "{\"ref_protected\":\"false\"}"), "");
	refused("a ref that anybody may push to", "ref_protected", &r, S("eyJ"));
	r = exchange(a, claims_of(a, gitlab, "{\"project_id\":\"21\",\"job_project_id\":\"20\"}"), "");
	refused("a fork", "project_id", &r, S("eyJ"));
	cr_expect_null(strstr(text(&r, "detail"), "gl"), "a stranger does not hear whose trust it is");
	r = exchange(a, claims_of(a, github, NULL), "");
	refused("a GitHub token", "repository_id", &r, S("eyJ"));
}

Test(api_exchange, what_stands_behind_it_ends_it)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_ends");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	trust_make(a, ADMIN, "second", "{\"repository_id\":\"1\",\"environment\":\"x\"}", GRANT_ACME);
	answer r = exchange(a, claims_of(a, github, NULL), "");
	const char *one = str_z(a, str_from(text(&r, "access_token")));
	r = exchange(a, claims_of(a, github, "{\"repository_id\":\"1\",\"environment\":\"x\"}"), "");
	const char *two = str_z(a, str_from(text(&r, "access_token")));
	cr_expect_eq(served_call(a, one, "GET", "/v1/whoami", NULL, NULL).status, 200);
	cr_expect_eq(served_call(a, two, "GET", "/v1/whoami", NULL, NULL).status, 200);
	pg_do(served_dsn(),
		"UPDATE ci_token SET expires_at = now() - interval '1 second' WHERE trust_id = (SELECT id FROM trust WHERE name = 'main')");
	served_restart();
	r = served_call(a, one, "GET", "/v1/whoami", NULL, NULL);
	cr_expect_eq(r.status, 401);
	cr_expect_str_eq(text(&r, "code"), "token_expired");
	r = served_call(a, served_token(ADMIN), "GET", "/v1/trusts", NULL, NULL);
	const char *second =
		json_string_value(json_object_get(json_array_get(json_object_get(r.doc, "items"), 1), "id"));
	cr_assert(second, STR_FMT, STR_ARG(r.body));
	cr_expect_eq(served_call(a, served_token(ADMIN), "DELETE", str_z(a, str_print(a, "/v1/trusts/%s", second)),
			     "If-Match: *\r\n", NULL)
			     .status,
		204);
	cr_expect_eq(served_call(a, two, "GET", "/v1/whoami", NULL, NULL).status, 401, "it ends with its trust");
	trust_make(a, OWNER, "third", "{\"repository_id\":\"3\",\"environment\":\"x\"}", GRANT_ACME);
	r = exchange(a, claims_of(a, github, "{\"repository_id\":\"3\",\"environment\":\"x\"}"), "");
	const char *three = str_z(a, str_from(text(&r, "access_token")));
	cr_expect_eq(served_call(a, three, "GET", "/v1/whoami", NULL, NULL).status, 200);
	pg_do(served_dsn(),
		"UPDATE token SET revoked_at = now() WHERE id = (SELECT maker_token FROM trust WHERE name = 'third')");
	served_restart();
	cr_expect_eq(served_call(a, three, "GET", "/v1/whoami", NULL, NULL).status, 401, "and with whoever made that");
}

/* Each tenant may have a trust of the same provider: looked through one by one they would be cut off somewhere. */
Test(api_exchange, a_trust_is_found_among_very_many)
{
	AUTO_ARENA a = arena_new(0);

	begin(a, "api_exchange_many");
	trust_make(a, OWNER, "main", MATCH_MAIN, GRANT_ACME);
	pg_do(served_dsn(),
		"INSERT INTO trust (id, name, issuer, audience, match, roles, grant_keys, ttl_s, tenant_key, created_by) SELECT "
		"'trs_0' || lpad(n::text, 25, '0'), 'n' || n, k.issuer, k.audience, '{\"repository_id\":[\"' || n || '\",\"x\"]}', "
		"k.roles, k.grant_keys, k.ttl_s, k.tenant_key, 'x' FROM trust k, generate_series(1000000, 1006000) n");
	answer r = exchange(a, claims_of(a, github, NULL), "");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	r = exchange(a, claims_of(a, github, "{\"repository_id\":\"7\"}"), "");
	cr_expect_str_eq(text(&r, "claim"), "repository_id");
	cr_expect_str_eq(text(&r, "detail"), "repository_id differs from what any trust of this issuer demands");
}
