/* Lanes: every operation is answered exactly once and does its work exactly once, whatever its neighbours do. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "base/metric.h"
#include "db/lane.h"
#include "work.h"

enum { OPS = 1000, ID_BYTES = 16 };

typedef struct op {
	sql_item_put_in in;
	char id[ID_BYTES];
	int32_t tenant;
	int answers;
	err e;
	fault f;
	int64_t n;
	bool *done;
	int *left;
} op;

static void answered(void *arg, db_reply *r)
{
	op *o = arg;
	o->answers++;
	o->e = r->e;
	o->f = r->f;
	if (!r->e && r->rows)
		o->n = db_i64(r, 0, "n");
	*o->done = --*o->left == 0;
}

static lane *lane_on(loop *l, const char *dsn, bool is_platform)
{
	lane_options o = {.db = work_options(dsn, is_platform)};
	return lane_new(l, &o);
}

static void op_put(op *o, int i, int64_t n, bool *done, int *left)
{
	snprintf(o->id, sizeof(o->id), "op%04d", i);
	o->tenant = 1 + i % 3;
	o->in = (sql_item_put_in){.id = str_from(o->id), .tenant_key = o->tenant, .n = n};
	o->done = done;
	o->left = left;
}

/* Every seventh breaks a constraint, every eleventh writes a row its scope does not show, every thirteenth cannot be
 * sent. */
Test(lane, a_thousand_operations_with_bad_ones_among_them)
{
	static op ops[OPS];
	static const int32_t stranger = 77;
	loop *l = loop_new();
	const char *dsn = work_database("thousand");
	lane *ln = lane_on(l, dsn, false);
	bool done = false;
	int left = OPS, good = 0;
	for (int i = 0; i < OPS; i++) {
		op_put(&ops[i], i, i % 7 ? i : 2000000, &done, &left);
		if (i % 13 == 5)
			ops[i].in.tenant_key = INT64_MAX;
		lane_run(ln, (uint64_t)(i % 10), db_tenants(i % 11 == 4 ? &stranger : &ops[i].tenant, 1), SQL_ITEM_PUT,
			&ops[i].in, answered, &ops[i]);
	}
	cr_assert_eq(lane_waiting(ln), OPS);
	pg_run_until(l, &done);
	for (int i = 0; i < OPS; i++) {
		bool is_bad = i % 7 == 0 || i % 11 == 4 || i % 13 == 5;
		cr_expect_eq(ops[i].answers, 1, "%d was answered %d times", i, ops[i].answers);
		cr_expect_eq(ops[i].e,
			i % 13 == 5 ? ERR_BAD_PARAMETER
			: is_bad    ? ERR_INTERNAL
				    : ERR_OK,
			"%d: %s", i, err_code(ops[i].e));
		good += !is_bad;
	}
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM item WHERE id LIKE 'op%'"), good);
	cr_expect_eq(lane_waiting(ln), 0);
	cr_expect_lt(metric_value(METRIC_LANE_COMMITS, 0), OPS);
	cr_expect_eq(metric_value(METRIC_LANE_OPS, 0), good);
	lane_free(ln);
	loop_free(l);
}

static op run_one(const char *dsn, bool is_platform, db_scope scope, sql_id s, const void *in)
{
	loop *l = loop_new();
	lane *ln = lane_on(l, dsn, is_platform);
	bool done = false;
	int left = 1;
	op o = {.done = &done, .left = &left};
	lane_run(ln, 0, scope, s, in, answered, &o);
	pg_run_until(l, &done);
	lane_free(ln);
	loop_free(l);
	return o;
}

Test(lane, one_operation_needs_no_batch)
{
	static const int32_t two = 2;
	const sql_item_put_in in = {.id = S("solo"), .tenant_key = 2, .n = 9};
	const sql_item_put_in bad = {.id = S("solo2"), .tenant_key = 2, .n = 9000000};
	const char *dsn = work_database("solo");
	op o = run_one(dsn, false, db_tenants(&two, 1), SQL_ITEM_PUT, &in);
	cr_expect_eq(o.e, ERR_OK);
	cr_expect_eq(o.n, 9);
	cr_expect_eq(run_one(dsn, false, db_tenants(&two, 1), SQL_ITEM_PUT, &bad).e, ERR_INTERNAL);
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM item WHERE id LIKE 'solo%'"), 1);
}

Test(lane, the_wrong_side_asserts, .signal = SIGABRT)
{
	loop *l = loop_new();
	lane *ln = lane_on(l, "host=/nowhere", false);
	lane_run(ln, 0, DB_PLATFORM, SQL_ITEM_PUT, NULL, answered, NULL);
}

/* The scope of one operation is not that of the next: each reads only its own row in one transaction. */
Test(lane, each_operation_of_a_batch_has_its_own_scope)
{
	enum { N = 30 };
	static op ops[N];
	static sql_effect_add_in in[N];
	static char names[N][ID_BYTES];
	static const str items[] = {{"i1", 2}, {"i2", 2}, {"i3", 2}};
	loop *l = loop_new();
	const char *dsn = work_database("scopes");
	lane *ln = lane_on(l, dsn, false);
	bool done = false;
	int left = N;
	for (int i = 0; i < N; i++) {
		snprintf(names[i], ID_BYTES, "e%d", i);
		ops[i] = (op){.tenant = 1 + i % 3, .done = &done, .left = &left, .n = -1};
		/* Even ones add to their own item, odd ones reach for their neighbour's, which they cannot see. */
		in[i] = (sql_effect_add_in){
			.op = str_from(names[i]), .tenant_key = ops[i].tenant, .id = items[(i + i % 2) % 3]};
		lane_run(ln, 0, db_tenants(&ops[i].tenant, 1), SQL_EFFECT_ADD, &in[i], answered, &ops[i]);
	}
	pg_run_until(l, &done);
	for (int i = 0; i < N; i++) {
		cr_expect_eq(ops[i].e, ERR_OK);
		cr_expect_eq(ops[i].n == -1, i % 2 == 1, "%d", i);
	}
	cr_expect_eq(pg_int(dsn, "SELECT sum(n) FROM item"), N / 2);
	lane_free(ln);
	loop_free(l);
}

/* A lock that does not come in time is tried once more, then given up; the rest of the batch waits and lives. */
Test(lane, a_lock_that_does_not_come_is_unavailable)
{
	const char *dsn = work_database("locked");
	const sql_item_put_in in = {.id = S("i1"), .tenant_key = 1, .n = 5};
	PGconn *pg = PQconnectdb(dsn);
	PQclear(PQexec(pg, "BEGIN; UPDATE item SET n = 1 WHERE id = 'i1'"));
	loop *l = loop_new();
	lane_options lo = {.db = work_options(dsn, true)};
	lo.db.lock_timeout_ms = 100;
	lane *ln = lane_new(l, &lo);
	bool done = false;
	int left = 1;
	op o = {.done = &done, .left = &left};
	lane_run(ln, 0, DB_PLATFORM, SQL_ITEM_PUT, &in, answered, &o);
	pg_run_until(l, &done);
	cr_expect_eq(o.e, ERR_UNAVAILABLE);
	cr_expect_eq(o.answers, 1);
	cr_expect_eq(metric_value(METRIC_LANE_RETRIES, 0), 1);
	PQfinish(pg);
	lane_free(ln);
	loop_free(l);
}

Test(lane, a_listed_constraint_names_its_field)
{
	const char *dsn = work_database("listed");
	pg_do(dsn, "ALTER TABLE item ADD CONSTRAINT tenant_weight_range CHECK (n <> 13)");
	const sql_item_put_in in = {.id = S("x"), .tenant_key = 1, .n = 13};
	op o = run_one(dsn, true, DB_PLATFORM, SQL_ITEM_PUT, &in);
	cr_expect_eq(o.e, ERR_BAD_FIELD);
	cr_expect_str_eq(o.f.pointer, "#/weight");
}

/* The commit itself may refuse: alone in its transaction, and in a batch. */
static void deferred(int n)
{
	static op ops[2];
	loop *l = loop_new();
	const char *dsn = work_database("deferred");
	pg_do(dsn,
		"DROP INDEX tenant_path_unique; DELETE FROM item; ALTER TABLE item ADD CONSTRAINT tenant_path_unique UNIQUE (n) DEFERRABLE INITIALLY DEFERRED;"
		"INSERT INTO item VALUES ('first', 1, 7)");
	lane *ln = lane_on(l, dsn, true);
	bool done = false;
	int left = n;
	for (int i = 0; i < n; i++) {
		op_put(&ops[i], i, 7, &done, &left);
		ops[i].answers = 0;
		lane_run(ln, 0, DB_PLATFORM, SQL_ITEM_PUT, &ops[i].in, answered, &ops[i]);
	}
	pg_run_until(l, &done);
	for (int i = 0; i < n; i++) {
		cr_expect_eq(ops[i].e, ERR_CONFLICT, "%s", err_code(ops[i].e));
		cr_expect_eq(ops[i].answers, 1);
	}
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM item"), 1);
	lane_free(ln);
	loop_free(l);
}

Test(lane, a_commit_that_refuses_is_told)
{
	deferred(1);
	deferred(2);
}

Test(lane, without_a_database_the_deadline_answers)
{
	loop *l = loop_new();
	lane_options lo = {.db = work_options("host=/nowhere", true), .deadline_us = 300000};
	lane *ln = lane_new(l, &lo);
	const sql_item_put_in in = {.id = S("x")};
	bool done = false;
	int left = 1;
	op o = {.done = &done, .left = &left};
	lane_run(ln, 0, DB_PLATFORM, SQL_ITEM_PUT, &in, answered, &o);
	pg_run_until(l, &done);
	cr_expect_eq(o.e, ERR_UNAVAILABLE);
	lane_free(ln);
	loop_free(l);
}

Test(lane, freeing_answers_what_waits)
{
	loop *l = loop_new();
	lane *ln = lane_on(l, "host=/nowhere", true);
	const sql_item_put_in in = {.id = S("x")};
	bool done = false;
	int left = 1;
	op o = {.done = &done, .left = &left};
	lane_run(ln, 0, DB_PLATFORM, SQL_ITEM_PUT, &in, answered, &o);
	lane_free(ln);
	cr_expect_eq(o.answers, 1);
	cr_expect_eq(o.e, ERR_UNAVAILABLE);
	loop_free(l);
}
