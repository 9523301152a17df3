#include "net/grpc_server.h"
#include <assert.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/h2.h"
#include "net/unix_socket.h"

enum { ACCEPT_PAUSE_MS = 100 };

typedef struct peer peer;

/* Of a request, before its handler is called. */
typedef struct request {
	const grpc_method *method;
	buf body;
	int64_t timeout_us;
	bool is_post, is_grpc, is_headed;
} request;

struct grpc_call {
	peer *peer;
	h2_stream *stream;
	request in;
	loop_timer *deadline;
	bool is_answered, is_handed, is_stream, is_dirty;
	void (*on_fill)(void *arg, grpc_call *c, buf *out);
	void (*on_gone)(void *arg, grpc_call *c);
	void *arg;
};

struct peer {
	grpc_server *server;
	peer *next, *prev;
	h2 *h;
	size_t held; /* bytes of requests in parts */
};

struct grpc_server {
	grpc_service s;
	char *path;
	int fd;
	unix_socket_mark mark;
	loop_watch *watch;
	loop_timer *resume; /* accepting pauses until then */
	peer all;
	uint32_t n_peers, n_streams;
};

static const h2_pair head_ok[] = {{S(":status"), S("200")}, {S("content-type"), S("application/grpc")}};
enum { HEAD_OK = sizeof(head_ok) / sizeof(*head_ok) };

static void body_drop(grpc_call *c)
{
	c->peer->held -= c->in.body.n;
	buf_done(&c->in.body);
	buf_init(&c->in.body, GRPC_PREFIX + GRPC_REQUEST_MAX);
}

/* From here on nothing is the handler's any more. */
static void call_settle(grpc_call *c)
{
	c->is_answered = true;
	loop_timer_disarm(c->deadline);
	if (c->is_stream)
		c->peer->server->n_streams--;
	c->is_stream = false;
	c->on_gone = NULL;
	body_drop(c);
}

static void call_tell_gone(grpc_call *c)
{
	void (*on_gone)(void *arg, grpc_call *c) = c->on_gone;
	void *arg = c->arg;

	c->on_gone = NULL;
	if (on_gone)
		on_gone(arg, c);
}

static str status_text(grpc_status status, arena *a)
{
	return str_print(a, "%d", (int)status);
}

/* Status and text alone, in one block of headers, where nothing was sent before. */
static void refusal_send(grpc_call *c, grpc_status status, const char *text, bool has_head)
{
	AUTO_ARENA a = arena_new(0);
	h2_pair pairs[HEAD_OK + H2_TRAILERS_MAX] = {head_ok[0], head_ok[1]};

	pairs[HEAD_OK] = (h2_pair){S("grpc-status"), status_text(status, a)};
	pairs[HEAD_OK + 1] = (h2_pair){S("grpc-message"), grpc_text_print(str_from(text), a)};
	/* A reader that does not take what it was sent would keep us from forgetting it. */
	if (has_head && h2_waiting(c->stream))
		h2_reset(c->stream, NGHTTP2_CANCEL);
	else if (has_head)
		h2_finish(c->stream, pairs + HEAD_OK, H2_TRAILERS_MAX);
	else
		h2_respond(c->stream, pairs, HEAD_OK + H2_TRAILERS_MAX, true);
}

void grpc_refuse(grpc_call *c, grpc_status status, const char *text)
{
	bool has_head = c->is_stream;

	assert(!c->is_answered && status != GRPC_OK);
	refusal_send(c, status, text, has_head);
	call_settle(c);
}

void grpc_answer(grpc_call *c, str message)
{
	static const h2_pair trailers[] = {{S("grpc-status"), S("0")}};
	uint8_t prefix[GRPC_PREFIX];

	assert(!c->is_answered && !c->is_stream);
	grpc_prefix(prefix, message.n);
	h2_respond(c->stream, head_ok, HEAD_OK, false);
	h2_send(c->stream, (str){(const char *)prefix, GRPC_PREFIX});
	h2_send(c->stream, message);
	h2_finish(c->stream, trailers, 1);
	call_settle(c);
}

void grpc_call_on_gone(grpc_call *c, void (*on_gone)(void *arg, grpc_call *c), void *arg)
{
	c->on_gone = on_gone;
	c->arg = arg;
}

void grpc_stream_open(grpc_call *c, void (*on_fill)(void *arg, grpc_call *c, buf *out),
	void (*on_gone)(void *arg, grpc_call *c), void *arg)
{
	grpc_server *server = c->peer->server;

	assert(!c->is_answered && !c->is_stream);
	grpc_call_on_gone(c, on_gone, arg);
	c->on_fill = on_fill;
	c->is_stream = c->is_dirty = true;
	server->n_streams++;
	/* A stream has no end unless the caller named one. */
	if (!c->in.timeout_us)
		loop_timer_disarm(c->deadline);
	h2_respond(c->stream, head_ok, HEAD_OK, false);
	if (server->n_streams <= GRPC_STREAMS_MAX)
		return;
	call_tell_gone(c);
	grpc_refuse(c, GRPC_RESOURCE_EXHAUSTED, "too many streams are open");
}

void grpc_stream_changed(grpc_call *c)
{
	assert(c->is_stream);
	c->is_dirty = true;
	h2_wake(c->stream);
}

static void on_deadline(void *arg)
{
	grpc_call *c = arg;

	if (c->is_answered)
		return;
	call_tell_gone(c);
	grpc_refuse(
		c, GRPC_DEADLINE_EXCEEDED, c->is_handed ? "not done in time" : "the request did not arrive in time");
}

static grpc_call *call_of(peer *p, h2_stream *s)
{
	grpc_call *c = h2_owner(s);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->peer = p;
	c->stream = s;
	c->deadline = loop_timer_new(p->server->s.loop, on_deadline, c);
	loop_timer_arm(c->deadline, (int64_t)GRPC_REQUEST_MS * 1000);
	buf_init(&c->in.body, GRPC_PREFIX + GRPC_REQUEST_MAX);
	h2_own(s, c);
	return c;
}

static const grpc_method *method_find(const grpc_service *s, str path)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (str_eq(path, str_from(s->methods[i].path)))
			return &s->methods[i];
	return NULL;
}

static void on_header(void *arg, h2_stream *s, str name, str value)
{
	peer *p = arg;
	grpc_call *c = call_of(p, s);

	if (c->in.is_headed)
		return;
	if (str_eq(name, S(":method")))
		c->in.is_post = str_eq(value, S("POST"));
	else if (str_eq(name, S(":path")))
		c->in.method = method_find(&p->server->s, value);
	else if (str_eq(name, S("content-type")))
		c->in.is_grpc = str_starts(value, S("application/grpc"));
	else if (str_eq(name, S("grpc-timeout")) && !grpc_timeout_read(value, &c->in.timeout_us))
		c->in.timeout_us = 0;
}

static void refuse_type(grpc_call *c)
{
	static const h2_pair head[] = {{S(":status"), S("415")}};

	call_settle(c);
	h2_respond(c->stream, head, 1, true);
}

static void on_head(void *arg, h2_stream *s)
{
	grpc_call *c = call_of(arg, s);

	if (c->in.is_headed)
		return;
	c->in.is_headed = true;
	if (!c->in.is_post || !c->in.is_grpc)
		refuse_type(c);
	else if (!c->in.method)
		grpc_refuse(c, GRPC_UNIMPLEMENTED, "unknown method");
	else if (c->in.timeout_us)
		loop_timer_arm(c->deadline, c->in.timeout_us);
}

static void on_data(void *arg, h2_stream *s, str bytes)
{
	peer *p = arg;
	grpc_call *c = call_of(p, s);
	grpc_status why = GRPC_RESOURCE_EXHAUSTED;
	str message;

	if (c->is_answered || c->is_handed)
		return;
	if (p->held + bytes.n > GRPC_HELD_MAX || c->in.body.n + bytes.n > c->in.body.max) {
		grpc_refuse(c, why, "the request is larger than this service takes");
		return;
	}
	buf_add_str(&c->in.body, bytes);
	p->held += bytes.n;
	if (grpc_message_read(buf_str(&c->in.body), GRPC_REQUEST_MAX, &message, &why) == GRPC_REFUSED)
		grpc_refuse(c, why,
			why == GRPC_UNIMPLEMENTED ? "compressed messages are not taken"
						  : "this is no message that this service takes");
}

static void on_end(void *arg, h2_stream *s)
{
	grpc_call *c = call_of(arg, s);
	str all = buf_str(&c->in.body), message;
	grpc_status why;

	if (c->is_answered || c->is_handed)
		return;
	if (grpc_message_read(all, GRPC_REQUEST_MAX, &message, &why) != GRPC_WHOLE ||
		all.n != message.n + GRPC_PREFIX) {
		grpc_refuse(c, GRPC_INTERNAL, "a call has exactly one message");
		return;
	}
	c->is_handed = true;
	if (!c->in.timeout_us)
		loop_timer_arm(c->deadline, (int64_t)GRPC_ANSWER_MS * 1000);
	c->in.method->on_call(c->peer->server->s.arg, c, message);
}

static void on_sent(void *arg, h2_stream *s)
{
	grpc_call *c = h2_owner(s);
	uint8_t prefix[GRPC_PREFIX] = {0};

	(void)arg;
	if (!c || !c->is_stream || !c->is_dirty)
		return;
	buf *out = h2_room(s);
	size_t at = out->n;
	c->is_dirty = false;
	buf_add(out, prefix, sizeof(prefix));
	c->on_fill(c->arg, c, out);
	assert(!out->over);
	grpc_prefix((uint8_t *)out->p + at, out->n - at - GRPC_PREFIX);
}

static void on_stream_gone(void *arg, h2_stream *s)
{
	grpc_call *c = h2_owner(s);

	(void)arg;
	if (!c)
		return;
	if (!c->is_answered) {
		call_tell_gone(c);
		call_settle(c);
	}
	loop_timer_free(c->deadline);
	buf_done(&c->in.body);
	free(c);
}

static void peer_close(peer *p)
{
	grpc_server *server = p->server;

	p->next->prev = p->prev;
	p->prev->next = p->next;
	server->n_peers--;
	h2_close(p->h);
	free(p);
	if (server->s.on_connection)
		server->s.on_connection(server->s.arg, -1);
}

static void on_closed(void *arg)
{
	peer_close(arg);
}

static const h2_hooks hooks = {
	.on_header = on_header,
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
	.on_sent = on_sent,
	.on_gone = on_stream_gone,
	.on_closed = on_closed,
};

static void peer_open(grpc_server *server, int fd)
{
	peer *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->server = server;
	p->next = &server->all;
	p->prev = server->all.prev;
	p->prev->next = p->next->prev = p;
	p->h = h2_open(server->s.loop, fd, true, &hooks, p);
	server->n_peers++;
	if (server->s.on_connection)
		server->s.on_connection(server->s.arg, 1);
}

static void on_resume(void *arg)
{
	loop_watch_set(((grpc_server *)arg)->watch, LOOP_READ);
}

static void on_accept(void *arg, int what)
{
	grpc_server *server = arg;
	int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	/* Without a free descriptor the peer stays in the queue, and the loop must not turn on it. */
	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
		loop_watch_set(server->watch, 0);
		loop_timer_arm(server->resume, (int64_t)ACCEPT_PAUSE_MS * 1000);
	}
	if (fd < 0)
		return;
	if (server->n_peers < GRPC_CONNECTIONS_MAX)
		peer_open(server, fd);
	else
		(void)close(fd);
}

err grpc_server_open(const grpc_service *s, grpc_server **ret, fault *f)
{
	unix_socket_mark mark;
	int fd;
	err e = unix_socket_listen(s->path, &fd, &mark, f);

	if (e)
		return e;
	grpc_server *server = calloc(1, sizeof(*server));
	if (!server)
		abort();
	server->s = *s;
	server->path = strdup(s->path);
	if (!server->path)
		abort();
	server->fd = fd;
	server->mark = mark;
	server->all.next = server->all.prev = &server->all;
	server->resume = loop_timer_new(s->loop, on_resume, server);
	server->watch = loop_watch_new(s->loop, fd, LOOP_READ, on_accept, server);
	*ret = server;
	return ERR_OK;
}

void grpc_server_close(grpc_server *s)
{
	if (!s)
		return;
	for (peer *p = s->all.next, *next; p != &s->all; p = next) {
		next = p->next;
		peer_close(p);
	}
	loop_timer_free(s->resume);
	loop_watch_free(s->watch);
	(void)close(s->fd);
	if (grpc_server_is_reachable(s))
		(void)unlink(s->path);
	free(s->path);
	free(s);
}

bool grpc_server_is_reachable(const grpc_server *s)
{
	return unix_socket_is_there(s->path, &s->mark);
}
