#include "server/worker/raises.h"

#include <assert.h>
#include <stdlib.h>

#include "api/types/raise.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/log.h"
#include "db/row_json.h"
#include "db/sql.h"
#include "engine/raise.h"

enum { CHANGE_MAX = 64 * 1024 };

struct raises {
	loop_timer *timer;
	db_reader *read;
	ledger *write;
	void (*on_moved)(void *arg);
	void *arg;
	bool is_busy;
	bool is_asked; /* something may have moved since the look that runs */
	arena *texts;  /* of the step in work */
	id request_id;
	sql_raise_move_in in;
	ledger_op op;
};

static void look_end(raises *s, bool has_more)
{
	s->is_busy = false;
	arena_end(s->texts);
	s->texts = NULL;
	loop_timer_arm(s->timer, has_more || s->is_asked ? 0 : (int64_t)RAISES_LOOK_MS * 1000);
}

static void on_stepped(ledger_op *op, const ledger_answer *a)
{
	raises *s = op->arg;

	if (!a->e) {
		log_info("raise.moved", KV("raise", s->in.id), KV("state", s->in.to_state));
		if (s->on_moved)
			s->on_moved(s->arg);
	} else if (a->e != ERR_ETAG_MISMATCH) {
		log_warn("raise.stays", KV("raise", s->in.id), KV_ERR(a->e), KV_Z("why", a->f.detail));
	}
	look_end(s, !a->e);
}

/* As a person's step is recorded: the whole of it, as it stands now. */
static str change_of(raises *s, const db_reply *r)
{
	row_plan plan;
	fault f;
	buf text;

	if (row_plan_make(&raise_request_type, SQL_RAISE_MOVE, &plan, &f))
		return STR_NONE;
	buf_init(&text, CHANGE_MAX);
	js_writer w = js_writer_on(&text);
	js_object_begin(&w);
	js_key(&w, S("object"));
	row_write(&w, &plan, r, 0);
	js_object_end(&w);
	str change = text.over ? STR_NONE : str_dup(s->texts, buf_str(&text));
	buf_done(&text);
	return change;
}

static int32_t on_row(ledger_op *op, const db_reply *r, int64_t revision, int64_t at_us, buf *out)
{
	raises *s = op->arg;

	(void)revision;
	(void)at_us;
	(void)out;
	op->tenant_key = (int32_t)db_i64(r, 0, "key");
	op->tenant = str_dup(s->texts, db_text(r, 0, "tenant"));
	op->change = change_of(s, r);
	return 200;
}

static void step_fill(raises *s, const sql_raise_due_row *row, raise_event e, raise_state to)
{
	static str none[1];
	str event = str_dup(s->texts, row->event);

	s->in = (sql_raise_move_in){
		.id = str_dup(s->texts, row->id),
		.at_rev = row->revision,
		.verdict = S(""),
		.pointer = S(""),
		.detail = S(""),
		.to_state = str_from(raise_state_name(to)),
		.approver = e == RAISE_GRANT ? S("policy") : STR_NONE,
		.approver_marks = {none, 0},
		.is_automatic = e == RAISE_GRANT,
		.ended_by = e == RAISE_EXPIRE || e == RAISE_REVERT ? S("clock") : S(""),
		.ended_reason = e == RAISE_EXPIRE || e == RAISE_REVERT ? S("its time is over") : S(""),
		.blocked = str_dup(s->texts, row->blocked),
	};
	s->request_id = id_make("req");
	s->op = (ledger_op){
		.scope = DB_PLATFORM,
		.stmt = SQL_RAISE_MOVE,
		.in = &s->in,
		.actor = e == RAISE_GRANT ? S("policy") : S("clock"),
		.via = S("worker"),
		.action = str_print(s->texts, "quota_request." STR_FMT, STR_ARG(event)),
		.object_kind = S("quota_request"),
		.object_id = s->in.id,
		.request_id = id_str(&s->request_id),
		.tenant_key = (int32_t)row->tenant_key,
		.tenant = str_dup(s->texts, row->tenant),
		.on_row = on_row,
		.on_done = on_stepped,
		.arg = s,
	};
}

/* What the statement found due must be a step by the table too. Waiting for room is none: it leaves a note. */
static err step_find(const sql_raise_due_row *row, raise_event *ret_event, raise_state *ret_to)
{
	raise of = {.has_begun = row->has_begun, .is_over = row->is_over, .needed = 1};

	*ret_event = RAISE_APPLY;
	if (!raise_state_find(row->state, &of.state))
		return ERR_INTERNAL;
	*ret_to = of.state;
	if (str_eq(row->event, S("wait")))
		return ERR_OK;
	if (!raise_event_find(row->event, ret_event) || *ret_event < RAISE_APPLY)
		if (*ret_event != RAISE_GRANT)
			return ERR_INTERNAL;
	return raise_step(&of, *ret_event, NULL, ret_to);
}

static void on_due(void *arg, db_reply *r)
{
	raises *s = arg;
	sql_raise_due_row row;
	raise_event e;
	raise_state to;
	fault f = {0};

	if (r->e)
		log_warn("raise.look_failed", KV_ERR(r->e), KV_Z("why", r->f.detail));
	if (r->e || !r->rows) {
		look_end(s, false);
		return;
	}
	err bad = db_row(r, 0, &row, &f);
	if (!bad)
		bad = step_find(&row, &e, &to);
	if (bad) {
		log_error("raise.wrong", KV_ERR(bad), KV_Z("why", f.detail));
		look_end(s, false);
		return;
	}
	step_fill(s, &row, e, to);
	ledger_run(s->write, &s->op);
}

static void on_look(void *arg)
{
	raises *s = arg;

	s->is_busy = true;
	s->is_asked = false;
	s->texts = arena_new(0);
	db_read(s->read, DB_PLATFORM, SQL_RAISE_DUE, NULL, on_due, s);
}

raises *raises_new(loop *l, db_reader *read, ledger *write, void (*on_moved)(void *arg), void *arg)
{
	raises *s = calloc(1, sizeof(*s));

	assert(s);
	s->read = read;
	s->write = write;
	s->on_moved = on_moved;
	s->arg = arg;
	s->timer = loop_timer_new(l, on_look, s);
	loop_timer_arm(s->timer, 0);
	return s;
}

void raises_look(raises *s)
{
	s->is_asked = true;
	if (!s->is_busy)
		loop_timer_arm(s->timer, 0);
}

void raises_free(raises *s)
{
	if (!s)
		return;
	loop_timer_free(s->timer);
	arena_end(s->texts);
	free(s);
}
