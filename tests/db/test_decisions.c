/* Pages of decisions of one tenant, of a tree and of a scope, whatever of them is noted: what comes is what a look at
 * all of them finds, and of a long chain no more is read than the page takes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "db/sql.h"
#include "pg/pg.h"

enum { TENANTS = 300, DECISIONS = 16000, PAGE = 50, ROUNDS = 40, SQL_BYTES = 4096, READ_MAX = 20 * 256 };

/* Tenants 3.. hang below each other at random, at most 6 deep; keys in order of their making. */
static void tree_make(PGconn *pg)
{
	char sql[SQL_BYTES];

	srand(7);
	for (int k = 3; k < TENANTS; k++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) SELECT 'tnt_%d', 'quo_%d', key, 'n%d', "
			"CASE WHEN depth = 0 THEN '' ELSE path || '/' END || 'n%d', depth + 1 FROM tenant "
			"WHERE depth < 6 AND key <> 2 ORDER BY key = %d DESC, key LIMIT 1",
			k, k, k, k, k > 5 ? 3 + rand() % (k - 3) : 1);
		ask_do(pg, sql);
	}
}

/* One of no tree is busy, then a few tenants for a while; others now and then. */
static void decisions_make(PGconn *pg)
{
	char sql[SQL_BYTES];

	snprintf(sql, sizeof(sql),
		"INSERT INTO decision (n, term, at, tenant_key, placement_id, action, body, hash) SELECT n, 1, now(), "
		"CASE WHEN n %% 211 = 0 THEN 3 + (n * 31) %% %d WHEN n > 13000 THEN 3 + (n / 500 * 7) %% 40 ELSE 2 END, 'plc_' || n %% 50, "
		"(ARRAY['grant', 'done', 'revoke'])[1 + n %% 3], '{}', '' FROM generate_series(1, %d) n",
		TENANTS - 3, DECISIONS);
	ask_do(pg, sql);
	snprintf(sql, sizeof(sql), "UPDATE leader SET n = %d WHERE name = 'placer'", DECISIONS);
	ask_do(pg, sql);
}

/* As a tenant's edge; a scope may be long. */
static void edge_of(PGconn *pg, const char *scope)
{
	ask_as(pg, "reeve_edge", "");
	PQclear(PQexecParams(
		pg, "SELECT set_config('app.scope', $1, false)", 1, NULL, (const char *const[]){scope}, NULL, NULL, 0));
}

/* As the worker does it, until so many are noted. */
static void note(PGconn *pg, int rows)
{
	char args[32];

	snprintf(args, sizeof(args), "%d", rows);
	ask_as(pg, "reeve_jobs", "");
	cr_expect_str_eq(ask_text(pg, SQL_DECISION_NOTE, args, "rows"), args);
	ask_as(pg, NULL, NULL);
}

static const char *one_text(PGconn *pg, const char *sql)
{
	static char text[1 << 16];
	PGresult *res = PQexec(pg, sql);

	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(pg));
	snprintf(text, sizeof(text), "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	return text;
}

/* All keys at or below a path, as an array's text. */
static const char *keys_below(PGconn *pg, const char *path)
{
	char sql[SQL_BYTES];

	snprintf(sql, sizeof(sql),
		"SELECT array_agg(key)::text FROM tenant WHERE path = '%s' OR starts_with(path, '%s/')", path, path);
	return one_text(pg, sql);
}

static void numbers_of(PGresult *res, char *out, size_t bytes)
{
	size_t n = 0;

	out[0] = '\0';
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(res));
	for (int i = 0; i < PQntuples(res); i++)
		n += (size_t)snprintf(out + n, bytes - n, "%s,", PQgetvalue(res, i, 0));
}

/* One page by the statement, as a tenant's edge, against the same by a look at all. */
static void page_check(PGconn *pg, const char *path, const char *scope, bool is_tree, const char *action, int after)
{
	char args[SQL_BYTES], sql[1 << 15], asked[1 << 14], true_ones[1 << 14], named[400] = "NULL", of[64] = "NULL";

	if (path)
		snprintf(named, sizeof(named), "'%s'", path);
	if (action)
		snprintf(of, sizeof(of), "'%s'", action);
	snprintf(args, sizeof(args), "%s, %s, NULL, %s, NULL, NULL, NULL, NULL, 0, %d, %d, %d", named,
		is_tree ? "true" : "false", of, DECISIONS, after, PAGE);
	snprintf(sql, sizeof(sql),
		"SELECT n FROM decision d JOIN tenant t ON t.key = d.tenant_key WHERE d.tenant_key = ANY ('%s') AND n > %d AND "
		"(%s::text IS NULL OR action = %s) AND (%s::text IS NULL OR t.path = %s OR (%s AND starts_with(t.path, %s || '/'))) "
		"ORDER BY n LIMIT %d",
		scope, after, of, of, named, named, is_tree ? "true" : "false", named, PAGE);
	PGresult *res = PQexec(pg, sql);
	numbers_of(res, true_ones, sizeof(true_ones));
	PQclear(res);
	edge_of(pg, scope);
	res = ask(pg, SQL_DECISION_LIST, args);
	numbers_of(res, asked, sizeof(asked));
	PQclear(res);
	ask_as(pg, NULL, NULL);
	cr_assert_str_eq(asked, true_ones, "%s tree %d of %s after %d", path ? path : "all", is_tree,
		action ? action : "any", after);
}

static void pages_check(PGconn *pg)
{
	static const char *const actions[] = {NULL, "done", "nothing"};
	char top[200], below[200], scope[1 << 13], sql[1 << 14];

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(sql, sizeof(sql),
			"SELECT path FROM tenant WHERE depth > 0 ORDER BY hashint4(key + %d) LIMIT 1", rand() % 100000);
		/* Half of them of the two that others are moved below. */
		snprintf(top, sizeof(top), "%s", i % 2 ? i % 4 == 1 ? "n3" : "n4" : one_text(pg, sql));
		snprintf(scope, sizeof(scope), "%s", keys_below(pg, top));
		snprintf(sql, sizeof(sql),
			"SELECT path FROM tenant WHERE key = ANY ('%s') ORDER BY hashint4(key + %d) LIMIT 1", scope,
			rand() % 100000);
		snprintf(below, sizeof(below), "%s", one_text(pg, sql));
		int after = i % 3 ? rand() % DECISIONS : 0;
		page_check(pg, i % 2 ? top : i % 4 ? below : NULL, scope, i % 2, actions[i % 3], after);
	}
}

Test(decisions, a_page_is_what_a_look_at_all_finds_whatever_is_noted_and_moved)
{
	PGconn *pg = PQconnectdb(pg_database("decisions"));

	tree_make(pg);
	decisions_make(pg);
	pages_check(pg);
	note(pg, 5000);
	pages_check(pg);
	ask_do(pg, "UPDATE tenant t SET parent_key = 3, path = 'n3/' || name, depth = 2 WHERE depth = 3 AND NOT EXISTS "
		   "(SELECT FROM tenant c WHERE c.parent_key = t.key) AND key % 2 = 0");
	note(pg, 4900);
	ask_do(pg, "UPDATE tenant t SET parent_key = 4, path = 'n4/' || name, depth = 2 WHERE depth > 1 AND NOT EXISTS "
		   "(SELECT FROM tenant c WHERE c.parent_key = t.key) AND key % 3 = 0");
	pages_check(pg);
	note(pg, DECISIONS - 9900);
	pages_check(pg);
	PQfinish(pg);
}

/* How many decisions this connection has read that it has not told of yet. */
static int rows_read(PGconn *pg)
{
	return atoi(
		one_text(pg, "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::text FROM pg_stat_xact_user_tables "
			     "WHERE relname = 'decision'"));
}

/* A tree of more than a thousand tenants, of which one was busy once, in a long chain of another's. */
Test(decisions, a_page_of_a_large_tree_reads_what_it_takes)
{
	enum { MANY = 1500, LONG = 40000 };
	PGconn *pg = PQconnectdb(pg_database("decisions_many"));
	char sql[SQL_BYTES], scope[1 << 14];

	snprintf(sql, sizeof(sql),
		"INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) VALUES ('tnt_3', 'quo_3', 1, 'big', 'big', 1), "
		"('tnt_4', 'quo_4', 1, 'busy', 'busy', 1); INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) "
		"SELECT 'tnt_x' || i, 'quo_x' || i, 3, 't' || i, 'big/t' || i, 2 FROM generate_series(1, %d) i",
		MANY);
	ask_do(pg, sql);
	snprintf(sql, sizeof(sql),
		"INSERT INTO decision (n, term, at, tenant_key, placement_id, action, body, hash) SELECT n, 1, now(), "
		"CASE WHEN n %% 4000 = 7 THEN 5 + n %% %d ELSE 4 END, 'plc_1', 'grant', '{}', '' FROM generate_series(1, %d) n; "
		"UPDATE leader SET n = %d WHERE name = 'placer'",
		MANY, LONG, LONG);
	ask_do(pg, sql);
	note(pg, LONG);
	snprintf(scope, sizeof(scope), "%s", keys_below(pg, "big"));
	edge_of(pg, scope);
	ask_do(pg, "BEGIN");
	int before = rows_read(pg);
	snprintf(sql, sizeof(sql), "'big', true, NULL, NULL, NULL, NULL, NULL, NULL, 0, %d, 0, %d", LONG, PAGE);
	PGresult *res = ask(pg, SQL_DECISION_LIST, sql);
	cr_expect_eq(PQntuples(res), LONG / 4000, "%s", PQresultErrorMessage(res));
	PQclear(res);
	int read = rows_read(pg) - before;
	cr_expect_lt(read, READ_MAX, "%d decisions were read", read);
	cr_expect_gt(read, 0);
	PQfinish(pg);
}
