/* Many clients on one quota row, through the real door and the real placer: no more is granted than the quota holds,
 * and what is released restores every total to the byte. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "pg/pg.h"
#include "scene.h"
#include "server/placer/placer.h"

enum { CLIENTS = 16, EACH = 4, LIMIT = 8, WAITS_MAX = 500, WAIT_US = 20000 };

#define ADMIN "platform_admin", NULL
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below it", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"of eight devices", ADMIN, "PUT", "/v1/tenants/acme/quota", "If-Match: *\r\n", "{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":8000}}}}", 200, NULL, NULL, NULL},
};
/* clang-format on */

/* One cluster of four nodes with eight devices each, as its agent would report it. */
static const char fleet_sql[] =
	"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready');"
	"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body)"
	" SELECT 'report', 's:1', 1, c.key, 'agent', '', json_build_object('session', 's', 'seq', 1, 'items', json_build_array("
	" json_build_object('kind', 'inventory', 'is_whole', true, 'nodes', (SELECT json_agg(json_build_object('name', 'n' || n, 'cpu_milli', 64000,"
	" 'memory_mib', 262144, 'devices', (SELECT json_agg(json_build_object('uuid', 'n' || n || '-g' || g, 'index', g,"
	" 'product', 'NVIDIA H100 80GB HBM3', 'memory_mib', 81559)) FROM generate_series(0, 7) g))) FROM generate_series(1, 4) n)),"
	" json_build_object('kind', 'running', 'is_whole', true, 'placements', '[]'::json)))::text FROM cluster c";

static const char revoked_sql[] =
	"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body) SELECT 'report', 's:3', 1, cluster_key, 'agent', '', "
	"json_build_object('session', 's', 'seq', 3, 'items', json_build_array(json_build_object('kind', 'step', 'placement', id, "
	"'fence', fence_incarnation || '.' || fence_no, 'state', 'revoked')))::text FROM placement WHERE state = 'revoking'";

#define TOTALS                                                                                                             \
	"SELECT string_agg(u::text, ' ' ORDER BY tenant_key, model) || ' ' || (SELECT sum(used_slots + used_memory_mib + " \
	"used_compute_milli) FROM device) || ' ' || (SELECT sum(used_pods) FROM node) FROM tenant_use u"

static pid_t placer_begin(void)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_open("test", LOG_ERROR + 1);
	loop *l = loop_new();
	placer_options o = {.dsn = served_dsn(), .batch = 64, .poll_ms = 1, .reconnect_us = 2000};
	(void)placer_new(l, &o);
	loop_run(l);
	_exit(0);
}

static bool comes_true(const char *sql)
{
	for (int i = 0; i < WAITS_MAX; i++) {
		if (pg_int(served_dsn(), sql))
			return true;
		usleep(WAIT_US);
	}
	return false;
}

/* Half of them on the tenant itself, half below it. The exit status counts what was granted. */
static void client(int number, const char *token)
{
	int granted = 0;

	for (int i = 0; i < EACH; i++) {
		AUTO_ARENA a = arena_new(0);
		answer r = served_call(a, token, "POST", "/v1/placements?wait=10s", NULL,
			number % 2
				? "{\"tenant\":\"acme\",\"queue\":false,\"devices\":[{\"classes\":[\"h100-80g\"]}]}"
				: "{\"tenant\":\"acme/nlp\",\"queue\":false,\"devices\":[{\"classes\":[\"h100-80g\"]}]}");
		const char *state = json_string_value(json_object_get(r.doc, "state"));
		granted += r.status == 201 && state && strcmp(state, "granted") == 0;
	}
	_exit(granted);
}

static int crowd(const char *token)
{
	int granted = 0;

	for (int i = 0; i < CLIENTS; i++)
		if (fork() == 0)
			client(i, token);
	for (int i = 0; i < CLIENTS; i++) {
		int status = 0;
		wait(&status);
		granted += WEXITSTATUS(status);
	}
	return granted;
}

static void release_all(const char *token)
{
	for (;;) {
		AUTO_ARENA a = arena_new(0);
		answer r = served_call(a, token, "GET", "/v1/placements?state=granted&limit=100", NULL, NULL);
		const json_t *items = json_object_get(r.doc, "items");
		if (!json_array_size(items))
			break;
		for (size_t i = 0; i < json_array_size(items); i++) {
			str path = str_print(a, "/v1/placements/%s",
				json_string_value(json_object_get(json_array_get(items, i), "id")));
			cr_assert_eq(served_call(a, token, "DELETE", str_z(a, path), NULL, NULL).status, 202);
		}
		cr_assert(comes_true("SELECT (count(*) = 0)::int FROM placement WHERE state = 'granted'"));
	}
	pg_do(served_dsn(), revoked_sql);
	cr_assert(comes_true("SELECT (count(*) = 0)::int FROM placement WHERE ended_at IS NULL"));
}

Test(api_crowd, sixteen_clients_on_one_quota_row_never_over_grant, .timeout = 300)
{
	char before[4096];

	served_start("api_crowd");
	scenes_play(setup, N(setup));
	const char *token = served_token("platform_admin", NULL);
	pg_do(served_dsn(), fleet_sql);
	pid_t its_placer = placer_begin();
	cr_assert(comes_true("SELECT (count(*) = 32)::int FROM device"));
	/* A first round, so that every row is there. */
	cr_expect_eq(crowd(token), LIMIT);
	release_all(token);
	snprintf(before, sizeof before, "%s", pg_text(served_dsn(), TOTALS));
	cr_expect_eq(crowd(token), LIMIT);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT device_milli FROM tenant_use u JOIN tenant t ON t.key = tenant_key WHERE path = 'acme'"),
		LIMIT * 1000);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM placement WHERE state = 'granted'"), LIMIT);
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM placement WHERE state = 'rejected' AND reason <> 'quota_limit'"),
		0);
	release_all(token);
	cr_expect_str_eq(pg_text(served_dsn(), TOTALS), before, "every total as it was");
	kill(its_placer, SIGKILL);
	waitpid(its_placer, NULL, 0);
}
