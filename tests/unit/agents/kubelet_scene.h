/* kubelet_scene: plugins of this node, a double of the kubelet, a watch of pods that tells when the test likes, and a
 * giver that notes what it gave. */
#pragma once
#include "agents/node/kubelet/kubelet.h"
#include "json/write.h"
#include "kubelet_double.h"
#include "plan_keys.h"

enum { SCENE_GIFTS = 64, SCENE_TEXT = 256 << 10 };

typedef struct scene_gift {
	char pod[DOUBLE_NAME], container[DOUBLE_NAME];
	int64_t memory_mib;
	uint32_t times;
} scene_gift;

typedef struct kubelet_scene {
	loop *loop;
	loop_timer *guard;
	kubelet_double d;
	kubelet *k;
	plan_keys keys;
	signing_key *signer;
	scene_gift gifts[SCENE_GIFTS];
	uint32_t n_gifts, n_refused;
	char refused_pod[DOUBLE_NAME], why[FAULT_DETAIL_MAX + 256];
	bool is_broken; /* the giver cannot */
	bool remembers; /* what an earlier plugin gave */
	int64_t wait_ms;
	uint32_t waits_for; /* stops the loop when so many pods are decided */
	uint32_t n_decided;
} kubelet_scene;

static inline scene_gift *scene_gift_find(kubelet_scene *s, const char *of, str container)
{
	for (uint32_t i = 0; i < s->n_gifts && i < SCENE_GIFTS; i++)
		if (strcmp(s->gifts[i].pod, of) == 0 && str_eq(str_from(s->gifts[i].container), container))
			return &s->gifts[i];
	return NULL;
}

/* The answer names the plan's amounts: "SHARE=uuid:mib,uuid:mib;". */
static inline err scene_give(void *arg, const kubelet_wish *w, arena *a, kubelet_gift *ret, fault *f)
{
	kubelet_scene *s = arg;
	str name = w->pod->p.containers[w->container].name;
	buf text;

	if (s->is_broken)
		return fault_set(f, ERR_IO, NULL, "the disk is full");
	buf_init(&text, 4096);
	for (uint32_t i = 0; i < w->plan->n; i++)
		buf_printf(&text, "%s" STR_FMT ":%lld", i ? "," : "", STR_ARG(w->plan->shares[i].uuid),
			(long long)w->plan->shares[i].memory_mib);
	ret->variables = ARENA_ARRAY(a, object_pair, 1);
	ret->variables[ret->n_variables++] = (object_pair){S("SHARE"), str_dup(a, buf_str(&text))};
	buf_done(&text);
	scene_gift *g = scene_gift_find(s, str_z(a, w->pod->p.meta.name), name);
	if (!g) {
		g = &s->gifts[s->n_gifts++ % SCENE_GIFTS];
		*g = (scene_gift){0};
		(void)snprintf(g->pod, sizeof(g->pod), STR_FMT, STR_ARG(w->pod->p.meta.name));
		(void)snprintf(g->container, sizeof(g->container), STR_FMT, STR_ARG(name));
	}
	g->memory_mib = w->plan->shares[0].memory_mib;
	g->times++;
	return ERR_OK;
}

static inline bool scene_was_given(void *arg, const local_pod *p, uint32_t container, str resource)
{
	kubelet_scene *s = arg;
	AUTO_ARENA a = arena_new(0);

	(void)resource;
	return s->remembers && scene_gift_find(s, str_z(a, p->p.meta.name), p->p.containers[container].name);
}

static inline void scene_refused(void *arg, const local_pod *p, str resource, const char *why)
{
	kubelet_scene *s = arg;

	(void)resource;
	s->n_refused++;
	(void)snprintf(s->refused_pod, sizeof(s->refused_pod), STR_FMT, STR_ARG(p ? p->p.meta.name : S("")));
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
}

static inline void scene_late(void *arg)
{
	(void)arg;
	cr_assert(false, "the loop ran too long");
}

static inline void scene_decided(void *arg, double_pod *p)
{
	kubelet_scene *s = arg;

	(void)p;
	if (++s->n_decided >= s->waits_for)
		loop_stop(s->loop);
}

static inline void scene_kubelet_open(kubelet_scene *s)
{
	kubelet_config c = {
		.loop = s->loop,
		.plugins_dir = s->d.plugins,
		.pod_resources = s->d.pods_socket,
		.node = "n1",
		.keys = s->keys,
		.giver = {.give = scene_give, .was_given = scene_was_given, .arg = s},
		.on_refused = scene_refused,
		.arg = s,
		.wait_ms = s->wait_ms,
	};

	s->k = kubelet_open(&c);
}

static inline void scene_open(kubelet_scene *s, int64_t wait_ms)
{
	*s = (kubelet_scene){.loop = loop_new(), .wait_ms = wait_ms};
	s->signer = plan_key_new(&s->keys);
	double_open(&s->d, s->loop);
	s->d.on_admitted = scene_decided;
	s->d.arg = s;
	scene_kubelet_open(s);
	s->guard = loop_timer_new(s->loop, scene_late, s);
	loop_timer_arm(s->guard, (int64_t)600000000);
}

static inline void scene_close(kubelet_scene *s)
{
	kubelet_close(s->k);
	double_close(&s->d);
	loop_timer_free(s->guard);
	loop_free(s->loop);
	signing_key_close(s->signer);
	arena_trim();
}

static inline void scene_stop(void *arg)
{
	loop_stop(((kubelet_scene *)arg)->loop);
}

static inline void scene_rest(kubelet_scene *s, int64_t us)
{
	loop_timer *t = loop_timer_new(s->loop, scene_stop, s);

	loop_timer_arm(t, us);
	loop_run(s->loop);
	loop_timer_free(t);
}

/* Until n devices are healthy at the kubelet. */
static inline void scene_until_healthy(kubelet_scene *s, uint32_t n)
{
	for (int i = 0; i < 2000 && (s->d.healthy.n != n || s->d.registering); i++)
		scene_rest(s, 5000);
	cr_assert_eq(s->d.healthy.n, n, "the kubelet has %u devices, not %u", s->d.healthy.n, n);
}

/* A node of `devices` devices GPU-0... of nvidia.com/gpu, each with so many slots. */
static inline void scene_devices(kubelet_scene *s, uint32_t devices, int32_t shared_by, int32_t sick)
{
	AUTO_ARENA a = arena_new(0);
	slot_device *v = ARENA_ARRAY(a, slot_device, devices + 1);

	for (uint32_t i = 0; i < devices; i++)
		v[i] = (slot_device){S("nvidia.com/gpu"), str_print(a, "GPU-%u", i), shared_by, (int32_t)(i / 4),
			(int32_t)i != sick};
	kubelet_devices_set(s->k, v, devices);
}

/* What is said of a pod to the watch. */
typedef struct scene_pod {
	double_pod d;
	char uid[DOUBLE_NAME];
	const char *phase;
	int64_t memory_mib; /* of every share */
	uint32_t device;    /* the first share is of this one, the next of the next */
	int64_t fence;
	bool has_no_plan;
	const char *plan_uid, *plan_node; /* other than its own */
	signing_key *signer;              /* another than the agent's */
} scene_pod;

static inline str scene_plan(kubelet_scene *s, const scene_pod *p, arena *a)
{
	plan_container *c = ARENA_ARRAY(a, plan_container, p->d.n);
	plan_record r = {
		.pod_uid = str_from(p->plan_uid ? p->plan_uid : p->uid),
		.node = str_from(p->plan_node ? p->plan_node : "n1"),
		.placement = S("plc_1"),
		.fence = p->fence ? p->fence : 1,
		.containers = c,
		.n = p->d.n,
	};
	str text = STR_NONE;
	fault f = {0};

	for (uint32_t i = 0; i < p->d.n; i++) {
		c[i] = (plan_container){str_from(p->d.c[i].name), p->d.c[i].is_init,
			ARENA_ARRAY(a, plan_share, p->d.c[i].n + 1), p->d.c[i].n};
		for (uint32_t j = 0; j < c[i].n; j++)
			c[i].shares[j] = (plan_share){.resource = S("nvidia.com/gpu"),
				.uuid = str_print(a, "GPU-%u", p->device + j),
				.memory_mib = p->memory_mib + i,
				.compute_milli = 300};
	}
	cr_assert_eq(plan_record_sign(&r, p->signer ? p->signer : s->signer, a, &text, &f), ERR_OK, "%s", f.detail);
	return text;
}

static inline void scene_containers(js_writer *w, const char *key, const scene_pod *p, bool is_init)
{
	js_key(w, str_from(key));
	js_array_begin(w);
	for (uint32_t i = 0; i < p->d.n; i++) {
		if (p->d.c[i].is_init != is_init)
			continue;
		js_object_begin(w);
		js_put_text(w, "name", str_from(p->d.c[i].name));
		js_key(w, S("resources"));
		js_object_begin(w);
		if (p->d.c[i].n) {
			char n[16];
			(void)snprintf(n, sizeof(n), "%u", p->d.c[i].n);
			js_key(w, S("limits"));
			js_object_begin(w);
			js_put_text(w, "nvidia.com/gpu", str_from(n));
			js_put_text(w, "nvidia.com/gpumem", S("8k"));
			js_object_end(w);
		}
		js_object_end(w);
		js_object_end(w);
	}
	js_array_end(w);
}

static inline void scene_pod_write(kubelet_scene *s, const scene_pod *p, buf *out)
{
	AUTO_ARENA a = arena_new(0);
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "name", str_from(p->d.name));
	js_put_text(&w, "namespace", S("default"));
	js_put_text(&w, "uid", str_from(p->uid));
	js_put_text(&w, "resourceVersion", S("7"));
	js_key(&w, S("annotations"));
	js_object_begin(&w);
	if (!p->has_no_plan)
		js_put_text(&w, PLAN_ANNOTATION, scene_plan(s, p, a));
	js_object_end(&w);
	js_object_end(&w);
	js_key(&w, S("spec"));
	js_object_begin(&w);
	js_put_text(&w, "nodeName", S("n1"));
	scene_containers(&w, "initContainers", p, true);
	scene_containers(&w, "containers", p, false);
	js_object_end(&w);
	js_key(&w, S("status"));
	js_object_begin(&w);
	js_put_text(&w, "phase", str_from(p->phase ? p->phase : "Pending"));
	js_object_end(&w);
	js_object_end(&w);
}

/* The watch tells it. */
static inline void scene_tell(kubelet_scene *s, const scene_pod *p)
{
	buf out;

	buf_init(&out, SCENE_TEXT);
	scene_pod_write(s, p, &out);
	cr_assert(!out.over);
	kubelet_pod_put(s->k, buf_str(&out));
	buf_done(&out);
}

static inline void scene_gone(kubelet_scene *s, scene_pod *p)
{
	double_forget(&s->d, &p->d);
	kubelet_pod_gone(s->k, S("default"), str_from(p->d.name), str_from(p->uid));
}

/* A pod of containers that ask for so many devices each; "i1 2" is an init container of one, and a container of two. */
static inline scene_pod scene_pod_make(const char *name, const char *shape, uint32_t device, int64_t memory_mib)
{
	scene_pod p = {.device = device, .memory_mib = memory_mib};
	bool is_init = false;

	(void)snprintf(p.d.name, sizeof(p.d.name), "%s", name);
	(void)snprintf(p.uid, sizeof(p.uid), "uid-%s", name);
	for (const char *c = shape; *c; c++) {
		if (*c == 'i') {
			is_init = true;
		} else if (*c >= '0' && *c <= '9') {
			double_container *one = &p.d.c[p.d.n];
			(void)snprintf(one->name, sizeof(one->name), "c%u", p.d.n++);
			one->is_init = is_init;
			one->n = (uint32_t)(*c - '0');
			is_init = false;
		}
	}
	return p;
}

/* What a container must have been given. */
static inline const char *scene_expected(const scene_pod *p, uint32_t container, char out[DOUBLE_ANSWER])
{
	buf text;

	buf_init(&text, DOUBLE_ANSWER - 1);
	buf_printf(&text, "SHARE=");
	for (uint32_t i = 0; i < p->d.c[container].n; i++)
		buf_printf(&text, "%sGPU-%u:%lld", i ? "," : "", p->device + i, (long long)p->memory_mib + container);
	buf_printf(&text, ";");
	(void)snprintf(out, DOUBLE_ANSWER, STR_FMT, STR_ARG(buf_str(&text)));
	buf_done(&text);
	return out;
}

static inline void scene_expect_own(const scene_pod *p)
{
	char expected[DOUBLE_ANSWER];

	cr_assert(p->d.is_admitted, "%s: %s", p->d.name, p->d.why);
	for (uint32_t i = 0; i < p->d.n; i++)
		if (p->d.c[i].n)
			cr_assert_str_eq(p->d.c[i].answer, scene_expected(p, i, expected), "%s", p->d.name);
}

/* Admits pods that the watch has told, one after the other, and waits for the last. */
static inline void scene_admit(kubelet_scene *s, scene_pod *const *pods, uint32_t n)
{
	s->n_decided = 0;
	s->waits_for = n;
	for (uint32_t i = 0; i < n; i++)
		double_admit(&s->d, &pods[i]->d);
	loop_run(s->loop);
	cr_assert_eq(s->n_decided, n);
}
