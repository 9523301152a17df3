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

/* A raise whose step is due. */
typedef struct due {
	str id, event, state, tenant, blocked;
	int64_t tenant_key, revision;
	bool has_begun, is_over;
} due;

/* One step in work. */
typedef struct raise_work {
	raises *of;
	id request_id;
	sql_raise_move_in in;
	ledger_op op;
} raise_work;

struct raises {
	loop_timer *timer;
	db_reader *read;
	ledger *write;
	void (*on_moved)(void *arg);
	void *arg;
	bool is_busy;
	bool is_asked; /* something may have moved since the look that runs */
	arena *texts;  /* of the steps in work */
	uint32_t left; /* of them */
	bool has_moved;
	union {
		sql_raise_over_in over;
		sql_raise_due_in due;
	} ask;
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
	raise_work *w = op->arg;
	raises *s = w->of;

	if (!a->e) {
		log_info("raise.moved", KV("raise", w->in.id), KV("state", w->in.to_state));
		s->has_moved = true;
	} else if (a->e != ERR_ETAG_MISMATCH) {
		log_warn("raise.stays", KV("raise", w->in.id), KV_ERR(a->e), KV_Z("why", a->f.detail));
	}
	if (--s->left)
		return;
	if (s->has_moved && s->on_moved)
		s->on_moved(s->arg);
	look_end(s, s->has_moved);
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
	raises *s = ((raise_work *)op->arg)->of;

	(void)revision;
	(void)at_us;
	(void)out;
	op->tenant_key = (int32_t)db_i64(r, 0, "key");
	op->tenant = str_dup(s->texts, db_text(r, 0, "tenant"));
	op->change = change_of(s, r);
	return 200;
}

static sql_raise_move_in move_of(raises *s, const due *row, raise_event e, raise_state to)
{
	static str none[1];
	bool is_over = e == RAISE_EXPIRE || e == RAISE_REVERT;

	return (sql_raise_move_in){
		.id = str_dup(s->texts, row->id),
		.at_rev = row->revision,
		.verdict = S(""),
		.pointer = S(""),
		.detail = S(""),
		.to_state = str_from(raise_state_name(to)),
		.approver = e == RAISE_GRANT ? S("policy") : STR_NONE,
		.approver_marks = {none, 0},
		.is_automatic = e == RAISE_GRANT,
		.ended_by = is_over ? S("clock") : S(""),
		.ended_reason = is_over ? S("its time is over") : S(""),
		.blocked = str_dup(s->texts, row->blocked),
	};
}

static void step_run(raises *s, const due *row, raise_event e, raise_state to)
{
	raise_work *w = ARENA_NEW(s->texts, raise_work);

	w->of = s;
	w->in = move_of(s, row, e, to);
	w->request_id = id_make("req");
	w->op = (ledger_op){
		.scope = DB_PLATFORM,
		.stmt = SQL_RAISE_MOVE,
		.in = &w->in,
		.actor = e == RAISE_GRANT ? S("policy") : S("clock"),
		.via = S("worker"),
		.action = str_print(s->texts, "quota_request." STR_FMT, STR_ARG(row->event)),
		.object_kind = S("quota_request"),
		.object_id = w->in.id,
		.request_id = id_str(&w->request_id),
		.tenant_key = (int32_t)row->tenant_key,
		.tenant = str_dup(s->texts, row->tenant),
		.on_row = on_row,
		.on_done = on_stepped,
		.arg = w,
	};
	ledger_run(s->write, &w->op);
}

/* What the statement found due must be a step by the table too. Waiting for room is none: it leaves a note. */
static err step_find(const due *row, raise_event *ret_event, raise_state *ret_to)
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

/* Both statements that find some tell the same of them. */
static due due_read(const db_reply *r, uint32_t i)
{
	return (due){
		.id = db_text(r, i, "id"),
		.event = db_text(r, i, "event"),
		.state = db_text(r, i, "state"),
		.tenant = db_text(r, i, "tenant"),
		.blocked = db_text(r, i, "blocked"),
		.tenant_key = db_i64(r, i, "tenant_key"),
		.revision = db_i64(r, i, "revision"),
		.has_begun = db_bool(r, i, "has_begun"),
		.is_over = db_bool(r, i, "is_over"),
	};
}

/* Whether one step could be begun: a raise that is not as the table has it leaves the others theirs. */
static bool step_begin(raises *s, db_reply *r, uint32_t i)
{
	due row = due_read(r, i);
	raise_event event;
	raise_state to;
	err e = step_find(&row, &event, &to);

	if (e) {
		log_error("raise.wrong", KV("raise", row.id), KV_ERR(e));
		return false;
	}
	step_run(s, &row, event, to);
	return true;
}

static void steps_begin(raises *s, db_reply *r)
{
	uint32_t n = 0;

	s->has_moved = false;
	s->left = r->rows;
	for (uint32_t i = 0; i < r->rows; i++)
		n += step_begin(s, r, i);
	s->left -= r->rows - n;
	if (!n)
		look_end(s, false);
}

static bool look_failed(raises *s, const db_reply *r)
{
	if (!r->e)
		return false;
	log_warn("raise.look_failed", KV_ERR(r->e), KV_Z("why", r->f.detail));
	look_end(s, false);
	return true;
}

static void on_due(void *arg, db_reply *r)
{
	if (!look_failed(arg, r))
		steps_begin(arg, r);
}

/* Room is given when all that is over has given its own back. */
static void on_over(void *arg, db_reply *r)
{
	raises *s = arg;

	if (look_failed(s, r))
		return;
	if (r->rows) {
		steps_begin(s, r);
		return;
	}
	s->ask.due.limit = RAISES_AT_ONCE;
	db_read(s->read, DB_PLATFORM, SQL_RAISE_DUE, &s->ask.due, on_due, s);
}

static void on_look(void *arg)
{
	raises *s = arg;

	s->is_busy = true;
	s->is_asked = false;
	s->texts = arena_new(0);
	s->ask.over.limit = RAISES_AT_ONCE;
	db_read(s->read, DB_PLATFORM, SQL_RAISE_OVER, &s->ask.over, on_over, s);
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
