/* Parameters and columns of every type, there and back in binary form. */
#include <criterion/criterion.h>

#include "db/reader.h"
#include "db/row_json.h"
#include "work.h"

typedef struct answer {
	bool done;
	err e;
	fault f;
	arena *a;
	db_reply r;
} answer;

static void answered(void *arg, db_reply *r)
{
	answer *a = arg;
	a->done = true;
	a->e = r->e;
	a->f = r->f;
	if (a->a) {
		db_keep(r, a->a);
		a->r = *r;
	}
}

static answer ask(const char *dsn, sql_id s, const void *in, arena *keep)
{
	loop *l = loop_new();
	reader_options o = {.platform = work_options(dsn, true), .platform_n = 1};
	db_reader *r = reader_new(l, &o);
	answer a = {.a = keep};
	db_read(r, DB_PLATFORM, s, in, answered, &a);
	pg_run_until(l, &a.done);
	reader_free(r);
	loop_free(l);
	return a;
}

static sql_echo_in echo_full(void)
{
	static str texts[] = {{"a,b", 3}, {"", 0}, {NULL, 0}}, jsons[] = {{"{\"x\":1}", 7}}, byteas[] = {{"\0\1", 2}};
	static int64_t i8s[] = {INT64_MAX, PG_I64_NULL, -1}, i4s[] = {INT32_MIN, 7}, ats[] = {0};
	static bool yes[] = {true, false};
	return (sql_echo_in){.a = S("h\xc3\xa9llo"),
		.j = S("{\"k\": [1, 2]}"),
		.b = str_of("\0\xff", 2),
		.i8 = INT64_MIN + 1,
		.i4 = -5,
		.yes = true,
		.at = 1700000000123456,
		.texts = {texts, 3},
		.jsons = {jsons, 1},
		.byteas = {byteas, 1},
		.i8s = {i8s, 3},
		.i4s = {i4s, 2},
		.bools = {yes, 2},
		.ats = {ats, 1}};
}

#define SAME(s, z) cr_expect(str_eq((s), str_from(z)), "'" STR_FMT "' is not '%s'", STR_ARG(s), z)

Test(reply, every_type_comes_back_as_it_went)
{
	arena *a = arena_new(0);
	const char *dsn = work_database("types");
	sql_echo_in in = echo_full();
	answer got = ask(dsn, SQL_ECHO, &in, a);
	sql_echo_row row;
	cr_assert_eq(got.e, ERR_OK, "%s", got.f.detail);
	cr_assert_eq(db_row(&got.r, 0, &row, &got.f), ERR_OK, "%s", got.f.detail);
	SAME(row.a, "h\xc3\xa9llo");
	SAME(row.j, "{\"k\": [1, 2]}");
	SAME(row.jb, "{\"k\": [1, 2]}");
	cr_expect(str_eq(row.b, in.b));
	cr_expect_eq(row.i8, INT64_MIN + 1);
	cr_expect_eq(row.i4, -5);
	cr_expect(row.yes);
	cr_expect_eq(row.at, 1700000000123456);
	SAME(row.texts, "{\"a,b\",\"\",NULL}");
	SAME(row.jsons, "{\"{\\\"x\\\":1}\"}");
	SAME(row.byteas, "{\"\\\\x0001\"}");
	SAME(row.i8s, "{9223372036854775807,NULL,-1}");
	SAME(row.i4s, "{-2147483648,7}");
	SAME(row.bools, "{t,f}");
	cr_expect(str_starts(row.ats, S("1970-01-01")) || str_starts(row.ats, S("1969-12-31")));
	cr_expect_eq(db_i64(&got.r, 0, "i4"), -5);
	arena_end(a);
}

Test(reply, null_goes_and_comes_as_absent)
{
	arena *a = arena_new(0);
	const char *dsn = work_database("nulls");
	sql_echo_in in = {.i8_null = true, .i4_null = true, .yes_null = true, .at_null = true};
	answer got = ask(dsn, SQL_ECHO, &in, a);
	sql_echo_row row;
	cr_assert_eq(got.e, ERR_OK, "%s", got.f.detail);
	cr_assert_eq(db_row(&got.r, 0, &row, &got.f), ERR_OK, "%s", got.f.detail);
	cr_expect(!row.a.p && !row.j.p && !row.jb.p && !row.b.p && !row.texts.p);
	cr_expect(row.i8_null && row.i4_null && row.yes_null && row.at_null);
	SAME(row.jsons, "{}");
	SAME(row.i4s, "{}");
	arena_end(a);
}

Test(reply, what_cannot_be_sent_is_refused_before)
{
	const char *dsn = work_database("refused");
	static const struct {
		sql_id s;
		sql_item_put_in in;
		err e;
		const char *pointer;
	} rows[] = {
		{SQL_ITEM_PUT, {.id = {"x", 1}, .tenant_key = (int64_t)INT32_MAX + 1}, ERR_BAD_PARAMETER, "tenant_key"},
		{SQL_ITEM_PUT, {.id = {"x\0y", 3}}, ERR_BAD_PARAMETER, "id"},
		{SQL_ITEM_PUT, {.id = {NULL, 0}}, ERR_INTERNAL, "id"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		answer got = ask(dsn, rows[i].s, &rows[i].in, NULL);
		cr_expect_eq(got.e, rows[i].e, "%zu: %s", i, err_code(got.e));
		cr_expect_str_eq(got.f.pointer, rows[i].pointer);
	}
}

Test(reply, errors_become_what_a_client_may_know)
{
	const char *dsn = work_database("errors");
	const sql_divide_in zero = {1, 0};
	const sql_expect_in no = {.ok = false, .why = S("never")};
	cr_expect_eq(ask(dsn, SQL_DIVIDE, &zero, NULL).e, ERR_INTERNAL);
	cr_expect_eq(ask(dsn, SQL_TOO_MANY, NULL, NULL).e, ERR_INTERNAL);
	cr_expect_eq(ask(dsn, SQL_EXPECT, &no, NULL).e, ERR_INTERNAL);
}

Test(reply, names_fill_parameters)
{
	sql_echo_in in = {0};
	cr_expect(sql_put_text(SQL_ECHO, &in, S("a"), S("x")) && str_eq(in.a, S("x")));
	cr_expect(sql_put_i64(SQL_ECHO, &in, S("i4"), 4) && in.i4 == 4);
	cr_expect(sql_put_null(SQL_ECHO, &in, S("i4")) && in.i4_null);
	cr_expect(sql_put_i64(SQL_ECHO, &in, S("i4"), 5) && !in.i4_null);
	cr_expect(sql_put_bool(SQL_ECHO, &in, S("yes"), true) && in.yes);
	cr_expect(sql_put_null(SQL_ECHO, &in, S("a")) && !in.a.p);
	cr_expect(!sql_put_text(SQL_ECHO, &in, S("i4"), S("x")));
	cr_expect(!sql_put_i64(SQL_ECHO, &in, S("nothing"), 1));
	cr_expect(!sql_put_null(SQL_ECHO, &in, S("i8s")));
	cr_expect_eq(sql_find(S("echo")), SQL_ECHO);
	cr_expect_eq(sql_find(S("ech")), 0);
}

typedef struct shown {
	str a;
	js_raw jb;
	int64_t i8;
	bool yes;
	js_time at;
	int64_t missing;
	str texts;
} shown;
#define F(...) JS_FIELD(shown, __VA_ARGS__)
static const js_field shown_fields[] = {
	F(a, JS_READ_ONLY, "A."),
	F(jb, JS_READ_ONLY, "B."),
	F(i8, JS_READ_ONLY, "C."),
	F(yes, JS_READ_ONLY, "D."),
	F(at, JS_READ_ONLY, "E."),
	F(missing, JS_READ_ONLY, "F."),
	F(texts, JS_READ_ONLY, "G.", .always = true),
};
#undef F
static JS_TYPE(shown, "Shown.");

static void row_is(const char *dsn, const sql_echo_in *in, const char *json)
{
	arena *a = arena_new(0);
	row_plan plan;
	fault f = {0};
	buf out;
	answer got = ask(dsn, SQL_ECHO, in, a);
	buf_init(&out, 1 << 16);
	cr_assert_eq(row_plan_make(&shown_type, SQL_ECHO, &plan, &f), ERR_OK, "%s", f.detail);
	js_writer w = js_writer_on(&out);
	row_write(&w, &plan, &got.r, 0);
	SAME(buf_str(&out), json);
	buf_done(&out);
	arena_end(a);
}

Test(row_json, a_row_is_an_object_of_its_type)
{
	const char *dsn = work_database("json");
	sql_echo_in in = echo_full();
	in.i8 = 42;
	row_is(dsn, &in,
		"{\"a\":\"h\xc3\xa9llo\",\"jb\":{\"k\": [1, 2]},\"i8\":42,\"yes\":true,\"at\":\"2023-11-14T22:13:20.123Z\","
		"\"texts\":\"{\\\"a,b\\\",\\\"\\\",NULL}\"}");
	in = (sql_echo_in){.i8_null = true, .yes_null = true, .at_null = true};
	row_is(dsn, &in, "{\"texts\":null}");
}

typedef struct wrong {
	int64_t a;
} wrong;
static const js_field wrong_fields[] = {JS_FIELD(wrong, a, JS_READ_ONLY, "A.")};
static JS_TYPE(wrong, "Wrong.");
typedef struct lacking {
	int64_t zz;
} lacking;
static const js_field lacking_fields[] = {JS_FIELD(lacking, zz, JS_READ_ONLY, "Z.", .always = true)};
static JS_TYPE(lacking, "Lacking.");

Test(row_json, a_statement_that_does_not_suit_a_type_is_found_at_start)
{
	row_plan plan;
	fault f = {0};
	cr_expect_eq(row_plan_make(&wrong_type, SQL_ECHO, &plan, &f), ERR_DB);
	cr_expect_eq(row_plan_make(&lacking_type, SQL_ECHO, &plan, &f), ERR_DB);
}
