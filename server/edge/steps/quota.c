#include "server/edge/quota_sheet.h"

#include <stdio.h>
#include "db/sql.h"
#include "server/edge/answer.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/govern.h"

/* How often a patch is merged again when somebody else was faster. */
enum { MERGE_TRIES_MAX = 5, NAME_MAX_BYTES = 64 };

typedef struct quota_work {
	sheet sheet;
	int32_t tries;
} quota_work;

static sql_quota_get_in *get_in(request *r)
{
	sql_quota_get_in *in = bind_new(r->arena, SQL_QUOTA_GET);

	bind_vars(r, SQL_QUOTA_GET, in);
	return in;
}

static void column_put(request *r, void *in, const sheet *s, int kind, int axis)
{
	char name[NAME_MAX_BYTES];
	int n = snprintf(name, sizeof(name), "%s_%s", sheet_kinds[kind], sheet_axes[axis]);
	i64s v = {ARENA_ARRAY(r->arena, int64_t, s->n + 1), s->n};

	for (uint32_t i = 0; i < s->n; i++)
		v.v[i] = s->rows[i].v[kind][axis];
	sql_put_i64s(SQL_QUOTA_PUT, in, str_of(name, (size_t)n), v);
}

static int32_t written_answer(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	const quota_work *q = r->work;
	js_writer w = js_writer_on(out);
	size_t at = out->n;

	(void)at_us;
	js_object_begin(&w);
	js_put_text(&w, "id", db_text(reply, 0, "id"));
	js_put_text(&w, "tenant", db_text(reply, 0, "tenant"));
	js_put_i64(&w, "revision", revision);
	sheet_write(&w, &q->sheet);
	js_object_end(&w);
	govern_record(entry, reply, str_of(out->p + at, out->n - at));
	return 200;
}

/* With use and conditions. */
static void written_show(ledger_op *entry, const db_reply *reply, buf *out)
{
	js_writer w = js_writer_on(out);

	(void)entry;
	row_write(&w, operation_plan(OP_QUOTA_GET), reply, 0);
}

static step put(request *r, int64_t if_rev)
{
	quota_work *q = r->work;
	sql_quota_put_in *in = bind_new(r->arena, SQL_QUOTA_PUT);
	strs models = {ARENA_ARRAY(r->arena, str, q->sheet.n + 1), q->sheet.n};

	for (uint32_t i = 0; i < q->sheet.n; i++)
		models.v[i] = q->sheet.rows[i].model;
	bind_vars(r, SQL_QUOTA_PUT, in);
	in->models = models;
	for (int kind = 0; kind < SHEET_KINDS; kind++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			column_put(r, in, &q->sheet, kind, axis);
	in->weight = q->sheet.weight;
	if (q->sheet.credits_limit != SHEET_NONE) {
		in->credits_limit = q->sheet.credits_limit;
		in->credits_limit_null = false;
	}
	if (q->sheet.reclaim_after_s != SHEET_NONE) {
		in->reclaim_after_s = q->sheet.reclaim_after_s;
		in->reclaim_grace_s = q->sheet.reclaim_grace_s;
		in->reclaim_after_s_null = in->reclaim_grace_s_null = false;
	}
	in->if_rev = if_rev;
	ledger_op *entry = govern_begin(r, SQL_QUOTA_PUT, in);
	entry->on_row = written_answer;
	entry->show = SQL_QUOTA_GET;
	entry->show_in = get_in(r);
	entry->on_show = written_show;
	return request_govern(r, STEP_quota_written);
}

step quota_put_ask(request *r)
{
	quota_work *q = ARENA_NEW(r->arena, quota_work);

	r->work = q;
	q->tries = MERGE_TRIES_MAX;
	sheet_init(&q->sheet);
	err e = sheet_merge(&q->sheet, r->body, &r->fault);
	if (e)
		return request_fail(r, e);
	sheet_trim(&q->sheet);
	return put(r, r->if_rev);
}

step quota_patch_ask(request *r)
{
	if (!r->work)
		r->work = ARENA_NEW(r->arena, quota_work);
	return request_fetch(r, request_scope(r), SQL_QUOTA_GET, get_in(r), STEP_quota_patch_merge);
}

/* The quota as stored, through the type's own reader. */
static err stored_read(request *r, sheet *ret)
{
	tenant_quota *now = ARENA_NEW(r->arena, tenant_quota);
	js_writer w = js_writer_on(request_out(r));

	row_write(&w, operation_plan(OP_QUOTA_GET), &r->reply, 0);
	err e = js_read_output(&tenant_quota_type, str_dup(r->arena, buf_str(&r->edge->out)), r->arena, now, &r->fault);
	if (e)
		return ERR_INTERNAL;
	sheet_init(ret);
	return sheet_merge(ret, now, &r->fault);
}

step quota_patch_merge(request *r)
{
	quota_work *q = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows == 0)
		return request_fail(r, ERR_NOT_FOUND);
	int64_t revision = db_i64(&r->reply, 0, "revision");
	err e = stored_read(r, &q->sheet);
	if (!e)
		e = sheet_merge(&q->sheet, r->body, &r->fault);
	if (e)
		return request_fail(r, e);
	sheet_trim(&q->sheet);
	/* A stale If-Match is refused by the statement, which comes behind the look for the key. */
	return put(r, r->if_rev != IF_ANY ? r->if_rev : revision);
}

step quota_written(request *r)
{
	quota_work *q = r->work;
	const ledger_answer *a = r->answer;

	if (a->e == ERR_ETAG_MISMATCH && r->if_rev == IF_ANY && ++q->tries < MERGE_TRIES_MAX)
		return step_next(r, STEP_quota_patch_ask);
	return govern_reply(r);
}
