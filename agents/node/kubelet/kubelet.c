#include "agents/node/kubelet/kubelet.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "agents/node/kubelet/kubelet_inside.h"

enum { PATH_BYTES = 512, EVENT_BYTES = 16 << 10 };

static char *copy_of(const char *z)
{
	char *copy = strdup(z);

	assert(copy);
	return copy;
}

/* Another file at the kubelet's socket is another kubelet, which knows nothing of us. */
static void kubelet_look(kubelet *k)
{
	unix_socket_mark now = {0};
	bool is_there = unix_socket_mark_read(k->socket, &now);
	bool is_new = is_there && (!k->is_there || now.device != k->mark.device || now.inode != k->mark.inode ||
					  now.made_ns != k->mark.made_ns);

	k->is_there = is_there;
	k->mark = now;
	vec_each (p, &k->plugins)
		plugin_look(*p, is_new);
}

static void on_changes(void *arg, int what)
{
	kubelet *k = arg;
	char events[EVENT_BYTES];

	(void)what;
	if (read(k->inotify, events, sizeof(events)) <= 0)
		return;
	kubelet_look(k);
}

/* The folder may not be there yet, or be made anew: a watch follows the file, not the name. */
static void changes_open(kubelet *k)
{
	uint32_t what = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

	if (k->inotify < 0) {
		k->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (k->inotify >= 0)
			k->changes = loop_watch_new(k->c.loop, k->inotify, LOOP_READ, on_changes, k);
	}
	if (k->inotify >= 0)
		(void)inotify_add_watch(k->inotify, k->plugins_dir, what);
}

static void on_look(void *arg)
{
	kubelet *k = arg;

	changes_open(k);
	kubelet_look(k);
	loop_timer_arm(k->look, (int64_t)KUBELET_LOOK_MS * 1000);
}

kubelet *kubelet_open(const kubelet_config *c)
{
	kubelet *k = calloc(1, sizeof(*k));
	char path[PATH_BYTES];

	assert(k);
	k->c = *c;
	if (!k->c.wait_ms)
		k->c.wait_ms = KUBELET_WAIT_MS;
	k->plugins_dir = copy_of(c->plugins_dir);
	k->pod_resources = copy_of(c->pod_resources);
	k->node = copy_of(c->node);
	(void)snprintf(path, sizeof(path), "%s/kubelet.sock", c->plugins_dir);
	k->socket = copy_of(path);
	local_pods_init(&k->pods, str_from(k->node));
	k->pods.keys = c->keys;
	k->registration = grpc_client_new(c->loop, k->socket);
	k->lister = grpc_client_new(c->loop, k->pod_resources);
	k->inotify = -1;
	k->look = loop_timer_new(c->loop, on_look, k);
	loop_timer_arm(k->look, 0);
	return k;
}

void kubelet_close(kubelet *k)
{
	if (!k)
		return;
	admission_end(k);
	grpc_client_free(k->registration);
	grpc_client_free(k->lister);
	vec_each (p, &k->plugins)
		plugin_close(*p);
	vec_done(&k->plugins);
	loop_timer_free(k->look);
	loop_watch_free(k->changes);
	if (k->inotify >= 0)
		(void)close(k->inotify);
	local_pods_done(&k->pods);
	strangers_done(&k->strangers);
	free(k->plugins_dir);
	free(k->pod_resources);
	free(k->socket);
	free(k->node);
	free(k);
}

static plugin *plugin_of(kubelet *k, str resource)
{
	vec_each (p, &k->plugins) {
		if (str_eq(str_from((*p)->resource), resource))
			return *p;
	}
	return NULL;
}

static bool has_gift(const kubelet *k, const local_pod *p, uint32_t container)
{
	const kubelet_giver *g = &k->c.giver;

	for (uint32_t i = 0; i < p->given.n; i++)
		if (p->given.v[i].container == container)
			return true;
	return g->was_given && g->was_given(g->arg, p, container, STR_NONE);
}

static err gift_give_again(const kubelet *k, const kubelet_wish *w)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	err e = k->c.giver.give(k->c.giver.arg, w, a, &gift, &f);

	if (e && e != ERR_UNAVAILABLE)
		k->c.on_refused(k->c.arg, w->pod, w->plan->n ? w->plan->shares[0].resource : S(""), f.detail);
	return e;
}

/* Amounts may change while a container runs, also while we were away; whether they did the giver sees. Before the
 * devices are known it could not tell. */
static void plan_give_again(const kubelet *k, local_pod *p)
{
	if (!p->is_owed || !p->has_plan || !k->plugins.n || pod_is_over(&p->p))
		return;
	p->is_owed = false;
	for (uint32_t i = 0; i < p->p.n_containers; i++) {
		kubelet_wish w = {p, i, local_plan_of(p, i)};
		if (w.plan && has_gift(k, p, i) && gift_give_again(k, &w) == ERR_UNAVAILABLE)
			p->is_owed = true;
	}
}

static void plans_give_again(kubelet *k)
{
	map_each (slot, &k->pods.by_key)
		plan_give_again(k, slot->value);
}

void kubelet_devices_set(kubelet *k, const slot_device *devices, uint32_t n)
{
	uint32_t known = k->plugins.n;

	for (uint32_t i = 0; i < n; i++)
		if (!plugin_of(k, devices[i].resource) && k->plugins.n < KUBELET_PLUGINS_MAX)
			vec_push(&k->plugins, plugin_open(k, devices[i].resource));
	vec_each (p, &k->plugins)
		plugin_devices_set(*p, devices, n);
	for (uint32_t i = known; i < k->plugins.n; i++)
		plugin_look(k->plugins.v[i], false);
	plans_give_again(k);
}

void kubelet_keys_set(kubelet *k, const plan_keys *keys)
{
	local_pods_keys_set(&k->pods, keys);
	plans_give_again(k);
	admission_stir(k);
}

void kubelet_pod_put(kubelet *k, str text)
{
	local_pod *p = local_pods_put(&k->pods, text);

	if (p) {
		p->is_owed |= p->has_changed;
		plan_give_again(k, p);
	}
	admission_stir(k);
}

void kubelet_pod_gone(kubelet *k, str space, str name, str uid)
{
	local_pods_remove(&k->pods, space, name, uid);
	admission_stir(k);
}

void kubelet_stir(kubelet *k)
{
	plans_give_again(k);
	admission_stir(k);
}

const local_pods *kubelet_pods(const kubelet *k)
{
	return &k->pods;
}

uint32_t kubelet_registered(const kubelet *k)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->plugins.n; i++)
		n += k->plugins.v[i]->is_registered && k->plugins.v[i]->connections > 0;
	return n;
}
