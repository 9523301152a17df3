/* Sessions: reached past dead addresses, and the same whatever the database, its roles or the server are set to. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/reader.h"
#include "work.h"

enum { DSN_BYTES = 512, ROWS_MAX = 16, ROW_BYTES = 64 };

typedef struct answer {
	bool done;
	err e;
	uint32_t n;
	char rows[ROWS_MAX][ROW_BYTES]; /* two columns each */
	const char *columns[2];
} answer;

static int column_print(const db_reply *r, uint32_t row, const char *column, char *out, int room)
{
	if (sql_column(r->stmt, str_from(column))->type == PG_INT8)
		return snprintf(out, (size_t)room, "%lld", (long long)db_i64(r, row, column));
	str s = db_text(r, row, column);
	return snprintf(out, (size_t)room, STR_FMT, STR_ARG(s));
}

static void answered(void *arg, db_reply *r)
{
	answer *a = arg;
	a->e = r->e;
	a->n = r->e ? 0 : r->rows;
	cr_assert_leq(a->n, ROWS_MAX);
	for (uint32_t i = 0; i < a->n; i++) {
		int n = column_print(r, i, a->columns[0], a->rows[i], ROW_BYTES);
		a->rows[i][n++] = ' ';
		column_print(r, i, a->columns[1], a->rows[i] + n, ROW_BYTES - n);
	}
	a->done = true;
}

/* What a platform reader on dsn answers. */
static answer ask(const char *dsn, sql_id s, const void *in, const char *first, const char *second)
{
	loop *l = loop_new();
	reader_options o = {.platform = work_options(dsn, true), .platform_n = 1};
	db_reader *r = reader_new(l, &o);
	answer a = {.columns = {first, second}};
	db_read(r, DB_PLATFORM, s, in, answered, &a);
	pg_run_until(l, &a.done);
	reader_free(r);
	loop_free(l);
	return a;
}

static const char *database_of(const char *name, const char *settings)
{
	char sql[DSN_BYTES];
	const char *dsn = pg_database(name);
	snprintf(sql, sizeof(sql),
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s', current_database()); END $$", settings);
	pg_do(dsn, sql);
	return dsn;
}

/* The library then closes the socket and opens the next one under the same number. */
Test(session, the_socket_of_the_next_address_is_watched_too)
{
	static const char *const dead_first[] = {"host=127.0.0.1,%s port=1,5432",
		"host=127.0.0.1,127.0.0.1,%s port=1,1,5432", "host=/nowhere,127.0.0.1,%s port=5432,1,5432"};
	for (size_t i = 0; i < sizeof(dead_first) / sizeof(*dead_first); i++) {
		char dsn[DSN_BYTES];
		int n = snprintf(dsn, sizeof(dsn), "%s ", pg_database("next"));
		snprintf(dsn + n, sizeof(dsn) - (size_t)n, dead_first[i], getenv("REEVE_TEST_PG"));
		answer a = ask(dsn, SQL_SESSION, NULL, "timezone", "isolation");
		cr_expect_eq(a.e, ERR_OK, "%s: %s", dead_first[i], err_code(a.e));
		cr_expect_eq(a.n, 1);
	}
}

Test(session, is_not_what_the_database_is_set_to)
{
	static const char *const settings[] = {
		"timezone = ''Europe/Paris''", "default_transaction_isolation = ''serializable''"};
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		answer a = ask(database_of("settings", settings[i]), SQL_SESSION, NULL, "timezone", "isolation");
		cr_expect_eq(a.e, ERR_OK);
		cr_expect_str_eq(a.rows[0], "UTC read committed");
	}
}

static const char segments[] =
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_a', 1, 'a', 'a', 1, 'quo_a');"
	"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready');"
	"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, "
	"compute_milli, started_at, ended_at) VALUES ('plc_1', 1, 'h100-80g', 3, 1, 1, 1000, 1000, 1000, "
	"'2026-03-28T12:00Z', '2026-03-31T12:00Z');";

/* 2026-03-29 has 23 hours in Paris: steps of a day from a UTC midnight would leave the UTC midnights there. */
Test(session, days_of_usage_are_utc_days_where_clocks_change)
{
	static const char *const days[] = {
		"2026-03-28 43200000", "2026-03-29 86400000", "2026-03-30 86400000", "2026-03-31 43200000"};
	static const sql_usage_list_in in = {
		.from = 1772323200000000, .until = 1775347200000000, .after = {"", 0}, .limit = 100};
	const char *dsn = database_of("days", "timezone = ''Europe/Paris''");
	pg_do(dsn, segments);
	answer a = ask(dsn, SQL_USAGE_LIST, &in, "day", "gpu_milli_seconds");
	cr_assert_eq(a.e, ERR_OK);
	cr_assert_eq(a.n, 4);
	for (uint32_t i = 0; i < a.n; i++)
		cr_expect_str_eq(a.rows[i], days[i]);
}
