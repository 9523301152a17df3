/* The queue of the ledger and what its callers are told; ledger_turn.c runs one transaction. */
#include "db/ledger_inside.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "db/fault.h"
#include "net/digest.h"

enum { DEADLINE_US = 10 * 1000 * 1000, TICK_US = 250 * 1000, BATCH_TEXT_MAX = 64 << 20 };

void chain_link(const uint8_t prev[LEDGER_HASH], str body, uint8_t ret_hash[LEDGER_HASH])
{
	const str parts[] = {str_of((const char *)prev, LEDGER_HASH), body};
	digest_sha256(parts, 2, ret_hash);
}

void ledger_queue_push(ledger_queue *q, ledger_op *op)
{
	op->next = NULL;
	if (q->first)
		q->last->next = op;
	else
		q->first = op;
	q->last = op;
	q->n++;
}

void ledger_queue_push_front(ledger_queue *q, ledger_op *op)
{
	op->next = q->first;
	q->first = op;
	if (!op->next)
		q->last = op;
	q->n++;
}

ledger_op *ledger_queue_pop(ledger_queue *q)
{
	ledger_op *op = q->first;
	if (op) {
		q->first = op->next;
		q->n--;
	}
	return op;
}

void ledger_tell_failure(ledger_op *op, err e, const fault *f)
{
	ledger_answer a;
	memset(&a, 0, sizeof(a));
	a.e = err_for_client(e);
	a.f = *f;
	a.status = err_status(a.e);
	op->on_done(op, &a);
}

void entry_tell(ledger *g, ledger_entry *en)
{
	ledger_op *op = en->op;
	ledger_answer a;
	if (!op)
		return;
	en->op = NULL;
	memset(&a, 0, sizeof(a));
	a.e = en->e;
	if (en->e)
		a.f = en->f;
	else
		a.body = str_cut(buf_str(&g->answers), en->answer_at, en->answer_at + en->answer_n);
	a.status = en->status;
	a.is_replay = en->is_replay;
	if (!en->is_replay && !op->is_dry)
		a.revision = g->head_n + 1 + (en - g->batch);
	a.at_us = en->is_replay ? 0 : g->at_us;
	op->on_done(op, &a);
}

void entry_fail(ledger_entry *en, err e, const char *why)
{
	ledger_op *op = en->op;
	fault f;
	en->op = NULL;
	memset(&f, 0, sizeof(f));
	if (op)
		ledger_tell_failure(op, fault_set(&f, e, NULL, "%s", why), &f);
}

static void queue_fail(ledger_queue *from, err e, const char *why)
{
	ledger_queue q = *from;
	memset(from, 0, sizeof(*from));
	for (ledger_op *op; (op = ledger_queue_pop(&q));)
		entry_fail(&(ledger_entry){.op = op}, e, why);
}

static void refused_tell(void *arg)
{
	ledger *g = arg;
	queue_fail(&g->refused, ERR_OVERLOADED, "Too many changes wait for the database.");
}

void ledger_run(ledger *g, ledger_op *op)
{
	assert(op->scope.kind == (g->is_platform ? DB_SCOPE_PLATFORM : DB_SCOPE_TENANTS));
	assert(op->stmt ? sql_column(op->stmt, S("outcome")) != NULL : op->outcome.p != NULL && !op->is_dry);
	assert(!op->show || op->on_show);
	op->deadline_us = clock_mono_us() + g->deadline_us;
	if (g->queue.n >= LEDGER_QUEUE_MAX) {
		ledger_queue_push(&g->refused, op);
		loop_timer_arm(g->late, 0);
		return;
	}
	ledger_queue_push(&g->queue, op);
	/* Operations of one turn of the loop leave together. */
	if (!g->is_kicked && g->phase == LEDGER_IDLE) {
		g->is_kicked = true;
		loop_timer_arm(g->kick, 0);
	}
}

static void kick(void *arg)
{
	ledger *g = arg;
	g->is_kicked = false;
	ledger_next(g);
}

/* Who repeats a call that is still in work hears that, and not that nothing works. */
static void late_fail(ledger *g, ledger_queue *late)
{
	for (ledger_op *op; (op = ledger_queue_pop(late));)
		if (key_is_taken(g, op))
			entry_fail(&(ledger_entry){.op = op}, ERR_IDEMPOTENCY_IN_FLIGHT,
				"The first request with this key is still in work; ask again.");
		else
			entry_fail(&(ledger_entry){.op = op}, ERR_UNAVAILABLE, "The database did not answer in time.");
}

static void tick(void *arg)
{
	ledger *g = arg;
	int64_t now_us = clock_mono_us();
	ledger_queue q = g->queue, late = {0};
	memset(&g->queue, 0, sizeof(g->queue));
	for (ledger_op *op; (op = ledger_queue_pop(&q));)
		ledger_queue_push(op->deadline_us > now_us ? &g->queue : &late, op);
	late_fail(g, &late);
	ledger_expire(g, now_us);
	loop_timer_arm(g->tick, TICK_US);
}

ledger *ledger_new(loop *l, const ledger_options *o)
{
	ledger *g = calloc(1, sizeof(*g));
	db_options db = o->db;
	if (!g)
		abort();
	g->deadline_us = o->deadline_us ? o->deadline_us : DEADLINE_US;
	g->is_platform = db.is_platform;
	if (!db.answer_timeout_us)
		db.answer_timeout_us = g->deadline_us;
	buf_init(&g->answers, BATCH_TEXT_MAX);
	buf_init(&g->bodies, BATCH_TEXT_MAX);
	g->kick = loop_timer_new(l, kick, g);
	g->late = loop_timer_new(l, refused_tell, g);
	g->tick = loop_timer_new(l, tick, g);
	g->pipe = pipe_new(l, &db, ledger_up, NULL, g);
	loop_timer_arm(g->tick, TICK_US);
	return g;
}

void ledger_free(ledger *g)
{
	if (!g)
		return;
	g->is_closing = true;
	pipe_free(g->pipe);
	ledger_abandon(g);
	refused_tell(g);
	queue_fail(&g->queue, ERR_UNAVAILABLE, "The server is shutting down.");
	loop_timer_free(g->kick);
	loop_timer_free(g->late);
	loop_timer_free(g->tick);
	buf_done(&g->answers);
	buf_done(&g->bodies);
	free(g);
}

uint32_t ledger_waiting(const ledger *g)
{
	return g->queue.n + g->refused.n + g->n;
}

bool ledger_is_up(const ledger *g)
{
	return pipe_is_up(g->pipe);
}

int64_t ledger_head(const ledger *g)
{
	return g->head_seen;
}
