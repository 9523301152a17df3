#include "agents/scheduling/extender/edge.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/extender/answer.h"

enum { ANSWER_MAX = EXTENDER_BODY_MAX + (16 << 20), SPARE_BYTES_MAX = 4 << 20 };

struct extender_edge {
	web_server *web;
	extender *x;
	binder *binder;
	buf out; /* one answer at a time, behind room for its head */
};

static void answer_filter(extender_edge *e, str body, bool *ret_is_bad)
{
	*ret_is_bad = false;
	extender_filter(e->x, body, &e->out);
}

static void answer_prioritize(extender_edge *e, str body, bool *ret_is_bad)
{
	extender_prioritize(e->x, body, &e->out, ret_is_bad);
}

static void answer_preempt(extender_edge *e, str body, bool *ret_is_bad)
{
	extender_preempt(e->x, body, &e->out, ret_is_bad);
}

static const struct verb {
	const char *end;
	void (*answer)(extender_edge *e, str body, bool *ret_is_bad);
} verbs[] = {
	{"/filter", answer_filter},
	{"/prioritize", answer_prioritize},
	{"/preempt", answer_preempt},
};

static const struct verb *verb_of(str path)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (str_ends(path, str_from(verbs[i].end)))
			return &verbs[i];
	return NULL;
}

/* The request waits for the API server. */
static void on_bound(void *arg, const char *why)
{
	web_req *r = arg;
	buf out;

	buf_init(&out, 16 * FAULT_DETAIL_MAX);
	bind_answer(why, &out);
	web_reply(r, 200, S("Content-Type: application/json\r\n"), buf_str(&out));
	buf_done(&out);
}

static void answer_begin(extender_edge *e)
{
	buf_clear(&e->out);
	(void)buf_room(&e->out, WEB_REPLY_ROOM);
	e->out.n = WEB_REPLY_ROOM;
}

bool extender_edge_take(extender_edge *e, web_req *r)
{
	const struct verb *v = r->method == WEB_POST ? verb_of(r->path) : NULL;
	bool is_bad = false;

	if (!v && e->binder && r->method == WEB_POST && str_ends(r->path, S("/bind"))) {
		binder_bind(e->binder, r->body, on_bound, r);
		return true;
	}
	if (!v)
		return false;
	answer_begin(e);
	v->answer(e, r->body, &is_bad);
	if (is_bad || e->out.over)
		web_reply(r, is_bad ? 400 : 500, S(""), S(""));
	else
		web_reply_whole(r, 200, S("Content-Type: application/json\r\n"), &e->out);
	return true;
}

int64_t extender_edge_body_max(str path)
{
	return verb_of(path) ? EXTENDER_BODY_MAX : EXTENDER_BIND_MAX;
}

static int64_t body_max(void *arg, web_method m, str path, const tls_peer *tls)
{
	(void)arg, (void)m, (void)tls;
	return extender_edge_body_max(path);
}

static void on_request(void *arg, web_req *r)
{
	if (!extender_edge_take(arg, r))
		web_reply(r, 404, S(""), S(""));
}

/* web_limits_default, with long bodies and patience. */
const web_limits extender_limits = {
	.head_bytes_max = 16 << 10,
	.headers_max = 64,
	.target_bytes_max = 4 << 10,
	.body_bytes_max = EXTENDER_BODY_MAX,
	.bodies_bytes_max = EXTENDER_BODIES_MAX,
	.connections_max = 10000,
	.handshake_timeout_ms = 5000,
	.head_timeout_ms = 10000,
	.body_timeout_ms = 30000,
	.reply_timeout_ms = 30000,
	.idle_timeout_ms = EXTENDER_IDLE_MS,
	.stream_buffer_max = 256 << 10,
	.stream_stuck_timeout_ms = 10000,
	.spare_bytes_max = SPARE_BYTES_MAX,
};

extender_edge *extender_edge_new(extender *x, binder *b)
{
	extender_edge *e = calloc(1, sizeof(*e));

	assert(e);
	buf_init(&e->out, ANSWER_MAX);
	e->x = x;
	e->binder = b;
	return e;
}

extender_edge *extender_edge_open(loop *l, int fd, tls_context *tls, extender *x, binder *b)
{
	extender_edge *e = extender_edge_new(x, b);
	web_hooks hooks = {.on_request = on_request, .body_max = body_max, .arg = e};

	e->web = web_open(l, fd, tls, &extender_limits, &hooks);
	return e;
}

void extender_edge_close(extender_edge *e)
{
	if (!e)
		return;
	if (e->web)
		web_close(e->web);
	buf_done(&e->out);
	free(e);
}
