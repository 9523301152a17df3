#include "engine/raise.h"

#include "api/types/cluster.h"
#include "api/types/raise.h"
#include "db/sql.h"
#include "server/edge/bestow.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/gate.h"
#include "server/edge/govern.h"
#include "server/edge/permit.h"

enum { JUDGE_TRIES_MAX = 5 };

typedef struct raise_work {
	raise of;
	raise_event event;
	str tenant; /* path */
	int32_t tries;
} raise_work;

static raise_actor actor_of(const request *r)
{
	const principal *p = r->who;
	str own = str_from(p->id), subject = p->subject[0] ? str_from(p->subject) : own;
	strs marks = {ARENA_ARRAY(r->arena, str, p->stands_on.n + 2), 0};

	for (uint32_t i = 0; i < p->stands_on.n; i++)
		marks.v[marks.n++] = p->stands_on.v[i];
	marks.v[marks.n++] = own;
	marks.v[marks.n++] = subject;
	return (raise_actor){.subject = subject, .credential = own, .marks = marks};
}

static bool asks_for(const raise_axes *a)
{
	return a->device_milli > 0 || a->memory_mib > 0 || a->compute_milli > 0;
}

static err request_check(request *r, const raise_request *q)
{
	if (!asks_for(&q->guaranteed) && !asks_for(&q->limit))
		return fault_set(&r->fault, ERR_MISSING_FIELD, "#/limit",
			"an amount above 0 of limit or guaranteed is asked for");
	if (asks_for(&q->guaranteed) && !q->until.us)
		return fault_set(&r->fault, ERR_MISSING_FIELD, "#/until",
			"what is promised beside the quota goes back to the others: say when");
	if (q->from.us && q->until.us && q->until.us <= q->from.us)
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/until", "must lie behind from");
	return ERR_OK;
}

step raise_create(request *r)
{
	const raise_request *q = r->body;
	err e = request_check(r, q);

	return e ? request_fail(r, e) : bestow_ask(r, q->tenant, STEP_raise_create_at);
}

step raise_create_at(request *r)
{
	const raise_request *q = r->body;
	err e = tenants_came(r);

	if (!e)
		e = denial_at(r, q->tenant, tenants_find(r->edge, q->tenant));
	if (e)
		return request_fail(r, e);
	sql_raise_create_in *in = bind_request(r, SQL_RAISE_CREATE);
	id made = id_make("rse");
	raise_actor who = actor_of(r);
	in->id = str_dup(r->arena, id_str(&made));
	in->guaranteed_device_milli = q->guaranteed.device_milli;
	in->guaranteed_memory_mib = q->guaranteed.memory_mib;
	in->guaranteed_compute_milli = q->guaranteed.compute_milli;
	in->limit_device_milli = q->limit.device_milli;
	in->limit_memory_mib = q->limit.memory_mib;
	in->limit_compute_milli = q->limit.compute_milli;
	in->requester = who.subject;
	in->credential = who.credential;
	in->marks = who.marks;
	return govern_run(r, SQL_RAISE_CREATE, in);
}

static raise_event event_of(op o)
{
	return o == OP_RAISE_APPROVE ? RAISE_APPROVE : o == OP_RAISE_DENY ? RAISE_DENY : RAISE_CANCEL;
}

step raise_ask(request *r)
{
	sql_raise_read_in *in = bind_new(r->arena, SQL_RAISE_READ);

	if (!r->work)
		r->work = ARENA_NEW(r->arena, raise_work);
	bind_vars(r, SQL_RAISE_READ, in);
	return request_fetch(r, request_scope(r), SQL_RAISE_READ, in, STEP_raise_judge);
}

static strs lines_of(arena *a, str s)
{
	strs all = {ARENA_ARRAY(a, str, s.n / 2 + 1), 0};

	s = str_dup(a, s);
	while (s.p && s.n)
		all.v[all.n++] = str_split(&s, '\n');
	return all;
}

static err row_read(request *r, raise_work *w, sql_raise_read_row *row, raise_actor *who)
{
	err e = db_row(&r->reply, 0, row, &r->fault);

	if (e)
		return e;
	if (!raise_state_find(row->state, &w->of.state))
		return fault_set(&r->fault, ERR_INTERNAL, "", "a raise stands in no known state");
	w->event = event_of(r->op);
	w->tenant = str_dup(r->arena, row->tenant);
	w->of.requester = (raise_actor){.subject = str_dup(r->arena, row->requester),
		.credential = str_dup(r->arena, row->credential),
		.marks = lines_of(r->arena, row->requester_marks)};
	w->of.approvers = lines_of(r->arena, row->approvers);
	w->of.approver_marks = lines_of(r->arena, row->approver_marks);
	w->of.needed = row->needed;
	w->of.has_begun = row->has_begun;
	w->of.is_over = row->is_over;
	*who = actor_of(r);
	who->may_approve = permit_at(r->who, RIGHT_QUOTA_APPROVE, row->parent_key);
	return ERR_OK;
}

/* Of a path without a '/', the fleet. */
static str parent_of(arena *a, str path)
{
	uint32_t n = path.n;

	while (n && path.p[n - 1] != '/')
		n--;
	return n ? str_dup(a, str_cut(path, 0, n - 1)) : S("the whole fleet");
}

static str why_not(request *r, const raise_work *w, err e)
{
	switch (e) {
	case ERR_PERMISSION_DENIED:
		if (w->event == RAISE_CANCEL)
			return S("only who asked takes it back");
		return str_print(r->arena, "this needs the right quota.approve at " STR_FMT,
			STR_ARG(parent_of(r->arena, w->tenant)));
	case ERR_PERSON_REQUIRED:
		return S("no person stands behind this credential, or a program does too");
	case ERR_SELF_APPROVAL_DENIED:
		return w->of.approvers.n ? S("the caller asked for it, or approved it before, or stands behind who did")
					 : S("the caller asked for it, or stands behind who did");
	default:
		return w->of.is_over ? S("its time is over")
				     : str_print(r->arena, "it is %s", raise_state_name(w->of.state));
	}
}

static void ended_put(const request *r, sql_raise_move_in *in, raise_state to)
{
	const action_reason *why = r->body;
	bool is_end = to == RAISE_DENIED || to == RAISE_CANCELLED || to == RAISE_REVERTED;
	str reason = !why ? STR_NONE : r->op == OP_RAISE_DENY ? ((const raise_deny *)r->body)->reason : why->reason;

	in->ended_by = is_end ? actor_of(r).subject : S("");
	in->ended_reason = is_end && reason.p ? reason : S("");
}

static sql_raise_move_in *move_in(request *r, const raise_work *w, const raise_actor *who, err e, raise_state to)
{
	sql_raise_move_in *in = bind_new(r->arena, SQL_RAISE_MOVE);
	static str none[1];

	bind_vars(r, SQL_RAISE_MOVE, in);
	in->verdict = e ? str_from(err_code(e)) : S("");
	in->pointer = S("");
	in->detail = e ? why_not(r, w, e) : S("");
	in->to_state = str_from(raise_state_name(e ? w->of.state : to));
	in->approver_marks = (strs){none, 0};
	if (w->event == RAISE_APPROVE && !e) {
		in->approver = who->subject;
		in->approver_marks = who->marks;
	}
	in->blocked = S("");
	ended_put(r, in, to);
	return in;
}

/* What was decided here is told by the statement, which comes behind the look for the key. */
step raise_judge(request *r)
{
	raise_work *w = r->work;
	sql_raise_read_row row;
	raise_actor who;
	raise_state to = RAISE_PENDING;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows == 0)
		return gate_may_again(r) ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	err e = row_read(r, w, &row, &who);
	if (e)
		return request_fail(r, e);
	int64_t revision = row.revision;
	e = raise_step(&w->of, w->event, &who, &to);
	sql_raise_move_in *in = move_in(r, w, &who, e, to);
	in->at_rev = r->if_rev == IF_ANY ? revision : r->if_rev;
	govern_begin(r, SQL_RAISE_MOVE, in);
	return request_govern(r, STEP_raise_moved);
}

step raise_moved(request *r)
{
	raise_work *w = r->work;

	if (r->answer->e == ERR_ETAG_MISMATCH && r->if_rev == IF_ANY && ++w->tries < JUDGE_TRIES_MAX)
		return step_next(r, STEP_raise_ask);
	return govern_reply(r);
}
