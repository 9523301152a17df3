#include "server/edge/govern.h"

#include "db/sql.h"
#include "json/write.h"
#include "server/edge/answer.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/member.h"

enum { CHANGE_MAX = LEDGER_BODY_MAX };

static str reason_of(const request *r)
{
	const js_type *t = r->route->body;

	for (uint16_t i = 0; t && r->body && i < t->n; i++)
		if (t->fields[i].kind == JS_TEXT && strcmp(t->fields[i].name, "reason") == 0)
			return *(const str *)((const char *)r->body + t->fields[i].at);
	return STR_NONE;
}

static str change_of(const request *r, str object)
{
	buf out;

	buf_init(&out, CHANGE_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	if (reason_of(r).p)
		js_put_text(&w, "reason", reason_of(r));
	if (object.p)
		js_put_raw(&w, "object", object);
	js_object_end(&w);
	str change = out.over ? STR_NONE : str_dup(r->arena, buf_str(&out));
	buf_done(&out);
	return change;
}

void govern_record(ledger_op *entry, const db_reply *reply, str object)
{
	request *r = entry->arg;

	if (sql_column(reply->stmt, S("id")))
		entry->object_id = str_dup(r->arena, db_text(reply, 0, "id"));
	if (operations[r->op].is_of_tenant) {
		const char *path = sql_column(reply->stmt, S("path")) ? "path" : "tenant";
		entry->tenant_key = (int32_t)db_i64(reply, 0, "key");
		entry->tenant = str_dup(r->arena, db_text(reply, 0, path));
	}
	entry->change = change_of(r, object);
}

static int32_t row_answer(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;

	(void)revision;
	(void)at_us;
	if (r->route->answer) {
		js_writer w = js_writer_on(out);
		size_t at = out->n;
		row_write(&w, operation_plan(r->op), reply, 0);
		govern_record(entry, reply, str_of(out->p + at, out->n - at));
	} else {
		govern_record(entry, reply, STR_NONE);
		if (r->route->status != 204)
			buf_add_str(out, S("{}"));
	}
	return r->route->status;
}

ledger_op *govern_begin(request *r, sql_id s, void *in)
{
	const operation *p = &operations[r->op];
	ledger_op *entry = ARENA_NEW(r->arena, ledger_op);

	*entry = (ledger_op){
		.stmt = s,
		.in = in,
		.action = str_from(p->action),
		.object_kind = str_from(p->object_kind),
		.object_id = r->n_vars ? r->vars[0] : S(""),
		.tenant_key = p->is_of_tenant ? 0 : 1,
		.change = change_of(r, STR_NONE),
		.on_row = row_answer,
	};
	r->ledger_op = entry;
	return entry;
}

step govern_run(request *r, sql_id s, void *in)
{
	govern_begin(r, s, in);
	return request_govern(r, STEP_govern_reply);
}

static void put_new_id(request *r, sql_id s, void *in, const char *param, const char *prefix)
{
	id made = id_make(prefix);

	sql_put_text(s, in, str_from(param), str_dup(r->arena, id_str(&made)));
}

step govern_ask(request *r)
{
	const operation *p = &operations[r->op];
	void *in = bind_request(r, p->stmt);

	if (p->id_prefix)
		put_new_id(r, p->stmt, in, "id", p->id_prefix);
	if (sql_param(p->stmt, S("quota_id")))
		put_new_id(r, p->stmt, in, "quota_id", "quo");
	return govern_run(r, p->stmt, in);
}

step govern_fail(request *r)
{
	r->fault = r->answer->f;
	return request_fail(r, r->answer->e);
}

/* As the real call would answer, but for what was made only to be thrown away. */
static step dry_reply(request *r)
{
	const ledger_answer *a = r->answer;
	buf *out = request_out(r);

	if (a->status != 201)
		return request_reply(r, a->status, NULL, a->body);
	member_leave_out(out, a->body, S("id"));
	return request_reply_out(r, a->status);
}

/* Status, ETag and Location say it all. */
static step minimal_reply(request *r)
{
	enum { OK = 200, NO_CONTENT = 204 };
	int status = r->answer->status;

	request_header(r, "Preference-Applied", S("return=minimal"));
	return request_reply(r, status == OK ? NO_CONTENT : status, NULL, S(""));
}

step govern_reply(request *r)
{
	const ledger_answer *a = r->answer;

	if (a->e)
		return govern_fail(r);
	if (r->is_dry)
		return dry_reply(r);
	if (a->is_replay)
		request_header(r, "Idempotency-Replayed", S("true"));
	else
		edge_governance_moved(r->edge, r->ledger_op->object_kind);
	answer_etag(r, a->body);
	if (a->status == 201 && member_text(a->body, S("id")).p)
		answer_location(r, member_text(a->body, S("id")));
	return r->is_minimal ? minimal_reply(r) : request_reply(r, a->status, NULL, a->body);
}
