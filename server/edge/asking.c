#include "server/edge/asking.h"

#include "base/clock.h"
#include "server/edge/edge.h"
#include "server/identity/grant_text.h"

enum { WAIT_FIRST_MS = 5, WAIT_MOST_MS = 100 };

static const char *const forms[] = {"json", "text", "markdown"};

/* Where the caller sits: the first place at which they hold what the route needs. */
static const grant *place_of(const request *r)
{
	const grants *g = &r->who->grants;

	for (uint32_t i = 0; i < g->n; i++)
		if (rights_hold(g->v[i].rights, r->route->right))
			return &g->v[i];
	return g->n ? &g->v[0] : NULL;
}

void asking_fill(request *r, asking *a, const char *kind, str object_id)
{
	const grant *at = request_is_for_fleet(r) ? NULL : place_of(r);
	id made = id_make("ask");

	a->ask = (sql_ask_add_in){
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
	a->find.id = a->ask.id;
}

step asking_send(request *r, int64_t patience_ms, step_id then)
{
	asking *a = r->work;

	a->until_us = clock_mono_us() + patience_ms * 1000LL;
	a->wait_ms = WAIT_FIRST_MS;
	a->then = then;
	return request_write(r, 0, SQL_ASK_ADD, &a->ask, STEP_asking_sent);
}

step asking_sent(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	notify_send(r->edge->notify, NOTIFY_ASKS);
	return step_next(r, STEP_asking_look);
}

static void nothing_held(request *r)
{
	(void)r;
}

step asking_look(request *r)
{
	asking *a = r->work;

	return request_fetch(r, request_scope(r), SQL_ASK_FIND, &a->find, STEP_asking_seen);
}

/* Not answered yet: looks again after a while that grows. */
static step wait(request *r)
{
	asking *a = r->work;
	int64_t ms = a->wait_ms;

	if (r->edge->is_draining)
		return request_fail_at(r, ERR_UNAVAILABLE, "", "the server stops; ask again");
	if (clock_mono_us() > a->until_us)
		return request_fail_at(r, ERR_DECISION_TIMEOUT, "", "the worker has not answered yet");
	a->wait_ms = 2 * ms < WAIT_MOST_MS ? 2 * ms : WAIT_MOST_MS;
	return request_hold(r, ms, nothing_held, STEP_asking_look);
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

step asking_seen(request *r)
{
	asking *a = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail_at(r, ERR_INTERNAL, "", "the question is gone");
	err e = db_row(&r->reply, 0, &a->row, &r->fault);
	if (e)
		return request_fail(r, e);
	if (!a->row.is_done)
		return wait(r);
	if (a->row.is_replay)
		request_header(r, "Idempotency-Replayed", S("true"));
	return a->row.code.p ? refused(r, &a->row) : step_next(r, a->then);
}
