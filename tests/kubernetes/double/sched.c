#include "sched.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "json/write.h"

enum { URL_MAX_BYTES = 300, BODY_MAX = 1 << 20, PERIOD_US = 30000, TIMEOUT_MS = 20000 };

struct sched {
	loop *loop;
	store *store;
	fetch *fetch;
	loop_timer *timer;
	char url[URL_MAX_BYTES], ca_file[URL_MAX_BYTES];
	place pod; /* under way; its name is "" when none is */
	uint32_t next;
	bool is_closed;
};

static void call(sched *s, const char *verb, str body, void (*on_done)(void *arg, const fetch_reply *r))
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	char url[URL_MAX_BYTES + 16];

	(void)snprintf(url, sizeof(url), "%s/%s", s->url, verb);
	(void)fetch_send(s->fetch, &(fetch_request){.method = "POST",
					   .url = url,
					   .headers = headers,
					   .body = body,
					   .timeout_ms = TIMEOUT_MS,
					   .on_done = on_done,
					   .arg = s});
}

static void again(sched *s)
{
	s->pod.name[0] = 0;
	loop_timer_arm(s->timer, PERIOD_US);
}

static void on_bound(void *arg, const fetch_reply *r)
{
	sched *s = arg;

	(void)r;
	if (!s->is_closed)
		again(s);
}

static void bind(sched *s, const object *o, const char *node)
{
	buf body;

	buf_init(&body, BODY_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_put_text(&w, "PodName", str_from(o->at.name));
	js_put_text(&w, "PodNamespace", str_from(o->at.space));
	js_put_text(&w, "PodUID", str_from(object_uid(o)));
	js_put_text(&w, "Node", str_from(node));
	js_object_end(&w);
	call(s, "bind", buf_str(&body), on_bound);
	buf_done(&body);
}

static void on_filtered(void *arg, const fetch_reply *r)
{
	sched *s = arg;
	AUTO_ARENA a = arena_new(0);
	json_t *doc = NULL;

	if (s->is_closed)
		return;
	const object *o = store_find(s->store, &s->pod);
	bool is_read = r->e == ERR_OK && r->status == 200 && doc_read(r->body, a, &doc, NULL) == ERR_OK;
	const char *node = is_read ? json_string_value(json_array_get(json_object_get(doc, "NodeNames"), 0)) : NULL;
	if (o && node)
		bind(s, o, node);
	else
		again(s);
}

static bool waits(const object *o)
{
	return strcmp(o->at.kind, "pods") == 0 && !json_object_get(json_object_get(o->doc, "spec"), "nodeName");
}

/* The next pod in turn. */
static const object *pod_next(sched *s)
{
	for (uint32_t i = 0; i < s->store->all.n; i++) {
		const object *o = s->store->all.v[s->next++ % s->store->all.n];
		if (waits(o))
			return o;
	}
	return NULL;
}

static void filter(sched *s, const object *o)
{
	buf body;

	buf_init(&body, BODY_MAX);
	char *text = json_dumps(o->doc, JSON_COMPACT);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_put_raw(&w, "Pod", str_from(text));
	js_key(&w, S("Nodes"));
	js_null(&w);
	js_key(&w, S("NodeNames"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < s->store->all.n; i++)
		if (strcmp(s->store->all.v[i]->at.kind, "nodes") == 0)
			js_text(&w, str_from(s->store->all.v[i]->at.name));
	js_array_end(&w);
	js_object_end(&w);
	s->pod = o->at;
	call(s, "filter", buf_str(&body), on_filtered);
	free(text);
	buf_done(&body);
}

static void on_time(void *arg)
{
	sched *s = arg;
	const object *o = s->url[0] ? pod_next(s) : NULL;

	if (o)
		filter(s, o);
	else
		again(s);
}

sched *sched_open(loop *l, store *st)
{
	sched *s = calloc(1, sizeof(*s));

	assert(s);
	s->loop = l;
	s->store = st;
	s->fetch = fetch_new(l, &(fetch_config){.user_agent = "sched"});
	s->timer = loop_timer_new(l, on_time, s);
	loop_timer_arm(s->timer, PERIOD_US);
	return s;
}

void sched_point(sched *s, str url, str ca_file)
{
	if (ca_file.n && !s->ca_file[0]) {
		(void)snprintf(s->ca_file, sizeof(s->ca_file), STR_FMT, STR_ARG(ca_file));
		fetch_free(s->fetch);
		s->fetch = fetch_new(s->loop, &(fetch_config){.user_agent = "sched", .ca_file = s->ca_file});
	}
	(void)snprintf(s->url, sizeof(s->url), STR_FMT, STR_ARG(url));
}

void sched_close(sched *s)
{
	s->is_closed = true;
	loop_timer_free(s->timer);
	fetch_free(s->fetch);
}
