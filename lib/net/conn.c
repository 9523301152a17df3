#include "net/conn.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/metric.h"

enum { NO_LIMIT = -1 };

/* The deadline of each state, as offsetof in web_limits. */
static const long state_limit[CONN_STATES] = {
	[CONN_HANDSHAKE] = offsetof(web_limits, handshake_timeout_ms),
	[CONN_HEAD] = offsetof(web_limits, head_timeout_ms),
	[CONN_BODY] = offsetof(web_limits, body_timeout_ms),
	[CONN_BUSY] = NO_LIMIT,
	[CONN_REPLY] = offsetof(web_limits, reply_timeout_ms),
	[CONN_STREAM] = NO_LIMIT,
	[CONN_IDLE] = offsetof(web_limits, idle_timeout_ms),
	[CONN_LINGER] = NO_LIMIT,
	[CONN_CLOSED] = NO_LIMIT,
};

static void watch_update(conn *c)
{
	int what = (conn_may_read(c) ? LOOP_READ : 0) | (c->wants_write ? LOOP_WRITE : 0);

	if (c->watch)
		loop_watch_set(c->watch, what);
}

void conn_enter(conn *c, conn_state s)
{
	long at = state_limit[s];
	int64_t due_us = WHEEL_NEVER;

	c->state = s;
	if (at != NO_LIMIT)
		due_us = c->server->now_us + *(const int64_t *)((const char *)&c->server->limits + at) * 1000;
	else if (s == CONN_LINGER)
		due_us = c->server->now_us + LINGER_TIMEOUT_MS * 1000;
	wheel_set(&c->server->wheel, &c->deadline, due_us);
	if (s != CONN_BODY)
		wire_await(&c->wire, 1);
	/* Most replies are sent at once: conn_flush looks at the socket's interest only when one was not. */
	if (s != CONN_REPLY)
		watch_update(c);
}

void conn_hold(conn *c)
{
	c->holds++;
}

void conn_unhold(conn *c)
{
	assert(c->holds > 0);
	if (--c->holds == 0 && c->state == CONN_CLOSED)
		server_freed(c);
}

size_t conn_waiting(const conn *c)
{
	return c->out.n - c->out_at;
}

buf *conn_out(conn *c)
{
	if (!c->out.p)
		server_buf(c->server, &c->out);
	if (c->out_at > c->out.n / 2) {
		buf_drop(&c->out, c->out_at);
		c->out_at = 0;
	}
	return &c->out;
}

static void out_done(conn *c)
{
	if (c->out.p)
		server_buf_back(c->server, &c->out);
	c->out_at = 0;
}

static void conn_gone(conn *c)
{
	if (!c->has_request || c->req.is_gone)
		return;
	c->req.is_gone = true;
	if (c->req.on_gone)
		c->req.on_gone(&c->req);
}

void conn_close(conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	conn_hold(c);
	c->state = CONN_CLOSED;
	wheel_remove(&c->deadline);
	loop_watch_free(c->watch);
	c->watch = NULL;
	wire_close(&c->wire);
	out_done(c);
	server_left(c);
	conn_gone(c);
	stream_closed(c);
	conn_unhold(c);
}

/* A peer that does not take our bytes gets no farewell, which it would not take either. */
static void conn_abort(conn *c)
{
	if (c->state != CONN_CLOSED)
		wire_abort(&c->wire);
	conn_close(c);
}

static ssize_t out_write(conn *c)
{
	ssize_t n = 1;

	while (n > 0 && conn_waiting(c)) {
		n = wire_write(&c->wire, c->out.p + c->out_at, conn_waiting(c));
		c->out_at += n > 0 ? (size_t)n : 0;
	}
	return n;
}

bool conn_send(conn *c)
{
	bool is_long = conn_waiting(c) > OUT_GATHER_MIN;

	if (is_long)
		wire_gather(&c->wire, true);
	ssize_t n = out_write(c);
	if (n == WIRE_BROKEN)
		return false;
	if (is_long)
		wire_gather(&c->wire, false);
	c->wants_write = n == WIRE_WANTS_WRITE;
	if (conn_waiting(c) == 0)
		out_done(c);
	if (c->state != CONN_REPLY || conn_waiting(c))
		watch_update(c);
	return true;
}

static void conn_linger(conn *c)
{
	wire_finish(&c->wire);
	conn_enter(c, CONN_LINGER);
}

void conn_flush(conn *c)
{
	if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
		return;
	if (!conn_send(c)) {
		conn_close(c);
		return;
	}
	if (c->state == CONN_STREAM) {
		stream_drained(c);
		return;
	}
	if (c->state != CONN_REPLY || conn_waiting(c))
		return;
	if (c->is_last)
		conn_linger(c);
	else
		conn_enter(c, CONN_IDLE);
}

static void conn_shake(conn *c)
{
	int r = wire_handshake(&c->wire);

	c->wants_write = r == WIRE_WANTS_WRITE;
	if (r == WIRE_WANTS_READ || r == WIRE_WANTS_WRITE) {
		watch_update(c);
		return;
	}
	if (r != 1) {
		conn_close(c);
		return;
	}
	c->peer_cert = calloc(1, sizeof(*c->peer_cert));
	assert(c->peer_cert);
	wire_peer(&c->wire, c->peer_cert);
	conn_enter(c, CONN_HEAD);
}

static void conn_discard(conn *c)
{
	char scratch[4096];
	ssize_t n = wire_discard(&c->wire, scratch, sizeof(scratch));

	if (n > 0)
		c->discarded += (size_t)n;
	if (n == WIRE_END || n == WIRE_BROKEN || c->discarded > LINGER_BYTES_MAX)
		conn_close(c);
}

/* The peer sends no more. While its request is being worked on it may still read an answer (or be gone: the same bytes
 * say both), so the owner hears of it and the reply is tried. */
static void conn_ended(conn *c)
{
	if (c->state != CONN_BUSY) {
		conn_close(c);
		return;
	}
	c->is_ended = c->is_last = true;
	watch_update(c);
	conn_gone(c);
}

static bool is_reading_on(const conn *c)
{
	return c->state < CONN_LINGER && conn_may_read(c);
}

/* Bytes that the TLS layer has already taken off the socket raise no event: read until they are in, or there is no
 * room. Of a long body all that came is read, and its rest is worth one event. */
static void conn_readable(conn *c)
{
	ssize_t n;
	int pieces = 0;

	do {
		n = conn_read(c);
		if (n == WIRE_BROKEN)
			conn_close(c);
		else if (n == WIRE_END)
			conn_ended(c);
		else
			conn_pump(c);
	} while (is_reading_on(c) &&
		 (wire_has_pending(&c->wire) || (n > 0 && conn_body_left(c) && ++pieces < BODY_PIECES)));
	if (c->state == CONN_BODY && conn_body_left(c))
		wire_await(&c->wire, n > 0 ? 1 : conn_body_left(c));
}

static void conn_is_late(void *arg)
{
	conn *c = arg;

	c->is_late = false;
	if (c->state == CONN_CLOSED)
		stream_closed(c);
	else if (c->is_broken)
		conn_close(c);
	else
		conn_flush(c);
	conn_pump(c);
	if (is_reading_on(c) && wire_has_pending(&c->wire))
		conn_readable(c);
	conn_unhold(c);
}

void conn_later(conn *c)
{
	if (c->is_late)
		return;
	c->is_late = true;
	conn_hold(c);
	loop_defer(c->server->loop, conn_is_late, c);
}

static void conn_ready(void *arg, int what)
{
	conn *c = arg;

	conn_hold(c);
	if (c->state == CONN_HANDSHAKE) {
		conn_shake(c);
	} else if (c->state == CONN_LINGER) {
		conn_discard(c);
	} else {
		if (conn_waiting(c))
			conn_flush(c);
		if (c->state == CONN_IDLE && (what & LOOP_WRITE))
			conn_pump(c);
		if (is_reading_on(c) && ((what & LOOP_READ) || wire_has_pending(&c->wire)))
			conn_readable(c);
	}
	conn_unhold(c);
}

void conn_open(web_server *w, int fd, const char *peer, uint64_t peer_key)
{
	conn *c = w->spare_conns;

	if (c) {
		w->spare_conns = c->next;
		w->n_spare_conns--;
	} else {
		c = calloc(1, sizeof(*c));
		assert(c);
	}
	memset(c, 0, sizeof(*c));
	c->server = w;
	c->peer_key = peer_key;
	memcpy(c->peer, peer, ADDRESS_TEXT_MAX);
	c->prev = w->all.prev;
	c->next = &w->all;
	c->prev->next = c->next->prev = c;
	w->n_open++;
	w->n_kept++;
	wire_open(&c->wire, fd, w->tls);
	c->watch = loop_watch_new(w->loop, fd, 0, conn_ready, c);
	conn_enter(c, w->tls ? CONN_HANDSHAKE : CONN_HEAD);
}

/* What has come of a long body may not have been read yet: it buys time too. */
static bool body_is_in_time(conn *c)
{
	conn_hold(c);
	conn_readable(c);
	bool is = c->state != CONN_BODY || c->deadline.due_us > c->server->now_us;
	conn_unhold(c);
	return is;
}

void conn_due(conn *c)
{
	if (c->state == CONN_BODY && conn_body_left(c) && body_is_in_time(c))
		return;
	conn_state s = c->state;
	bool is_begun = s == CONN_BODY || (s == CONN_HEAD && c->in_n > c->in_at);

	if (s != CONN_IDLE && s != CONN_LINGER)
		metric_add(METRIC_HTTP_TIMEOUTS, 0, 1);
	if (s == CONN_STREAM)
		metric_add(METRIC_STREAMS_DROPPED, 0, 1);
	conn_hold(c);
	if (is_begun)
		conn_refuse(c, ERR_REQUEST_TIMEOUT,
			s == CONN_BODY ? "the body did not arrive in time" : "the head did not arrive in time");
	else if (s == CONN_REPLY || s == CONN_STREAM)
		conn_abort(c);
	else
		conn_close(c);
	conn_unhold(c);
}
