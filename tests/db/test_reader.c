/* Readers: a scope shows its rows and nothing else, and reads survive a lost connection. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "db/reader.h"
#include "work.h"

enum { LIST_MAX = 64 };

typedef struct seen {
	uint32_t left;
	bool done;
	err e;
	char ids[LIST_MAX];
} seen;

static void listed(void *arg, db_reply *r)
{
	seen *s = arg;
	s->e = r->e;
	s->ids[0] = 0;
	for (uint32_t i = 0; !r->e && i < r->rows; i++) {
		sql_item_list_row row;
		fault f;
		cr_assert_eq(db_row(r, i, &row, &f), ERR_OK);
		strncat(s->ids, row.id.p, row.id.n);
	}
	s->done = --s->left == 0;
}

static db_reader *reader_on(loop *l, const char *dsn, uint16_t n)
{
	reader_options o = {.tenants = work_options(dsn, false),
		.platform = work_options(dsn, true),
		.tenants_n = n,
		.platform_n = n};
	return reader_new(l, &o);
}

static void list_is(db_scope scope, const char *ids)
{
	loop *l = loop_new();
	db_reader *r = reader_on(l, work_database("scope"), 1);
	seen s = {.left = 1};
	db_read(r, scope, SQL_ITEM_LIST, NULL, listed, &s);
	pg_run_until(l, &s.done);
	cr_expect_eq(s.e, ERR_OK);
	cr_expect_str_eq(s.ids, ids);
	reader_free(r);
	loop_free(l);
}

Test(scope, shows_its_rows_and_no_others)
{
	static const int32_t two[] = {2}, ends[] = {1, 3}, nobody[] = {99};
	list_is(db_tenants(two, 1), "i2");
	list_is(db_tenants(ends, 2), "i1i3");
	list_is(db_tenants(nobody, 1), "");
	list_is(db_tenants(NULL, 0), "");
	list_is(DB_PLATFORM, "i1i2i3");
}

Test(scope, a_call_without_one_asserts, .signal = SIGABRT)
{
	loop *l = loop_new();
	db_reader *r = reader_on(l, "host=/nowhere", 1);
	db_read(r, (db_scope){0}, SQL_ITEM_LIST, NULL, listed, &(seen){.left = 1});
}

typedef struct fuzz_read {
	seen s;
	int32_t key;
	bool divides;
	bool *done;
	int *left;
	int *foreign;
} fuzz_read;

static void fuzz_listed(void *arg, db_reply *r)
{
	fuzz_read *f = arg;
	for (uint32_t i = 0; !f->divides && !r->e && i < r->rows; i++) {
		sql_item_list_row row;
		cr_assert_eq(db_row(r, i, &row, NULL), ERR_OK);
		*f->foreign += row.tenant_key != f->key;
	}
	cr_expect_eq(r->e, f->divides ? ERR_INTERNAL : ERR_OK);
	*f->done = --*f->left == 0;
}

/* Mixed scopes and errors in one pipeline: no row of another, whatever went before on the connection. */
Test(scope, is_gone_after_its_transaction)
{
	enum { READS = 400 };
	static fuzz_read reads[READS];
	static const sql_divide_in zero = {1, 0};
	loop *l = loop_new();
	db_reader *r = reader_on(l, work_database("fuzz"), 1);
	bool done = false;
	int left = READS, foreign = 0;
	for (int i = 0; i < READS; i++) {
		reads[i] = (fuzz_read){
			.key = 1 + i * 7 % 3, .divides = i % 5 == 3, .done = &done, .left = &left, .foreign = &foreign};
		db_read(r, db_tenants(&reads[i].key, 1), reads[i].divides ? SQL_DIVIDE : SQL_ITEM_LIST, &zero,
			fuzz_listed, &reads[i]);
	}
	pg_run_until(l, &done);
	cr_assert_eq(foreign, 0);
	reader_free(r);
	loop_free(l);
}

/* The control: a statement in a transaction whose scope was left out sees nothing once the one before was cleared. */
Test(scope, left_out_shows_nothing)
{
	const char *dsn = work_database("control");
	cr_assert_eq(
		pg_int(dsn,
			"SET ROLE reeve_edge; BEGIN; SELECT set_config('app.scope', '{1}', true); SELECT set_config('app.scope', '', true);"
			"SELECT count(*) FROM item"),
		0);
	cr_assert_eq(pg_int(dsn, "SET ROLE reeve_edge; SELECT count(*) FROM item"), 0);
	cr_assert_eq(
		pg_int(dsn,
			"SET ROLE reeve_edge; BEGIN; SELECT set_config('app.scope', '{1}', true); SELECT count(*) FROM item"),
		1);
}

Test(reader, a_read_outlives_its_connection)
{
	enum { READS = 60 };
	static seen s[READS];
	static const int32_t key = 2;
	loop *l = loop_new();
	const char *dsn = work_database("killed");
	db_reader *r = reader_on(l, dsn, 2);
	seen first = {.left = 1};
	db_read(r, db_tenants(&key, 1), SQL_ITEM_LIST, NULL, listed, &first);
	pg_run_until(l, &first.done);
	for (int i = 0; i < READS; i++) {
		s[i].left = 1;
		db_read(r, db_tenants(&key, 1), SQL_ITEM_LIST, NULL, listed, &s[i]);
	}
	pg_do(pg_dsn("postgres"),
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reeve/test' "
		"AND datname LIKE 'killed%'");
	for (int i = 0; i < READS; i++) {
		pg_run_until(l, &s[i].done);
		cr_expect_eq(s[i].e, ERR_OK, "%s", err_code(s[i].e));
		cr_expect_str_eq(s[i].ids, "i2");
	}
	reader_free(r);
	loop_free(l);
}

Test(reader, a_schema_that_changes_below_it_costs_a_repeat)
{
	loop *l = loop_new();
	const char *dsn = work_database("changed");
	db_reader *r = reader_on(l, dsn, 1);
	const int32_t key = 2;
	for (int i = 0; i < 3; i++) {
		seen s = {.left = 1};
		db_read(r, db_tenants(&key, 1), SQL_ITEM_LIST, NULL, listed, &s);
		pg_run_until(l, &s.done);
		cr_expect_eq(s.e, ERR_OK, "%s", err_code(s.e));
		cr_expect_str_eq(s.ids, "i2");
		if (i == 0)
			pg_do(dsn, "ALTER TABLE item ALTER COLUMN id TYPE varchar(99)");
	}
	reader_free(r);
	loop_free(l);
}

Test(reader, a_scope_of_too_many_is_refused)
{
	static int32_t keys[DB_SCOPE_KEYS_MAX + 1];
	loop *l = loop_new();
	db_reader *r = reader_on(l, work_database("many"), 1);
	seen s = {.left = 1};
	db_read(r, db_tenants(keys, DB_SCOPE_KEYS_MAX + 1), SQL_ITEM_LIST, NULL, listed, &s);
	pg_run_until(l, &s.done);
	cr_expect_eq(s.e, ERR_LIMIT);
	s = (seen){.left = 1};
	db_read(r, db_tenants(keys, DB_SCOPE_KEYS_MAX), SQL_ITEM_LIST, NULL, listed, &s);
	pg_run_until(l, &s.done);
	cr_expect_eq(s.e, ERR_OK);
	reader_free(r);
	loop_free(l);
}

Test(reader, no_database_is_unavailable)
{
	loop *l = loop_new();
	reader_options o = {.platform = work_options("host=/nowhere", true), .platform_n = 1, .deadline_us = 200000};
	db_reader *r = reader_new(l, &o);
	seen s = {.left = 1};
	db_read(r, DB_PLATFORM, SQL_ITEM_LIST, NULL, listed, &s);
	cr_assert(!reader_is_up(r));
	pg_run_until(l, &s.done);
	cr_assert_eq(s.e, ERR_UNAVAILABLE);
	reader_free(r);
	loop_free(l);
}

Test(reader, a_full_queue_is_overloaded)
{
	loop *l = loop_new();
	reader_options o = {.platform = work_options("host=/nowhere", true), .platform_n = 1};
	db_reader *r = reader_new(l, &o);
	static seen s[READ_QUEUE_MAX + 1];
	for (int i = 0; i <= READ_QUEUE_MAX; i++) {
		s[i].left = 1;
		db_read(r, DB_PLATFORM, SQL_ITEM_LIST, NULL, listed, &s[i]);
	}
	pg_run_until(l, &s[READ_QUEUE_MAX].done);
	cr_expect_eq(s[READ_QUEUE_MAX].e, ERR_OVERLOADED);
	cr_expect(!s[0].done);
	reader_free(r);
	cr_expect(s[0].done && s[0].e == ERR_UNAVAILABLE);
	loop_free(l);
}
