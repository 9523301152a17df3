#include "server/worker/planner_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "json/write.h"
#include "server/edge/member.h"

enum { LOOK_MS = 500, AGAIN_S = 60, PLAN_KEPT_S = 3600, ARENA_MAX = 1 << 30, TIME_TEXT = 40 };
#define READ_DEADLINE_US (60 * 1000000LL)

static void ended(void *arg, db_reply *r)
{
	question *q = arg;
	planner *p = q->p;

	if (r->e)
		log_warn("ask.lost", KV("ask", q->ask.id), KV_ERR(r->e), KV_Z("why", r->f.detail));
	p->now = NULL;
	arena_end(q->a);
	if (!p->is_closing)
		planner_look(p);
}

void question_answer(question *q, int32_t status, str object_id, str text)
{
	q->done.id = q->ask.id;
	q->done.status = status;
	q->done.object_id = object_id.p ? object_id : S("");
	q->done.answer = text;
	lane_run(q->p->lane, 0, DB_PLATFORM, SQL_ASK_DONE, &q->done, ended, q);
}

void question_fail(question *q, err e, const fault *f)
{
	err shown = err_status(e) ? e : ERR_UNAVAILABLE;

	q->done.code = str_from(err_code(shown));
	q->done.pointer = str_dup(q->a, str_from(f->pointer));
	q->done.detail = str_dup(q->a, str_from(f->detail));
	question_answer(q, err_status(shown), q->ask.object_id, STR_NONE);
}

bool question_failed(question *q)
{
	if (!q->e)
		return false;
	question_fail(q, q->e, &q->f);
	return true;
}

static str governed_id(const ledger_answer *a)
{
	return member_text(a->body, S("plan_id"));
}

static void governed(ledger_op *op, const ledger_answer *a)
{
	question *q = op->arg;
	bool is_there = a->e == ERR_CONFLICT && op->stmt == SQL_PLAN_STORE;

	q->done.is_replay = a->is_replay;
	if (!a->is_replay && !q->ask.is_dry)
		q->p->o.on_governed(q->p->o.arg);
	if (a->e && !is_there)
		question_fail(q, a->e, &a->f);
	else
		question_answer(
			q, a->e ? 201 : a->status, a->e ? q->ask.object_id : str_dup(q->a, governed_id(a)), STR_NONE);
}

static void id_write(const question *q, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_text(&w, "plan_id", q->ask.object_id);
	js_object_end(&w);
}

static int32_t on_planned(ledger_op *op, const db_reply *r, int64_t revision, int64_t at_us, buf *out)
{
	(void)r, (void)revision, (void)at_us;
	id_write(op->arg, out);
	return 201;
}

static int32_t on_applied(ledger_op *op, const db_reply *r, int64_t revision, int64_t at_us, buf *out)
{
	enum { OK = 200, ACCEPTED = 202 };
	const question *q = op->arg;

	(void)r, (void)revision, (void)at_us;
	id_write(q, out);
	return plan_requests(q->plan) ? ACCEPTED : OK;
}

/* The operation's own record: that a plan was made or applied. */
static str change_of(question *q)
{
	buf out;

	buf_init(&out, PLANNER_TEXT_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	if (q->ask.reason.n)
		js_put_text(&w, "reason", q->ask.reason);
	js_put_text(&w, "manager", q->manifest.manager);
	js_put_text(&w, "fingerprint", str_from(plan_fingerprint(q->plan)));
	js_object_end(&w);
	str change = str_dup(q->a, buf_str(&out));
	buf_done(&out);
	return change;
}

static void govern(question *q, const char *action, db_scope scope)
{
	ledger_op *op = &q->op;

	op->scope = scope;
	op->actor = q->ask.actor;
	op->via = S("api");
	op->action = str_from(action);
	op->object_kind = S("plan");
	op->object_id = q->ask.object_id;
	op->request_id = q->ask.request_id;
	op->tenant_key = (int32_t)q->ask.tenant_key;
	op->tenant = q->ask.tenant;
	op->change = change_of(q);
	op->is_dry = q->ask.is_dry;
	op->on_done = governed;
	op->arg = q;
	if (q->ask.op_key.p && !q->ask.is_dry) {
		op->key = q->ask.op_key;
		memcpy(op->fingerprint, q->ask.fingerprint.p, sizeof(op->fingerprint));
	}
	ledger_run(q->ask.is_platform ? q->p->platform_ledger : q->p->tenant_ledger, op);
}

str question_text(question *q, void (*print)(question *q, buf *out))
{
	buf out;

	buf_init(&out, PLANNER_TEXT_MAX);
	print(q, &out);
	str text = str_dup(q->a, buf_str(&out));
	if (out.over)
		q->e = fault_set(&q->f, ERR_INTERNAL, "", "the answer is too large");
	buf_done(&out);
	return text;
}

static void summary_print(question *q, buf *out)
{
	js_writer w = js_writer_on(out);

	js_write(&w, &plan_summary_type, plan_counts(q->plan));
}

static void changes_print(question *q, buf *out)
{
	plan_print_changes(q->plan, out);
}

static str until(char out[TIME_TEXT])
{
	buf b;

	buf_init(&b, TIME_TEXT);
	js_writer w = js_writer_on(&b);
	js_time_value(&w, clock_now_us() + PLAN_KEPT_S * 1000000LL);
	snprintf(out, TIME_TEXT, STR_FMT, STR_ARG(str_cut(buf_str(&b), 1, b.n - 1)));
	buf_done(&b);
	return str_from(out);
}

static void text_print(question *q, buf *out)
{
	char text[TIME_TEXT];

	plan_print_text(q->plan, q->ask.object_id, until(text), out);
}

static void markdown_print(question *q, buf *out)
{
	char text[TIME_TEXT];

	plan_print_markdown(q->plan, q->ask.object_id, until(text), out);
}

static void whole_print(question *q, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_text(&w, "state", S("planned"));
	js_put_text(&w, "manager", q->manifest.manager);
	js_put_text(&w, "fingerprint", str_from(plan_fingerprint(q->plan)));
	js_put_text(&w, "result", str_from(plan_result_name(plan_outcome(q->plan))));
	js_put_raw(&w, "summary", question_text(q, summary_print));
	js_put_raw(&w, "changes", question_text(q, changes_print));
	js_object_end(&w);
}

/* Nothing is kept: the answer is the plan, without what only a kept one has. */
static void plan_try(question *q)
{
	bool is_text = str_eq(q->ask.form, S("text")), is_markdown = str_eq(q->ask.form, S("markdown"));

	q->ask.object_id = S("-");
	q->done.result = str_from(plan_result_name(plan_outcome(q->plan)));
	str text = question_text(q, is_text ? text_print : is_markdown ? markdown_print : whole_print);
	if (!question_failed(q))
		question_answer(q, 201, STR_NONE, text);
}

static void plan_keep(question *q)
{
	if (q->ask.is_dry) {
		plan_try(q);
		return;
	}
	q->store_in = (sql_plan_store_in){.id = q->ask.object_id,
		.tenant_key = q->ask.tenant_key,
		.is_platform = q->ask.is_platform,
		.is_private = q->in.seen.n > 1,
		.grants = q->ask.grants,
		.manager = q->manifest.manager,
		.manifest = q->ask.body,
		.is_yaml = q->ask.is_yaml,
		.fingerprint = str_from(plan_fingerprint(q->plan)),
		.result = str_from(plan_result_name(plan_outcome(q->plan))),
		.summary = question_text(q, summary_print),
		.changes = question_text(q, changes_print),
		.as_text = question_text(q, text_print),
		.as_markdown = question_text(q, markdown_print),
		.created_by = q->ask.actor,
		.keep_s = PLAN_KEPT_S};
	if (question_failed(q))
		return;
	q->op = (ledger_op){.stmt = SQL_PLAN_STORE, .in = &q->store_in, .on_row = on_planned};
	govern(q, "plan.create", q->caller_scope);
}

/* The caller's scope with the keys of tenants that are about to be. */
static db_scope scope_with(question *q, const int64_t *keys, uint32_t n)
{
	db_scope s = q->scope;

	if (s.kind == DB_SCOPE_PLATFORM)
		return s;
	int32_t *all = ARENA_ARRAY(q->a, int32_t, s.n + n + 1);
	memcpy(all, s.keys, s.n * sizeof(*all));
	for (uint32_t i = 0; i < n; i++)
		all[s.n + i] = (int32_t)keys[i];
	return db_tenants(all, s.n + n);
}

static void apply_run(question *q, const int64_t *keys, uint32_t n)
{
	plan_writing w = {.plan_id = q->ask.object_id,
		.actor = q->ask.actor,
		.ask = q->ask.id,
		.reason = q->ask.reason,
		.if_rev = q->ask.if_rev,
		.scope = scope_with(q, keys, n),
		.requester = q->requester,
		.marks = q->marks};

	/* An applier from further up writes for a plan made further down: as themselves, on the plan's rows. */
	if (q->ask.is_platform)
		w.scope = DB_PLATFORM;
	plan_keys_take(q->plan, keys);
	q->op = (ledger_op){.on_row = on_applied};
	plan_write(q->plan, &w, &q->op);
	govern(q, "plan.apply", w.scope);
}

static void keys_drawn(void *arg, db_reply *r)
{
	question *q = arg;

	if (r->e) {
		question_fail(q, r->e, &r->f);
		return;
	}
	int64_t *keys = ARENA_ARRAY(q->a, int64_t, r->rows + 1);
	for (uint32_t i = 0; i < r->rows; i++)
		keys[i] = db_i64(r, i, "key");
	apply_run(q, keys, r->rows);
}

static bool must_refuse(question *q)
{
	plan_result r = plan_outcome(q->plan);
	bool adopts = str_eq(q->manifest.on_drift, S("adopt")) && !plan_has_gone(q->plan);

	if (r == PLAN_BLOCKED)
		q->e = ERR_PLAN_BLOCKED;
	else if (r == PLAN_DRIFTED && !adopts)
		q->e = ERR_PLAN_DRIFT;
	if (!q->e)
		return false;
	str what = plan_obstacles(q->plan, q->a);
	fault_set(&q->f, q->e, "", STR_FMT, STR_ARG(what));
	return true;
}

static void refusal_recorded(ledger_op *op, const ledger_answer *a)
{
	question *q = op->arg;

	if (!a->revision)
		log_warn("refusal.lost", KV_ERR(a->e), KV_Z("detail", a->f.detail));
	question_fail(q, q->e, &q->f);
}

/* As the ledger records what its statements refuse. No key is used up: who asks again may have been given the right. */
static void refuse(question *q)
{
	if (q->ask.is_dry) {
		question_fail(q, q->e, &q->f);
		return;
	}
	q->op = (ledger_op){.outcome = str_print(q->a, "refused:%s", err_code(q->e))};
	q->ask.op_key = STR_NONE;
	govern(q, "plan.apply", q->caller_scope);
	q->op.on_done = refusal_recorded;
}

static void plan_use(question *q)
{
	if (must_refuse(q)) {
		refuse(q);
		return;
	}
	q->keys_in.n = plan_new_tenants(q->plan);
	db_read(q->p->reader, q->caller_scope, SQL_PLAN_KEYS, &q->keys_in, keys_drawn, q);
}

void question_planned(question *q)
{
	plan_finish(q->plan, q->history, q->history_n, q->live, q->live_n);
	if (str_eq(q->ask.kind, S("apply")))
		plan_use(q);
	else
		plan_keep(q);
}

static void claimed(void *arg, db_reply *r)
{
	planner *p = arg;
	fault f;

	p->is_claiming = false;
	if (p->is_closing || r->e || !r->rows)
		return;
	arena *a = arena_new(ARENA_MAX);
	question *q = ARENA_NEW(a, question);
	q->p = p;
	q->a = a;
	db_keep(r, a);
	if (db_row(r, 0, &q->ask, &f)) {
		arena_end(a);
		return;
	}
	p->now = q;
	question_begin(q);
}

void planner_look(planner *p)
{
	if (p->now || p->is_claiming || p->is_closing)
		return;
	p->is_claiming = true;
	p->claim = (sql_ask_claim_in){.again_s = AGAIN_S, .kinds = {p->kinds, PLANNER_KINDS}};
	lane_run(p->lane, 0, DB_PLATFORM, SQL_ASK_CLAIM, &p->claim, claimed, p);
}

static void on_timer(void *arg)
{
	planner *p = arg;

	planner_look(p);
	loop_timer_arm(p->look, LOOK_MS * 1000LL);
}

static db_options options(const planner_options *o, const char *kind, const char *role, bool is_platform)
{
	return (db_options){.dsn = o->dsn, .kind = kind, .role = role, .is_platform = is_platform};
}

planner *planner_new(loop *l, const planner_options *o)
{
	planner *p = heap_new(1, sizeof(*p));
	db_options tenants = options(o, "planner", "reeve_edge", false),
		   platform = options(o, "planner", "reeve_platform", true);

	p->o = *o;
	p->kinds[0] = S("plan");
	p->kinds[1] = S("apply");
	p->kinds[2] = S("export");
	p->lane = lane_new(l, &(lane_options){.db = options(o, "planner-asks", "reeve_jobs", true)});
	p->reader = reader_new(l, &(reader_options){.tenants = tenants,
					  .platform = platform,
					  .tenants_n = 1,
					  .platform_n = 1,
					  .deadline_us = READ_DEADLINE_US});
	p->tenant_ledger = ledger_new(l, &(ledger_options){.db = tenants});
	p->platform_ledger = ledger_new(l, &(ledger_options){.db = platform});
	p->look = loop_timer_new(l, on_timer, p);
	loop_timer_arm(p->look, LOOK_MS * 1000LL);
	return p;
}

void planner_free(planner *p)
{
	if (!p)
		return;
	p->is_closing = true;
	/* Each answers what is still asked of it; the lane last, since an answer may go through it. */
	reader_free(p->reader);
	ledger_free(p->tenant_ledger);
	ledger_free(p->platform_ledger);
	lane_free(p->lane);
	loop_timer_free(p->look);
	free(p);
}
