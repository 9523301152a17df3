#include "agents/scheduling/locks.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/kube/pod.h"
#include "base/clock.h"
#include "base/map.h"
#include "json/write.h"

enum { BODY_MAX = 4096 };

static const char *const keys[] = {"hami.io/mutex.lock", "cambricon.com/dsmlu.lock"};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

/* A node with a lock. */
typedef struct held {
	locks *owner; /* NULL: it is gone, and the call under way ends without a word */
	arena *arena;
	str name, version, value;
	const char *key;
	bool is_asking;
} held;

struct locks {
	locks_spec spec;
	map nodes;
	loop_timer *timer;
};

bool node_lock_read(str value, node_lock *ret)
{
	node_lock l = {.space = STR_NONE, .pod = STR_NONE};
	str at = str_trim(str_split(&value, ','));

	if (!clock_parse(at, &l.at_us))
		return false;
	if (value.p)
		l.space = str_trim(str_split(&value, ','));
	if (value.p)
		l.pod = str_trim(value);
	*ret = l;
	/* Whoever may edit the node wrote them, and they go into a path. */
	return (!l.space.n || object_is_name(l.space, OBJECT_SPACE_MAX)) &&
	       (!l.pod.n || object_is_name(l.pod, OBJECT_NAME_MAX));
}

static int64_t now_us(const locks *l)
{
	return l->spec.now_us ? l->spec.now_us() : clock_now_us();
}

static void held_free(held *h)
{
	arena_end(h->arena);
	free(h);
}

/* Whoever waits for an answer about it frees it then. */
static void held_leave(locks *l, held *h)
{
	(void)map_remove(&l->nodes, h->name);
	h->owner = NULL;
	if (!h->is_asking)
		held_free(h);
}

static void told(held *h, bool is_done)
{
	locks *l = h->owner;

	if (l->spec.on_taken)
		l->spec.on_taken(l->spec.arg, h->name, h->value, is_done);
}

static void on_patched(void *arg, const kube_reply *r)
{
	held *h = arg;

	h->is_asking = false;
	if (!h->owner) {
		held_free(h);
		return;
	}
	/* 409: the node was changed meanwhile, and is told anew. */
	if (kube_is_done(r) || r->status != 409)
		told(h, kube_is_done(r));
	if (kube_is_done(r))
		held_leave(h->owner, h);
}

static void take(held *h)
{
	buf out;

	buf_init(&out, BODY_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "resourceVersion", h->version);
	js_key(&w, S("annotations"));
	js_object_begin(&w);
	js_key(&w, str_from(h->key));
	js_null(&w);
	js_object_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	h->is_asking = true;
	(void)kube_patch(h->owner->spec.kube, str_print(h->arena, "/api/v1/nodes/" STR_FMT, STR_ARG(h->name)),
		buf_str(&out), (kube_done){on_patched, h});
	buf_done(&out);
}

/* Its pod still waits for its devices on that node. */
static bool is_at_work(const held *h, const kube_reply *r, arena *a)
{
	pod p;

	return kube_is_done(r) && pod_read(r->body, a, &p) == ERR_OK && str_eq(p.node, h->name) &&
	       (str_eq(p.phase, S("Pending")) || !p.phase.n);
}

static void on_pod(void *arg, const kube_reply *r)
{
	AUTO_ARENA a = arena_new(0);
	held *h = arg;

	h->is_asking = false;
	if (!h->owner)
		held_free(h);
	else if ((kube_is_done(r) || r->status == 404) && !is_at_work(h, r, a))
		take(h);
}

static void held_look(held *h)
{
	locks *l = h->owner;
	kube_request q = {.method = "GET", .on_done = on_pod, .arg = h};
	node_lock lock;

	/* A time to come would hold it until then. */
	if (!node_lock_read(h->value, &lock) || now_us(l) - lock.at_us >= LOCKS_HELD_US ||
		lock.at_us - now_us(l) >= LOCKS_HELD_US) {
		take(h);
		return;
	}
	if (!lock.pod.n || !lock.space.n)
		return;
	q.path = str_print(
		h->arena, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(lock.space), STR_ARG(lock.pod));
	h->is_asking = true;
	(void)kube_send(l->spec.kube, &q);
}

static void look(void *arg)
{
	locks *l = arg;

	map_each (slot, &l->nodes) {
		held *h = slot->value;
		if (!h->is_asking && l->spec.leads(l->spec.arg))
			held_look(h);
	}
	if (l->nodes.n)
		loop_timer_arm(l->timer, LOCKS_LOOK_US);
}

locks *locks_new(const locks_spec *s)
{
	locks *l = calloc(1, sizeof(*l));

	assert(l && s->leads);
	l->spec = *s;
	l->timer = loop_timer_new(s->loop, look, l);
	return l;
}

void locks_free(locks *l)
{
	if (!l)
		return;
	while (l->nodes.n) {
		uint32_t at = 0;
		held_leave(l, map_next(&l->nodes, &at)->value);
	}
	map_done(&l->nodes);
	loop_timer_free(l->timer);
	free(l);
}

void locks_node_gone(locks *l, str name)
{
	held *h = map_find(&l->nodes, name);

	if (h)
		held_leave(l, h);
}

void locks_node(locks *l, const kube_node *n)
{
	str value = STR_NONE;
	size_t at = 0;

	locks_node_gone(l, n->meta.name);
	while (at < KEYS && !(value = kube_node_annotation(n, keys[at])).n)
		at++;
	if (at == KEYS)
		return;
	held *h = calloc(1, sizeof(*h));
	assert(h);
	*h = (held){.owner = l, .arena = arena_new(0), .key = keys[at]};
	h->name = str_dup(h->arena, n->meta.name);
	h->version = str_dup(h->arena, n->meta.version);
	h->value = str_dup(h->arena, value);
	(void)map_put(&l->nodes, h->name, h);
	if (l->nodes.n == 1)
		loop_timer_arm(l->timer, 0);
}
