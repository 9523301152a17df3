/* Plans, applies and exports: asked of the worker, whose answer is waited for (db/queries/ask.sql,
 * server/worker/planner.h). */
#include "api/types/plan.h"
#include "api/types/cluster.h"
#include "base/clock.h"
#include "db/sql.h"
#include "server/edge/answer.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/gate.h"
#include "server/identity/grant_text.h"

enum { WAIT_FIRST_MS = 5, WAIT_MOST_MS = 100, PATIENCE_MS = 60000 };

static const char *const forms[] = {"json", "text", "markdown"};

typedef struct plan_work {
	sql_ask_add_in ask;
	sql_ask_find_in find;
	sql_plan_get_in get;
	sql_plan_text_in text;
	int64_t until_us, wait_ms;
	int32_t status;
} plan_work;

/* Where the caller sits: the first place at which they hold what the route needs. */
static const grant *place_of(const request *r)
{
	const grants *g = &r->who->grants;

	for (uint32_t i = 0; i < g->n; i++)
		if (rights_hold(g->v[i].rights, r->route->right))
			return &g->v[i];
	return g->n ? &g->v[0] : NULL;
}

static plan_work *work_new(request *r, const char *kind, str object_id)
{
	const grant *at = request_is_for_fleet(r) ? NULL : place_of(r);
	plan_work *w = ARENA_NEW(r->arena, plan_work);
	id made = id_make("ask");

	r->work = w;
	w->ask = (sql_ask_add_in){
		.id = str_dup(r->arena, id_str(&made)),
		.kind = str_from(kind),
		.tenant_key = at ? at->tenant_key : FLEET_KEY,
		.tenant = at ? at->tenant : S(""),
		.is_platform = request_is_for_fleet(r),
		.grants = grants_text(r->arena, &r->who->grants),
		.actor = request_actor(r),
		.request_id = str_from(r->id),
		.op_key = r->idempotency_key,
		.fingerprint = r->idempotency_key.p ? str_of((const char *)r->fingerprint, LEDGER_HASH) : S(""),
		.object_id = object_id,
		.if_rev = r->if_rev,
		.reason = S(""),
		.is_yaml = r->is_yaml,
		.is_dry = r->is_dry,
		.form = str_from(forms[r->form == FORM_TEXT       ? 1
				       : r->form == FORM_MARKDOWN ? 2
								  : 0]),
		.body = S(""),
	};
	w->find.id = w->ask.id;
	return w;
}

static step ask(request *r)
{
	plan_work *w = r->work;

	w->until_us = clock_mono_us() + PATIENCE_MS * 1000LL;
	w->wait_ms = WAIT_FIRST_MS;
	return request_write(r, 0, SQL_ASK_ADD, &w->ask, STEP_plan_asked);
}

step plan_create(request *r)
{
	id made = id_make("pln");
	plan_work *w = work_new(r, "plan", str_dup(r->arena, id_str(&made)));

	w->ask.body = r->web->body.p ? r->web->body : S("");
	return ask(r);
}

step plan_apply(request *r)
{
	plan_work *w = work_new(r, "apply", r->vars[0]);
	const action_reason *body = r->body;

	if (body && body->reason.p)
		w->ask.reason = body->reason;
	return ask(r);
}

/* Of an export the object is the tenant, and what else it says is the manager it shall name. */
step plan_export(request *r)
{
	const export_query *q = r->query;
	plan_work *w = work_new(r, "export", q->tenant.p ? q->tenant : S(""));

	if (q->manager.p)
		w->ask.reason = q->manager;
	return ask(r);
}

static void worker_call(request *r)
{
	notify_send(r->edge->notify, NOTIFY_ASKS);
}

step plan_asked(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	worker_call(r);
	return step_next(r, STEP_plan_look);
}

static void nothing_held(request *r)
{
	(void)r;
}

step plan_look(request *r)
{
	plan_work *w = r->work;

	return request_fetch(r, request_scope(r), SQL_ASK_FIND, &w->find, STEP_plan_seen);
}

/* Not answered yet: looks again after a while that grows. */
static step wait(request *r)
{
	plan_work *w = r->work;
	int64_t ms = w->wait_ms;

	if (r->edge->is_draining)
		return request_fail_at(r, ERR_UNAVAILABLE, "", "the server stops; ask again");
	if (clock_mono_us() > w->until_us)
		return request_fail_at(r, ERR_DECISION_TIMEOUT, "", "the worker has not answered yet");
	w->wait_ms = 2 * ms < WAIT_MOST_MS ? 2 * ms : WAIT_MOST_MS;
	return request_hold(r, ms, nothing_held, STEP_plan_look);
}

/* NULL: JSON. */
static const char *type_of(const request *r)
{
	if (r->form == FORM_MARKDOWN)
		return "text/markdown; charset=utf-8";
	return r->form == FORM_TEXT ? "text/plain; charset=utf-8" : NULL;
}

static step refused(request *r, const sql_ask_find_row *row)
{
	err e = ERR_INTERNAL;

	for (int i = 1; i < ERR_COUNT; i++)
		if (str_eq(row->code, str_from(err_code((err)i))))
			e = (err)i;
	fault_set(&r->fault, e, row->pointer.p ? str_z(r->arena, row->pointer) : "", STR_FMT, STR_ARG(row->detail));
	return request_fail(r, e);
}

static step plan_fetch(request *r, str plan_id, int32_t status)
{
	plan_work *w = r->work;

	w->status = status;
	w->get.id = w->text.id = plan_id;
	w->get.reader = w->text.reader = request_is_for_fleet(r) ? S("") : request_actor(r);
	w->text.is_markdown = r->form == FORM_MARKDOWN;
	if (r->form == FORM_JSON)
		return request_fetch(r, request_scope(r), SQL_PLAN_GET, &w->get, STEP_plan_shown);
	return request_fetch(r, request_scope(r), SQL_PLAN_TEXT, &w->text, STEP_plan_shown);
}

step plan_seen(request *r)
{
	sql_ask_find_row row;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail_at(r, ERR_INTERNAL, "", "the question is gone");
	err e = db_row(&r->reply, 0, &row, &r->fault);
	if (e)
		return request_fail(r, e);
	if (!row.is_done)
		return wait(r);
	if (row.is_replay)
		request_header(r, "Idempotency-Replayed", S("true"));
	if (row.code.p)
		return refused(r, &row);
	if (row.result.p)
		request_header(r, "Plan-Result", row.result);
	if (row.answer.p)
		return request_reply(r, (int)row.status, type_of(r), row.answer);
	return plan_fetch(r, row.object_id, (int32_t)row.status);
}

step plan_show(request *r)
{
	r->work = ARENA_NEW(r->arena, plan_work);
	return plan_fetch(r, r->vars[0], 200);
}

static step written(request *r, const plan_work *w)
{
	request_header(r, "ETag", str_print(r->arena, "\"%lld\"", (long long)db_i64(&r->reply, 0, "revision")));
	return request_reply(r, w->status, type_of(r), db_text(&r->reply, 0, "body"));
}

step plan_shown(request *r)
{
	const plan_work *w = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return gate_may_again(r) && r->op == OP_PLAN_GET ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	request_header(r, "Plan-Result", db_text(&r->reply, 0, "result"));
	if (w->status == 201)
		request_header(r, "Location", str_print(r->arena, "/v1/plans/" STR_FMT, STR_ARG(w->get.id)));
	if (r->form != FORM_JSON)
		return written(r, w);
	buf *out = request_out(r);
	js_writer to = js_writer_on(out);
	row_write(&to, operation_plan(OP_PLAN_GET), &r->reply, 0);
	answer_etag(r, buf_str(out));
	if (r->op == OP_PLAN_GET && answer_is_unchanged(r, buf_str(out)))
		return request_reply(r, 304, NULL, S(""));
	return request_reply_out(r, w->status);
}
