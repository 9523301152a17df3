/* The parts of the edge that need no database: query, cursor, problem, forms, tables. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "api/types/placement.h"
#include "api/types/query.h"
#include "engine/lifecycle.h"
#include "server/edge/accept.h"
#include "server/edge/cursor.h"
#include "server/edge/dispatch.h"
#include "server/edge/list.h"
#include "server/edge/member.h"
#include "server/edge/problem.h"
#include "server/edge/query.h"
#include "server/edge/watch_stream.h"

#define N(v) (sizeof(v) / sizeof(*(v)))

Test(dispatch, every_operation_has_its_statement_or_step)
{
	const char *gap = dispatch_check();

	cr_expect_null(gap, "%s", gap);
}

Test(dispatch, names_of_variables_come_from_the_path)
{
	cr_expect(str_eq(operation_var_name(OP_TENANT_GET, 0), S("tenant")));
	cr_expect(str_eq(operation_var_name(OP_CLUSTER_CORDON, 0), S("cluster")));
	cr_expect_null(operation_var_name(OP_TENANT_GET, 1).p);
	cr_expect_null(operation_var_name(OP_LIVEZ, 0).p);
}

Test(query, is_read_by_the_types_own_table)
{
	AUTO_ARENA a = arena_new(0);
	placement_query q;
	fault f = {0};

	cr_assert_eq(query_read(&placement_query_type, S("tenant=acme~nlp&subtree=true&state=pending,running&limit=7"),
			     a, &q, &f),
		ERR_OK, "%s", f.detail);
	cr_expect(str_eq(q.tenant, S("acme/nlp")));
	cr_expect(q.subtree);
	cr_expect_eq(q.state.n, 2);
	cr_expect(str_eq(q.state.v[1], S("running")));
	cr_expect_eq(q.limit, 7);
	cr_assert_eq(query_read(&placement_query_type, STR_NONE, a, &q, &f), ERR_OK);
	cr_expect_eq(q.limit, 100, "the default");
	cr_expect_eq(query_read(NULL, STR_NONE, a, NULL, &f), ERR_OK);
	cr_expect_eq(query_read(NULL, S("a=1"), a, NULL, &f), ERR_UNKNOWN_PARAMETER);
}

Test(query, durations)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {{"500ms", 500}, {"5s", 5000}, {"2m", 120000}, {"0s", 0}, {"5", -1}, {"", -1}, {"s", -1},
		{"-1s", -1}, {"1.5s", -1}, {"5h", -1}, {"99999999s", -1}, {"ms", -1}};

	for (size_t i = 0; i < N(rows); i++) {
		int64_t ms = -1;
		cr_expect_eq(query_duration(str_from(rows[i].text), &ms), rows[i].ms >= 0, "%s", rows[i].text);
		cr_expect_eq(ms, rows[i].ms, "%s", rows[i].text);
	}
}

Test(cursor, goes_back_to_its_own_query_only)
{
	AUTO_ARENA a = arena_new(0);
	static const char *const lasts[] = {"", "a", "ab", "abc", "acme/nlp 2026-01-01 h100", "\xff\x01~"};
	fault f;

	for (size_t i = 0; i < N(lasts); i++) {
		str got, cursor = cursor_make(a, S("secret"), S("filters"), str_from(lasts[i]));
		cr_assert_eq(cursor_read(a, S("secret"), S("filters"), cursor, &got, &f), ERR_OK);
		cr_expect(str_eq(got, str_from(lasts[i])));
		cr_expect_eq(cursor_read(a, S("secret"), S("filterz"), cursor, &got, &f), ERR_CURSOR_MISMATCH);
		cr_expect_eq(cursor_read(a, S("secreu"), S("filters"), cursor, &got, &f), ERR_CURSOR_MISMATCH);
		for (uint32_t k = 0; k + 1 < cursor.n; k++) {
			str bad = str_dup(a, cursor);
			((char *)bad.p)[k] = bad.p[k] == 'A' ? 'B' : 'A';
			cr_expect_eq(cursor_read(a, S("secret"), S("filters"), bad, &got, &f), ERR_CURSOR_MISMATCH);
		}
	}
}

/* What the value could borrow from the filters, or they from it, makes another cursor. */
Test(cursor, the_border_between_filters_and_value_counts)
{
	AUTO_ARENA a = arena_new(0);

	cr_expect_not(str_eq(cursor_make(a, S("s"), S("ab"), S("c")), cursor_make(a, S("s"), S("a"), S("bc"))));
}

Test(problem, each_error_has_a_document_a_client_can_use)
{
	for (err e = 1; e < ERR_COUNT; e++) {
		buf out;
		fault f = {.pointer = "#/a", .detail = "why"};
		buf_init(&out, 4096);
		problem_write(&out, &(problem){.e = e, .fault = &f, .instance = S("req_1")});
		json_t *doc = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
		cr_assert(doc, "%s", err_code(e));
		int64_t status = json_integer_value(json_object_get(doc, "status"));
		cr_expect(status >= 400 && status < 600, "%s: %lld", err_code(e), (long long)status);
		const char *type = json_string_value(json_object_get(doc, "type"));
		cr_expect(type && strncmp(type, "/problems/", 10) == 0 && !strchr(type, '_'), "%s", type);
		cr_expect_str_eq(json_string_value(json_object_get(doc, "instance")), "req_1");
		json_decref(doc);
		buf_done(&out);
	}
}

/* What went wrong inside is for the log. */
Test(problem, nothing_of_the_inside_is_told)
{
	buf out;
	fault f = {.pointer = "x", .detail = "relation \"tenant\" does not exist"};

	buf_init(&out, 4096);
	problem_write(&out, &(problem){.e = ERR_DB, .fault = &f, .instance = S("req_1")});
	cr_expect_null(memmem(out.p, out.n, "relation", 8));
	cr_expect_not_null(memmem(out.p, out.n, "\"code\":\"internal\"", 17));
	buf_done(&out);
}

Test(problem, headers_say_what_to_do_next)
{
	static const struct {
		err e;
		const char *has;
	} rows[] = {{ERR_OVERLOADED, "Retry-After: 1\r\n"}, {ERR_TOKEN_MISSING, "WWW-Authenticate: Bearer\r\n"},
		{ERR_TOKEN_EXPIRED, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"}, {ERR_NOT_FOUND, ""}};

	for (size_t i = 0; i < N(rows); i++) {
		buf out;
		buf_init(&out, 4096);
		problem_headers(&out, &(problem){.e = rows[i].e});
		cr_expect(str_eq(buf_str(&out), str_from(rows[i].has)), "%s: " STR_FMT, err_code(rows[i].e),
			STR_ARG(buf_str(&out)));
		buf_done(&out);
	}
}

Test(list, no_cell_of_a_table_is_a_formula)
{
	static const struct {
		const char *text, *cell;
	} rows[] = {{"plain", "plain"}, {"a,b", "\"a,b\""}, {"say \"hi\"", "\"say \"\"hi\"\"\""}, {"=1+1", "\"'=1+1\""},
		{"+1", "\"'+1\""}, {"-1", "\"'-1\""}, {"@x", "\"'@x\""}, {"\tx", "\"'\tx\""}, {"a\nb", "\"a\nb\""},
		{"", ""}};

	for (size_t i = 0; i < N(rows); i++) {
		buf out;
		buf_init(&out, 256);
		csv_cell(&out, str_from(rows[i].text));
		cr_expect(str_eq(buf_str(&out), str_from(rows[i].cell)), "%s", rows[i].text);
		buf_done(&out);
	}
}

Test(accept, the_first_form_that_is_taken_counts)
{
	static const struct {
		op op;
		const char *accept;
		int form; /* -1: refused */
	} rows[] = {
		{OP_TENANT_LIST, NULL, FORM_JSON},
		{OP_TENANT_LIST, "*/*", FORM_JSON},
		{OP_TENANT_LIST, "text/html, application/json;q=0.9", FORM_JSON},
		{OP_TENANT_LIST, "text/csv", -1},
		{OP_TENANT_LIST, "application/json;q=0", -1},
		{OP_USAGE_LIST, "text/csv", FORM_CSV},
		{OP_USAGE_LIST, "application/x-ndjson", FORM_NDJSON},
		{OP_USAGE_LIST, "text/event-stream", -1},
		{OP_WATCH, NULL, FORM_EVENTS},
		{OP_WATCH, "*/*", FORM_EVENTS},
		{OP_WATCH, "text/event-stream", FORM_EVENTS},
		{OP_WATCH, "application/x-ndjson", FORM_NDJSON},
		{OP_WATCH, "text/csv", -1},
		{OP_METRICS, "text/plain", FORM_JSON},
	};

	for (size_t i = 0; i < N(rows); i++) {
		answer_form form;
		fault f;
		err e = accept_read(&routes[rows[i].op], str_from(rows[i].accept), &form, &f);
		cr_expect_eq(e ? -1 : (int)form, rows[i].form, "row %zu", i);
	}
	cr_expect(media_is(S("Application/JSON ; charset=utf-8"), S("application/json")));
	cr_expect_not(media_is(S("application/jsonx"), S("application/json")));
}

Test(member, one_member_of_a_document)
{
	str doc = S("{\"a\":{\"b\":[1,2]},\"n\":17,\"t\":\"x\"}");

	cr_expect(str_eq(member_find(doc, S("a")), S("{\"b\":[1,2]}")));
	cr_expect(str_eq(member_text(doc, S("t")), S("x")));
	cr_expect_eq(member_i64(doc, S("n"), -1), 17);
	cr_expect_eq(member_i64(doc, S("t"), -1), -1);
	cr_expect_null(member_find(doc, S("z")).p);
	cr_expect_null(member_find(S(""), S("z")).p);
	cr_expect_null(member_find(S("[1]"), S("z")).p);
}

Test(member, a_document_without_one_of_its_members)
{
	static const char *const cases[][2] = {
		{"{\"a\":1,\"b\":{\"a\":2},\"c\":\"x\"}", "{\"b\":{\"a\":2},\"c\":\"x\"}"},
		{"{\"b\":1, \"a\":[1]}", "{\"b\":1}"},
		{"{\"a\":1}", "{}"},
		{"{\"b\":\"\\u00e9\"}", "{\"b\":\"\\u00e9\"}"},
		{"[1]", ""},
	};

	for (size_t i = 0; i < N(cases); i++) {
		buf out;
		buf_init(&out, 1000);
		member_leave_out(&out, str_from(cases[i][0]), S("a"));
		cr_expect(str_eq(buf_str(&out), str_from(cases[i][1])), "%s: " STR_FMT, cases[i][0],
			STR_ARG(buf_str(&out)));
		buf_done(&out);
	}
}

Test(query, a_list_takes_each_state_there_is_and_no_other)
{
	size_t n = 0;

	for (; placement_states[n]; n++)
		cr_expect_str_eq(placement_states[n], lifecycle_name((lifecycle)n));
	cr_expect_eq(n, LIFE_COUNT);
}

Test(watch, cursors)
{
	static const char *const bad[] = {
		"", "g1", "g1.", "g1.p", "p1.g1", "g-1.p1", "g1.p1.x", "1.1", "g1p1", "g01.p1"};
	feed_at at = {0, 0};

	cr_assert(feed_at_parse(S("g18422.p90311"), &at));
	cr_expect(at.g == 18422 && at.p == 90311);
	for (size_t i = 0; i < N(bad); i++)
		cr_expect_not(feed_at_parse(str_from(bad[i]), &at), "%s", bad[i]);
}
