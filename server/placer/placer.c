#include "server/placer/placer.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/placer/decide.h"
#include "server/placer/placer_inside.h"
#include "server/placer/silence.h"
#include "server/process.h"

enum { TICK_US = 1000 * 1000, WHOLE_LOOK_TICKS = 5, SILENCE_TICKS = 5, STOP_TICKS_MAX = 10 };

bool placer_rows(db_reply *r, arena *a, const void **ret_rows, uint32_t *ret_n)
{
	void *rows = NULL;
	fault f;

	*ret_rows = NULL;
	*ret_n = 0;
	err e = r->e ? r->e : db_rows(r, a, &rows, &f);
	if (e) {
		log_warn("placer.read", KV_Z("statement", sql_stmts[r->stmt].name), KV_ERR(e),
			KV_Z("detail", r->e ? r->f.detail : f.detail));
		return false;
	}
	*ret_n = r->rows;
	*ret_rows = rows;
	db_keep(r, a);
	return true;
}

static void on_up(void *arg)
{
	placer *p = arg;

	p->must_ask = true;
	if (p->phase != PLACER_STANDBY)
		serve_next(p);
	else if (!p->rests)
		term_ask(p);
}

static void on_down(void *arg, str reason)
{
	placer *p = arg;

	log_warn("placer.connection_lost", KV("why", reason));
	p->must_ask = true;
}

/* What was consumed lately is looked past; a row that was numbered earlier and stored later is found by a whole look.
 */
static void marks_move(placer *p)
{
	p->seq_marks[0] = p->seq_marks[1];
	p->seq_marks[1] = p->seq_high;
	if (++p->ticks % WHOLE_LOOK_TICKS == 0)
		p->wants_look = p->wants_whole_look = true;
}

static void is_silent(const site *s)
{
	log_warn("cluster.silent", KV("cluster", s->name), KV_I64("unanswered", s->unanswered));
}

static void silence_note(placer *p)
{
	int64_t answer_us = p->o.answer_ms * 1000;

	if (answer_us && p->ticks % SILENCE_TICKS == 0)
		metric_set(METRIC_PLACER_UNANSWERED, silence_look(&p->books, clock_now_us(), answer_us, is_silent));
}

/* Asked to stop, but the batch at hand will not end: the database went first, or it does not answer. */
static bool must_leave(placer *p)
{
	return p->is_stopping &&
	       (p->phase != PLACER_SERVING || !batcher_is_up(p->db) || ++p->stop_ticks > STOP_TICKS_MAX);
}

static void on_tick(void *arg)
{
	placer *p = arg;

	if (must_leave(p)) {
		term_end(p, 0);
		return;
	}
	loop_timer_arm(p->tick, TICK_US);
	if (p->phase == PLACER_STANDBY) {
		p->rests = false;
		term_ask(p);
	} else if (p->phase == PLACER_SERVING) {
		marks_move(p);
		p->wants_audit = true;
		if (p->stage == STAGE_NONE)
			decide_forgive(&p->books, clock_now_us());
		silence_note(p);
		p->wants_reserve = p->books.waiting.n > 0;
		metric_set(METRIC_PLACER_WAITING, p->books.waiting.n);
		metric_set(METRIC_PLACER_HOLDS, p->books.claims.n);
		serve_next(p);
	}
}

static void on_go(void *arg)
{
	placer *p = arg;

	if (p->stage == STAGE_NONE)
		p->wants_look = true;
	serve_next(p);
}

placer *placer_new(loop *l, const placer_options *o)
{
	placer *p = heap_new(1, sizeof *p);
	db_options db = {.dsn = o->dsn,
		.kind = "placer",
		.role = "reeve_placer",
		.is_platform = true,
		.by_index = true,
		.reconnect_us = o->reconnect_us};

	assert(o->batch >= 1 && o->batch <= PLACER_BATCH_MAX && o->poll_ms >= 1);
	p->o = *o;
	p->loop = l;
	p->phase = PLACER_STANDBY;
	turn_init(&p->turn);
	p->tick = loop_timer_new(l, on_tick, p);
	p->go = loop_timer_new(l, on_go, p);
	p->db = batcher_new(l, &db, on_up, on_down, p);
	loop_timer_arm(p->tick, TICK_US);
	return p;
}

void placer_free(placer *p)
{
	if (!p)
		return;
	bool has_books = p->phase == PLACER_LOADING || p->phase == PLACER_SERVING;
	p->phase = PLACER_ENDED;
	batcher_free(p->db);
	loop_timer_free(p->tick);
	loop_timer_free(p->go);
	inbox_clear(&p->inbox);
	load_done(&p->load);
	turn_done(&p->turn);
	if (has_books)
		books_done(&p->books);
	free(p);
}

void placer_look(placer *p)
{
	p->wants_look = true;
	serve_next(p);
}

void placer_look_at_governance(placer *p)
{
	p->wants_audit = true;
	serve_next(p);
}

void placer_stop(placer *p)
{
	p->is_stopping = true;
	/* Without a connection there is nothing to wait for: what became of the batch shows at the next start. */
	if (p->phase != PLACER_SERVING || !batcher_is_up(p->db))
		term_end(p, 0);
	else
		serve_next(p);
}

bool placer_is_serving(const placer *p)
{
	return p->phase == PLACER_SERVING;
}

uint64_t placer_rests(const placer *p)
{
	return p->n_rests;
}

int64_t placer_use_at(const placer *p, int32_t tenant_key, int64_t at_us)
{
	const payer *t = p->phase == PLACER_SERVING ? books_payer(&p->books, tenant_key) : NULL;

	return t ? history_use(&p->books.curve, &t->all, at_us) : 0;
}

int64_t placer_term(const placer *p)
{
	return p->head.term;
}

/* The role in a process of its own. */
typedef struct role {
	process *process;
	placer *placer;
	int status;
} role;

static void role_commit(void *arg)
{
	role *r = arg;

	notify_send(r->process->notify, NOTIFY_DECISIONS);
}

static void role_end(void *arg, int status)
{
	role *r = arg;

	r->status = status;
	loop_stop(r->process->loop);
}

static void role_look(void *arg, int what)
{
	role *r = arg;

	if (what & NOTIFY_GOVERNANCE)
		placer_look_at_governance(r->placer);
	if (what & NOTIFY_INBOX)
		placer_look(r->placer);
}

static void role_signal(void *arg, int signo)
{
	role *r = arg;

	(void)signo;
	placer_stop(r->placer);
}

int placer_run(process *p)
{
	role r = {.process = p};
	placer_options o = {.dsn = p->dsn,
		.batch = p->settings->placer_batch,
		.poll_ms = p->settings->placer_poll_ms,
		.answer_ms = p->settings->placer_answer_ms,
		.on_commit = role_commit,
		.on_end = role_end,
		.arg = &r};

	p->notify = notify_new(p->loop, p->run_dir, "placer", p->edges, role_look, &r);
	r.placer = placer_new(p->loop, &o);
	loop_on_signal(p->loop, SIGTERM, role_signal, &r);
	loop_on_signal(p->loop, SIGINT, role_signal, &r);
	loop_run(p->loop);
	placer_free(r.placer);
	notify_free(p->notify);
	return r.status;
}
