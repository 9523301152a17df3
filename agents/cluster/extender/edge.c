#include "agents/cluster/extender/edge.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/cluster/extender/answer.h"

enum { ANSWER_MAX = EXTENDER_BODY_MAX + (16 << 20) };

struct extender_edge {
	web_server *web;
	extender *x;
	binder *binder;
	buf out; /* one answer at a time */
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

static void on_request(void *arg, web_req *r)
{
	extender_edge *e = arg;
	const struct verb *v = r->method == WEB_POST ? verb_of(r->path) : NULL;
	bool is_bad = false;

	if (!v && e->binder && r->method == WEB_POST && str_ends(r->path, S("/bind"))) {
		binder_bind(e->binder, r->body, on_bound, r);
		return;
	}
	if (!v) {
		web_reply(r, 404, S(""), S(""));
		return;
	}
	buf_clear(&e->out);
	v->answer(e, r->body, &is_bad);
	if (is_bad || e->out.over)
		web_reply(r, is_bad ? 400 : 500, S(""), S(""));
	else
		web_reply(r, 200, S("Content-Type: application/json\r\n"), buf_str(&e->out));
}

extender_edge *extender_edge_open(loop *l, int fd, tls_context *tls, extender *x, binder *b)
{
	extender_edge *e = calloc(1, sizeof(*e));
	web_limits limits = web_limits_default;
	web_hooks hooks = {.on_request = on_request, .arg = e};

	assert(e);
	limits.body_bytes_max = EXTENDER_BODY_MAX;
	limits.idle_timeout_ms = EXTENDER_IDLE_MS;
	buf_init(&e->out, ANSWER_MAX);
	e->x = x;
	e->binder = b;
	e->web = web_open(l, fd, tls, &limits, &hooks);
	return e;
}

void extender_edge_close(extender_edge *e)
{
	if (!e)
		return;
	web_close(e->web);
	buf_done(&e->out);
	free(e);
}
