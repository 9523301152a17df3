#include "api/types/audit.h"
#include "api/types/query.h"
#include "db/sql.h"
#include "json/write.h"
#include "proof/checkpoint.h"
#include "server/edge/bind.h"
#include "server/edge/edge.h"
#include "server/edge/export.h"
#include "server/edge/gate.h"
#include "server/edge/list.h"

enum { RETRY_STREAMS_S = 5 };

static str chain_or(str asked)
{
	return asked.p ? asked : S("g");
}

static step span_ask(request *r)
{
	const audit_query *q = r->query;
	void *in = bind_new(r->arena, SQL_AUDIT_SPAN);

	bind_struct(SQL_AUDIT_SPAN, in, r->route->query, q);
	sql_put_text(SQL_AUDIT_SPAN, in, S("chain"), chain_or(q->chain));
	return request_fetch(r, DB_PLATFORM, SQL_AUDIT_SPAN, in, STEP_audit_span_read);
}

/* An export is a stream, and has no pages. */
static err export_check(request *r, str cursor)
{
	if (r->form != FORM_NDJSON)
		return ERR_OK;
	if (cursor.p)
		return fault_set(
			&r->fault, ERR_BAD_PARAMETER, "cursor", "an export has no pages: it goes on with after");
	if (r->edge->streams < r->edge->settings->watch_streams_max)
		return ERR_OK;
	r->fault.retry_after_s = RETRY_STREAMS_S;
	return ERR_OVERLOADED;
}

/* A list looks by itself whether the tenant is there; an export would just be empty. */
step audit_list(request *r)
{
	const audit_query *q = r->query;
	err e = export_check(r, q->cursor);

	if (e)
		return request_fail(r, e);
	if (r->form != FORM_NDJSON || !q->tenant.p)
		return span_ask(r);
	sql_tenant_get_in *in = ARENA_NEW(r->arena, sql_tenant_get_in);
	in->tenant = q->tenant;
	return request_fetch(r, request_scope(r), SQL_TENANT_GET, in, STEP_audit_tenant_read);
}

step audit_tenant_read(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows)
		return span_ask(r);
	if (gate_may_again(r))
		return gate_again(r);
	return request_fail_at(r, ERR_NOT_FOUND, "tenant", "there is no such tenant in the caller's sight");
}

/* How many are asked for: all, unless a limit was given. */
static int64_t most_asked(const request *r, int64_t limit, uint64_t given)
{
	const js_type *t = r->route->query;

	for (uint16_t i = 0; i < t->n; i++)
		if (strcmp(t->fields[i].name, "limit") == 0 && given >> i & 1)
			return limit;
	return INT64_MAX;
}

step audit_span_read(request *r)
{
	const audit_query *q = r->query;
	str chain = chain_or(q->chain);
	sql_id s = str_eq(chain, S("g")) ? SQL_AUDIT_LIST : SQL_DECISION_LIST;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	int64_t after = db_i64(&r->reply, 0, "after"), upto = db_i64(&r->reply, 0, "upto");
	if (q->after > after)
		after = q->after;
	void *in = bind_request(r, s);
	if (r->form == FORM_NDJSON)
		return export_begin(r, *chain.p, s, in, after, upto, most_asked(r, q->limit, q->given));
	sql_put_i64(s, in, S("floor"), after);
	sql_put_i64(s, in, S("upto"), upto);
	return list_run_as(r, s, in);
}

step audit_key_show(request *r)
{
	audit_key k = {.pem = public_key_pem(r->edge->audit_key, r->arena)};
	buf hex;

	buf_init(&hex, 2 * SIGNATURE_KEY);
	hex_add(&hex, r->edge->audit_key, SIGNATURE_KEY);
	k.key = str_dup(r->arena, buf_str(&hex));
	buf_done(&hex);
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &audit_key_type, &k);
	return request_reply_out(r, 200);
}

step checkpoint_ask(request *r)
{
	const checkpoint_query *q = r->query;
	str chain = chain_or(q->chain);
	void *in = bind_request(r, SQL_CHECKPOINT_LIST);
	err e = export_check(r, q->cursor);

	if (e)
		return request_fail(r, e);
	sql_put_text(SQL_CHECKPOINT_LIST, in, S("chain"), chain);
	sql_put_i64(SQL_CHECKPOINT_LIST, in, S("floor"), q->after);
	if (r->form == FORM_NDJSON)
		return export_begin(
			r, *chain.p, SQL_CHECKPOINT_LIST, in, q->after, INT64_MAX, most_asked(r, q->limit, q->given));
	return list_run(r, in);
}
