/* The life of the connection: open, watch, lose, open again. What travels over it is in pipe_flow.c. */
#include "db/pipe_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	BACKOFF_MIN_US = 100 * 1000,
	BACKOFF_MAX_US = 5000 * 1000,
	CONNECT_TIMEOUT_US = 10 * 1000 * 1000,
	TICK_US = 1000 * 1000,
	STATEMENT_TIMEOUT_MS = 10000,
	LOCK_TIMEOUT_MS = 2000,
	IDLE_IN_TX_TIMEOUT_MS = 5000,
	ANSWER_TIMEOUT_US = 15 * 1000 * 1000,
	OPTIONS_MAX = 640,
	WHY_MAX = 256,
};

static void ready(void *arg, int what);

static void watch_set(db_pipe *p, int what)
{
	int fd = PQsocket(p->pg);
	if (p->watch && p->fd == fd) {
		if (p->watch_what != what)
			loop_watch_set(p->watch, what);
	} else {
		loop_watch_free(p->watch);
		p->watch = loop_watch_new(p->loop, fd, what, ready, p);
		p->fd = fd;
	}
	p->watch_what = what;
}

static void watch_drop(db_pipe *p)
{
	loop_watch_free(p->watch);
	p->watch = NULL;
}

static void segs_close(db_pipe *p)
{
	db_seg *s = p->segs;
	p->segs = p->segs_tail = p->building = NULL;
	while (s) {
		db_seg *next = s->next;
		s->on_end(s, ERR_CLOSED);
		s = next;
	}
}

static void disconnect(db_pipe *p)
{
	watch_drop(p);
	PQfinish(p->pg);
	p->pg = NULL;
	p->state = PIPE_DOWN;
	p->is_broken = false;
	p->drop_why = NULL;
	p->awaited_head = p->awaited_n = 0;
	p->got_result = false;
	memset(p->prepared, 0, (size_t)sql_stmts_n);
}

/* A quarter more or less, so that a restarted server is not met by everybody at once. */
static int64_t backoff_next(db_pipe *p)
{
	uint32_t r;
	random_bytes(&r, sizeof(r));
	int64_t pause = p->backoff_us * 3 / 4 + (int64_t)(r % (uint32_t)(p->backoff_us / 2));
	p->backoff_us = p->backoff_us * 2 < BACKOFF_MAX_US ? p->backoff_us * 2 : BACKOFF_MAX_US;
	return pause;
}

void pipe_lost(db_pipe *p, const char *why)
{
	char line[WHY_MAX];
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(why, "\n"), why);
	log_warn("db.down", KV_Z("kind", p->o.kind), KV_Z("why", line));
	disconnect(p);
	loop_timer_arm(p->timer, backoff_next(p));
	segs_close(p);
	if (p->on_down)
		p->on_down(p->arg, str_from(line));
}

static void connected(db_pipe *p)
{
	if (PQsetnonblocking(p->pg, 1) != 0 || !PQenterPipelineMode(p->pg)) {
		pipe_lost(p, "the connection does not take pipeline mode");
		return;
	}
	if (p->was_up)
		metric_add(METRIC_DB_RECONNECTS, 0, 1);
	p->state = PIPE_UP;
	p->was_up = true;
	p->backoff_us = p->o.reconnect_us;
	watch_set(p, LOOP_READ);
	loop_timer_arm(p->timer, TICK_US);
	log_info("db.up", KV_Z("kind", p->o.kind));
	if (p->on_up)
		p->on_up(p->arg);
}

/* On its way to the next address the library closes the socket and opens another, often with the same number: a watch
 * over this step would be of a socket that is gone. */
static void connect_step(db_pipe *p)
{
	watch_drop(p);
	switch (PQconnectPoll(p->pg)) {
	case PGRES_POLLING_READING:
		watch_set(p, LOOP_READ);
		return;
	case PGRES_POLLING_WRITING:
		watch_set(p, LOOP_WRITE);
		return;
	case PGRES_POLLING_OK:
		connected(p);
		return;
	default:
		pipe_lost(p, PQerrorMessage(p->pg));
	}
}

static void ready(void *arg, int what)
{
	db_pipe *p = arg;
	if (p->state == PIPE_CONNECTING)
		connect_step(p);
	else if (p->state == PIPE_UP)
		pipe_pump(p, what);
}

/* What libpq has not sent yet decides whether we wait for the socket to take more. */
void pipe_flush(db_pipe *p)
{
	if (p->is_broken)
		return;
	int left = PQflush(p->pg);
	if (left < 0)
		pipe_break(p);
	else
		watch_set(p, left ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* Nothing may be called back from inside a send, so the loss is told by the timer. */
void pipe_break(db_pipe *p)
{
	if (p->is_broken)
		return;
	p->is_broken = true;
	loop_timer_arm(p->timer, 0);
}

static void notice_drop(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

/* Row by row through indexes. A whole walk through an index is as bad as one through its table, and is what a hash or a
 * merge of a small table likes best. */
#define BY_INDEX " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"

/* A database, a role or the server may be set up otherwise: what the statements stand on is said here. */
static void options_write(const db_options *o, char out[OPTIONS_MAX])
{
	int n = snprintf(out, OPTIONS_MAX,
		"-c plan_cache_mode=force_generic_plan -c jit=off -c timezone=UTC "
		"-c default_transaction_isolation=read\\ committed -c statement_timeout=%d -c lock_timeout=%d "
		"-c idle_in_transaction_session_timeout=%d%s "
		"-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3%s%s",
		o->statement_timeout_ms, o->lock_timeout_ms, o->idle_in_tx_timeout_ms, o->by_index ? BY_INDEX : "",
		o->role ? " -c role=" : "", o->role ? o->role : "");
	assert(n > 0 && n < OPTIONS_MAX);
}

static void connect_begin(db_pipe *p)
{
	char options[OPTIONS_MAX], name[NAMEDATALEN_MAX];
	options_write(&p->o, options);
	snprintf(name, sizeof(name), "reeve/%s", p->o.kind);
	/* What stands behind dbname wins over the connection string. */
	const char *keys[] = {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"dbname", "options", "application_name", "client_encoding", NULL};
	const char *values[] = {"3", "1", "3", "10000", p->o.dsn, options, name, "UTF8", NULL};
	p->pg = PQconnectStartParams(keys, values, 1);
	if (!p->pg || PQstatus(p->pg) == CONNECTION_BAD) {
		pipe_lost(p, p->pg ? PQerrorMessage(p->pg) : "out of memory");
		return;
	}
	PQsetNoticeReceiver(p->pg, notice_drop, NULL);
	p->state = PIPE_CONNECTING;
	watch_set(p, LOOP_WRITE);
	loop_timer_arm(p->timer, CONNECT_TIMEOUT_US);
}

static void tick(void *arg)
{
	db_pipe *p = arg;
	if (p->state == PIPE_DOWN)
		connect_begin(p);
	else if (p->state == PIPE_CONNECTING)
		pipe_lost(p, "the server did not accept the connection in time");
	else if (p->is_broken)
		pipe_lost(p, p->drop_why ? p->drop_why : PQerrorMessage(p->pg));
	else if (p->awaited_n && clock_mono_us() - p->last_answer_us > p->o.answer_timeout_us)
		pipe_lost(p, "the server did not answer in time");
	else
		loop_timer_arm(p->timer, TICK_US);
}

static void default_i32(int32_t *v, int32_t initial)
{
	if (*v == 0)
		*v = initial;
}

db_pipe *pipe_new(
	loop *l, const db_options *o, void (*on_up)(void *arg), void (*on_down)(void *arg, str why), void *arg)
{
	db_pipe *p = calloc(1, sizeof(*p) + (size_t)sql_stmts_n);
	if (!p)
		abort();
	p->loop = l;
	p->o = *o;
	p->on_up = on_up;
	p->on_down = on_down;
	p->arg = arg;
	if (!p->o.reconnect_us)
		p->o.reconnect_us = BACKOFF_MIN_US;
	p->backoff_us = p->o.reconnect_us;
	default_i32(&p->o.statement_timeout_ms, STATEMENT_TIMEOUT_MS);
	default_i32(&p->o.lock_timeout_ms, LOCK_TIMEOUT_MS);
	default_i32(&p->o.idle_in_tx_timeout_ms, IDLE_IN_TX_TIMEOUT_MS);
	if (!p->o.answer_timeout_us)
		p->o.answer_timeout_us = ANSWER_TIMEOUT_US;
	params_init(&p->params);
	buf_init(&p->scope, SCOPE_TEXT_MAX);
	p->timer = loop_timer_new(l, tick, p);
	loop_timer_arm(p->timer, 0);
	return p;
}

void pipe_free(db_pipe *p)
{
	if (!p)
		return;
	disconnect(p);
	segs_close(p);
	loop_timer_free(p->timer);
	params_done(&p->params);
	buf_done(&p->scope);
	vec_done(&p->awaited);
	free(p);
}

bool pipe_is_up(const db_pipe *p)
{
	return p->state == PIPE_UP && !p->is_broken;
}

void pipe_drop(db_pipe *p, const char *why)
{
	if (p->state != PIPE_UP)
		return;
	p->drop_why = why;
	pipe_break(p);
}
