/* What went wrong once between the placer, governance and the database. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "pg/proxy.h"
#include "realm.h"

enum { ENDS_WITHIN_MS = 30000 };

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)
#define ONE_H100                   "\"devices\":[{\"classes\":[\"h100-80g\"]}]"

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

static void starts_again(realm *r)
{
	realm_stop(r);
	realm_start(r);
	cr_expect(placer_is_serving(r->placer), "status %d", r->status);
	HOLDS(r);
}

static void send(PGconn *pg, const char *sql)
{
	PGresult *res = PQexec(pg, sql);

	cr_assert_eq(PQresultStatus(res), PGRES_COMMAND_OK, "%s: %s", sql, PQerrorMessage(pg));
	PQclear(res);
}

static void cluster_delete_send(PGconn *pg, const char *cluster)
{
	const char *args[] = {cluster, "-1", "0"};

	cr_assert(PQsendQueryParams(pg, sql_stmts[SQL_CLUSTER_DELETE].text, 3, NULL, args, NULL, NULL, 0));
}

static void cluster_delete_ends(PGconn *pg, const char *outcome)
{
	PGresult *res = PQgetResult(pg);

	cr_assert_eq(PQntuples(res), 1, "%s", PQerrorMessage(pg));
	cr_expect_str_eq(PQgetvalue(res, 0, 0), outcome);
	PQclear(res);
	while ((res = PQgetResult(pg)))
		PQclear(res);
}

Test(placer_faults, nothing_is_granted_on_a_cluster_that_is_being_deleted)
{
	realm r;
	open_and_start(&r, "gone");
	PGconn *other = PQconnectdb(r.dsn);
	send(other, "BEGIN");
	cluster_delete_send(other, "c1");
	cluster_delete_ends(other, "done");
	int late = realm_place(&r, "a/b", ONE_H100), elsewhere = realm_place(&r, "d", "\"devices\":[{}]");
	realm_run_for(&r, 50000);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement"), 0, "it decided without the lock");
	send(other, "COMMIT");
	realm_settle(&r);
	STATE_IS(&r, late, "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT c.name FROM placement p JOIN cluster c ON c.key = cluster_key WHERE p.id = 'plc_%d'",
			elsewhere),
		"c2");
	HOLDS(&r);
	starts_again(&r);
	PQfinish(other);
	realm_close(&r);
}

/* The count of what stands there is taken after the lock, not before. */
Test(placer_faults, a_cluster_is_not_deleted_under_a_grant_that_commits)
{
	realm r;
	open_and_start(&r, "under");
	PGconn *other = PQconnectdb(r.dsn);
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	/* The very rows of a grant, committed while the deletion waits. */
	realm_do(&r, "UPDATE placement SET state = 'done', ended_at = now() WHERE id = 'plc_%d'", k);
	realm_do(&r, "BEGIN; SELECT FROM cluster WHERE name = 'c1' FOR KEY SHARE;"
		     "UPDATE placement SET state = 'granted', ended_at = NULL");
	cluster_delete_send(other, "c1");
	realm_run_for(&r, 100000);
	realm_do(&r, "COMMIT");
	cluster_delete_ends(other, "refused:state_transition");
	HOLDS(&r);
	starts_again(&r);
	PQfinish(other);
	realm_close(&r);
}

/* A class of that name was stored before names were refused. */
Test(placer_faults, a_class_called_null_is_charged_under_its_name)
{
	realm r;
	realm_open(&r, "null", NULL);
	realm_do(&r, "UPDATE device_class SET name = 'null', model = 'null' WHERE name = 'l40s'");
	realm_start(&r);
	realm_settle(&r);
	int k = realm_place(&r, "a/b", "\"devices\":[{\"classes\":[\"null\"]}]");
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_str_eq(realm_text(&r, "SELECT charge_models[1] FROM placement"), "null");
	HOLDS(&r);
	starts_again(&r);
	realm_close(&r);
}

Test(placer_faults, the_lead_alone_is_no_beat)
{
	realm r;
	realm_open(&r, "beat", NULL);
	realm_do(&r, "UPDATE leader SET beat = 'epoch'");
	/* It loads for ever: what it wants to read is locked. */
	realm_do(&r, "BEGIN; LOCK TABLE device_class");
	placer_free(r.placer);
	r.placer = placer_new(r.l, &r.options);
	for (int i = 0; i < 100 && realm_int(&r, "SELECT term FROM leader") == 0; i++)
		realm_run_for(&r, 20000);
	cr_expect_eq(realm_int(&r, "SELECT term FROM leader"), 1);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM leader WHERE beat = 'epoch'"), 1);
	realm_do(&r, "COMMIT");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM leader WHERE beat = 'epoch'"), 0);
	realm_close(&r);
}

/* Handles that were let go are used again; what they stood for is not. */
Test(placer_faults, rows_of_a_deleted_cluster_are_not_issued_again)
{
	realm r;
	open_and_start(&r, "reissue");
	int64_t nodes = realm_int(&r, "SELECT max(key) FROM node"),
		devices = realm_int(&r, "SELECT max(key) FROM device");
	const char *before = strdup(realm_text(&r,
		"SELECT string_agg(id, ' ' ORDER BY id) FROM (SELECT id FROM device UNION ALL SELECT id FROM node) x"));
	realm_govern(&r, "cluster", "UPDATE cluster SET deleted_at = now() WHERE name = 'c1'");
	realm_settle(&r);
	realm_report(&r, "c2",
		"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"c2-n3\",\"cpu_milli\":1,\"memory_mib\":1,\"devices\":["
		"{\"uuid\":\"c2-n3-g0\",\"index\":0,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068}]}]}");
	realm_settle(&r);
	realm_settle(&r);
	cr_expect_gt(realm_int(&r, "SELECT key FROM node WHERE name = 'c2-n3'"), nodes);
	cr_expect_gt(realm_int(&r, "SELECT key FROM device WHERE uuid = 'c2-n3-g0'"), devices);
	cr_expect_null(strstr(before, realm_text(&r, "SELECT id FROM node WHERE name = 'c2-n3'")));
	cr_expect_null(strstr(before, realm_text(&r, "SELECT id FROM device WHERE uuid = 'c2-n3-g0'")));
	free((char *)before);
	HOLDS(&r);
	starts_again(&r);
	realm_close(&r);
}

/* One row that the database refuses does not stop the others; rejected if that can be stored, else put aside alone. */
Test(placer_faults, a_row_that_the_database_refuses_stops_nobody)
{
	static const struct {
		const char *refuses, *told;
	} rows[] = {
		{"name <> 'bad' OR state = 'rejected'", "rejected not_storable"},
		{"id <> 'plc_2'", ""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		realm r;
		open_and_start(&r, "refused");
		realm_do(&r, "ALTER TABLE placement ADD CONSTRAINT planted CHECK (%s)", rows[i].refuses);
		realm_do(&r, "BEGIN");
		int good = realm_place(&r, "a/b", ONE_H100), bad = realm_place(&r, "a/b", "\"name\":\"bad\"," ONE_H100),
		    last = realm_place(&r, "d", ONE_H100);
		realm_do(&r, "COMMIT");
		realm_settle(&r);
		STATE_IS(&r, good, "granted");
		STATE_IS(&r, last, "granted");
		cr_expect_str_eq(
			realm_text(&r, "SELECT state || ' ' || reason FROM placement WHERE id = 'plc_%d'", bad),
			rows[i].told);
		cr_expect_str_eq(
			realm_text(&r, "SELECT string_agg(kind || ' ' || object_id, ',') FROM inbox_quarantine"),
			"place plc_2");
		cr_expect_str_neq(realm_text(&r, "SELECT why FROM inbox_quarantine"), "");
		HOLDS(&r);
		/* And the next ones go in one batch again, all at its time. */
		realm_do(&r, "BEGIN");
		for (int n = 0; n < 5; n++)
			(void)realm_place(&r, "d", ONE_H100);
		realm_do(&r, "COMMIT");
		realm_settle(&r);
		cr_expect_str_eq(
			realm_text(&r,
				"SELECT count(*) || ' ' || count(DISTINCT granted_at) FROM placement WHERE seq > "
				"(SELECT seq FROM placement WHERE id = 'plc_%d')",
				last),
			"5 1");
		starts_again(&r);
		realm_close(&r);
	}
}

Test(placer_faults, a_report_that_the_database_refuses_stops_nobody)
{
	realm r;
	open_and_start(&r, "report");
	realm_do(&r, "ALTER TABLE node ADD CONSTRAINT planted CHECK (name <> 'bad')");
	realm_report(&r, "c2",
		"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"bad\",\"cpu_milli\":1,\"memory_mib\":1,\"devices\":[]}]}");
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM inbox_quarantine WHERE kind = 'report'"), 1);
	HOLDS(&r);
	starts_again(&r);
	realm_close(&r);
}

/* What stands aside is of all tenants: none of them sees it. */
Test(placer_faults, what_is_put_aside_is_not_shown_to_tenants)
{
	realm r;
	realm_open(&r, "aside", NULL);
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) right_"
			" WHERE relname = 'inbox_quarantine' AND has_table_privilege('reeve_edge', oid, right_)"),
		0);
	cr_expect_eq(
		realm_int(&r, "SELECT count(*) FROM pg_class WHERE relname = 'inbox_quarantine' AND relrowsecurity"),
		1);
	realm_close(&r);
}

/* Another database, and the placer goes down before the clusters have told what they run: the next one still waits. */
Test(placer_faults, what_is_to_be_learned_outlives_the_placer)
{
	realm r;
	open_and_start(&r, "learning");
	realm_stop(&r);
	realm_do(&r, "UPDATE incarnation SET timeline = timeline + 1");
	realm_start(&r);
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "pending");
	starts_again(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "pending");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM cluster_learning"), 2);
	realm_report(&r, "c1", "{\"kind\":\"running\",\"is_whole\":true,\"placements\":[]}");
	realm_settle(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM cluster_learning"), 1);
	HOLDS(&r);
	starts_again(&r);
	realm_close(&r);
}

Test(placer_faults, an_agent_that_is_ahead_must_report_first)
{
	realm r;
	open_and_start(&r, "ahead");
	realm_do(&r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body) SELECT 'report', 'ahead', 1, key, 'agent', '', '' FROM cluster WHERE name = 'c1'");
	realm_settle(&r);
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "pending");
	starts_again(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "pending");
	realm_report(&r, "c1", "{\"kind\":\"running\",\"is_whole\":true,\"placements\":[]}");
	realm_settle(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM cluster_learning"), 0);
	HOLDS(&r);
	realm_close(&r);
}

/* Numbered early, stored late, and let go of at once: the release is read first. */
Test(placer_faults, a_release_waits_for_its_late_request)
{
	realm r;
	open_and_start(&r, "late");
	PGconn *other = PQconnectdb(r.dsn);
	send(other, "BEGIN");
	send(other,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'place', 'plc_late', key, 'tok_1', 'req', "
		"'{\"tenant\":\"a/b\",\"devices\":[{}]}' FROM tenant WHERE path = 'a/b'");
	for (int i = 0; i < 7; i++) {
		(void)realm_place(&r, "d", ONE_H100);
		realm_run_for(&r, 500000);
	}
	send(other,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) VALUES ('release', 'plc_late', 2, 'tok_2', 'req', '')");
	send(other, "COMMIT");
	realm_settle(&r);
	for (int i = 0; i < 50 && realm_int(&r, "SELECT count(*) FROM placement WHERE id = 'plc_late'") == 0; i++)
		realm_run_for(&r, 200000);
	cr_expect_str_eq(realm_text(&r, "SELECT state FROM placement WHERE id = 'plc_late'"), "revoking");
	HOLDS(&r);
	PQfinish(other);
	realm_close(&r);
}

/* An agent that lets fewer share a device would refuse what is granted past that. */
Test(placer_faults, slots_that_an_agent_reports_hold)
{
	realm r;
	open_and_start(&r, "slots");
	realm_report(&r, "c2",
		"{\"kind\":\"inventory\",\"is_whole\":true,\"nodes\":[{\"name\":\"c2-n1\",\"cpu_milli\":64000,\"memory_mib\":262144,\"devices\":["
		"{\"uuid\":\"c2-n1-g0\",\"index\":0,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068,\"slots\":2}]}]},"
		"{\"kind\":\"running\",\"is_whole\":true}");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT slots FROM device WHERE uuid = 'c2-n1-g0'"), 2);
	starts_again(&r);
	for (int i = 0; i < 3; i++)
		(void)realm_place(&r, "a/b", "\"devices\":[{\"classes\":[\"l40s\"],\"memory_mib\":1000}]");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'granted'"), 2);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'pending'"), 1);
	HOLDS(&r);
	realm_close(&r);
}

/* It waits for the same still, but for less of it: what is told says so, and the chain says nothing. */
Test(placer_faults, what_waits_tells_new_numbers)
{
	const char *told = "SELECT blockers::json->0->>'free' FROM placement WHERE id = 'plc_%d'";
	realm r;
	open_and_start(&r, "numbers");
	realm_do(&r, "UPDATE quota SET limit_device_milli = 4000");
	realm_govern(&r, "quota", "UPDATE quota SET limit_device_milli = 4000");
	realm_settle(&r);
	for (int i = 0; i < 2; i++)
		(void)realm_place(&r, "a/b", "\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}]");
	realm_settle(&r);
	int k = realm_place(&r, "a/b", "\"devices\":[{\"count\":4,\"classes\":[\"h100-80g\"]}]");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, told, k), 0);
	int64_t records = realm_int(&r, "SELECT count(*) FROM decision WHERE placement_id = 'plc_%d'", k);
	realm_run_for(&r, 1100000);
	realm_release(&r, 1);
	realm_settle(&r);
	realm_step(&r, 1, "revoked");
	realm_settle(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "pending");
	cr_expect_eq(realm_int(&r, told, k), 2000);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM decision WHERE placement_id = 'plc_%d'", k), records);
	HOLDS(&r);
	starts_again(&r);
	realm_close(&r);
}

Test(placer_faults, rows_that_are_booked_are_not_dropped)
{
	realm r;
	open_and_start(&r, "booked");
	const char *drops[] = {"{1,2,3,4,5,6}"};
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	realm_stop(&r);
	realm_do(&r, "BEGIN");
	PQclear(PQexecParams(r.pg, sql_stmts[SQL_NODE_GONE].text, 1, NULL, drops, NULL, NULL, 0));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node"), 1);
	realm_do(&r, "ROLLBACK; BEGIN");
	drops[0] = "{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20}";
	PQclear(PQexecParams(r.pg, sql_stmts[SQL_DEVICE_GONE].text, 1, NULL, drops, NULL, NULL, 0));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM device"), 1);
	realm_do(&r, "ROLLBACK");
	HOLDS(&r);
	realm_close(&r);
}

/* Its supervisor was killed: PostgreSQL ends at the same time, with the batch at hand. */
Test(placer_faults, it_ends_when_the_database_goes_before_the_batch_is_answered)
{
	realm r;
	char through[256];
	realm_open(&r, "orphan", NULL);
	proxy *database = proxy_new(r.l);
	snprintf(through, sizeof through, "host=%s user=reeve dbname=%s", proxy_folder(database),
		realm_text(&r, "SELECT current_database()"));
	r.options.dsn = through;
	realm_start(&r);
	cr_assert(placer_is_serving(r.placer));
	realm_settle(&r);
	PGconn *other = PQconnectdb(r.dsn);
	send(other, "BEGIN; LOCK TABLE placement");
	(void)realm_place(&r, "a/b", ONE_H100);
	realm_run_for(&r, 50000);
	placer_stop(r.placer);
	cr_expect(!r.has_ended, "it did not wait for the batch");
	proxy_free(database);
	for (int i = 0; i < ENDS_WITHIN_MS / 50 && !r.has_ended; i++)
		realm_run_for(&r, 50000);
	cr_expect(r.has_ended);
	send(other, "ROLLBACK");
	PQfinish(other);
	realm_close(&r);
}
