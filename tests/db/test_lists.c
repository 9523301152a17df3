/* Lists of placements: the right rows in order, at a cost that does not grow with how many there are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "db/sql.h"
#include "pg/pg.h"

/* The whole table has some 4,000 blocks. A page of 101 rows, each found by its key, touches far fewer. */
enum { SQL_BYTES = 4096, BLOCKS_MAX = 1500 };

#define LIVE "'{pending,granted,delivered,accepted,bound,running,revoking}'"

/* 40 tenants below a; 40,000 placements, of which 1 in 20 lives and 10 wait; and 5 that stand in the inbox yet. Ids are
 * spread over all of them. */
static const char *const world[] = {
	"SET client_min_messages = error",
	"SET plan_cache_mode = force_generic_plan",
	"SET jit = off",
	"SET synchronous_commit = off",
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_a', 1, 'a', 'a', 1, 'quo_a')",
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) SELECT 'tnt_' || g, 3, 't' || g, 'a/t' || g, 2, 'quo_' || g "
	"FROM generate_series(1, 40) g",
	"INSERT INTO cluster (id, name, state) SELECT 'cls_' || g, 'c' || g, 'ready' FROM generate_series(1, 20) g",
	/* A name that another cluster had before it was deleted. */
	"INSERT INTO cluster (id, name, state, deleted_at) VALUES ('cls_old', 'c1', 'ready', now())",
	"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, placed, created_by, "
	"created_at, ended_at, seq, rev) SELECT 'plc_' || md5(g::text), 4 + g % 40, CASE WHEN g % 4000 > 0 THEN 1 + g % 20 END, 'p', 'api', "
	"CASE WHEN g % 4000 = 0 THEN 'pending' WHEN g % 20 = 0 THEN 'running' ELSE 'done' END, 1, 1, repeat('x', 400), '[]', 'tok', now(), "
	"CASE WHEN g % 20 > 0 THEN now() END, g, g FROM generate_series(1, 40000) g",
	"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'place', 'plc_' || md5('i' || g), 4 + g, 'tok', '', '{}' "
	"FROM generate_series(1, 5) g",
	"VACUUM ANALYZE",
};

enum { TENANTS_END = 6 };

static PGconn *world_make(const char *name)
{
	PGconn *pg = PQconnectdb(pg_database(name));
	for (size_t i = 0; i < sizeof(world) / sizeof(*world); i++)
		ask_do(pg, world[i]);
	return pg;
}

/* Blocks the statement touched, by its own account. */
static long blocks_of(PGconn *pg, sql_id s, const char *args)
{
	char sql[SQL_BYTES];
	long hit = 0, read = 0;
	PQclear(ask(pg, s, args));
	snprintf(sql, sizeof(sql), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE %s(%s)",
		sql_stmts[s].name, args);
	PGresult *res = PQexec(pg, sql);
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
	for (int i = 0; i < PQntuples(res); i++) {
		const char *at = strstr(PQgetvalue(res, i, 0), "Buffers: shared");
		if (!at)
			continue;
		const char *h = strstr(at, "hit="), *r = strstr(at, "read=");
		hit = h ? strtol(h + 4, NULL, 10) : 0;
		read = r ? strtol(r + 5, NULL, 10) : 0;
		break;
	}
	PQclear(res);
	return hit + read;
}

/* What the page must hold, asked for in the plainest way. */
static void page_is(PGconn *pg, sql_id s, const char *args, const char *where, const char *why)
{
	char sql[SQL_BYTES];
	PGresult *res = ask(pg, s, args);
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s: %s", why, PQerrorMessage(pg));
	snprintf(sql, sizeof(sql),
		"SELECT id FROM (SELECT id, tenant_key, cluster_key, state FROM placement UNION ALL "
		"SELECT object_id, tenant_key, NULL, 'pending' FROM inbox) x WHERE %s ORDER BY id%s LIMIT 101",
		where, s == SQL_PLACEMENT_LIST_SORTED ? " DESC" : "");
	PGresult *plain = PQexec(pg, sql);
	cr_assert_eq(PQresultStatus(plain), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
	cr_expect_eq(PQntuples(res), PQntuples(plain), "%s: %d rows, not %d", why, PQntuples(res), PQntuples(plain));
	for (int i = 0; i < PQntuples(res) && i < PQntuples(plain); i++)
		cr_assert_str_eq(PQgetvalue(res, i, 0), PQgetvalue(plain, i, 0), "%s: row %d", why, i);
	PQclear(res);
	PQclear(plain);
}

/* The same of records, whose page is as long as the last argument says; it touches no more than so many blocks. */
static void records_are(PGconn *pg, sql_id s, const char *table, const char *args, const char *where, long blocks_max)
{
	char sql[SQL_BYTES];
	PGresult *res = ask(pg, s, args);
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s: %s", args, PQerrorMessage(pg));
	snprintf(sql, sizeof(sql), "SELECT n FROM %s WHERE %s ORDER BY n LIMIT %s", table, where, strrchr(args, ' '));
	PGresult *plain = PQexec(pg, sql);
	cr_assert_eq(PQresultStatus(plain), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
	cr_expect_eq(PQntuples(res), PQntuples(plain), "%s: %d rows, not %d", args, PQntuples(res), PQntuples(plain));
	for (int i = 0; i < PQntuples(res) && i < PQntuples(plain); i++)
		cr_assert_str_eq(PQgetvalue(res, i, 0), PQgetvalue(plain, i, 0), "%s: row %d", args, i);
	PQclear(res);
	PQclear(plain);
	long blocks = blocks_of(pg, s, args);
	cr_expect_leq(blocks, blocks_max, "%s touches %ld blocks", args, blocks);
}

Test(lists, a_page_does_not_cost_the_whole_table)
{
	static const struct {
		const char *role, *scope, *args, *where;
	} rows[] = {
		{"reeve_platform", "", "NULL, false, NULL, NULL, '', 101", "true"},
		{"reeve_platform", "", "NULL, false, NULL, NULL, 'plc_8', 101", "id > 'plc_8'"},
		{"reeve_platform", "", "NULL, false, '{pending}', NULL, '', 101", "state = 'pending'"},
		{"reeve_platform", "", "NULL, false, " LIVE ", NULL, '', 101", "state IN ('pending', 'running')"},
		{"reeve_platform", "", "NULL, false, '{done,failed}', NULL, '', 101", "state = 'done'"},
		{"reeve_platform", "", "NULL, false, '{running}', 'c1', '', 101",
			"state = 'running' AND cluster_key = 1"},
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, '', 101", "tenant_key = 4"},
		{"reeve_platform", "", "'a', true, '{pending}', NULL, '', 101", "state = 'pending'"},
		{"reeve_platform", "", "'a', true, '{granted,running}', NULL, '', 101", "state = 'running'"},
		{"reeve_edge", "{6,7}", "NULL, false, NULL, NULL, '', 101", "tenant_key IN (6, 7)"},
		{"reeve_edge", "{6,7}", "'a/t3', false, NULL, NULL, '', 101", "tenant_key = 6"},
		{"reeve_edge", "{6,4}", "NULL, false, '{pending}', NULL, '', 101",
			"state = 'pending' AND tenant_key IN (4, 6)"},
		{"reeve_edge", "{24,4}", "NULL, false, '{running}', NULL, '', 101",
			"state = 'running' AND tenant_key IN (24, 4)"},
		{"reeve_edge", "{}", "NULL, false, NULL, NULL, '', 101", "false"},
	};
	PGconn *pg = world_make("pages");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_as(pg, rows[i].role, rows[i].scope);
		page_is(pg, SQL_PLACEMENT_LIST, rows[i].args, rows[i].where, rows[i].args);
		long blocks = blocks_of(pg, SQL_PLACEMENT_LIST, rows[i].args);
		cr_expect_leq(blocks, BLOCKS_MAX, "%s as %s touches %ld blocks", rows[i].args, rows[i].role, blocks);
	}
	PQfinish(pg);
}

/* The newest page is no more than the oldest. */
Test(lists, newest_first_is_the_same_list_from_its_end)
{
	static const struct {
		const char *role, *scope, *args, *where;
	} rows[] = {
		{"reeve_platform", "", "NULL, false, NULL, NULL, 'zzzz', 101", "true"},
		{"reeve_platform", "", "NULL, false, NULL, NULL, 'plc_8', 101", "id < 'plc_8'"},
		{"reeve_platform", "", "NULL, false, '{pending}', NULL, 'zzzz', 101", "state = 'pending'"},
		{"reeve_platform", "", "NULL, false, '{running}', 'c1', 'zzzz', 101",
			"state = 'running' AND cluster_key = 1"},
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, 'zzzz', 101", "tenant_key = 4"},
		{"reeve_edge", "{6,7}", "NULL, false, NULL, NULL, 'zzzz', 101", "tenant_key IN (6, 7)"},
	};
	PGconn *pg = world_make("newest");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_as(pg, rows[i].role, rows[i].scope);
		page_is(pg, SQL_PLACEMENT_LIST_SORTED, rows[i].args, rows[i].where, rows[i].args);
		long blocks = blocks_of(pg, SQL_PLACEMENT_LIST_SORTED, rows[i].args);
		cr_expect_leq(blocks, BLOCKS_MAX, "%s as %s touches %ld blocks", rows[i].args, rows[i].role, blocks);
	}
	PQfinish(pg);
}

/* A key that is asked for sorts as PostgreSQL sorts its columns. */
Test(lists, a_key_stands_where_its_columns_stand)
{
	static const struct {
		const char *wanted, *order;
	} rows[] = {
		{"{name}", "name COLLATE \"C\""},
		{"{-name}", "name COLLATE \"C\" DESC"},
		{"{n}", "n"},
		{"{-n,name}", "n DESC, name COLLATE \"C\""},
		{"{at,-name,n}", "at, name COLLATE \"C\" DESC, n"},
		{"{-at,-n}", "at DESC, n DESC"},
	};
	PGconn *pg = PQconnectdb(pg_database("list_key"));
	char sql[SQL_BYTES];

	ask_do(pg,
		"CREATE TABLE world AS SELECT lpad(g::text, 4, '0') AS id, (ARRAY[NULL, '', 'a', 'ab', 'b', '\u00e9', '~', ' ', 'A', 'a '])[1 + g % 10] AS name, "
		"(ARRAY[NULL, 0, -1, 1, 9223372036854775807, -9223372036854775808, 10, 9])[1 + g % 8]::int8 AS n, "
		"timestamptz '2026-01-01' + (g % 7) * interval '1 microsecond' AS at FROM generate_series(1, 2000) g");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(sql, sizeof(sql),
			"SELECT array_agg(id ORDER BY list_key('%s', '{name,n,at}', ARRAY[name, lpad((n::numeric + 9223372036854775808)::text, 20, '0'), "
			"to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')], id) COLLATE \"C\") = array_agg(id ORDER BY %s, id) FROM world",
			rows[i].wanted, rows[i].order);
		PGresult *res = PQexec(pg, sql);
		cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
		cr_expect_str_eq(PQgetvalue(res, 0, 0), "t", "%s", rows[i].wanted);
		PQclear(res);
	}
	PQfinish(pg);
}

/* One record in five thousand is the tenant's: a page of them does not cost those of all others. */
Test(lists, a_tenants_records_are_found_without_those_of_others)
{
	enum { AUDIT_BLOCKS_MAX = 700 };
	static const struct {
		const char *role, *scope, *args, *where;
	} rows[] = {
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 0, 101",
			"tenant_key = 4"},
		{"reeve_platform", "", "'a', true, NULL, NULL, NULL, 'refused', NULL, NULL, 0, 40000, 0, 101",
			"outcome = 'refused:conflict'"},
		{"reeve_platform", "", "NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 7, 101", "n > 7"},
		{"reeve_edge", "{4}", "NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 30000, 5000, 101",
			"tenant_key = 4 AND n > 5000 AND n <= 30000"},
		{"reeve_edge", "{4}", "NULL, false, NULL, NULL, NULL, 'conflict', NULL, NULL, 0, 40000, 0, 101",
			"tenant_key = 4 AND outcome = 'refused:conflict'"},
		{"reeve_edge", "{}", "NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 0, 101", "false"},
	};
	PGconn *pg = PQconnectdb(pg_database("records"));

	/* Settings and tenants of the world are enough. */
	for (int i = 0; i < TENANTS_END; i++)
		ask_do(pg, world[i]);

	ask_do(pg,
		"INSERT INTO audit (n, at, actor, action, object_kind, object_id, tenant_key, request_id, outcome, body, hash) SELECT g, now(), 'tok', "
		"'x', 'y', 'z', CASE WHEN g % 5000 = 0 THEN 4 ELSE 5 + g % 39 END, '', CASE WHEN g % 10 = 0 THEN 'refused:conflict' ELSE 'done' END, "
		"repeat('x', 300), '' FROM generate_series(1, 40000) g");
	ask_do(pg, "VACUUM ANALYZE");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_as(pg, rows[i].role, rows[i].scope);
		records_are(pg, SQL_AUDIT_LIST, "audit", rows[i].args, rows[i].where, AUDIT_BLOCKS_MAX);
	}
	PQfinish(pg);
}

/* The same of decisions, of which the worker notes behind the placer where each tenant's stand: what it has not noted
 * yet is found too. */
Test(lists, a_tenants_decisions_are_found_without_those_of_others)
{
	enum { DECISION_BLOCKS_MAX = 1000 };
	static const char *const noted[] = {"8000", "8000", "8000", "8000", "7500", "0"};
	static const struct {
		const char *role, *scope, *args, *where;
	} rows[] = {
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 0, 101",
			"tenant_key = 4"},
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 10000, 3",
			"tenant_key = 4 AND n > 10000"},
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, NULL, NULL, NULL, NULL, 7, 9000, 0, 101",
			"tenant_key = 4 AND n > 7 AND n <= 9000"},
		{"reeve_platform", "", "'a', true, NULL, 'grant', NULL, 'done', NULL, NULL, 0, 40000, 0, 101",
			"action = 'grant'"},
		{"reeve_platform", "", "NULL, false, 'user:a', NULL, 'placement', NULL, NULL, NULL, 0, 40000, 7, 101",
			"n > 7"},
		{"reeve_platform", "", "'a/t1', false, NULL, NULL, NULL, 'refused', NULL, NULL, 0, 40000, 0, 101",
			"false"},
		{"reeve_edge", "{4}", "NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 5000, 101",
			"tenant_key = 4 AND n > 5000"},
		{"reeve_edge", "{4}", "'a/t1', true, NULL, 'grant', 'plc_x', NULL, NULL, NULL, 0, 40000, 0, 101",
			"tenant_key = 4 AND action = 'grant'"},
		{"reeve_edge", "{}", "NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, 40000, 0, 101", "false"},
	};
	PGconn *pg = PQconnectdb(pg_database("decided"));
	for (int i = 0; i < TENANTS_END; i++)
		ask_do(pg, world[i]);
	ask_do(pg,
		"INSERT INTO decision SELECT g, 1, now(), CASE WHEN g % 5000 IN (0, 4900) THEN 4 ELSE 5 + g % 39 END, 'plc_x', NULL, NULL, "
		"CASE WHEN g % 10 = 0 THEN 'grant' ELSE 'wait' END, '{\"actor\":\"user:a\",' || repeat('x', 300), '' FROM generate_series(1, 40000) g");
	ask_do(pg, "UPDATE leader SET n = 39500 WHERE name = 'placer'");
	ask_do(pg, "VACUUM ANALYZE");
	ask_as(pg, "reeve_jobs", "");
	for (int i = 0; i < 6; i++)
		cr_assert_str_eq(ask_text(pg, SQL_DECISION_NOTE, "8000", "rows"), noted[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_as(pg, rows[i].role, rows[i].scope);
		records_are(pg, SQL_DECISION_LIST, "decision", rows[i].args, rows[i].where, DECISION_BLOCKS_MAX);
	}
	PQfinish(pg);
}

/* What is asked for by cluster and is over has no index of its own: the walk stops, but may be long. */
Test(lists, a_clusters_past_is_found_too)
{
	PGconn *pg = world_make("past");
	ask_as(pg, "reeve_platform", "");
	page_is(pg, SQL_PLACEMENT_LIST, "NULL, false, '{done}', 'c8', '', 101", "state = 'done' AND cluster_key = 8",
		"done on c8");
	page_is(pg, SQL_PLACEMENT_LIST, "NULL, false, NULL, 'cls_8', 'plc_7', 101", "cluster_key = 8 AND id > 'plc_7'",
		"all on c8");
	page_is(pg, SQL_PLACEMENT_LIST, "'a/t3', false, NULL, 'c8', '', 101", "cluster_key = 8 AND tenant_key = 6",
		"a tenant's on c8");
	PQfinish(pg);
}

/* A count under the reader's scope was of what that reader saw. */
Test(lists, a_place_in_the_queue_is_the_same_for_all)
{
	PGconn *pg = world_make("position");
	ask_do(pg,
		"INSERT INTO decision SELECT g, 1, now(), p.tenant_key, p.id, NULL, NULL, 'wait', "
		"'{\"placement\":{\"position\":' || 5 + g || '}}', '' FROM placement p, generate_series(1, 2) g WHERE p.seq = 4000 ");
	ask_do(pg, "UPDATE placement SET rev = 2 WHERE seq = 4000");
	ask_do(pg, "SELECT set_config('test.id', id, false) FROM placement WHERE seq = 4000");
	ask_as(pg, "reeve_platform", "");
	cr_expect_str_eq(ask_text(pg, SQL_PLACEMENT_GET, "current_setting('test.id')", "position"), "7");
	ask_as(pg, "reeve_edge", "{4}");
	cr_expect_str_eq(ask_text(pg, SQL_PLACEMENT_GET, "current_setting('test.id')", "position"), "7");
	ask_as(pg, "reeve_edge", "{5}");
	cr_expect_str_eq(ask_text(pg, SQL_PLACEMENT_GET, "current_setting('test.id')", "id"), "");
	PQfinish(pg);
}
