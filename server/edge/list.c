#include "server/edge/list.h"

#include "base/clock.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/cursor.h"
#include "server/edge/dispatch.h"
#include "server/edge/edge.h"
#include "server/edge/gate.h"
#include "server/edge/query.h"
#include "server/edge/table.h"

typedef struct page {
	int64_t limit;
	str filters;
	uint32_t rows; /* to show: one more was asked for, to know whether there is a next page */
	str next;      /* cursor; absent on the last page */
	const row_plan *plan;
	bool is_first, has_total;
	int64_t total;
	db_reply reply; /* while its items are counted */
} page;

/* To how many a list is counted: more is no number that anybody reads. */
enum { COUNT_MAX = 100000 };

static db_scope scope_of(const request *r)
{
	return operations[r->op].is_of_fleet ? DB_PLATFORM : request_scope(r);
}

static const void *query_member(const request *r, const char *name, js_kind kind)
{
	const js_type *t = r->route->query;

	for (uint16_t i = 0; t && i < t->n; i++)
		if (t->fields[i].kind == kind && strcmp(t->fields[i].name, name) == 0)
			return (const char *)r->query + t->fields[i].at;
	return NULL;
}

static bool is_paging(str name)
{
	return str_eq(name, S("limit")) || str_eq(name, S("cursor")) || str_eq(name, S("fields"));
}

/* The parameters as given, but for the paging ones, each on its line; and who asks. */
static str filters_of(const request *r)
{
	str rest = r->web->query, name = STR_NONE, value = STR_NONE;
	bool is_bad = false;
	buf all;

	buf_init(&all, EDGE_OUT_MAX);
	buf_printf(&all, "%s %s\n", r->route->operation, r->who ? r->who->tenant : "");
	while (rest.n && query_next(&rest, r->arena, &name, &value, &is_bad))
		if (!is_paging(name))
			buf_printf(&all, STR_FMT "=%u:" STR_FMT "\n", STR_ARG(name), (unsigned)value.n, STR_ARG(value));
	str copy = str_dup(r->arena, buf_str(&all));
	buf_done(&all);
	return copy;
}

static str secret_of(const request *r)
{
	return str_of((const char *)r->edge->secret, EDGE_SECRET);
}

/* Above every id, in whatever language the database sorts: where a falling list begins. */
static const char top[] = "zzzz";

/* The statement that answers in the order asked for. */
static sql_id sorted(const request *r, sql_id s, void **in)
{
	const strs *sort = query_member(r, "sort", JS_TEXTS);

	if (!sort || operation_sort_is_own(r->op, *sort))
		return s;
	s = operations[r->op].sorted;
	*in = bind_request(r, s);
	return s;
}

/* `after` is a text, or a number for lists ordered by one. */
static bool after_put(sql_id s, void *in, str last)
{
	int64_t number = 0;

	if (sql_put_text(s, in, S("after"), last))
		return true;
	if (last.n) {
		while (last.n > 1 && last.p[0] == '0')
			last = str_cut(last, 1, last.n);
		if (!str_to_i64(last, &number))
			return false;
	}
	return sql_put_i64(s, in, S("after"), number);
}

step list_run(request *r, void *in)
{
	return list_run_as(r, operations[r->op].stmt, in);
}

/* The operation's own, unless another statement answers. */
static err plan_find(request *r, sql_id s, const row_plan **ret)
{
	row_plan *made;

	*ret = operation_plan(r->op);
	if ((*ret)->stmt == s)
		return ERR_OK;
	*ret = made = ARENA_NEW(r->arena, row_plan);
	return row_plan_make(r->route->answer, s, made, &r->fault);
}

static int field_find(const row_plan *p, str name)
{
	for (uint32_t i = 0; i < p->type->n; i++)
		if (p->column[i] >= 0 && str_eq(str_from(p->type->fields[i].name), name))
			return (int)i;
	return -1;
}

/* *plan, of the fields asked for only. */
static err fields_pick(request *r, const row_plan **plan)
{
	row_plan *picked = ARENA_NEW(r->arena, row_plan);
	str rest = r->fields;

	if (!rest.p)
		return ERR_OK;
	*picked = **plan;
	memset(picked->column, -1, sizeof(picked->column));
	while (rest.p) {
		str name = str_split(&rest, ',');
		int i = field_find(*plan, name);
		if (i < 0)
			return fault_set(&r->fault, ERR_BAD_PARAMETER, "fields",
				"the items of this list have no field '" STR_FMT "'", STR_ARG(str_cut(name, 0, 64)));
		picked->column[i] = (*plan)->column[i];
	}
	*plan = picked;
	return ERR_OK;
}

step list_run_as(request *r, sql_id s, void *in)
{
	page *p = ARENA_NEW(r->arena, page);
	const int64_t *limit = query_member(r, "limit", JS_I64);
	const str *cursor = query_member(r, "cursor", JS_TEXT);
	str last = S("");

	s = sorted(r, s, &in);
	if (s == operations[r->op].sorted && !sql_param(s, S("sort")))
		last = str_from(top);
	err e = plan_find(r, s, &p->plan);

	if (!e)
		e = fields_pick(r, &p->plan);
	if (e)
		return request_fail(r, e);
	p->limit = limit && *limit < PAGE_LIMIT_MAX ? *limit : PAGE_LIMIT_MAX;
	p->filters = filters_of(r);
	if (cursor && cursor->p) {
		e = cursor_read(r->arena, secret_of(r), p->filters, *cursor, &last, &r->fault);
		if (e)
			return request_fail(r, e);
	}
	if (!after_put(s, in, last))
		return request_fail_at(r, ERR_CURSOR_MISMATCH, "cursor", "this is no cursor of this list");
	sql_put_i64(s, in, S("limit"), p->limit + 1);
	r->work = p;
	p->is_first = !cursor || !cursor->p;
	return request_fetch(r, scope_of(r), s, in, STEP_list_reply);
}

step list_ask(request *r)
{
	return list_run(r, bind_request(r, operations[r->op].stmt));
}

/* The same request with another cursor. */
static void link_next(request *r, str cursor)
{
	str rest = r->web->query, query = S("");

	while (rest.n) {
		str pair = str_split(&rest, '&');
		if (!str_starts(pair, S("cursor=")) && pair.n)
			query = str_print(r->arena, STR_FMT STR_FMT "&", STR_ARG(query), STR_ARG(pair));
	}
	request_header(r, "Link",
		str_print(r->arena, "<" STR_FMT "?" STR_FMT "cursor=" STR_FMT ">; rel=\"next\"", STR_ARG(r->web->path),
			STR_ARG(query), STR_ARG(cursor)));
}

static void page_end(request *r, page *p)
{
	p->rows = r->reply.rows;
	if ((int64_t)p->rows <= p->limit)
		return;
	p->rows = (uint32_t)p->limit;
	p->next = cursor_make(r->arena, secret_of(r), p->filters, db_text(&r->reply, p->rows - 1, "cursor"));
	link_next(r, p->next);
}

static step json_reply(request *r, const page *p)
{
	buf *out = request_out(r);
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("items"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < p->rows; i++)
		row_write(&w, p->plan, &r->reply, i);
	js_array_end(&w);
	js_put_text(&w, "next_cursor", p->next);
	if (p->has_total)
		js_put_i64(&w, "total", p->total < COUNT_MAX ? p->total : COUNT_MAX);
	if (p->has_total && p->total > COUNT_MAX)
		js_put_bool(&w, "total_is_cut", true);
	js_object_end(&w);
	return request_reply_out(r, r->route->status);
}

static step ndjson_reply(request *r, const page *p)
{
	buf *out = request_out(r);

	for (uint32_t i = 0; i < p->rows; i++) {
		js_writer w = js_writer_on(out);
		row_write(&w, p->plan, &r->reply, i);
		buf_add_char(out, '\n');
	}
	return request_reply(r, r->route->status, "application/x-ndjson", buf_str(out));
}

/* Spreadsheets run a cell that begins so. */
static bool is_formula(str s)
{
	return s.n && memchr("=+-@\t\r", s.p[0], 6);
}

void csv_cell(buf *out, str text)
{
	bool is_quoted = is_formula(text);

	for (uint32_t i = 0; i < text.n && !is_quoted; i++)
		is_quoted = text.p[i] == ',' || text.p[i] == '"' || text.p[i] == '\n' || text.p[i] == '\r';
	if (!is_quoted) {
		buf_add_str(out, text);
		return;
	}
	buf_add_char(out, '"');
	if (is_formula(text))
		buf_add_char(out, '\'');
	for (uint32_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, text.p[i]);
	}
	buf_add_char(out, '"');
}

static void csv_value(buf *out, const db_reply *reply, uint32_t row, int8_t column)
{
	const sql_field *f = &sql_stmts[reply->stmt].out[column];
	char time[CLOCK_TEXT_MAX];

	if (db_is_null(reply, row, (uint32_t)column))
		return;
	if (f->type == PG_INT8 || f->type == PG_INT4)
		buf_add_i64(out, db_i64(reply, row, f->name));
	else if (f->type == PG_TIME)
		buf_add(out, time, (size_t)clock_text(db_i64(reply, row, f->name), time));
	else if (f->type == PG_TEXT || f->type == PG_JSON)
		csv_cell(out, db_text(reply, row, f->name));
}

static step csv_reply(request *r, const page *p)
{
	const row_plan *plan = p->plan;
	buf *out = request_out(r);

	for (uint32_t row = 0; row <= p->rows; row++) {
		const char *comma = "";
		for (uint16_t i = 0; i < plan->type->n; i++) {
			if (plan->column[i] < 0)
				continue;
			buf_add_str(out, str_from(comma));
			comma = ",";
			if (row == 0)
				buf_add_str(out, str_from(plan->type->fields[i].name));
			else
				csv_value(out, &r->reply, row - 1, plan->column[i]);
		}
		buf_add_str(out, S("\r\n"));
	}
	return request_reply(r, r->route->status, "text/csv; charset=utf-8; header=present", buf_str(out));
}

static step table_reply(request *r, const page *p)
{
	buf *out = request_out(r);

	table_write(out, p->plan, &r->reply, p->rows);
	return request_reply(r, r->route->status, "text/plain; charset=utf-8", buf_str(out));
}

/* A wish that is met is said to be (RFC 7240); beyond COUNT_MAX it is not. */
static void total_tell(request *r, const page *p)
{
	if (!p->has_total)
		return;
	request_header(r, "X-Total-Count",
		str_print(r->arena, "%lld", (long long)(p->total < COUNT_MAX ? p->total : COUNT_MAX)));
	if (p->total <= COUNT_MAX)
		request_header(r, "Preference-Applied", S("count=exact"));
}

static step page_write(request *r, const page *p)
{
	total_tell(r, p);
	if (r->form == FORM_CSV)
		return csv_reply(r, p);
	if (r->form == FORM_TEXT)
		return table_reply(r, p);
	return r->form == FORM_NDJSON ? ndjson_reply(r, p) : json_reply(r, p);
}

/* Sorted or not, it has as many. */
static step count_ask(request *r, page *p)
{
	sql_id s = operations[r->op].counted;
	void *in = bind_request(r, s);

	p->reply = r->reply;
	sql_put_text(s, in, S("after"), S(""));
	sql_put_i64(s, in, S("limit"), COUNT_MAX + 1);
	return request_fetch(r, scope_of(r), s, in, STEP_list_counted);
}

static step page_reply(request *r, page *p)
{
	bool is_whole = p->is_first && !p->next.p;

	if (!r->is_counted || !operations[r->op].counted)
		return page_write(r, p);
	if (!is_whole)
		return count_ask(r, p);
	p->has_total = true;
	p->total = p->rows;
	return page_write(r, p);
}

step list_counted(request *r)
{
	page *p = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	p->has_total = true;
	p->total = db_i64(&r->reply, 0, "n");
	r->reply = p->reply;
	return page_write(r, p);
}

/* The tenant whose rows were asked for, or NULL. */
static const str *tenant_asked(const request *r)
{
	const str *tenant = query_member(r, "tenant", JS_TEXT), *under = query_member(r, "under", JS_TEXT);

	if (under && under->p)
		return under;
	return tenant && tenant->p ? tenant : NULL;
}

step list_reply(request *r)
{
	page *p = r->work;
	const str *tenant = tenant_asked(r);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	page_end(r, p);
	if (p->rows || !tenant)
		return page_reply(r, p);
	/* Nothing is there, or the name is wrong: that is no answer to "how much has it". */
	sql_tenant_get_in *in = ARENA_NEW(r->arena, sql_tenant_get_in);
	in->tenant = *tenant;
	return request_fetch(r, request_scope(r), SQL_TENANT_GET, in, STEP_list_tenant_read);
}

step list_tenant_read(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows)
		return page_reply(r, r->work);
	if (gate_may_again(r))
		return gate_again(r);
	const char *name = query_member(r, "under", JS_TEXT) ? "under" : "tenant";
	return request_fail_at(r, ERR_NOT_FOUND, name, "there is no such tenant in the caller's sight");
}
