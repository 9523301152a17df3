/* Agents: joined once by a token, known by their certificate from then on, told what is new, heard once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "pg/pg.h"
#include "scene.h"

enum { TEXT_BYTES = 8192, HELD_TRIES = 200 };

static void shell(const char *fmt, const char *arg)
{
	char command[TEXT_BYTES];

	snprintf(command, sizeof(command), fmt, served_folder(), arg, arg);
	cr_assert_eq(system(command), 0, "%s", command);
}

static str file_text(arena *a, const char *name)
{
	char path[TEXT_BYTES], text[TEXT_BYTES];

	snprintf(path, sizeof(path), "%s/%s", served_folder(), name);
	FILE *f = fopen(path, "r");
	cr_assert(f);
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return str_dup(a, str_of(text, n));
}

static void file_write(const char *name, const char *text)
{
	char path[TEXT_BYTES];

	snprintf(path, sizeof(path), "%s/%s", served_folder(), name);
	FILE *f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const char *member(const answer *r, const char *name)
{
	const char *s = json_string_value(json_object_get(r->doc, name));

	return s ? s : "";
}

static int64_t number(const answer *r, const char *name)
{
	return json_integer_value(json_object_get(r->doc, name));
}

/* The CSR of a new key, as a JSON text without its quotes. */
static const char *csr_make(arena *a, const char *pair)
{
	char name[64];

	shell("cd %s && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=agent -keyout %s.key "
	      "-out %s.csr 2>/dev/null",
		pair);
	snprintf(name, sizeof(name), "%s.csr", pair);
	str pem = file_text(a, name), out = S("");
	while (pem.p && pem.n) {
		str line = str_split(&pem, '\n');
		out = str_print(a, STR_FMT STR_FMT "\\n", STR_ARG(out), STR_ARG(line));
	}
	return str_z(a, out);
}

static answer join(arena *a, const char *token, const char *uid, const char *pair)
{
	str body = str_print(a, "{\"token\":\"%s\",\"csr\":\"%s\",\"cluster_uid\":\"%s\",\"agent_id\":\"agent\"}",
		token, csr_make(a, pair), uid);

	return served_tls_call(a, "/agent/v1/join", str_z(a, body), NULL);
}

static const char *cluster_make(arena *a, const char *body)
{
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/clusters", NULL, body);

	cr_assert_eq(r.status, 201);
	return str_z(a, str_from(member(&r, "join_token")));
}

/* What the placer would commit for the cluster: the next of its stream. */
static void tell(const char *action)
{
	char sql[TEXT_BYTES];

	snprintf(sql, sizeof(sql),
		"INSERT INTO cluster_stream SELECT key, 0 FROM cluster ON CONFLICT DO NOTHING; WITH l AS (UPDATE leader SET n = "
		"n + 1, term = 3 RETURNING n), s AS (UPDATE cluster_stream SET rev = rev + 1 RETURNING *) INSERT INTO decision "
		"(n, term, at, tenant_key, placement_id, cluster_key, cluster_rev, action, body, hash) SELECT l.n, 3, now(), 2, "
		"'plc_1', s.cluster_key, s.rev, '%s', '{\"n\":1,\"placement\":{\"id\":\"plc_1\"}}', sha256('') FROM l, s",
		action);
	pg_do(served_dsn(), sql);
}

static void joined(arena *a)
{
	const char *token = cluster_make(a, "{\"name\":\"par-1\",\"accept\":true}");
	answer r = join(a, token, "uid-1", "one");

	cr_assert_eq(r.status, 200, "%d " STR_FMT, r.status, STR_ARG(r.body));
	cr_expect_str_eq(member(&r, "state"), "ready");
	cr_expect_str_eq(member(&r, "cluster"), "par-1");
	file_write("one.pem", member(&r, "certificate"));
	cr_expect_eq(join(a, token, "uid-1", "again").status, 200, "the same cluster repeats its join");
	cr_expect_eq(join(a, token, "uid-2", "other").status, 403, "another cluster does not");
	pg_do(served_dsn(),
		"INSERT INTO incarnation (number, system_id, timeline) VALUES (1, 'x', 1) ON CONFLICT DO NOTHING");
}

Test(api_agent, joins_once_and_hears_what_is_new)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_agent");
	joined(a);
	cr_expect_eq(served_tls_call(a, "/agent/v1/sync", "{\"session\":\"s\",\"applied_rev\":0}", NULL).status, 401);
	answer r = served_tls_call(a, "/agent/v1/sync", "{\"session\":\"s\",\"applied_rev\":0,\"wait_ms\":0}", "one");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	cr_expect_eq(number(&r, "rev"), 0);
	cr_expect_eq(number(&r, "incarnation"), 1);
	tell("grant");
	tell("revoke");
	r = served_tls_call(a, "/agent/v1/sync", "{\"session\":\"s\",\"applied_rev\":0}", "one");
	json_t *changes = json_object_get(r.doc, "changes"), *first = json_array_get(changes, 0);
	cr_expect_eq(json_array_size(changes), 2, STR_FMT, STR_ARG(r.body));
	cr_expect_eq(json_integer_value(json_object_get(first, "rev")), 1);
	cr_expect_str_eq(json_string_value(json_object_get(first, "action")), "grant");
	cr_expect_str_eq(json_string_value(json_object_get(json_object_get(first, "placement"), "id")), "plc_1");
	cr_expect_eq(number(&r, "term"), 3);
}

static bool metrics_have(const char *line)
{
	AUTO_ARENA a = arena_new(0);
	answer r = served_call(a, NULL, "GET", "/metrics", NULL, NULL);

	return memmem(r.body.p, r.body.n, line, strlen(line)) != NULL;
}

Test(api_agent, a_held_call_ends_with_the_news)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_held");
	joined(a);
	pid_t placer = fork();
	if (placer == 0) {
		bool is_counted = false;
		for (int i = 0; i < HELD_TRIES && !is_counted; i++) {
			usleep(20000);
			is_counted = metrics_have("\nreeve_agent_syncs_held 1\n");
		}
		tell("grant");
		_exit(!is_counted);
	}
	answer r =
		served_tls_call(a, "/agent/v1/sync", "{\"session\":\"s\",\"applied_rev\":0,\"wait_ms\":15000}", "one");
	cr_expect_eq(json_array_size(json_object_get(r.doc, "changes")), 1, STR_FMT, STR_ARG(r.body));
	int status = -1;
	waitpid(placer, &status, 0);
	cr_expect_eq(status, 0, "the call counts as held while it is");
	cr_expect(metrics_have("\nreeve_agent_syncs_held 0\n"), "and no longer");
}

/* clang-format off */
static const struct {
	const char *rule, *body;
	int64_t acked;
	bool wants;
} reports[] = {
	{"an unknown session begins anew", "{\"session\":\"s1\",\"seq\":5,\"items\":[]}", 0, true},
	{"the first", "{\"session\":\"s1\",\"seq\":1,\"items\":[{\"kind\":\"running\",\"is_whole\":true}]}", 1, false},
	{"a repeat", "{\"session\":\"s1\",\"seq\":1,\"items\":[]}", 1, false},
	{"a gap", "{\"session\":\"s1\",\"seq\":3,\"items\":[]}", 1, false},
	{"the next, with use", "{\"session\":\"s1\",\"seq\":2,\"items\":[{\"kind\":\"usage\",\"placement\":\"plc_1\",\"window_ms\":1000,\"memory_mib_avg\":5},{\"kind\":\"step\",\"placement\":\"plc_1\",\"fence\":\"1.1\",\"state\":\"running\"}]}", 2, false},
	{"its repeat", "{\"session\":\"s1\",\"seq\":2,\"items\":[{\"kind\":\"usage\",\"placement\":\"plc_1\",\"window_ms\":1000}]}", 2, false},
	{"a newer session", "{\"session\":\"s2\",\"seq\":1,\"items\":[]}", 1, false},
};
/* clang-format on */

Test(api_agent, a_report_is_stored_once)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_report");
	joined(a);
	pg_do(served_dsn(),
		"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, "
		"request, created_by, created_at, seq, rev) SELECT 'plc_1', 2, key, '', 'api', 'granted', 1, 1, '{}', "
		"'x', now(), 1, 1 FROM cluster");
	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
		answer r = served_tls_call(a, "/agent/v1/report", reports[i].body, "one");
		cr_expect_eq(r.status, 200, "%s: " STR_FMT, reports[i].rule, STR_ARG(r.body));
		cr_expect_eq(
			number(&r, "acked_seq"), reports[i].acked, "%s: " STR_FMT, reports[i].rule, STR_ARG(r.body));
		cr_expect_eq(
			json_is_true(json_object_get(r.doc, "want_snapshot")), reports[i].wants, "%s", reports[i].rule);
	}
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'report'"), 3);
	cr_expect(metrics_have("\nreeve_agent_reports_total 3\n"));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM usage_window"), 1);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE body LIKE '%usage%'"), 0);
	answer r = served_tls_call(
		a, "/agent/v1/report", "{\"session\":\"s2\",\"seq\":2,\"items\":[{\"kind\":\"weather\"}]}", "one");
	cr_expect_eq(r.status, 422);
	cr_expect_str_eq(member(&r, "code"), "bad_field");
}

#define WINDOW(source, end, ms, mib)                                                                                   \
	"{\"kind\":\"usage\",\"placement\":\"plc_1\",\"at\":\"2026-03-01T00:00:" end "Z\",\"window_ms\":" ms           \
	",\"source\":" source ",\"memory_mib_avg\":" mib "}"

/* clang-format off */
static const struct {
	const char *rule, *items;
	int64_t parts, ms; /* stored then, of all */
} windows[] = {
	{"two that touch, of two parts", WINDOW("1", "10", "10000", "1") "," WINDOW("1", "20", "10000", "1") "," WINDOW("2", "20", "10000", "1"), 3, 30000},
	{"the same again", WINDOW("1", "10", "10000", "1") "," WINDOW("1", "20", "10000", "1") "," WINDOW("2", "20", "10000", "1"), 3, 30000},
	{"added up with what is new", WINDOW("1", "30", "30000", "1"), 4, 40000},
	{"twice in one report", WINDOW("2", "30", "10000", "1") "," WINDOW("2", "30", "10000", "1"), 5, 50000},
	{"inside of one that is stored", WINDOW("2", "29", "5000", "1"), 5, 50000},
	{"one that was told late", WINDOW("2", "10", "10000", "1"), 6, 60000},
	{"whole, and its end twice", WINDOW("3", "20", "20000", "1") "," WINDOW("3", "20", "5000", "1"), 7, 80000},
};
/* clang-format on */

Test(api_agent, what_was_used_counts_once_however_often_it_is_told)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_windows");
	joined(a);
	pg_do(served_dsn(),
		"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, "
		"request, created_by, created_at, seq, rev) SELECT 'plc_1', 2, key, '', 'api', 'granted', 1, 1, '{}', "
		"'x', now(), 1, 1 FROM cluster");
	for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
		str body = str_print(a, "{\"session\":\"s%zu\",\"seq\":1,\"items\":[%s]}", i + 1, windows[i].items);
		answer r = served_tls_call(a, "/agent/v1/report", str_z(a, body), "one");
		cr_expect_eq(r.status, 200, "%s: " STR_FMT, windows[i].rule, STR_ARG(r.body));
		cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM usage_window"), windows[i].parts, "%s",
			windows[i].rule);
		cr_expect_eq(pg_int(served_dsn(), "SELECT sum(window_ms)::int8 FROM usage_window"), windows[i].ms, "%s",
			windows[i].rule);
	}
}

/* It knows more changes than were ever told: it hears so at once, and the placer hears of it once. */
Test(api_agent, ahead_of_the_server)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_ahead");
	joined(a);
	const char *ask = "{\"session\":\"s\",\"applied_rev\":7,\"wait_ms\":20000}";
	for (int i = 0; i < 2; i++) {
		answer r = served_tls_call(a, "/agent/v1/sync", ask, "one");
		cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
		cr_expect_eq(number(&r, "rev"), 0);
	}
	cr_expect_eq(
		pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'report' AND object_id = 'ahead'"), 1);
}

Test(api_agent, renews_and_is_shut_out)
{
	AUTO_ARENA a = arena_new(0);
	const char *admin;

	served_start("api_renew");
	joined(a);
	admin = served_token("platform_admin", NULL);
	str body = str_print(a, "{\"csr\":\"%s\"}", csr_make(a, "two"));
	answer r = served_tls_call(a, "/agent/v1/renew", str_z(a, body), "one");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	file_write("two.pem", member(&r, "certificate"));
	const char *ask = "{\"session\":\"s\",\"applied_rev\":0,\"wait_ms\":0}";
	cr_expect_eq(served_tls_call(a, "/agent/v1/sync", ask, "two").status, 200);
	cr_expect_eq(served_tls_call(a, "/agent/v1/renew", "{\"csr\":\"nonsense\"}", "two").status, 422);
	cr_expect_eq(served_call(a, admin, "DELETE", "/v1/clusters/par-1", "If-Match: *\r\n", NULL).status, 204);
	r = served_tls_call(a, "/agent/v1/sync", ask, "two");
	cr_expect_eq(r.status, 401);
	cr_expect_str_eq(member(&r, "code"), "certificate_required");
}

Test(api_agent, waits_to_be_accepted)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_accept");
	const char *token = cluster_make(a, "{\"name\":\"slow\"}");
	answer r = join(a, token, "uid-1", "one");
	cr_expect_str_eq(member(&r, "state"), "pending", STR_FMT, STR_ARG(r.body));
	int64_t records = pg_int(served_dsn(), "SELECT count(*) FROM audit");
	r = join(a, token, "uid-1", "one");
	cr_expect_str_eq(member(&r, "state"), "pending");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit"), records, "asking again is no event");
	served_call(a, served_token("platform_admin", NULL), "POST", "/v1/clusters/slow:accept", NULL, NULL);
	r = join(a, token, "uid-1", "one");
	cr_expect_str_eq(member(&r, "state"), "ready");
	cr_expect(str_starts(str_from(member(&r, "certificate")), S("-----BEGIN CERTIFICATE-----")));
}

/* Of a join there is a record, and in no record anything that lets one join or pass for an agent. */
Test(api_agent, no_record_holds_a_join_token_or_a_key)
{
	AUTO_ARENA a = arena_new(0);

	served_start("agent_secrets");
	joined(a);
	cr_expect_geq(pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action ~ 'join' AND outcome = 'done'"), 1);
	cr_expect_eq(
		pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE body ~ 'rv_(pat|join)_|BEGIN |PRIVATE'"), 0);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit a, join_token t WHERE strpos(a.body, encode(t.hash, 'hex')) > 0"),
		0);
}

/* Who shows a token that was good once may have stolen it. */
Test(api_agent, a_join_that_is_refused_leaves_a_record)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_join_refused");
	const char *token = cluster_make(a, "{\"name\":\"par-1\",\"accept\":true}");
	pg_do(served_dsn(), "UPDATE join_token SET expires_at = now() - interval '1 hour'");
	for (int i = 0; i < 2; i++)
		cr_expect_eq(join(a, token, "uid-1", "one").status, 403);
	/* Records are written in order: behind this one's stands no older one. */
	answer r = served_call(
		a, served_token("platform_admin", NULL), "POST", "/v1/tenants", NULL, "{\"name\":\"behind\"}");
	cr_expect_eq(r.status, 201);
	int64_t n = pg_int(served_dsn(),
		"SELECT count(*) FROM audit WHERE action = 'cluster.join' AND outcome = 'refused:join_refused' AND object_id = "
		"(SELECT id FROM cluster) AND body LIKE '%the token has expired%'");
	cr_expect(n == 1 || n == 2, "once a minute, and it was %lld times", (long long)n);
	cr_expect(metrics_have("\nreeve_auth_refused_total 2\n"));
}
