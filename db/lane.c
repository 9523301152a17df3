/* The queue of a lane and the fate of its operations; lane_batch.c runs one transaction. */
#include "db/lane_inside.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "db/fault.h"

enum { DEADLINE_US = 10 * 1000 * 1000, TICK_US = 250 * 1000 };

static lane_op *op_new(lane *l)
{
	lane_op *op = l->spare;
	if (op)
		l->spare = op->next;
	else if (!(op = calloc(1, sizeof(*op))))
		abort();
	op->next = NULL;
	return op;
}

static void op_free(lane *l, lane_op *op)
{
	op->next = l->spare;
	l->spare = op;
}

void lane_queue_push(lane_queue *q, lane_op *op)
{
	op->next = NULL;
	if (q->first)
		q->last->next = op;
	else
		q->first = op;
	q->last = op;
	q->n++;
}

void lane_queue_push_front(lane_queue *q, lane_op *op)
{
	op->next = q->first;
	q->first = op;
	if (!op->next)
		q->last = op;
	q->n++;
}

lane_op *lane_queue_pop(lane_queue *q)
{
	lane_op *op = q->first;
	if (op) {
		q->first = op->next;
		q->n--;
	}
	return op;
}

void lane_op_done(lane *l, lane_op *op, db_reply *r)
{
	db_done on_done = op->on_done;
	void *arg = op->arg;
	r->e = err_for_client(r->e);
	op_free(l, op);
	on_done(arg, r);
}

void lane_op_fail(lane *l, lane_op *op, err e, const char *why)
{
	db_reply r;
	memset(&r, 0, sizeof(r));
	r.stmt = op->stmt;
	r.e = fault_set(&r.f, e, NULL, "%s", why);
	lane_op_done(l, op, &r);
}

static void refused_tell(void *arg)
{
	lane *l = arg;
	lane_queue q = l->refused;
	memset(&l->refused, 0, sizeof(l->refused));
	for (lane_op *op; (op = lane_queue_pop(&q));)
		lane_op_fail(l, op, ERR_OVERLOADED, "Too many writes wait for the database.");
}

void lane_run(lane *l, uint64_t key, db_scope scope, sql_id s, const void *in, db_done on_done, void *arg)
{
	assert(scope.kind == (l->is_platform ? DB_SCOPE_PLATFORM : DB_SCOPE_TENANTS));
	assert(s > 0 && s < sql_stmts_n);
	lane_op *op = op_new(l);
	op->key = key;
	op->scope = scope;
	op->stmt = s;
	op->in = in;
	op->on_done = on_done;
	op->arg = arg;
	op->deadline_us = clock_mono_us() + l->deadline_us;
	if (l->queue.n >= LANE_QUEUE_MAX) {
		lane_queue_push(&l->refused, op);
		loop_timer_arm(l->late, 0);
		return;
	}
	lane_queue_push(&l->queue, op);
	/* Operations of one turn of the loop leave together. */
	if (!l->is_kicked && l->phase == LANE_IDLE) {
		l->is_kicked = true;
		loop_timer_arm(l->kick, 0);
	}
}

static void kick(void *arg)
{
	lane *l = arg;
	l->is_kicked = false;
	lane_next(l);
}

static void tick(void *arg)
{
	lane *l = arg;
	int64_t now_us = clock_mono_us();
	lane_queue q = l->queue;
	memset(&l->queue, 0, sizeof(l->queue));
	for (lane_op *op; (op = lane_queue_pop(&q));) {
		if (op->deadline_us > now_us)
			lane_queue_push(&l->queue, op);
		else
			lane_op_fail(l, op, ERR_UNAVAILABLE, "The database did not answer in time.");
	}
	lane_expire(l, now_us);
	loop_timer_arm(l->tick, TICK_US);
}

lane *lane_new(loop *lp, const lane_options *o)
{
	lane *l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->deadline_us = o->deadline_us ? o->deadline_us : DEADLINE_US;
	l->is_platform = o->db.is_platform;
	l->kick = loop_timer_new(lp, kick, l);
	l->late = loop_timer_new(lp, refused_tell, l);
	l->tick = loop_timer_new(lp, tick, l);
	db_options db = o->db;
	if (!db.answer_timeout_us)
		db.answer_timeout_us = l->deadline_us;
	l->pipe = pipe_new(lp, &db, lane_up, NULL, l);
	loop_timer_arm(l->tick, TICK_US);
	return l;
}

void lane_free(lane *l)
{
	if (!l)
		return;
	l->is_closing = true;
	pipe_free(l->pipe);
	lane_abandon(l);
	refused_tell(l);
	for (lane_op *op; (op = lane_queue_pop(&l->queue));)
		lane_op_fail(l, op, ERR_UNAVAILABLE, "The server is shutting down.");
	loop_timer_free(l->kick);
	loop_timer_free(l->late);
	loop_timer_free(l->tick);
	while (l->spare) {
		lane_op *next = l->spare->next;
		free(l->spare);
		l->spare = next;
	}
	free(l);
}

uint32_t lane_waiting(const lane *l)
{
	return l->queue.n + l->batch_n + l->refused.n;
}

bool lane_is_up(const lane *l)
{
	return pipe_is_up(l->pipe);
}
