#include <assert.h>
#include <stddef.h>
#include "base/metric.h"
#include "net/conn.h"

/* Small writes of one turn leave together; larger ones at once. */
enum { SEND_AT_BYTES = 16384, CHUNK_SIZE_MAX = 10 };

static conn *stream_conn(web_stream *s)
{
	return (conn *)(void *)((char *)s - offsetof(conn, stream));
}

/* The stream is over: the connection's memory may go. */
static void stream_release(conn *c)
{
	c->stream.is_open = false;
	metric_add(METRIC_STREAMS, 0, -1);
	conn_unhold(c);
}

static void stream_is_over(conn *c)
{
	void (*on_close)(void *arg) = c->stream.on_close;

	c->stream.is_open = false;
	if (on_close)
		on_close(c->stream.arg);
	stream_release(c);
}

void stream_closed(conn *c)
{
	if (c->stream.is_open)
		stream_is_over(c);
}

static void chunk_add(buf *out, str bytes)
{
	static const char digits[] = "0123456789abcdef";
	char size[CHUNK_SIZE_MAX], *at = size + sizeof(size);

	*--at = '\n';
	*--at = '\r';
	for (uint32_t n = bytes.n; n; n >>= 4)
		*--at = digits[n & 15];
	buf_add(out, at, (size_t)(size + sizeof(size) - at));
	buf_add_str(out, bytes);
	buf_add_str(out, S("\r\n"));
}

/* Full lasts until half of it has left, so that a producer is not woken for every packet. */
static void fullness_update(conn *c)
{
	web_stream *s = &c->stream;
	size_t most = (size_t)c->server->limits.stream_buffer_max;
	int64_t stuck_us = c->server->limits.stream_stuck_timeout_ms * 1000;

	if (!s->is_full && conn_waiting(c) >= most) {
		s->is_full = true;
		wheel_set(&c->server->wheel, &c->deadline, server_now_us(c->server) + stuck_us);
	} else if (s->is_full && conn_waiting(c) < most / 2) {
		s->is_full = false;
		wheel_set(&c->server->wheel, &c->deadline, WHEEL_NEVER);
	}
}

bool web_stream_write(web_stream *s, str bytes)
{
	conn *c = stream_conn(s);

	if (!s->is_open || c->state != CONN_STREAM || c->is_broken || s->is_full || s->is_silent)
		return false;
	if (bytes.n == 0)
		return true;
	buf *out = conn_out(c);
	if (s->is_chunked)
		chunk_add(out, bytes);
	else
		buf_add_str(out, bytes);
	assert(!out->over);
	if (conn_waiting(c) >= SEND_AT_BYTES && !c->wants_write)
		c->is_broken = !conn_send(c);
	fullness_update(c);
	if (!c->wants_write)
		conn_later(c);
	return !s->is_full && !c->is_broken;
}

bool web_stream_is_full(const web_stream *s)
{
	return s->is_full;
}

void web_stream_on(web_stream *s, void (*on_drain)(void *arg), void (*on_close)(void *arg), void *arg)
{
	s->on_drain = on_drain;
	s->on_close = on_close;
	s->arg = arg;
}

static void stream_end(conn *c)
{
	if (c->state != CONN_STREAM)
		return;
	if (c->stream.is_chunked)
		buf_add_str(conn_out(c), S("0\r\n\r\n"));
	conn_enter(c, CONN_REPLY);
	conn_later(c);
}

void web_stream_end(web_stream *s)
{
	conn *c = stream_conn(s);

	if (!s->is_open)
		return;
	stream_end(c);
	stream_release(c);
}

void stream_finish(conn *c)
{
	conn_hold(c);
	stream_is_over(c);
	stream_end(c);
	conn_unhold(c);
}

void stream_drained(conn *c)
{
	web_stream *s = &c->stream;
	bool was_full = s->is_full;

	if (s->is_silent) {
		stream_finish(c);
		return;
	}
	fullness_update(c);
	if (s->is_open && was_full && !s->is_full && s->on_drain)
		s->on_drain(s->arg);
}
