/* Certificates of agents: what one that has ended may still do, and how one that is revoked ends everywhere. */
#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg/pg.h"
#include "scene.h"

enum { TEXT_BYTES = 8192, DAY_S = 86400, HELD_TRIES = 200 };

static const char sync_now[] = "{\"session\":\"s\",\"applied_rev\":0,\"wait_ms\":0}";

static FILE *file_of(const char *name, const char *mode)
{
	char path[TEXT_BYTES];

	snprintf(path, sizeof(path), "%s/%s", served_folder(), name);
	FILE *f = fopen(path, mode);
	cr_assert(f, "%s", path);
	return f;
}

static const char *member(const answer *r, const char *name)
{
	const char *s = json_string_value(json_object_get(r->doc, name));

	return s ? s : "";
}

static void certificate_put(const char *name, const char *pem)
{
	FILE *f = file_of(name, "w");

	cr_assert(fputs(pem, f) >= 0);
	fclose(f);
}

/* A new key <pair>.key, and its request as the inside of a JSON text. */
static const char *csr_make(arena *a, const char *pair)
{
	char command[TEXT_BYTES], line[256];
	str out = S("");

	snprintf(command, sizeof(command),
		"cd %s && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=agent -keyout %s.key "
		"2>/dev/null",
		served_folder(), pair);
	FILE *f = popen(command, "r");
	cr_assert(f);
	while (fgets(line, sizeof(line), f))
		out = str_print(a, STR_FMT "%.*s\\n", STR_ARG(out), (int)strcspn(line, "\n"), line);
	cr_assert_eq(pclose(f), 0);
	return str_z(a, out);
}

static answer join(arena *a, const char *token, const char *pair)
{
	str body = str_print(a, "{\"token\":\"%s\",\"csr\":\"%s\",\"cluster_uid\":\"uid-1\",\"agent_id\":\"agent\"}",
		token, csr_make(a, pair));
	answer r = served_tls_call(a, "/agent/v1/join", str_z(a, body), NULL);
	char name[64];

	snprintf(name, sizeof(name), "%s.pem", pair);
	if (r.status == 200)
		certificate_put(name, member(&r, "certificate"));
	return r;
}

static answer renew(arena *a, const char *from, const char *pair)
{
	str body = str_print(a, "{\"csr\":\"%s\"}", csr_make(a, pair));

	return served_tls_call(a, "/agent/v1/renew", str_z(a, body), from);
}

static void joined(arena *a, const char *database)
{
	served_start(database);
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/clusters", NULL,
		"{\"name\":\"par-1\",\"accept\":true}");
	cr_assert_eq(r.status, 201);
	cr_assert_eq(join(a, str_z(a, str_from(member(&r, "join_token"))), "one").status, 200);
	pg_do(served_dsn(),
		"INSERT INTO incarnation (number, system_id, timeline) VALUES (1, 'x', 1) ON CONFLICT DO NOTHING");
}

/* The certificate one.pem anew, as it would be had it ended so long ago: the same number and key, signed by signer.key
 * of the folder. */
static void aged(const char *pair, int64_t ended_s_ago, const char *signer)
{
	FILE *from = file_of("one.pem", "r"), *by = file_of(signer, "r");
	X509 *cert = PEM_read_X509(from, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_PrivateKey(by, NULL, NULL, NULL);
	char name[64], command[TEXT_BYTES];

	cr_assert(cert && key);
	X509_gmtime_adj(X509_getm_notBefore(cert), -(ended_s_ago + 7 * DAY_S));
	X509_gmtime_adj(X509_getm_notAfter(cert), -ended_s_ago);
	cr_assert(X509_sign(cert, key, EVP_sha256()));
	snprintf(name, sizeof(name), "%s.pem", pair);
	FILE *to = file_of(name, "w");
	cr_assert(PEM_write_X509(to, cert));
	fclose(to), fclose(from), fclose(by);
	X509_free(cert);
	EVP_PKEY_free(key);
	snprintf(command, sizeof(command), "cp %s/one.key %s/%s.key", served_folder(), served_folder(), pair);
	cr_assert_eq(system(command), 0);
}

/* clang-format off */
static const struct {
	const char *rule;
	int64_t ended_s_ago;
	int renews;
} ends[] = {
	{"ended a minute ago", 60, 200},
	{"ended 29 days ago", 29 * DAY_S, 200},
	{"ended 31 days ago", 31 * DAY_S, 401},
};
/* clang-format on */

Test(api_certificate, one_that_ended_renews_itself_and_does_nothing_else)
{
	AUTO_ARENA a = arena_new(0);

	joined(a, "api_expired");
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		aged("old", ends[i].ended_s_ago, "ca/key.pem");
		answer r = served_tls_call(a, "/agent/v1/sync", sync_now, "old");
		cr_expect_eq(r.status, 401, "%s: sync gave %d", ends[i].rule, r.status);
		cr_expect_str_eq(member(&r, "code"), "certificate_required");
		r = served_tls_call(a, "/agent/v1/report", "{\"session\":\"s\",\"seq\":1,\"items\":[]}", "old");
		cr_expect_eq(r.status, 401, "%s: report gave %d", ends[i].rule, r.status);
		r = renew(a, "old", "fresh");
		cr_expect_eq(r.status, ends[i].renews, "%s: renew gave %d", ends[i].rule, r.status);
		if (r.status != 200)
			continue;
		certificate_put("fresh.pem", member(&r, "certificate"));
		cr_expect_eq(served_tls_call(a, "/agent/v1/sync", sync_now, "fresh").status, 200);
	}
	aged("foreign", 60, "one.key");
	cr_expect_eq(renew(a, "foreign", "fresh").status, 0, "one that another key signed does not even connect");
}

Test(api_certificate, one_that_ended_and_is_revoked_does_not_renew)
{
	AUTO_ARENA a = arena_new(0);

	joined(a, "api_expired_revoked");
	aged("old", DAY_S, "ca/key.pem");
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/clusters/par-1:revoke-agent", NULL,
		"{\"reason\":\"stolen\"}");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	cr_expect_eq(renew(a, "old", "fresh").status, 401);
}

static bool is_held(void)
{
	AUTO_ARENA a = arena_new(0);
	static const char line[] = "\nreeve_agent_syncs_held 1\n";
	answer r = served_call(a, NULL, "GET", "/metrics", NULL, NULL);

	return memmem(r.body.p, r.body.n, line, sizeof(line) - 1) != NULL;
}

/* The row says so without any process being told: nothing but what the edge reads by itself helps. */
static const char revoke_sql[] =
	"UPDATE agent_certificate SET revoked_at = now(); "
	"WITH c AS (UPDATE chain SET n = n + 1 WHERE id = 'g' RETURNING n) "
	"INSERT INTO audit (n, at, actor, action, object_kind, object_id, tenant_key, request_id, outcome, body, hash) "
	"SELECT c.n, now(), 'x', 'cluster.revoke_agent', 'cluster', cluster.id, 1, '', 'done', '{}', sha256('') "
	"FROM c, cluster";

Test(api_certificate, revocation_ends_a_held_call)
{
	AUTO_ARENA a = arena_new(0);

	joined(a, "api_revoke_held");
	pid_t other = fork();
	if (other == 0) {
		bool held = false;
		for (int i = 0; i < HELD_TRIES && !held; i++) {
			usleep(20000);
			held = is_held();
		}
		pg_do(served_dsn(), revoke_sql);
		_exit(!held);
	}
	answer r =
		served_tls_call(a, "/agent/v1/sync", "{\"session\":\"s\",\"applied_rev\":0,\"wait_ms\":18000}", "one");
	cr_expect_eq(r.status, 401, "%d " STR_FMT, r.status, STR_ARG(r.body));
	int status = -1;
	waitpid(other, &status, 0);
	cr_expect_eq(status, 0, "the call was held");
}

Test(api_certificate, whoever_is_revoked_joins_anew_with_the_new_token_only)
{
	AUTO_ARENA a = arena_new(0);
	const char *admin;

	joined(a, "api_revoke");
	admin = served_token("platform_admin", NULL);
	cr_expect_eq(served_tls_call(a, "/agent/v1/sync", sync_now, "one").status, 200);
	cr_expect_eq(served_call(a, served_token("cluster_operator", NULL), "POST", "/v1/clusters/nowhere:revoke-agent",
			     NULL, NULL)
			     .status,
		404);
	answer r = served_call(a, admin, "POST", "/v1/clusters/par-1:revoke-agent", NULL, "{\"reason\":\"stolen\"}");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	const char *token = str_z(a, str_from(member(&r, "join_token")));
	answer refused = served_tls_call(a, "/agent/v1/sync", sync_now, "one");
	cr_expect_eq(refused.status, 401);
	cr_expect_eq(renew(a, "one", "two").status, 401, "nothing grows out of it");
	cr_expect_eq(join(a, token, "three").status, 200);
	cr_expect_eq(served_tls_call(a, "/agent/v1/sync", sync_now, "three").status, 200);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action = 'cluster.revoke_agent' AND "
					  "outcome = 'done' AND body LIKE '%stolen%' AND body NOT LIKE '%rv_join%'"),
		1);
}
