#include "net/grpc_client.h"
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include "base/vec.h"
#include "net/h2.h"
#include "net/unix_socket.h"

enum { PATH_MAX_BYTES = 256, TEXT_BYTES = 512 };

struct grpc_ask {
	grpc_client *client;
	grpc_ask *next, *prev;
	h2_stream *stream; /* NULL: it never got one, or it is gone */
	void (*on_message)(void *arg, str message);
	void (*on_done)(void *arg, const grpc_reply *r);
	void *arg;
	size_t message_max;
	buf in;
	uint32_t n_messages;
	str message; /* in `in`: the last whole one of an answer that is no stream */
	loop_timer *deadline;
	bool has_status, is_settled, is_http;
	grpc_status status;
	char text[TEXT_BYTES];
};

struct grpc_client {
	loop *loop;
	char *path;
	h2 *h;
	grpc_ask all;
};

static void ask_free(grpc_ask *k)
{
	k->next->prev = k->prev;
	k->prev->next = k->next;
	loop_timer_free(k->deadline);
	buf_done(&k->in);
	free(k);
}

/* What counts is the first thing that ended the call. */
static void ask_settle(grpc_ask *k, grpc_status status, str text)
{
	if (k->is_settled)
		return;
	k->is_settled = true;
	k->status = status;
	text = str_cut(text, 0, TEXT_BYTES - 1);
	if (text.n)
		memcpy(k->text, text.p, text.n);
	k->text[text.n] = 0;
}

static void ask_say(grpc_ask *k)
{
	grpc_reply r = {.status = k->status, .text = str_from(k->text)};
	void (*on_done)(void *arg, const grpc_reply *r) = k->on_done;

	if (r.status == GRPC_OK)
		r.message = k->message.p ? k->message : S("");
	k->on_done = NULL;
	if (on_done)
		on_done(k->arg, &r);
}

static void ask_tell(grpc_ask *k)
{
	ask_say(k);
	ask_free(k);
}

static void ask_tell_later(void *arg)
{
	ask_tell(arg);
}

/* Ends the call for a reason of ours; its stream is taken back and ends it. */
static void ask_fail(grpc_ask *k, grpc_status status, str text)
{
	ask_settle(k, status, text);
	if (k->stream)
		h2_reset(k->stream, NGHTTP2_CANCEL);
}

static void on_header(void *arg, h2_stream *s, str name, str value)
{
	grpc_ask *k = h2_owner(s);
	AUTO_ARENA a = arena_new(0);
	int64_t status;

	(void)arg;
	if (!k || k->is_settled)
		return;
	if (str_eq(name, S(":status"))) {
		k->is_http = !str_eq(value, S("200"));
	} else if (str_eq(name, S("grpc-status"))) {
		k->has_status = str_to_i64(value, &status) && status >= 0 && status <= GRPC_STATUS_MAX;
		k->status = k->has_status ? (grpc_status)status : GRPC_UNKNOWN;
	} else if (str_eq(name, S("grpc-message"))) {
		str text = str_cut(grpc_text_read(value, a), 0, TEXT_BYTES - 1);
		if (text.n)
			memcpy(k->text, text.p, text.n);
		k->text[text.n] = 0;
	}
}

static void on_head(void *arg, h2_stream *s)
{
	grpc_ask *k = h2_owner(s);

	(void)arg;
	if (k && k->is_http && !k->has_status)
		ask_fail(k, GRPC_UNAVAILABLE, S("the answer is not gRPC"));
}

/* Takes the whole messages off what came. */
static void messages_take(grpc_ask *k)
{
	grpc_status why = GRPC_INTERNAL;
	str message;

	while (!k->is_settled) {
		grpc_part part = grpc_message_read(buf_str(&k->in), k->message_max, &message, &why);
		if (part == GRPC_REFUSED)
			ask_fail(k, why, S("a message is larger than was asked for, or compressed"));
		if (part != GRPC_WHOLE)
			return;
		k->n_messages++;
		if (!k->on_message) {
			k->message = message;
			if (k->in.n != message.n + GRPC_PREFIX)
				ask_fail(k, GRPC_INTERNAL, S("more than one message came"));
			return;
		}
		k->on_message(k->arg, message);
		buf_drop(&k->in, message.n + GRPC_PREFIX);
	}
}

static void on_data(void *arg, h2_stream *s, str bytes)
{
	grpc_ask *k = h2_owner(s);

	(void)arg;
	if (!k || k->is_settled || bytes.n == 0)
		return;
	buf_add_str(&k->in, bytes);
	if (k->in.over)
		ask_fail(k, GRPC_RESOURCE_EXHAUSTED, S("a message is larger than was asked for"));
	else
		messages_take(k);
}

static void on_end(void *arg, h2_stream *s)
{
	grpc_ask *k = h2_owner(s);

	(void)arg;
	if (!k || k->is_settled)
		return;
	if (!k->has_status)
		ask_settle(k, GRPC_UNKNOWN, S("the answer has no status"));
	else if (k->status == GRPC_OK && !k->on_message && k->n_messages != 1)
		ask_settle(k, GRPC_INTERNAL, S("the answer has no message"));
	else
		k->is_settled = true;
}

static void on_gone(void *arg, h2_stream *s)
{
	grpc_ask *k = h2_owner(s);

	(void)arg;
	if (!k)
		return;
	k->stream = NULL;
	ask_settle(k, GRPC_UNAVAILABLE, S("the connection broke"));
	ask_tell(k);
}

static void on_closed(void *arg)
{
	grpc_client *c = arg;
	h2 *h = c->h;

	c->h = NULL;
	h2_close(h);
}

static const h2_hooks hooks = {
	.on_header = on_header,
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
	.on_gone = on_gone,
	.on_closed = on_closed,
};

static void on_deadline(void *arg)
{
	ask_fail(arg, GRPC_DEADLINE_EXCEEDED, S("no answer in time"));
}

grpc_client *grpc_client_new(loop *l, const char *path)
{
	grpc_client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->loop = l;
	c->path = strdup(path);
	if (!c->path)
		abort();
	c->all.next = c->all.prev = &c->all;
	return c;
}

void grpc_client_free(grpc_client *c)
{
	h2 *h;

	if (!c)
		return;
	for (grpc_ask *k = c->all.next; k != &c->all; k = k->next)
		ask_settle(k, GRPC_CANCELLED, S("the client ends"));
	h = c->h;
	c->h = NULL;
	h2_close(h);
	/* Those that never got a stream are in the loop's hands, which finds them told. */
	for (grpc_ask *k = c->all.next, *next; k != &c->all; k = next) {
		next = k->next;
		k->next = k->prev = k;
		ask_say(k);
	}
	free(c->path);
	free(c);
}

static bool connection_open(grpc_client *c, fault *f)
{
	int fd;

	if (c->h)
		return true;
	if (unix_socket_connect(c->path, &fd, f))
		return false;
	c->h = h2_open(c->loop, fd, false, &hooks, c);
	return true;
}

static h2_stream *stream_begin(grpc_ask *k, const grpc_request *q)
{
	AUTO_ARENA a = arena_new(0);
	h2_pair head[] = {
		{S(":method"), S("POST")},
		{S(":scheme"), S("http")},
		{S(":path"), str_from(q->path)},
		{S(":authority"), S("localhost")},
		{S("te"), S("trailers")},
		{S("content-type"), S("application/grpc")},
		{S("user-agent"), S("reeve")},
		{S("grpc-timeout"), q->timeout_us ? grpc_timeout_print(q->timeout_us, a) : S("")},
	};
	uint32_t n = sizeof(head) / sizeof(*head);

	return h2_request(k->client->h, head, q->timeout_us ? n : n - 1, k);
}

static void message_send(grpc_ask *k, str message)
{
	uint8_t prefix[GRPC_PREFIX];

	grpc_prefix(prefix, message.n);
	h2_send(k->stream, (str){(const char *)prefix, GRPC_PREFIX});
	h2_send(k->stream, message);
	h2_finish(k->stream, NULL, 0);
}

grpc_ask *grpc_send(grpc_client *c, const grpc_request *q)
{
	grpc_ask *k = calloc(1, sizeof(*k));
	fault f = {0};

	if (!k)
		abort();
	k->client = c;
	k->next = &c->all;
	k->prev = c->all.prev;
	k->prev->next = k->next->prev = k;
	k->on_message = q->on_message;
	k->on_done = q->on_done;
	k->arg = q->arg;
	k->message_max = q->message_max ? q->message_max : GRPC_MESSAGE_MAX;
	/* A stream may have the beginning of the next message behind a whole one. */
	buf_init(&k->in, 2 * (GRPC_PREFIX + k->message_max));
	k->deadline = loop_timer_new(c->loop, on_deadline, k);
	k->stream = connection_open(c, &f) ? stream_begin(k, q) : NULL;
	if (!k->stream) {
		ask_settle(k, GRPC_UNAVAILABLE, f.detail[0] ? str_from(f.detail) : S("the connection is ending"));
		loop_defer(c->loop, ask_tell_later, k);
		return k;
	}
	if (q->timeout_us)
		loop_timer_arm(k->deadline, q->timeout_us);
	message_send(k, q->message);
	return k;
}

void grpc_cancel(grpc_ask *k)
{
	ask_fail(k, GRPC_CANCELLED, S("taken back"));
}
