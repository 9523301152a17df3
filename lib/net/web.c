#include "net/web.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/metric.h"
#include "net/conn.h"

enum {
	ACCEPT_BATCH = 64,
	ACCEPT_PAUSE_US = 250000, /* at the limit of file descriptors */
	SPARE_CONNS_MAX = 1024,
	SPARE_BLOCKS_MAX = 256,
	SPARE_BUFS_MAX = 256,
	SPARE_BUF_BYTES_MAX = 65536, /* larger ones are kept up to spare_bytes_max, all together */
};

const web_limits web_limits_default = {
	.head_bytes_max = 16 * 1024,
	.headers_max = 64,
	.target_bytes_max = 4 * 1024,
	.body_bytes_max = 4 * 1024 * 1024,
	.connections_max = 10000,
	.connections_per_peer = 0,
	.handshake_timeout_ms = 5000,
	.head_timeout_ms = 10000,
	.body_timeout_ms = 30000,
	.reply_timeout_ms = 30000,
	.idle_timeout_ms = 15000,
	.stream_buffer_max = 256 * 1024,
	.stream_stuck_timeout_ms = 10000,
};

const char *web_method_name(web_method m)
{
	static const char *const names[WEB_METHODS] = {
		[WEB_GET] = "GET",
		[WEB_HEAD] = "HEAD",
		[WEB_POST] = "POST",
		[WEB_PUT] = "PUT",
		[WEB_PATCH] = "PATCH",
		[WEB_DELETE] = "DELETE",
		[WEB_OPTIONS] = "OPTIONS",
		[WEB_TRACE] = "TRACE",
		[WEB_QUERY] = "QUERY",
	};

	assert(m < WEB_METHODS);
	return names[m];
}

str web_header_find(const web_req *r, str name)
{
	for (uint32_t i = 0; i < r->n_headers; i++) {
		if (r->headers[i].name.n == name.n && str_eq_nocase(r->headers[i].name, name))
			return r->headers[i].value;
	}
	return STR_NONE;
}

char *server_block(web_server *w)
{
	if (w->spare_blocks.n)
		return vec_pop(&w->spare_blocks);
	char *block = calloc(1, (size_t)w->limits.headers_max * sizeof(web_header) + conn_bytes_max(w));
	assert(block);
	return block;
}

void server_block_back(web_server *w, char *block)
{
	if (w->spare_blocks.n < SPARE_BLOCKS_MAX)
		vec_push(&w->spare_blocks, block);
	else
		free(block);
}

static int64_t long_bytes(const buf *b)
{
	return b->cap > SPARE_BUF_BYTES_MAX ? (int64_t)b->cap : 0;
}

void server_buf(web_server *w, buf *b)
{
	if (w->spare_bufs.n) {
		*b = vec_pop(&w->spare_bufs);
		w->spare_bytes -= long_bytes(b);
	} else {
		buf_init(b, OUT_BYTES_MAX);
	}
	/* That it has memory is what tells a buffer in use. */
	char *room = buf_room(b, 1);
	assert(room);
}

void server_buf_back(web_server *w, buf *b)
{
	int64_t bytes = long_bytes(b);
	bool has_room = !bytes || bytes <= w->limits.spare_bytes_max - w->spare_bytes;

	if (!has_room || w->spare_bufs.n >= SPARE_BUFS_MAX) {
		buf_done(b);
		return;
	}
	w->spare_bytes += bytes;
	buf_clear(b);
	vec_push(&w->spare_bufs, *b);
	*b = (buf){0};
}

static void date_update(web_server *w)
{
	char text[CLOCK_TEXT_MAX];
	int64_t now_us = clock_now_us();

	if (now_us / 1000000 == w->date_s)
		return;
	w->date_s = now_us / 1000000;
	(void)clock_http_date(now_us, text);
	w->date_n = (uint32_t)snprintf(w->date, sizeof(w->date), "Date: %s\r\n", text);
}

int64_t server_now_us(web_server *w)
{
	w->now_us = clock_mono_us();
	return w->now_us;
}

static void server_done(web_server *w)
{
	for (conn *c = w->spare_conns, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	vec_each (b, &w->spare_blocks) {
		free(*b);
	}
	vec_each (b, &w->spare_bufs) {
		buf_done(b);
	}
	vec_done(&w->spare_blocks);
	vec_done(&w->spare_bufs);
	map_done(&w->peers);
	free(w);
}

static void server_hold(web_server *w)
{
	w->n_kept++;
}

static void server_unhold(web_server *w)
{
	if (--w->n_kept == 0 && w->is_closed)
		server_done(w);
}

/* A network of IPv6 counts as one peer: its hosts cost their owner nothing. */
static uint64_t peer_key(const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET)
		return 0xffffull << 32 | ((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr;
	uint64_t net;
	memcpy(&net, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, sizeof(net));
	return net;
}

static bool peer_count(web_server *w, uint64_t key, int by)
{
	if (w->limits.connections_per_peer == 0)
		return true;
	uintptr_t n = (uintptr_t)map_find_num(&w->peers, key) + (uintptr_t)by;
	if (by > 0 && (int64_t)n > w->limits.connections_per_peer)
		return false;
	if (n == 0)
		map_remove_num(&w->peers, key);
	else
		map_put_num(&w->peers, key, (void *)n);
	return true;
}

static bool is_full(const web_server *w)
{
	return (int64_t)w->n_open >= w->limits.connections_max;
}

static void accept_update(web_server *w)
{
	bool accepts = !is_full(w) && w->resume_us == 0;

	if (w->watch)
		loop_watch_set(w->watch, accepts ? LOOP_READ : 0);
}

static void connection_take(web_server *w, int fd, const struct sockaddr_storage *from)
{
	char peer[ADDRESS_TEXT_MAX] = "";
	uint64_t key = peer_key(from);
	const void *address = from->ss_family == AF_INET
				      ? (const void *)&((const struct sockaddr_in *)(const void *)from)->sin_addr
				      : (const void *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;

	if (!peer_count(w, key, 1)) {
		metric_add(METRIC_HTTP_REFUSED, 0, 1);
		(void)close(fd);
		return;
	}
	(void)inet_ntop(from->ss_family, address, peer, sizeof(peer));
	metric_add(METRIC_HTTP_CONNECTIONS, 0, 1);
	conn_open(w, fd, peer, key);
}

/* Time is followed while there is somebody to keep it for: a server that nobody asks wakes nobody. */
static void rouse(web_server *w)
{
	if (w->is_awake)
		return;
	w->is_awake = true;
	loop_timer_arm(w->tick, 0);
}

static void accept_ready(void *arg, int what)
{
	web_server *w = arg;

	(void)what;
	server_now_us(w);
	date_update(w);
	rouse(w);
	for (int i = 0; i < ACCEPT_BATCH && !is_full(w); i++) {
		struct sockaddr_storage from = {0};
		socklen_t n = sizeof(from);
		int fd = accept4(w->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			connection_take(w, fd, &from);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		/* What waits stays ready, so only looking away keeps the loop from spinning. */
		if (errno != EAGAIN)
			w->resume_us = w->now_us + ACCEPT_PAUSE_US;
		break;
	}
	accept_update(w);
}

static void drain_check(web_server *w)
{
	if (!w->is_draining || w->is_drained || w->n_open || w->is_closed)
		return;
	w->is_drained = true;
	loop_timer_disarm(w->grace);
	if (w->on_drained)
		w->on_drained(w->drained_arg);
}

void server_left(conn *c)
{
	web_server *w = c->server;

	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->next = c->prev = NULL;
	w->n_open--;
	metric_add(METRIC_HTTP_CONNECTIONS, 0, -1);
	(void)peer_count(w, c->peer_key, -1);
	accept_update(w);
}

void server_freed(conn *c)
{
	web_server *w = c->server;

	assert(!c->has_request && !c->stream.is_open);
	if (c->block)
		server_block_back(w, c->block);
	conn_body_end(c);
	free(c->peer_cert);
	if (w->n_spare_conns < SPARE_CONNS_MAX) {
		c->next = w->spare_conns;
		w->spare_conns = c;
		w->n_spare_conns++;
	} else {
		free(c);
	}
	server_unhold(w);
}

static void deadline_passed(void *arg, wheel_item *i)
{
	(void)arg;
	conn_due((conn *)(void *)((char *)i - offsetof(conn, deadline)));
}

static void tick(void *arg)
{
	web_server *w = arg;

	server_hold(w); /* a callback may close it */
	server_now_us(w);
	date_update(w);
	if (w->resume_us && w->resume_us <= w->now_us) {
		w->resume_us = 0;
		accept_update(w);
	}
	wheel_turn(&w->wheel, w->now_us, deadline_passed, w);
	if (!w->is_closed)
		drain_check(w);
	w->is_awake = !w->is_closed && (w->n_open || w->resume_us || w->is_draining);
	if (w->is_awake)
		loop_timer_arm(w->tick, WHEEL_TICK_US);
	server_unhold(w);
}

web_server *web_open(loop *l, int fd, tls_context *tls, const web_limits *limits, const web_hooks *hooks)
{
	web_server *w = calloc(1, sizeof(*w));
	int on = 1;

	assert(w && hooks->on_request);
	w->loop = l;
	w->tls = tls;
	w->limits = limits ? *limits : web_limits_default;
	w->hooks = *hooks;
	w->fd = fd;
	w->all.next = w->all.prev = &w->all;
	wheel_init(&w->wheel, server_now_us(w));
	date_update(w);
	/* Accepted sockets inherit it: a reply that leaves in two packets must not wait for the first one's
	 * acknowledgement. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	w->watch = loop_watch_new(l, fd, LOOP_READ, accept_ready, w);
	w->tick = loop_timer_new(l, tick, w);
	return w;
}

static void accept_stop(web_server *w)
{
	if (!w->watch)
		return;
	loop_watch_free(w->watch);
	w->watch = NULL;
	(void)close(w->fd);
}

static bool is_unused(const conn *c)
{
	return c->state == CONN_IDLE || c->state == CONN_HANDSHAKE || (c->state == CONN_HEAD && c->in_n == c->in_at);
}

/* Connections that do nothing close; running requests are told to be the last; streams end in good order. */
static void drain_begin(void *arg)
{
	web_server *w = arg;

	/* The list itself is held as a connection, so that `next` needs no exception. */
	for (conn *c = w->all.next, *next; !w->is_closed && c != &w->all; c = next) {
		next = c->next;
		conn_hold(next);
		c->is_last = true;
		if (c->state == CONN_STREAM)
			stream_finish(c);
		else if (is_unused(c))
			conn_close(c);
		conn *held = next;
		if (!next->next) /* a callback closed it */
			next = w->all.next;
		conn_unhold(held);
	}
	server_unhold(w);
}

static void grace_over(void *arg)
{
	web_server *w = arg;

	server_hold(w);
	while (w->all.next != &w->all)
		conn_close(w->all.next);
	drain_check(w);
	server_unhold(w);
}

void web_drain(web_server *w, int64_t grace_ms, void (*on_done)(void *arg), void *arg)
{
	assert(!w->is_draining);
	w->is_draining = true;
	rouse(w);
	w->on_drained = on_done;
	w->drained_arg = arg;
	accept_stop(w);
	w->grace = loop_timer_new(w->loop, grace_over, w);
	loop_timer_arm(w->grace, grace_ms * 1000);
	server_hold(w);
	loop_defer(w->loop, drain_begin, w);
}

void web_close(web_server *w)
{
	assert(!w->is_closed);
	server_hold(w);
	w->is_closed = true;
	accept_stop(w);
	while (w->all.next != &w->all)
		conn_close(w->all.next);
	loop_timer_free(w->tick);
	loop_timer_free(w->grace);
	w->tick = w->grace = NULL;
	server_unhold(w);
}

uint32_t web_connections(const web_server *w)
{
	return w->n_open;
}
