#include <assert.h>
#include "base/clock.h"
#include "net/conn.h"

static bool is_reading(const conn *c)
{
	return c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_IDLE;
}

static bool body_is_apart(const conn *c)
{
	return c->state == CONN_BODY && c->body.p;
}

static void block_drop(conn *c)
{
	if (c->block)
		server_block_back(c->server, c->block);
	c->block = NULL;
	c->in_at = c->in_n = 0;
}

bool conn_may_read(const conn *c)
{
	if (c->state == CONN_HANDSHAKE || c->state == CONN_LINGER)
		return true;
	if (c->state == CONN_CLOSED || c->state == CONN_REPLY || c->is_ended)
		return false;
	return body_is_apart(c) || c->in_n < conn_bytes_max(c->server);
}

size_t conn_body_left(const conn *c)
{
	return body_is_apart(c) && !c->head.is_chunked ? (size_t)c->head.content_length - c->body.n : 0;
}

/* A slow body is given one third of its time and then a second for each BODY_BYTES_PER_S_MIN that came. */
static void body_deadline(conn *c)
{
	int64_t most_us = c->server->limits.body_timeout_ms * 1000;
	int64_t earned_us = most_us / 3 + (int64_t)(c->body_bytes * 1000000 / BODY_BYTES_PER_S_MIN);

	wheel_set(&c->server->wheel, &c->deadline, c->body_begun_us + (earned_us < most_us ? earned_us : most_us));
}

/* A long body of known length goes past the block, straight to its place. Room is made for as much again as came, so
 * that a promise of a long body costs nothing. */
static ssize_t body_read(conn *c)
{
	size_t left = conn_body_left(c);
	size_t n = c->body.n < BODY_PIECE_MIN ? BODY_PIECE_MIN : c->body.n;

	n = n < BODY_PIECE_MAX ? n : BODY_PIECE_MAX;
	n = n < left ? n : left;
	char *room = buf_room(&c->body, n);
	assert(room);
	ssize_t got = wire_read(&c->wire, room, n);

	if (got > 0) {
		c->body.n += (size_t)got;
		c->server->bodies_bytes += got;
		c->body_bytes += (uint64_t)got;
	}
	return got;
}

ssize_t conn_read(conn *c)
{
	if (body_is_apart(c) && !c->head.is_chunked)
		return body_read(c);
	if (!c->block)
		c->block = server_block(c->server);
	ssize_t got = wire_read(&c->wire, conn_bytes(c) + c->in_n, conn_bytes_max(c->server) - c->in_n);
	if (got > 0) {
		c->in_n += (uint32_t)got;
		c->body_bytes += (uint64_t)got;
	} else if (c->in_n == 0) {
		block_drop(c);
	}
	return got;
}

static void request_begin(conn *c, str body)
{
	c->req = (web_req){
		.arena = arena_new(0),
		.method = c->head.method,
		.target = c->head.target,
		.path = c->head.path,
		.query = c->head.query,
		.headers = c->head.headers,
		.n_headers = c->head.n_headers,
		.body = body,
		.peer = c->peer,
		.tls = c->peer_cert,
		.begun_us = server_now_us(c->server),
	};
	c->has_request = true;
	conn_hold(c);
	if (!c->head.keeps_alive || c->server->is_draining)
		c->is_last = true;
	conn_enter(c, CONN_BUSY);
	c->server->hooks.on_request(c->server->hooks.arg, &c->req);
}

void conn_body_end(conn *c)
{
	if (!c->body.p)
		return;
	c->server->bodies_bytes -= (int64_t)c->body.n;
	server_buf_back(c->server, &c->body);
}

void conn_request_end(conn *c)
{
	assert(c->has_request);
	arena_end(c->req.arena);
	c->req.arena = NULL;
	c->has_request = false;
	conn_body_end(c);
	c->in_at = c->raw_at;
	c->head.scanned = 0;
	if (c->in_at >= c->in_n || c->is_last || c->state == CONN_CLOSED)
		block_drop(c);
	conn_unhold(c);
}

/* Moves a message to the front of the block, while nothing points into it. */
static void block_compact(conn *c)
{
	if (c->in_at == 0)
		return;
	memmove(conn_bytes(c), conn_bytes(c) + c->in_at, c->in_n - c->in_at);
	c->in_n -= c->in_at;
	c->in_at = 0;
}

static int64_t body_limit(const conn *c)
{
	const web_hooks *hooks = &c->server->hooks;
	int64_t most = c->server->limits.body_bytes_max;
	int64_t route =
		hooks->body_max ? hooks->body_max(hooks->arg, c->head.method, c->head.path, c->peer_cert) : most;

	return route < most ? route : most;
}

static bool body_refuse(conn *c)
{
	conn_refuse(c, ERR_BODY_TOO_LARGE, "the body is larger than this route takes");
	return false;
}

/* What of the body came behind the head is copied when the whole will not fit the block. */
static void body_part(conn *c)
{
	uint32_t came = c->in_n - c->raw_at;

	server_buf(c->server, &c->body);
	if (c->head.is_chunked)
		return;
	buf_add(&c->body, conn_bytes(c) + c->raw_at, came);
	c->server->bodies_bytes += came;
	c->in_n = c->raw_at;
}

static bool body_begin(conn *c)
{
	int64_t length = c->head.content_length;

	c->body_max = body_limit(c);
	if (length > c->body_max)
		return body_refuse(c);
	c->chunks = (http1_chunks){0};
	c->body_bytes = c->in_n - c->raw_at;
	c->body_begun_us = server_now_us(c->server);
	if (c->head.is_chunked || length > conn_bytes_max(c->server) - c->raw_at)
		body_part(c);
	conn_enter(c, CONN_BODY);
	/* The client waits for a word before it sends the body. */
	if (c->head.wants_continue && c->body_bytes == 0)
		buf_add_str(conn_out(c), S("HTTP/1.1 100 Continue\r\n\r\n"));
	return true;
}

/* True when a whole head was there. */
static bool head_step(conn *c)
{
	if (c->head.scanned == 0)
		http1_head_init(&c->head, &c->server->limits, (web_header *)(void *)c->block);
	http1_result r = http1_head_read(&c->head, conn_bytes(c) + c->in_at, c->in_n - c->in_at);

	/* At the front there is room for the rest of the head, or for chunks behind it. */
	if (c->in_at > 0 && (r == HTTP1_MORE || (r == HTTP1_DONE && c->head.is_chunked))) {
		block_compact(c);
		http1_head_init(&c->head, &c->server->limits, (web_header *)(void *)c->block);
		r = http1_head_read(&c->head, conn_bytes(c), c->in_n);
	}
	if (r == HTTP1_REFUSED) {
		conn_refuse(c, c->head.refusal, c->head.why);
		return false;
	}
	if (r == HTTP1_MORE) {
		if (c->state == CONN_IDLE)
			conn_enter(c, CONN_HEAD);
		return false;
	}
	c->raw_at = c->in_at + c->head.bytes;
	return true;
}

static bool chunks_step(conn *c)
{
	for (;;) {
		size_t used;
		str data;
		http1_result r =
			http1_chunks_read(&c->chunks, conn_bytes(c) + c->raw_at, c->in_n - c->raw_at, &used, &data);
		if (r == HTTP1_REFUSED) {
			conn_refuse(c, ERR_BAD_REQUEST, c->chunks.why);
			return false;
		}
		if (data.n > c->body_max - (int64_t)c->body.n)
			return body_refuse(c);
		if (data.n)
			buf_add_str(&c->body, data);
		c->server->bodies_bytes += data.n;
		c->raw_at += (uint32_t)used;
		if (r == HTTP1_DONE)
			return true;
		if (c->raw_at == c->in_n)
			break;
	}
	/* All of it is decoded: the next bytes may overwrite it. */
	c->raw_at = c->in_n = c->in_at + c->head.bytes;
	return false;
}

/* True when the body is whole; raw_at then is where the next message begins. */
static bool body_step(conn *c, str *ret_body)
{
	int64_t most = c->server->limits.bodies_bytes_max;

	body_deadline(c);
	if (most && c->body.p && c->server->bodies_bytes > most) {
		conn_body_end(c);
		conn_refuse(c, ERR_OVERLOADED, "more bodies are on their way than there is room for");
		return false;
	}
	if (c->head.is_chunked) {
		if (!chunks_step(c))
			return false;
		*ret_body = buf_str(&c->body);
		return true;
	}
	uint32_t length = (uint32_t)c->head.content_length;
	if (c->body.p) {
		*ret_body = buf_str(&c->body);
		return c->body.n == length;
	}
	if (c->in_n - c->raw_at < length)
		return false;
	*ret_body = (str){conn_bytes(c) + c->raw_at, length};
	c->raw_at += length;
	return true;
}

/* Reads one message on; true when a request was dispatched. */
static bool message_step(conn *c)
{
	str body = STR_NONE;

	if (c->state != CONN_BODY) {
		if (c->in_n == c->in_at || !head_step(c))
			return false;
		if ((c->head.is_chunked || c->head.content_length > 0) && !body_begin(c))
			return false;
	}
	if (c->state == CONN_BODY && !body_step(c, &body))
		return false;
	request_begin(c, body);
	return true;
}

void conn_pump(conn *c)
{
	if (!is_reading(c) || c->is_pumping)
		return;
	conn_hold(c);
	c->is_pumping = true;
	bool is_moving = true;
	while (is_moving) {
		while (is_reading(c) && message_step(c)) {
			/* Replies of a pipeline leave together. */
			if (c->state == CONN_REPLY && !c->is_last && conn_waiting(c) < PIPELINE_OUT_MAX &&
				c->in_n > c->in_at)
				conn_enter(c, CONN_IDLE);
		}
		is_moving = conn_waiting(c) > 0;
		conn_flush(c);
		is_moving = is_moving && c->state == CONN_IDLE && c->in_n > c->in_at;
	}
	c->is_pumping = false;
	conn_unhold(c);
}
