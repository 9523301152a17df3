#include "agents/node/station.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "agents/kube/follow.h"
#include "agents/kube/kube_write.h"
#include "agents/node/kubelet/kubelet.h"
#include "agents/node/process.h"
#include "agents/node/signboard.h"
#include "base/clock.h"
#include "base/log.h"

enum { PATH_BYTES = 4096, SELECTOR_BYTES = 512 };

static const char user_agent[] = "reeve-node/" REEVE_VERSION;

struct station {
	station_config c;
	kube *kube;
	follow *pods;
	kubelet *kubelet;
	giver *giver;
	signboard *signboard;
	instances *instances, *npus;
	loop_timer *look;
	bool is_listed; /* the API server has told all pods of this node once */
	uint64_t refused;
	plan_keys keys;
};

err station_keys_read(str pem, plan_keys *ret, fault *f)
{
	static const char end[] = "-----END PUBLIC KEY-----";
	plan_keys keys = {0};

	while (pem.n > 0) {
		const char *at = memmem(pem.p, pem.n, end, sizeof(end) - 1);
		if (!at)
			break;
		size_t n = (size_t)(at - pem.p) + sizeof(end) - 1;
		if (keys.n == PLAN_KEYS_MAX || !public_key_read(str_cut(pem, 0, n), keys.v[keys.n]))
			return fault_set(f, ERR_BAD_FIELD, NULL,
				"key %u is no Ed25519 public key, or there are more than %d", keys.n + 1,
				PLAN_KEYS_MAX);
		keys.n++;
		pem = str_cut(pem, n, pem.n);
	}
	if (keys.n == 0)
		return fault_set(f, ERR_BAD_FIELD, NULL, "there is no public key in it");
	*ret = keys;
	return ERR_OK;
}

static err keys_load(const char *path, plan_keys *ret, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	str text;
	err e = file_read(path, a, &text, f);

	if (!e && text.n > STATION_KEYS_BYTES_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "%s is longer than a file of keys", path);
	return e ? e : station_keys_read(text, ret, f);
}

/* A file that cannot be read for a moment, or is being written, changes nothing. */
static void on_look(void *arg)
{
	station *s = arg;
	plan_keys now;
	fault f = {0};

	if (keys_load(s->c.plan_keys, &now, &f)) {
		log_warn("plan_keys.unread", KV_Z("file", s->c.plan_keys), KV_Z("why", f.detail));
	} else if (now.n != s->keys.n || memcmp(now.v, s->keys.v, now.n * sizeof(now.v[0])) != 0) {
		log_info("plan_keys.changed", KV_I64("keys", now.n));
		s->keys = now;
		kubelet_keys_set(s->kubelet, &now);
	}
	signboard_look(s->signboard);
	loop_timer_arm(s->look, (int64_t)STATION_LOOK_MS * 1000);
}

static void on_pod(void *arg, const object_meta *m, str object)
{
	(void)m;
	kubelet_pod_put(((station *)arg)->kubelet, object);
}

static void on_pod_gone(void *arg, const object_meta *m, str object)
{
	station *s = arg;
	local_pod *p = local_pods_find(kubelet_pods(s->kubelet), m->space, m->name);

	(void)object;
	if (p)
		giver_refused(s->giver, p);
	kubelet_pod_gone(s->kubelet, m->space, m->name, m->uid);
}

static void on_listed(void *arg)
{
	station *s = arg;

	s->is_listed = true;
	log_info("pods.listed", KV_I64("pods", follow_count(s->pods)));
}

static void on_trouble(void *arg, err e, long status, str why)
{
	(void)arg;
	log_warn("pods.trouble", KV_ERR(e), KV_I64("status", status), KV("why", why));
}

static void on_event_sent(void *arg, const kube_reply *r)
{
	(void)arg;
	if (!kube_is_done(r) && r->e != ERR_CLOSED)
		log_warn("event.lost", KV_I64("status", r->status), KV("why", r->message));
}

static void refused_tell(station *s, const local_pod *p, const char *why, arena *a)
{
	if (!p || !s->c.on_refused)
		return;
	node_owner owner = {.pod_uid = p->p.meta.uid, .namespace = p->p.meta.space, .pod = p->p.meta.name};
	if (p->has_plan) {
		owner.placement = p->plan.placement;
		owner.fence = str_print(a, "%lld", (long long)p->plan.fence);
	}
	s->c.on_refused(s->c.arg, &owner, why);
}

/* On the pod; where it is not known which, on the node. */
static void on_refused(void *arg, const local_pod *p, str resource, const char *why)
{
	station *s = arg;
	AUTO_ARENA a = arena_new(0);
	int64_t now_us = clock_now_us();
	str node = str_from(s->c.node);
	kube_event e = {
		.name = kube_event_name(p ? p->p.meta.name : node, a),
		.kind = p ? S("Pod") : S("Node"),
		.space = p ? p->p.meta.space : S(""),
		.object = p ? p->p.meta.name : node,
		.uid = p ? p->p.meta.uid : S(""),
		.is_warning = true,
		.reason = S("DevicesRefused"),
		.message = str_print(a, STR_FMT ": %s", STR_ARG(resource), why),
		.component = S("reeve-node"),
		.instance = node,
		.first_us = now_us,
		.last_us = now_us,
		.count = 1,
	};

	s->refused++;
	if (p)
		giver_refused(s->giver, p);
	refused_tell(s, p, why, a);
	log_warn(
		"devices.refused", KV("pod", p ? str_from(p->key) : S("")), KV("resource", resource), KV_Z("why", why));
	(void)kube_event_send(s->kube, &e, (kube_done){on_event_sent, NULL});
}

static void on_registered(void *arg, str resource, const char *why)
{
	(void)arg;
	if (why)
		log_warn("kubelet.refused", KV("resource", resource), KV_Z("why", why));
	else
		log_info("kubelet.registered", KV("resource", resource));
}

static err kube_begin(station *s, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	login who;
	bool is_inside = strcmp(s->c.kubeconfig, "in-cluster") == 0;
	err e = is_inside ? login_account(LOGIN_ACCOUNT_FOLDER, a, &who, f)
			  : login_config(s->c.kubeconfig, NULL, a, &who, f);

	if (!e)
		s->kube = kube_open(s->c.loop, &who, user_agent);
	return e;
}

static void pods_begin(station *s)
{
	char selector[SELECTOR_BYTES];

	(void)snprintf(selector, sizeof(selector), "fieldSelector=spec.nodeName%%3D%s", s->c.node);
	follow_spec spec = {
		.loop = s->c.loop,
		.kube = s->kube,
		.path = S("/api/v1/pods"),
		.selector = str_from(selector),
		.on_object = on_pod,
		.on_gone = on_pod_gone,
		.on_listed = on_listed,
		.on_trouble = on_trouble,
		.arg = s,
	};
	s->pods = follow_open(&spec);
}

static void on_instance(void *arg)
{
	station *s = arg;

	log_info("instances.changed", KV_I64("instances", station_instances(s)));
	if (s->c.on_instances)
		s->c.on_instances(s->c.arg);
	if (s->kubelet)
		kubelet_stir(s->kubelet);
}

static err instances_begin(station *s, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	instances_config c = {
		.boot = str_z(a, process_boot(a)),
		.loop = s->c.loop,
		.state_dir = s->c.state_dir,
		.program = "/proc/self/exe",
		.nvml = s->c.nvml,
		.timeout_ms = KUBELET_MAKE_MS,
		.on_change = on_instance,
		.arg = s,
	};

	err e = s->c.nvml[0] ? instances_open(&c, &s->instances, f) : ERR_OK;
	c.word = "vnpu";
	c.nvml = s->c.npu_smi;
	c.boot = NULL; /* they outlive it */
	if (!e && s->c.npu_smi[0])
		e = instances_open(&c, &s->npus, f);
	return e;
}

static void kubelet_begin(station *s)
{
	char plugins[PATH_BYTES], resources[PATH_BYTES];

	(void)snprintf(plugins, sizeof(plugins), "%s/device-plugins", s->c.kubelet_dir);
	(void)snprintf(resources, sizeof(resources), "%s/pod-resources/kubelet.sock", s->c.kubelet_dir);
	kubelet_config k = {
		.loop = s->c.loop,
		.plugins_dir = plugins,
		.pod_resources = resources,
		.node = s->c.node,
		.keys = s->keys,
		.giver = {.give = giver_give, .was_given = giver_was_given, .arg = s->giver},
		.on_refused = on_refused,
		.on_registered = on_registered,
		.arg = s,
	};
	s->kubelet = kubelet_open(&k);
}

err station_open(const station_config *c, station **ret, fault *f)
{
	station *s = calloc(1, sizeof(*s));

	assert(s);
	s->c = *c;
	err e = keys_load(c->plan_keys, &s->keys, f);
	if (!e)
		e = instances_begin(s, f);
	if (!e)
		e = kube_begin(s, f);
	if (e) {
		instances_close(s->instances);
		instances_close(s->npus);
		free(s);
		return e;
	}
	s->signboard = signboard_new(s->kube, c->node);
	s->c.giver.instances = s->instances;
	s->c.giver.npus = s->npus;
	s->giver = giver_open(&s->c.giver);
	(void)giver_sweep(s->giver);
	kubelet_begin(s);
	pods_begin(s);
	s->look = loop_timer_new(c->loop, on_look, s);
	loop_timer_arm(s->look, (int64_t)STATION_LOOK_MS * 1000);
	*ret = s;
	return ERR_OK;
}

void station_close(station *s)
{
	if (!s)
		return;
	loop_timer_free(s->look);
	follow_close(s->pods);
	kubelet_close(s->kubelet);
	giver_close(s->giver);
	signboard_free(s->signboard);
	instances_close(s->instances);
	instances_close(s->npus);
	kube_close(s->kube);
	free(s);
}

lives_word station_pod(const station *s, str pod_uid)
{
	const local_pod *p = s->is_listed ? local_pods_find_uid(kubelet_pods(s->kubelet), pod_uid) : NULL;

	if (!s->is_listed)
		return LIVES_UNKNOWN;
	return !p ? LIVES_DELETED : pod_is_over(&p->p) ? LIVES_OVER : LIVES_HERE;
}

void station_seen(station *s, const card *list, uint32_t n)
{
	for (uint32_t i = 0; s->instances && i < n; i++)
		instances_seen(s->instances, &list[i]);
}

void station_seen_npus(station *s, const cards *all)
{
	for (uint32_t i = 0; s->npus && i < all->n; i++)
		instances_seen(s->npus, &all->v[i]);
}

void station_devices(station *s)
{
	AUTO_ARENA a = arena_new(0);
	slot_device *v;
	uint32_t n = giver_slots(s->c.giver.cards(s->c.giver.arg), str_from(s->c.resource), (int32_t)s->c.shares,
		s->npus != NULL, a, &v);

	kubelet_devices_set(s->kubelet, v, n);
	signboard_set(s->signboard, s->c.giver.cards(s->c.giver.arg), s->c.shares);
}

void station_ended(station *s, const char *id)
{
	giver_ended(s->giver, id);
}

uint32_t station_registered(const station *s)
{
	return kubelet_registered(s->kubelet);
}

uint64_t station_refused(const station *s)
{
	return s->refused;
}

uint32_t station_instances(const station *s)
{
	return (s->instances ? instances_count(s->instances) : 0) + (s->npus ? instances_count(s->npus) : 0);
}
