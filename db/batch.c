#include "db/batch.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "db/fault.h"
#include "db/sql.h"

enum { NOBODY = -1, REPLIES_MAX = BATCH_CALLS_MAX + BATCH_AFTER_MAX };

typedef struct after_seg {
	db_seg seg; /* first */
	db_batcher *owner;
	uint32_t at; /* in replies */
} after_seg;

struct db_batcher {
	db_pipe *pipe;
	loop_timer *late; /* a verdict known inside the call */
	void (*on_done)(void *arg, const db_verdict *v);
	void *arg;
	bool is_busy, is_committed, has_failed;
	uint32_t calls_n, open_segs;
	db_seg seg;
	after_seg after[BATCH_AFTER_MAX];
	db_verdict verdict;
	db_reply replies[REPLIES_MAX];
};

bool batcher_is_up(const db_batcher *b)
{
	return pipe_is_up(b->pipe);
}

bool batcher_is_busy(const db_batcher *b)
{
	return b->is_busy;
}

void batcher_drop(db_batcher *b, const char *why)
{
	pipe_drop(b->pipe, why);
}

static void finish(db_batcher *b)
{
	db_verdict *v = &b->verdict;
	b->is_busy = false;
	if (v->outcome != DB_COMMITTED && !v->e)
		v->e = v->outcome == DB_LOST ? ERR_DB_UNKNOWN : ERR_UNAVAILABLE;
	/* The next batch may begin inside on_done, so this one's answers move out of its way. */
	db_verdict told = *v;
	db_reply *replies = calloc(v->n ? v->n : 1, sizeof(*replies));
	if (!replies)
		abort();
	memcpy(replies, b->replies, v->n * sizeof(*replies));
	told.replies = replies;
	v->n = 0;
	b->on_done(b->arg, &told);
	for (uint32_t i = 0; i < told.n; i++)
		reply_clear(&replies[i]);
	free(replies);
}

static void reply_keep(db_batcher *b, uint32_t at, db_reply *r)
{
	b->replies[at] = *r;
	r->is_kept = true;
}

static void failed(db_batcher *b, int32_t at, const db_reply *r)
{
	db_verdict *v = &b->verdict;
	b->has_failed = true;
	v->e = r->e;
	v->failed_at = at;
	memcpy(v->sqlstate, r->sqlstate, sizeof(v->sqlstate));
	memcpy(v->constraint, r->constraint, sizeof(v->constraint));
	reply_message(r, v->message, sizeof(v->message));
}

static void tx_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	db_batcher *b = (db_batcher *)((char *)seg - offsetof(db_batcher, seg));
	bool is_call = i >= 1 && i <= b->calls_n;
	if (r->e && !b->has_failed)
		failed(b, is_call ? (int32_t)i - 1 : NOBODY, r);
	else if (i == b->calls_n + 1 && !r->e)
		b->is_committed = strcmp(PQcmdStatus(r->res), "COMMIT") == 0;
	if (is_call)
		reply_keep(b, i - 1, r);
}

static void rolled_back(db_seg *seg, err e)
{
	db_batcher *b = (db_batcher *)((char *)seg - offsetof(db_batcher, seg));
	(void)e;
	finish(b);
}

static void ignore(db_seg *seg, uint32_t i, db_reply *r)
{
	(void)seg;
	(void)i;
	(void)r;
}

/* After an error the session stays in the failed transaction, and the reads behind it failed too. */
static void roll_back(db_batcher *b)
{
	fault f;
	if (!pipe_is_up(b->pipe)) {
		finish(b);
		return;
	}
	b->seg.on_reply = ignore;
	b->seg.on_end = rolled_back;
	pipe_begin(b->pipe, &b->seg);
	(void)!pipe_send_own(b->pipe, SQL_TX_ROLLBACK, NULL, &f);
	pipe_end(b->pipe);
}

static void segs_ended(db_batcher *b)
{
	if (b->verdict.outcome == DB_FAILED && b->calls_n)
		roll_back(b);
	else
		finish(b);
}

static void tx_ended(db_seg *seg, err e)
{
	db_batcher *b = (db_batcher *)((char *)seg - offsetof(db_batcher, seg));
	if (e)
		b->verdict.outcome = b->is_committed ? DB_COMMITTED : DB_LOST;
	else
		b->verdict.outcome = b->is_committed && !b->has_failed ? DB_COMMITTED : DB_FAILED;
	if (--b->open_segs == 0)
		segs_ended(b);
}

static void after_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	after_seg *a = (after_seg *)seg;
	(void)i;
	reply_keep(a->owner, a->at, r);
}

static void after_ended(db_seg *seg, err e)
{
	after_seg *a = (after_seg *)seg;
	db_batcher *b = a->owner;
	db_reply *r = &b->replies[a->at];
	if (e && !r->res)
		r->e = fault_set(&r->f, ERR_UNAVAILABLE, NULL, "The database connection was lost.");
	if (--b->open_segs == 0)
		segs_ended(b);
}

static void late(void *arg)
{
	db_batcher *b = arg;
	if (b->is_busy && b->open_segs == 0)
		finish(b);
}

db_batcher *batcher_new(
	loop *l, const db_options *o, void (*on_up)(void *arg), void (*on_down)(void *arg, str why), void *arg)
{
	db_batcher *b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	assert(o->is_platform);
	b->late = loop_timer_new(l, late, b);
	b->pipe = pipe_new(l, o, on_up, on_down, arg);
	return b;
}

void batcher_free(db_batcher *b)
{
	if (!b)
		return;
	pipe_free(b->pipe);
	late(b);
	loop_timer_free(b->late);
	free(b);
}

/* False when a call's parameters cannot be sent; then neither is COMMIT. */
static bool tx_send(db_batcher *b, db_scope scope, const db_call *calls)
{
	err e = pipe_send_own(b->pipe, SQL_TX_BEGIN, NULL, &b->replies[0].f);
	for (uint32_t i = 0; !e && i < b->calls_n; i++) {
		b->replies[i].stmt = calls[i].stmt;
		e = pipe_send(b->pipe, scope, true, calls[i].stmt, calls[i].in, &b->replies[i].f);
		if (e) {
			b->replies[i].e = e;
			failed(b, (int32_t)i, &b->replies[i]);
		}
	}
	return !e && !pipe_send_own(b->pipe, SQL_TX_COMMIT, NULL, &b->replies[0].f);
}

static void after_send(db_batcher *b, db_scope scope, const db_call *c, uint32_t i)
{
	after_seg *a = &b->after[i];
	a->owner = b;
	a->at = b->calls_n + i;
	a->seg.on_reply = after_replied;
	a->seg.on_end = after_ended;
	db_reply *r = &b->replies[a->at];
	r->stmt = c->stmt;
	b->open_segs++;
	pipe_begin(b->pipe, &a->seg);
	r->e = pipe_send(b->pipe, scope, false, c->stmt, c->in, &r->f);
	pipe_end(b->pipe);
}

static void batch_reset(db_batcher *b, uint32_t calls_n, uint32_t after_n)
{
	memset(b->replies, 0, (calls_n + after_n + 1) * sizeof(*b->replies));
	memset(&b->verdict, 0, sizeof(b->verdict));
	b->verdict.outcome = calls_n ? DB_FAILED : DB_COMMITTED;
	b->verdict.failed_at = NOBODY;
	b->verdict.n = calls_n + after_n;
	b->is_busy = true;
	b->is_committed = b->has_failed = false;
	b->calls_n = calls_n;
	b->open_segs = 0;
}

static void batch_need(db_batcher *b, const db_call *calls, uint32_t n)
{
	pipe_need(b->pipe, SQL_TX_BEGIN);
	pipe_need(b->pipe, SQL_TX_COMMIT);
	pipe_need(b->pipe, SQL_TX_ROLLBACK);
	for (uint32_t i = 0; i < n; i++)
		pipe_need(b->pipe, calls[i].stmt);
}

static void batch_send(db_batcher *b, db_scope scope, const db_call *calls, const db_call *after, uint32_t after_n)
{
	batch_need(b, calls, b->calls_n);
	batch_need(b, after, after_n);
	if (b->calls_n) {
		b->seg.on_reply = tx_replied;
		b->seg.on_end = tx_ended;
		b->open_segs++;
		pipe_begin(b->pipe, &b->seg);
		bool is_whole = tx_send(b, scope, calls);
		pipe_end(b->pipe);
		if (!is_whole)
			return;
	}
	for (uint32_t i = 0; i < after_n; i++)
		after_send(b, scope, &after[i], i);
}

void batcher_run(db_batcher *b, db_scope scope, const db_call *calls, uint32_t calls_n, const db_call *after,
	uint32_t after_n, void (*on_done)(void *arg, const db_verdict *v), void *arg)
{
	assert(!b->is_busy && scope.kind == DB_SCOPE_PLATFORM);
	assert(calls_n <= BATCH_CALLS_MAX && after_n <= BATCH_AFTER_MAX);
	b->on_done = on_done;
	b->arg = arg;
	batch_reset(b, calls_n, after_n);
	if (pipe_is_up(b->pipe) && calls_n + after_n) {
		batch_send(b, scope, calls, after, after_n);
		return;
	}
	if (!pipe_is_up(b->pipe)) {
		b->verdict.outcome = DB_FAILED;
		b->verdict.e = ERR_UNAVAILABLE;
	}
	loop_timer_arm(b->late, 0);
}
