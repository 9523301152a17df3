/* Batches of the placer: one transaction, a clear verdict. */
#include <criterion/criterion.h>
#include <signal.h>

#include "db/batch.h"
#include "work.h"

typedef struct verdict {
	bool done;
	db_verdict v;
	int64_t after_n;
} verdict;

static void told(void *arg, const db_verdict *v)
{
	verdict *t = arg;
	t->v = *v;
	t->after_n = -1;
	if (v->n && !v->replies[v->n - 1].e && v->replies[v->n - 1].stmt == SQL_ITEM_LIST)
		t->after_n = v->replies[v->n - 1].rows;
	t->done = true;
}

static void up(void *arg)
{
	*(bool *)arg = true;
}

static db_batcher *batcher_on(loop *l, const char *dsn, bool *is_up)
{
	db_options o = work_options(dsn, true);
	o.role = "reeve_placer";
	return batcher_new(l, &o, up, NULL, is_up);
}

static const sql_item_put_in put_x = {.id = {"x", 1}, .tenant_key = 1, .n = 1},
			     put_y = {.id = {"y", 1}, .tenant_key = 9, .n = 1},
			     put_bad = {.id = {"z", 1}, .tenant_key = 1, .n = 5000000},
			     put_wrong = {.id = {"z", 1}, .tenant_key = INT64_MAX};
static const sql_expect_in never = {.ok = false, .why = {"placer_fenced", 13}}, fine = {.ok = true, .why = {"", 0}};

Test(batch, verdicts)
{
	static const struct {
		db_call calls[3];
		uint32_t n;
		db_outcome outcome;
		err e;
		int32_t failed_at;
		const char *sqlstate, *message;
		int64_t after_n;
	} rows[] = {
		{{{SQL_ITEM_PUT, &put_x}, {SQL_ITEM_PUT, &put_y}, {SQL_EXPECT, &fine}}, 3, DB_COMMITTED, ERR_OK, -1, "",
			"", 5},
		{{{SQL_ITEM_PUT, &put_y}, {SQL_EXPECT, &never}, {SQL_ITEM_PUT, &put_x}}, 3, DB_FAILED, ERR_FENCED, 1,
			"RV001", "placer_fenced", -1},
		{{{SQL_ITEM_PUT, &put_bad}}, 1, DB_FAILED, ERR_DB, 0, "23514", "new row for relation", -1},
		{{{SQL_ITEM_PUT, &put_x}, {SQL_ITEM_PUT, &put_wrong}}, 2, DB_FAILED, ERR_BAD_PARAMETER, 1, "",
			"out of its range", -1},
		{{{0, NULL}}, 0, DB_COMMITTED, ERR_OK, -1, "", "", 5},
	};
	static const db_call after = {SQL_ITEM_LIST, NULL};
	loop *l = loop_new();
	bool is_up = false;
	const char *dsn = work_database("verdicts");
	db_batcher *b = batcher_on(l, dsn, &is_up);
	pg_run_until(l, &is_up);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		verdict t = {0};
		batcher_run(b, DB_PLATFORM, rows[i].calls, rows[i].n, &after, 1, told, &t);
		cr_assert(batcher_is_busy(b));
		pg_run_until(l, &t.done);
		cr_expect_eq(t.v.outcome, rows[i].outcome, "%zu", i);
		cr_expect_eq(t.v.e, rows[i].e, "%zu: %s", i, err_code(t.v.e));
		cr_expect_eq(t.v.failed_at, rows[i].failed_at, "%zu", i);
		cr_expect_str_eq(t.v.sqlstate, rows[i].sqlstate, "%zu", i);
		cr_expect(strstr(t.v.message, rows[i].message), "%zu: %s", i, t.v.message);
		cr_expect_eq(t.after_n, rows[i].after_n, "%zu: %d", i, (int)t.after_n);
	}
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM item"), 5);
	batcher_free(b);
	loop_free(l);
}

Test(batch, a_killed_session_is_lost_and_a_new_one_is_announced)
{
	static const sql_nap_in nap = {.ms = 30000};
	const db_call calls[] = {{SQL_ITEM_PUT, &put_x}, {SQL_NAP, &nap}};
	loop *l = loop_new();
	bool is_up = false;
	db_batcher *b = batcher_on(l, work_database("lost"), &is_up);
	verdict t = {0};
	pg_run_until(l, &is_up);
	is_up = false;
	batcher_run(b, DB_PLATFORM, calls, 2, NULL, 0, told, &t);
	pg_do(pg_dsn("postgres"),
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'lost%' AND application_name = 'reeve/test'");
	pg_run_until(l, &t.done);
	cr_expect_eq(t.v.outcome, DB_LOST);
	pg_run_until(l, &is_up);
	cr_expect(batcher_is_up(b));
	batcher_free(b);
	loop_free(l);
}

Test(batch, without_a_session_nothing_was_committed)
{
	const db_call call = {SQL_ITEM_PUT, &put_x};
	loop *l = loop_new();
	bool is_up = false;
	verdict t = {0};
	db_batcher *b = batcher_on(l, "host=/nowhere", &is_up);
	batcher_run(b, DB_PLATFORM, &call, 1, NULL, 0, told, &t);
	cr_assert(!t.done);
	pg_run_until(l, &t.done);
	cr_expect_eq(t.v.outcome, DB_FAILED);
	cr_expect_eq(t.v.e, ERR_UNAVAILABLE);
	batcher_free(b);
	loop_free(l);
}

Test(batch, a_tenant_scope_asserts, .signal = SIGABRT)
{
	loop *l = loop_new();
	bool is_up = false;
	batcher_run(batcher_on(l, "host=/nowhere", &is_up), db_tenants(NULL, 0), NULL, 0, NULL, 0, told, NULL);
}
