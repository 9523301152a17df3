/* Use by day: whatever of it the worker has taken over, in whatever steps, it is what all segments together make, to
 * the microsecond; and each segment is taken over once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "db/sql.h"
#include "pg/pg.h"

enum { SQL_BYTES = 4096, WINDOWS = 16, SEGMENTS = 1000 };

/* The sum over all segments, as it was told before there were days. */
#define WHOLE                                                                                                                                                                 \
	"WITH part AS (SELECT t.path AS tenant, s.class, d.day, s.device_milli, s.memory_mib, "                                                                               \
	"extract(epoch FROM least(coalesce(s.ended_at, now()), d.day + interval '1 day', until) - greatest(s.started_at, d.day, since)) AS seconds "                          \
	"FROM (SELECT %s::timestamptz AS since, %s::timestamptz AS until) w CROSS JOIN segment s JOIN tenant t ON t.key = s.tenant_key "                                      \
	"CROSS JOIN LATERAL generate_series(date_trunc('day', greatest(s.started_at, since), 'UTC'), least(coalesce(s.ended_at, now()), until), interval '1 day') AS d(day) " \
	"WHERE s.started_at < until AND coalesce(s.ended_at, now()) > since AND (%s::text IS NULL OR t.path = %s OR (%s AND starts_with(t.path, %s || '/'))) "                \
	"AND s.tenant_key = ANY ('%s')) "                                                                                                                                     \
	"SELECT tenant, class, to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD'), floor(sum(device_milli * seconds) / 1000)::int8, "                                              \
	"floor(sum(device_milli * seconds))::int8, floor(sum(memory_mib * seconds))::int8, count(*) FROM part WHERE seconds > 0 "                                             \
	"GROUP BY 1, 2, 3, part.day ORDER BY tenant || ' ' || to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' ' || class"

static void world_make(PGconn *pg)
{
	ask_do(pg,
		"INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) VALUES ('tnt_3', 'quo_3', 1, 'a', 'a', 1), "
		"('tnt_4', 'quo_4', 3, 'b', 'a/b', 2), ('tnt_5', 'quo_5', 1, 'c', 'c', 1)");
	ask_do(pg, "INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready')");
	ask_do(pg, "SELECT setseed(0.5)");
	ask_do(pg, "SET jit = off");
}

/* Of the last ten days; some end at once, some run on, some were opened late, some begin or end at midnight. */
static void segments_make(PGconn *pg, int from, int n)
{
	char sql[SQL_BYTES];

	snprintf(sql, sizeof(sql),
		"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, compute_milli, "
		"started_at, ended_at, opened_at) SELECT 'plc_' || i, 1, (ARRAY['x', 'y'])[1 + i %% 2], 3 + i %% 3, 1, 1, (random() * 8000)::int8, "
		"(random() * 80000)::int8, 1, CASE WHEN i %% 50 = 0 THEN date_trunc('day', s, 'UTC') ELSE s END, "
		"CASE WHEN i %% 5 < 3 THEN greatest(s, least(s + random() * interval '30 hours', now())) WHEN i %% 50 = 3 THEN date_trunc('day', s, 'UTC') + interval '1 day' END, "
		"s + random() * interval '2 hours' "
		"FROM (SELECT i, now() - random() * interval '10 days' AS s FROM generate_series(%d, %d) i) x",
		from, from + n - 1);
	ask_do(pg, sql);
}

static void rows_of(PGresult *res, char *out, size_t bytes)
{
	size_t n = 0;

	out[0] = '\0';
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(res));
	for (int i = 0; i < PQntuples(res); i++)
		for (int k = 0; k < 7; k++)
			n += (size_t)snprintf(out + n, bytes - n, "%s%s", PQgetvalue(res, i, k), k < 6 ? " " : "\n");
}

/* A moment within the last eleven days; at times a midnight. */
static const char *moment(PGconn *pg, char out[64])
{
	char sql[SQL_BYTES];

	snprintf(sql, sizeof(sql), "SELECT %snow() - interval '%d s'%s", rand() % 4 ? "" : "date_trunc('day', ",
		rand() % 950400, "");
	if (strstr(sql, "date_trunc"))
		strncat(sql, ", 'UTC')", sizeof(sql) - strlen(sql) - 1);
	PGresult *res = PQexec(pg, sql);
	cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(pg));
	snprintf(out, 64, "'%s'", PQgetvalue(res, 0, 0));
	PQclear(res);
	return out;
}

static void window_check(PGconn *pg, const char *when)
{
	static const char *const asked[] = {"NULL", "'a'", "'a/b'"}, *const scopes[] = {"{3,4}", "{4}", "{3,4,5}"};
	static char told[1 << 17], is[1 << 17];
	char from[64], until[64], sql[SQL_BYTES];
	const char *of = asked[rand() % 3], *scope = scopes[rand() % 3], *tree = rand() % 2 ? "true" : "false";

	/* Of a tenant that is not in sight nothing is asked. */
	if (of == asked[1] && scope == scopes[1])
		of = asked[2];

	moment(pg, from);
	moment(pg, until);
	snprintf(sql, sizeof(sql), WHOLE, from, until, of, of, tree, of, scope);
	PGresult *res = PQexec(pg, sql);
	rows_of(res, is, sizeof(is));
	PQclear(res);
	ask_as(pg, "reeve_edge", scope);
	snprintf(sql, sizeof(sql), "%s, %s, %s, %s, '', 100000", from, until, of, tree);
	res = ask(pg, SQL_USAGE_LIST, sql);
	rows_of(res, told, sizeof(told));
	PQclear(res);
	ask_as(pg, NULL, NULL);
	cr_assert_str_eq(told, is, "%s: from %s until %s of %s tree %s scope %s", when, from, until, of, tree, scope);
}

static void windows_check(PGconn *pg, const char *when)
{
	ask_do(pg, "BEGIN"); /* now() stands still */
	for (int i = 0; i < WINDOWS; i++)
		window_check(pg, when);
	ask_do(pg, "COMMIT");
	cr_expect_str_eq(ask_text(pg, SQL_BOOKS_USAGE, "", "usage_rolled_wrong"), "0", "%s", when);
}

static bool roll(PGconn *pg, const char *args)
{
	ask_as(pg, "reeve_jobs", "");
	bool has_more = strcmp(ask_text(pg, SQL_USAGE_ROLL, args, "has_more"), "t") == 0;
	ask_as(pg, NULL, NULL);
	return has_more;
}

Test(usage, days_are_what_all_segments_make)
{
	const char *dsn = pg_database("usage");
	PGconn *pg = PQconnectdb(dsn);
	int n = 0;

	srand(11);
	world_make(pg);
	segments_make(pg, 1, SEGMENTS);
	ask_do(pg, "UPDATE usage_rolled SET at = now() - interval '11 days'");
	windows_check(pg, "nothing is taken over");
	for (int i = 0; i < 5; i++)
		cr_assert(roll(pg, "86400, 600"), "a day of eleven");
	windows_check(pg, "half is");
	ask_do(pg,
		"UPDATE segment SET ended_at = started_at + random() * (now() - started_at) WHERE ended_at IS NULL AND fence_no = 1 AND placement_id LIKE '%7'");
	windows_check(pg, "some ended before the worker came by");
	while (roll(pg, "86400, 600"))
		n++;
	cr_expect_geq(n, 4);
	windows_check(pg, "all is");
	ask_do(pg,
		"UPDATE segment SET ended_at = started_at + random() * (now() - started_at) WHERE ended_at IS NULL AND placement_id LIKE '%9'");
	segments_make(pg, SEGMENTS + 1, 100);
	ask_do(pg,
		"UPDATE segment SET opened_at = now() WHERE placement_id IN (SELECT 'plc_' || i FROM generate_series(1001, 1100) i)");
	windows_check(pg, "some ended and some are new");
	roll(pg, "86400, 600");
	windows_check(pg, "those that ended are taken over");
	cr_expect_gt(pg_int(dsn, "SELECT count(*) FROM usage_left"), 0);
	PQfinish(pg);
}

/* Blocks that nobody has summed up were all looked at, which is the whole table where it is never vacuumed. */
Test(usage, of_what_is_taken_over_no_segment_is_read)
{
	enum { MANY = 20000, READ_MAX = 2000 };
	const char *dsn = pg_database("usage_fresh");
	PGconn *pg = PQconnectdb(dsn);
	char sql[SQL_BYTES];

	world_make(pg);
	snprintf(sql, sizeof(sql),
		"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, compute_milli, started_at, "
		"ended_at, opened_at) SELECT 'plc_' || i, 1, 'x', 3, 1, 1, 1, 1, 1, s, s + interval '1 minute', s FROM (SELECT i, now() - interval '9 days' + "
		"i * interval '30 s' AS s FROM generate_series(1, %d) i) x; ANALYZE segment; UPDATE usage_rolled SET at = now() - interval '10 days'",
		MANY);
	ask_do(pg, sql);
	ask_as(pg, "reeve_jobs", "");
	cr_expect_gt(atoi(ask_text(pg, SQL_USAGE_SUMMARIZE, "", "ranges")), 0);
	cr_expect_str_eq(ask_text(pg, SQL_USAGE_ROLL, "864000, 600", "rolled"), "20000");
	ask_as(pg, NULL, NULL);
	ask_do(pg, "SET plan_cache_mode = force_generic_plan");
	ask_do(pg, "BEGIN"); /* what was read is told of when it ends */
	const char *read =
		"SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::text AS n FROM pg_stat_xact_user_tables WHERE relname = 'segment'";
	PGresult *before = PQexec(pg, read);
	PGresult *res = ask(pg, SQL_USAGE_LIST, "now() - interval '8 days', now(), 'a', true, '', 100");
	PGresult *after = PQexec(pg, read);
	cr_expect_geq(PQntuples(res), 6, "%s", PQresultErrorMessage(res));
	cr_expect_lt(atoi(PQgetvalue(after, 0, 0)) - atoi(PQgetvalue(before, 0, 0)), READ_MAX);
	PQclear(before);
	PQclear(res);
	PQclear(after);
	PQfinish(pg);
}

/* The one that waited sees what was left before the other took it over. */
Test(usage, two_workers_take_nothing_over_twice)
{
	const char *dsn = pg_database("usage_twice");
	PGconn *one = PQconnectdb(dsn), *two = PQconnectdb(dsn);

	world_make(one);
	segments_make(one, 1, 200);
	ask_do(one, "UPDATE usage_rolled SET at = now() - interval '11 days'");
	while (roll(one, "864000, 600"))
		;
	ask_do(two, "SET jit = off");
	cr_assert(!roll(two, "1, 600000000"), "it is prepared, and nothing is old enough");
	ask_do(one, "UPDATE segment SET ended_at = now() WHERE ended_at IS NULL");
	ask_as(two, "reeve_jobs", "");
	ask_do(one, "BEGIN");
	roll(one, "1, 600");
	cr_assert(PQsendQuery(two, "EXECUTE usage_roll(1, 600)"));
	while (pg_int(dsn,
		       "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'EXECUTE usage_roll%'") ==
		0)
		usleep(10000);
	ask_do(one, "COMMIT");
	PQclear(PQgetResult(two));
	PQclear(PQgetResult(two));
	cr_expect_str_eq(ask_text(one, SQL_BOOKS_USAGE, "", "usage_rolled_wrong"), "0");
	windows_check(one, "after both");
	PQfinish(one);
	PQfinish(two);
}
