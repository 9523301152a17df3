/* Plans, applies and exports: asked of the worker, whose answer is waited for (db/queries/ask.sql,
 * server/worker/planner.h). */
#include "api/types/plan.h"
#include "api/types/cluster.h"
#include "db/sql.h"
#include "server/edge/answer.h"
#include "server/edge/asking.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/dispatch.h"
#include "server/edge/gate.h"
#include "server/edge/permit.h"

enum { PATIENCE_MS = 60000 };

typedef struct plan_work {
	asking asking; /* the first */
	sql_plan_get_in get;
	sql_plan_text_in text;
	int32_t status;
} plan_work;

static plan_work *work_new(request *r, const char *kind, str object_id)
{
	plan_work *w = ARENA_NEW(r->arena, plan_work);

	r->work = w;
	asking_fill(r, &w->asking, kind, object_id);
	return w;
}

static step ask(request *r)
{
	return asking_send(r, PATIENCE_MS, STEP_plan_answered);
}

step plan_create(request *r)
{
	id made = id_make("pln");
	plan_work *w = work_new(r, "plan", str_dup(r->arena, id_str(&made)));

	w->asking.ask.body = r->web->body.p ? r->web->body : S("");
	return ask(r);
}

step plan_apply(request *r)
{
	plan_work *w = work_new(r, "apply", r->vars[0]);
	const action_reason *body = r->body;

	if (body && body->reason.p)
		w->asking.ask.reason = body->reason;
	return ask(r);
}

/* Of an export the object is the tenant, and what else it says is the manager it shall name. */
step plan_export(request *r)
{
	const export_query *q = r->query;
	plan_work *w = work_new(r, "export", q->tenant.p ? q->tenant : S(""));

	if (q->manager.p)
		w->asking.ask.reason = q->manager;
	return ask(r);
}

/* NULL: JSON. */
static const char *type_of(const request *r)
{
	if (r->form == FORM_MARKDOWN)
		return "text/markdown; charset=utf-8";
	return r->form == FORM_TEXT ? "text/plain; charset=utf-8" : NULL;
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

step plan_answered(request *r)
{
	const plan_work *w = r->work;
	const sql_ask_find_row *row = &w->asking.row;

	if (row->result.p)
		request_header(r, "Plan-Result", row->result);
	if (row->answer.p)
		return request_reply(r, (int)row->status, type_of(r), row->answer);
	return plan_fetch(r, row->object_id, (int32_t)row->status);
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

/* Who holds which role is not for everybody who sees the quota. Its maker knows what they wrote. */
static bool may_read(const request *r)
{
	return !db_bool(&r->reply, 0, "tells_bindings") ||
	       str_eq(db_text(&r->reply, 0, "created_by"), request_actor(r)) ||
	       permit_at(r->who, RIGHT_BINDING_READ, db_i64(&r->reply, 0, "tenant_key"));
}

step plan_shown(request *r)
{
	const plan_work *w = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return gate_may_again(r) && r->op == OP_PLAN_GET ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	if (!may_read(r)) {
		denial_record(r, ERR_PERMISSION_DENIED);
		return request_fail_at(r, ERR_PERMISSION_DENIED, "",
			"this plan tells of bindings: it needs the right %s where it was made",
			right_name(RIGHT_BINDING_READ));
	}
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
