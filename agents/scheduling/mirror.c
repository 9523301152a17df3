#include "agents/scheduling/mirror.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/pod_wants.h"
#include "base/map.h"

typedef struct waiting_pod {
	uint32_t uid_n, text_n;
	char bytes[]; /* uid, then the pod */
} waiting_pod;

struct mirror {
	mirror_spec spec;
	follow *nodes, *pods;
	map waiting; /* by uid */
	bool has_nodes, has_pods, was_ready;
	bool is_listing; /* anew, as somebody asked */
};

static void trouble(mirror *m, const object_meta *of, str why)
{
	if (m->spec.on_trouble)
		m->spec.on_trouble(m->spec.arg, of->name, why);
}

static void node_is(void *arg, const object_meta *of, str object)
{
	mirror *m = arg;
	AUTO_ARENA a = arena_new(0);
	kube_node n;
	fault f = {0};

	if (kube_node_read(object, a, &n)) {
		trouble(m, of, S("the node cannot be read"));
		return;
	}
	stock_node_put(m->spec.stock, &n, &f);
	if (f.detail[0])
		trouble(m, of, str_print(a, "%s: %s", f.pointer, f.detail));
	if (m->spec.ear.on_node)
		m->spec.ear.on_node(m->spec.ear.arg, &n);
}

static void node_gone(void *arg, const object_meta *of, str object)
{
	mirror *m = arg;

	(void)object;
	stock_node_drop(m->spec.stock, of->name);
	if (m->spec.ear.on_node_gone)
		m->spec.ear.on_node_gone(m->spec.ear.arg, of->name);
}

static void waiting_drop(mirror *m, str uid)
{
	free(map_remove(&m->waiting, uid));
}

static void waiting_keep(mirror *m, str uid, str text)
{
	waiting_pod *w = calloc(1, sizeof(*w) + uid.n + text.n);

	assert(w);
	w->uid_n = uid.n;
	w->text_n = text.n;
	memcpy(w->bytes, uid.p, uid.n);
	memcpy(w->bytes + uid.n, text.p, text.n);
	waiting_drop(m, uid);
	(void)map_put(&m->waiting, str_of(w->bytes, uid.n), w);
}

static bool asks_for_devices(const pod *p, arena *a)
{
	pod_wants *wants = ARENA_NEW(a, pod_wants);

	return pod_wants_read(p, wants, NULL) == ERR_OK && wants->n > 0;
}

static void pod_is(void *arg, const object_meta *of, str object)
{
	mirror *m = arg;
	AUTO_ARENA a = arena_new(0);
	pod p;
	fault f = {0};

	if (pod_read(object, a, &p)) {
		trouble(m, of, S("the pod cannot be read"));
		return;
	}
	if (stock_pod_put(m->spec.stock, &p, &f))
		trouble(m, of, str_print(a, "%s: %s", f.pointer, f.detail));
	if (p.node.n || pod_is_over(&p))
		waiting_drop(m, of->uid);
	else if (asks_for_devices(&p, a))
		waiting_keep(m, of->uid, object);
	if (m->spec.ear.on_pod)
		m->spec.ear.on_pod(m->spec.ear.arg, &p, object);
}

static void pod_gone(void *arg, const object_meta *of, str object)
{
	mirror *m = arg;

	(void)object;
	stock_pod_drop(m->spec.stock, of->uid);
	waiting_drop(m, of->uid);
	if (m->spec.ear.on_pod_gone)
		m->spec.ear.on_pod_gone(m->spec.ear.arg, of);
}

static void listed(mirror *m)
{
	if (!m->has_nodes || !m->has_pods)
		return;
	bool is_asked = m->is_listing;
	m->is_listing = false;
	if (is_asked && m->spec.on_listed)
		m->spec.on_listed(m->spec.arg);
	if (m->was_ready)
		return;
	m->was_ready = true;
	if (m->spec.on_ready)
		m->spec.on_ready(m->spec.arg);
}

static void nodes_listed(void *arg)
{
	mirror *m = arg;

	m->has_nodes = true;
	listed(m);
}

static void pods_listed(void *arg)
{
	mirror *m = arg;

	m->has_pods = true;
	listed(m);
}

static void follow_trouble(void *arg, err e, long status, str why)
{
	mirror *m = arg;
	AUTO_ARENA a = arena_new(0);

	if (m->spec.on_trouble)
		m->spec.on_trouble(m->spec.arg, S("the watch"),
			str_print(a, "%s %ld " STR_FMT, err_code(e), status, STR_ARG(why)));
}

mirror *mirror_open(const mirror_spec *s)
{
	mirror *m = calloc(1, sizeof(*m));
	/* In pages, whose first answer shows at once that the server serves: nothing binds until the lists end, and an
	 * agent was seen to wait for them for more than a minute on a starved machine; why was not found out.
	 */
	follow_spec q = {.loop = s->loop, .kube = s->kube, .on_trouble = follow_trouble};

	assert(m);
	m->spec = *s;
	q.arg = m;
	q.path = S("/api/v1/nodes");
	q.on_object = node_is;
	q.on_gone = node_gone;
	q.on_listed = nodes_listed;
	m->nodes = follow_open(&q);
	q.path = S("/api/v1/pods");
	q.on_object = pod_is;
	q.on_gone = pod_gone;
	q.on_listed = pods_listed;
	m->pods = follow_open(&q);
	return m;
}

void mirror_close(mirror *m)
{
	if (!m)
		return;
	follow_close(m->nodes);
	follow_close(m->pods);
	map_each (slot, &m->waiting)
		free(slot->value);
	map_done(&m->waiting);
	free(m);
}

void mirror_list(mirror *m)
{
	m->is_listing = true;
	m->has_nodes = m->has_pods = false;
	follow_list(m->nodes);
	follow_list(m->pods);
}

bool mirror_is_ready(const mirror *m)
{
	return m->was_ready;
}

str mirror_waiting(const mirror *m, str uid)
{
	const waiting_pod *w = map_find(&m->waiting, uid);

	return w ? str_of(w->bytes + w->uid_n, w->text_n) : STR_NONE;
}

str mirror_waiting_named(const mirror *m, str space, str name)
{
	map_each (slot, &m->waiting) {
		const waiting_pod *w = slot->value;
		str text = str_of(w->bytes + w->uid_n, w->text_n);
		object_meta of;
		if (object_meta_read(text, &of) == ERR_OK && str_eq(of.name, name) && str_eq(of.space, space))
			return text;
	}
	return STR_NONE;
}
