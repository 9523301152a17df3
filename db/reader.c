#include "db/reader.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/vec.h"
#include "db/fault.h"
#include "db/sql.h"

enum { DEADLINE_US = 5 * 1000 * 1000, TICK_US = 250 * 1000, PIPES_MAX = 64, GRACE_US = 2000 * 1000 };

typedef struct read_op read_op;
typedef struct read_set read_set;

/* One statement on its way: a segment of its own. */
struct read_op {
	db_seg seg; /* first: a seg is its op */
	read_op *next;
	db_reader *reader;
	struct read_line *line; /* while in flight */
	db_scope scope;
	sql_id stmt;
	const void *in;
	db_done on_done;
	void *arg;
	int64_t deadline_us;
	db_reply reply; /* of a failure that is told later */
	bool is_answered;
};

typedef struct read_line {
	db_pipe *pipe;
	read_set *set;
	uint32_t depth;
} read_line;

/* The connections of one role and what waits for them. */
struct read_set {
	db_reader *reader;
	read_line *lines;
	uint32_t n, waiting;
	read_op *first, *last;
};

struct db_reader {
	loop *loop;
	loop_timer *tick, *late; /* the deadline check; answers that were known inside the call */
	read_set tenants, platform;
	read_op *spare, *failed, *failed_last;
	int64_t deadline_us;
};

static read_op *op_new(db_reader *r)
{
	read_op *op = r->spare;
	if (op)
		r->spare = op->next;
	else if (!(op = calloc(1, sizeof(*op))))
		abort();
	op->next = NULL;
	op->reader = r;
	op->line = NULL;
	op->is_answered = false;
	op->reply.e = ERR_OK;
	return op;
}

static void op_free(read_op *op)
{
	op->next = op->reader->spare;
	op->reader->spare = op;
}

static void op_fail_now(read_op *op)
{
	op->reply.e = err_for_client(op->reply.e);
	op->on_done(op->arg, &op->reply);
	op_free(op);
}

static void fail_set(read_op *op, err e, const char *why)
{
	memset(&op->reply, 0, sizeof(op->reply));
	op->reply.stmt = op->stmt;
	op->reply.e = fault_set(&op->reply.f, e, NULL, "%s", why);
}

/* From the loop, because the caller is still inside its call. */
static void op_fail_later(read_op *op)
{
	db_reader *r = op->reader;
	op->next = NULL;
	if (r->failed)
		r->failed_last->next = op;
	else
		r->failed = op;
	r->failed_last = op;
	loop_timer_arm(r->late, 0);
}

static void late(void *arg)
{
	db_reader *r = arg;
	read_op *op = r->failed;
	r->failed = NULL;
	while (op) {
		read_op *next = op->next;
		op_fail_now(op);
		op = next;
	}
}

static void set_push(read_set *s, read_op *op)
{
	op->next = NULL;
	if (s->first)
		s->last->next = op;
	else
		s->first = op;
	s->last = op;
	s->waiting++;
}

static void set_push_front(read_set *s, read_op *op)
{
	op->next = s->first;
	s->first = op;
	if (!op->next)
		s->last = op;
	s->waiting++;
}

static read_op *set_pop(read_set *s)
{
	read_op *op = s->first;
	if (op) {
		s->first = op->next;
		s->waiting--;
	}
	return op;
}

static void read_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	read_op *op = (read_op *)seg;
	(void)i;
	metric_add(METRIC_DB_READS, 0, 1);
	/* A server that goes away says so in an answer, or skips ours: only the segment's end tells whether to ask
	 * again. */
	if (r->e == ERR_CLOSED || r->e == ERR_DB_RETRY || strcmp(r->sqlstate, PIPE_SKIPPED) == 0) {
		op->reply = *r;
		op->reply.res = NULL;
		return;
	}
	op->is_answered = true;
	r->e = err_for_client(r->e);
	op->on_done(op->arg, r);
}

static void set_send(read_set *s);

static void read_ended(db_seg *seg, err e)
{
	read_op *op = (read_op *)seg;
	read_line *line = op->line;
	line->depth--;
	if (op->is_answered) {
		op_free(op);
	} else if (e || !pipe_is_up(line->pipe)) {
		op->reply.e = ERR_OK;
		set_push_front(line->set, op);
	} else {
		op_fail_now(op);
	}
	set_send(line->set);
}

static void line_send(read_line *line, read_op *op)
{
	pipe_need(line->pipe, SQL_SCOPE_SET);
	pipe_need(line->pipe, op->stmt);
	op->seg.on_reply = read_replied;
	op->seg.on_end = read_ended;
	op->line = line;
	line->depth++;
	pipe_begin(line->pipe, &op->seg);
	fault f;
	memset(&f, 0, sizeof(f));
	err e = pipe_send(line->pipe, op->scope, false, op->stmt, op->in, &f);
	/* The segment still ends, empty; it must not come back. */
	if (e) {
		fail_set(op, e, "");
		op->reply.f = f;
	}
	pipe_end(line->pipe);
}

static read_line *line_free(read_set *s)
{
	read_line *best = NULL;
	for (uint32_t i = 0; i < s->n; i++) {
		read_line *l = &s->lines[i];
		if (l->depth < READ_DEPTH && pipe_is_up(l->pipe) && (!best || l->depth < best->depth))
			best = l;
	}
	return best;
}

static void set_send(read_set *s)
{
	read_line *line;
	while (s->first && (line = line_free(s)))
		line_send(line, set_pop(s));
}

void db_read(db_reader *r, db_scope scope, sql_id s, const void *in, db_done on_done, void *arg)
{
	assert(scope.kind != DB_SCOPE_NONE && s > 0 && s < sql_stmts_n);
	read_set *set = scope.kind == DB_SCOPE_PLATFORM ? &r->platform : &r->tenants;
	assert(set->n);
	read_op *op = op_new(r);
	op->scope = scope;
	op->stmt = s;
	op->in = in;
	op->on_done = on_done;
	op->arg = arg;
	op->deadline_us = clock_mono_us() + r->deadline_us;
	if (set->waiting >= READ_QUEUE_MAX) {
		fail_set(op, ERR_OVERLOADED, "Too many reads wait for the database.");
		op_fail_later(op);
		return;
	}
	set_push(set, op);
	set_send(set);
}

static void set_expire(read_set *s, int64_t now_us)
{
	/* The whole queue: it is short, or the database is gone. */
	read_op *op = s->first;
	s->first = NULL;
	s->waiting = 0;
	while (op) {
		read_op *next = op->next;
		if (op->deadline_us <= now_us) {
			fail_set(op, ERR_UNAVAILABLE, "The database did not answer in time.");
			op_fail_later(op);
		} else {
			set_push(s, op);
		}
		op = next;
	}
}

static void tick(void *arg)
{
	db_reader *r = arg;
	int64_t now_us = clock_mono_us();
	set_expire(&r->tenants, now_us);
	set_expire(&r->platform, now_us);
	loop_timer_arm(r->tick, TICK_US);
}

static void line_up(void *arg)
{
	read_line *line = arg;
	set_send(line->set);
}

static void set_open(read_set *s, db_reader *r, const db_options *o, uint32_t n, bool is_platform)
{
	db_options own = *o;
	assert(n <= PIPES_MAX);
	own.is_platform = is_platform;
	/* The server ends a statement at the deadline; a server that does not is not there. */
	if (!own.statement_timeout_ms)
		own.statement_timeout_ms = (int32_t)(r->deadline_us / 1000);
	if (!own.answer_timeout_us)
		own.answer_timeout_us = r->deadline_us + GRACE_US;
	s->reader = r;
	s->n = n;
	s->lines = n ? calloc(n, sizeof(*s->lines)) : NULL;
	if (n && !s->lines)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		s->lines[i].set = s;
		s->lines[i].pipe = pipe_new(r->loop, &own, line_up, NULL, &s->lines[i]);
	}
}

static void set_close(read_set *s)
{
	/* What is in flight comes back to the queue while its pipe is freed; nothing may take it from there. */
	uint32_t n = s->n;
	s->n = 0;
	for (uint32_t i = 0; i < n; i++)
		pipe_free(s->lines[i].pipe);
	for (read_op *op; (op = set_pop(s));) {
		fail_set(op, ERR_UNAVAILABLE, "The server is shutting down.");
		op_fail_now(op);
	}
	free(s->lines);
}

db_reader *reader_new(loop *l, const reader_options *o)
{
	db_reader *r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	r->loop = l;
	r->deadline_us = o->deadline_us ? o->deadline_us : DEADLINE_US;
	r->tick = loop_timer_new(l, tick, r);
	r->late = loop_timer_new(l, late, r);
	loop_timer_arm(r->tick, TICK_US);
	set_open(&r->tenants, r, &o->tenants, o->tenants_n, false);
	set_open(&r->platform, r, &o->platform, o->platform_n, true);
	return r;
}

void reader_free(db_reader *r)
{
	if (!r)
		return;
	set_close(&r->tenants);
	set_close(&r->platform);
	late(r);
	loop_timer_free(r->tick);
	loop_timer_free(r->late);
	while (r->spare) {
		read_op *next = r->spare->next;
		free(r->spare);
		r->spare = next;
	}
	free(r);
}

static bool set_is_up(const read_set *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (pipe_is_up(s->lines[i].pipe))
			return true;
	}
	return s->n == 0;
}

bool reader_is_up(const db_reader *r)
{
	return set_is_up(&r->tenants) && set_is_up(&r->platform);
}
