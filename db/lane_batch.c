/* One transaction of a lane: from queue to COMMIT, and what follows each way it can end. */
#include "db/lane_inside.h"

#include <assert.h>
#include <libpq-fe.h>

#include "base/clock.h"
#include "base/metric.h"
#include "db/fault.h"

enum { NOBODY = -1 };

static void batch_send(lane *l);

static void replies_clear(lane *l)
{
	for (uint32_t i = 0; i < l->batch_n; i++) {
		reply_clear(&l->replies[i]);
		memset(&l->replies[i], 0, offsetof(db_reply, sqlstate));
	}
}

/* Stable, and almost always sorted already. */
static void batch_sort(lane *l)
{
	for (uint32_t i = 1; i < l->batch_n; i++) {
		lane_op *op = l->batch[i];
		uint32_t j = i;
		for (; j && l->batch[j - 1]->key > op->key; j--)
			l->batch[j] = l->batch[j - 1];
		l->batch[j] = op;
	}
}

static void batch_done(lane *l)
{
	l->batch_n = 0;
	l->phase = LANE_IDLE;
	l->is_unknown = l->was_repeated = false;
}

/* Takes operation i out of the batch and tells it. */
static void batch_drop(lane *l, uint32_t i, db_reply *r)
{
	lane_op *op = l->batch[i];
	memmove(&l->batch[i], &l->batch[i + 1], (l->batch_n - i - 1) * sizeof(*l->batch));
	l->batch_n--;
	lane_op_done(l, op, r);
}

static void committed(lane *l)
{
	uint32_t n = l->batch_n;
	metric_add(METRIC_LANE_COMMITS, 0, 1);
	metric_add(METRIC_LANE_OPS, 0, n);
	metric_observe_us(METRIC_LANE_COMMIT_TIME, clock_mono_us() - l->sent_us);
	/* The batch is over before anybody hears of it, so that what they ask for next queues behind nothing. */
	lane_op *ops[LANE_BATCH_OPS];
	memcpy(ops, l->batch, n * sizeof(*ops));
	batch_done(l);
	for (uint32_t i = 0; i < n; i++) {
		lane_op_done(l, ops[i], &l->replies[i]);
		reply_clear(&l->replies[i]);
	}
}

/* Takes out of a batch that was undone who is to be told the failure; the rest runs again. */
static void failed_drop(lane *l, db_reply *r)
{
	bool is_of_one = l->failed_at >= 0 && l->failed_at < (int32_t)l->batch_n;
	if (r->e == ERR_DB_RETRY && !l->was_repeated) {
		l->was_repeated = true;
		return;
	}
	if (is_of_one && r->e != ERR_DB_RETRY) {
		batch_drop(l, (uint32_t)l->failed_at, r);
		return;
	}
	while (l->batch_n)
		batch_drop(l, 0, r);
}

static void settle(lane *l)
{
	failed_drop(l, &l->failure);
	reply_clear(&l->failure);
	if (!l->batch_n) {
		batch_done(l);
		lane_next(l);
		return;
	}
	metric_add(METRIC_LANE_RETRIES, 0, 1);
	batch_send(l);
}

static void undone(db_seg *seg, err e)
{
	lane *l = (lane *)((char *)seg - offsetof(lane, seg));
	if (e) {
		/* The connection went with the transaction: undone all the same. */
		reply_clear(&l->failure);
		l->phase = LANE_HELD;
		return;
	}
	settle(l);
}

static void ignore(db_seg *seg, uint32_t i, db_reply *r)
{
	(void)seg;
	(void)i;
	(void)r;
}

static void undo(lane *l)
{
	fault f;
	l->phase = LANE_UNDOING;
	l->seg.on_reply = ignore;
	l->seg.on_end = undone;
	pipe_begin(l->pipe, &l->seg);
	(void)!pipe_send_own(l->pipe, SQL_TX_ROLLBACK, NULL, &f);
	pipe_end(l->pipe);
}

static void batch_ended(db_seg *seg, err e)
{
	lane *l = (lane *)((char *)seg - offsetof(lane, seg));
	if (!e && !l->batch_n && l->failed_at == NOBODY) {
		/* No operation had parameters that could be sent. */
		batch_done(l);
		lane_next(l);
		return;
	}
	if (!e && l->is_committed && l->failed_at == NOBODY) {
		committed(l);
		lane_next(l);
		return;
	}
	replies_clear(l);
	if (e) {
		/* Perhaps it committed. The statements are idempotent by their keys: run them again. */
		reply_clear(&l->failure);
		l->is_unknown = true;
		l->phase = LANE_HELD;
	} else if (l->failed_at == NOBODY) {
		/* A rollback nobody asked for. */
		memset(&l->failure, 0, sizeof(l->failure));
		l->failure.e = ERR_DB_RETRY;
		settle(l);
	} else if (l->is_alone) {
		settle(l);
	} else {
		undo(l);
	}
}

static void batch_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	lane *l = (lane *)((char *)seg - offsetof(lane, seg));
	uint32_t first = l->is_alone ? 0 : 1; /* BEGIN */
	if (l->failed_at != NOBODY)
		return;
	if (r->e) {
		l->failed_at = i < first ? (int32_t)l->batch_n : (int32_t)(i - first);
		l->failure = *r;
		r->is_kept = true;
		l->failure.is_kept = false;
		return;
	}
	if (i >= first && i < first + l->batch_n) {
		l->replies[i - first] = *r;
		r->is_kept = true;
		l->is_committed = l->is_alone;
	} else if (i > first) {
		/* A transaction that failed answers COMMIT with ROLLBACK and no error. */
		l->is_committed = strcmp(PQcmdStatus(r->res), "COMMIT") == 0;
	}
}

/* The part of the batch from i on goes back to the head of the queue. */
static void batch_trim(lane *l, uint32_t from)
{
	for (uint32_t i = l->batch_n; i > from; i--)
		lane_queue_push_front(&l->queue, l->batch[i - 1]);
	l->batch_n = from;
}

static void bad_params(lane *l, uint32_t i, err e, const fault *f)
{
	db_reply r;
	memset(&r, 0, sizeof(r));
	r.stmt = l->batch[i]->stmt;
	r.e = e;
	r.f = *f;
	batch_drop(l, i, &r);
}

static void ops_send(lane *l)
{
	fault f;
	for (uint32_t i = 0; i < l->batch_n;) {
		lane_op *op = l->batch[i];
		if (i && pipe_bytes(l->pipe) >= LANE_BATCH_BYTES) {
			batch_trim(l, i);
			return;
		}
		memset(&f, 0, sizeof(f));
		err e = pipe_send(l->pipe, op->scope, !l->is_alone, op->stmt, op->in, &f);
		if (e)
			bad_params(l, i, e, &f);
		else
			i++;
	}
}

static void messages_send(lane *l)
{
	fault f;
	pipe_begin(l->pipe, &l->seg);
	if (!l->is_alone)
		(void)!pipe_send_own(l->pipe, SQL_TX_BEGIN, NULL, &f);
	ops_send(l);
	if (!l->is_alone)
		(void)!pipe_send_own(l->pipe, SQL_TX_COMMIT, NULL, &f);
	pipe_end(l->pipe);
}

static void batch_send(lane *l)
{
	if (!pipe_is_up(l->pipe)) {
		l->phase = LANE_HELD;
		return;
	}
	l->phase = LANE_FLYING;
	l->is_alone = l->batch_n == 1;
	l->is_committed = false;
	l->failed_at = NOBODY;
	l->sent_us = clock_mono_us();
	pipe_need(l->pipe, SQL_TX_BEGIN);
	pipe_need(l->pipe, SQL_TX_COMMIT);
	pipe_need(l->pipe, SQL_TX_ROLLBACK);
	pipe_need(l->pipe, SQL_SCOPE_SET);
	for (uint32_t i = 0; i < l->batch_n; i++)
		pipe_need(l->pipe, l->batch[i]->stmt);
	l->seg.on_reply = batch_replied;
	l->seg.on_end = batch_ended;
	messages_send(l);
}

void lane_next(lane *l)
{
	if (l->phase != LANE_IDLE || l->is_closing || !l->queue.n || !pipe_is_up(l->pipe))
		return;
	while (l->batch_n < LANE_BATCH_OPS && l->queue.n)
		l->batch[l->batch_n++] = lane_queue_pop(&l->queue);
	batch_sort(l);
	batch_send(l);
}

void lane_up(void *arg)
{
	lane *l = arg;
	if (l->phase == LANE_HELD)
		batch_send(l);
	else
		lane_next(l);
}

static void held_fail(lane *l, uint32_t i)
{
	db_reply r;
	memset(&r, 0, sizeof(r));
	r.stmt = l->batch[i]->stmt;
	r.e = l->is_unknown ? fault_set(&r.f, ERR_DB_UNKNOWN, NULL, "The database went away during the commit.")
			    : fault_set(&r.f, ERR_UNAVAILABLE, NULL, "The database did not answer in time.");
	batch_drop(l, i, &r);
}

void lane_expire(lane *l, int64_t now_us)
{
	if (l->phase != LANE_HELD)
		return;
	for (uint32_t i = l->batch_n; i > 0; i--) {
		if (l->batch[i - 1]->deadline_us <= now_us)
			held_fail(l, i - 1);
	}
	if (!l->batch_n)
		batch_done(l);
}

void lane_abandon(lane *l)
{
	while (l->batch_n)
		held_fail(l, 0);
}
