#include <criterion/criterion.h>
#include "kubelet_scene.h"
#include "size.h"

enum { MANY_GPUS = 16, MANY_SLOTS = 3750, WAIT_MS = 300, REST_US = 20000 };

Test(kubelet, a_resource_is_registered_and_its_devices_are_told)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 16, 10, -1);
	scene_until_healthy(&s, 160);
	cr_expect_str_eq(s.d.resource, "nvidia.com/gpu");
	cr_expect(s.d.wants_pre_start && s.d.wants_preference);
	cr_expect_eq(kubelet_registered(s.k), 1);
	scene_close(&s);
}

Test(kubelet, all_slots_of_a_sick_device_go_and_come_back_together)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_devices(&s, 4, 10, 2);
	scene_until_healthy(&s, 30);
	cr_expect_eq(s.d.n_unhealthy, 10);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	uint32_t states = s.d.n_states;
	scene_devices(&s, 4, 10, -1);
	scene_rest(&s, REST_US);
	cr_expect_eq(s.d.n_states, states, "the same is not told again");
	scene_close(&s);
}

static void ids_keep(const kubelet_double *d, char ids[][DOUBLE_NAME])
{
	for (uint32_t i = 0; i < d->healthy.n; i++)
		(void)snprintf(ids[i], DOUBLE_NAME, "%s", d->healthy.v[i]);
}

Test(kubelet, a_kubelet_that_starts_anew_gets_the_same_devices)
{
	char before[20][DOUBLE_NAME], after[20][DOUBLE_NAME];
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	ids_keep(&s.d, before);
	for (int i = 0; i < 3; i++) {
		double_stop(&s.d);
		scene_rest(&s, REST_US);
		cr_expect_eq(kubelet_registered(s.k), 0);
		double_start(&s.d);
		scene_until_healthy(&s, 20);
		ids_keep(&s.d, after);
		cr_expect_eq(memcmp(before, after, sizeof(before)), 0);
	}
	cr_expect_eq(s.d.n_registered, 4);
	scene_close(&s);
}

Test(kubelet, a_plugin_that_starts_anew_has_the_same_devices)
{
	char before[20][DOUBLE_NAME], after[20][DOUBLE_NAME];
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	ids_keep(&s.d, before);
	kubelet_close(s.k);
	scene_rest(&s, REST_US);
	cr_expect_eq(s.d.healthy.n, 0, "the node has none meanwhile");
	scene_kubelet_open(&s);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	ids_keep(&s.d, after);
	cr_expect_eq(memcmp(before, after, sizeof(before)), 0);
	scene_close(&s);
}

Test(kubelet, a_socket_that_is_removed_is_made_again)
{
	kubelet_scene s;
	char path[256];

	scene_open(&s, 0);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	(void)snprintf(path, sizeof(path), "%s/%s", s.d.plugins, s.d.endpoint);
	cr_assert_eq(unlink(path), 0);
	for (int i = 0; i < 100 && s.d.n_registered < 2; i++)
		scene_rest(&s, REST_US);
	cr_expect_eq(s.d.n_registered, 2);
	scene_until_healthy(&s, 20);
	scene_close(&s);
}

Test(kubelet, a_kubelet_that_drops_the_connection_is_asked_again)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	grpc_client_free(s.d.plugin);
	s.d.plugin = NULL;
	for (int i = 0; i < 100 && s.d.n_registered < 2; i++)
		scene_rest(&s, 5 * REST_US);
	cr_expect_eq(s.d.n_registered, 2);
	scene_until_healthy(&s, 20);
	scene_close(&s);
}

Test(kubelet, every_container_gets_what_its_own_plan_says)
{
	static const char *const shapes[] = {"1", "2", "1 1", "i1 1 2", "i2 1", "0 1 0 2", "i1 i1 1 3", "i0 1", "i1 0"};
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 8, 10, -1);
	scene_until_healthy(&s, 80);
	for (uint32_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "p%u", i);
		scene_pod p = scene_pod_make(name, shapes[i], i % 5, 1000 + 100 * i), *one[] = {&p};
		scene_tell(&s, &p);
		scene_admit(&s, one, 1);
		scene_expect_own(&p);
		scene_gone(&s, &p);
	}
	cr_expect_eq(s.n_refused, 0);
	scene_close(&s);
}

Test(kubelet, slots_are_taken_of_the_devices_of_the_plan)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 8, 4, -1);
	scene_until_healthy(&s, 32);
	scene_pod p = scene_pod_make("p", "1 2", 5, 1000), *one[] = {&p};
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	scene_expect_own(&p);
	/* Ids begin with the device's short id; those of devices 5 and 6 stand at their places of the list. */
	cr_expect_eq(strncmp(p.d.c[0].ids[0], s.d.healthy.v[20], SLOT_SHORT), 0);
	cr_expect_eq(strncmp(p.d.c[1].ids[0], s.d.healthy.v[20], SLOT_SHORT), 0);
	cr_expect_eq(strncmp(p.d.c[1].ids[1], s.d.healthy.v[24], SLOT_SHORT), 0);
	s.d.ignores_preference = true;
	scene_pod q = scene_pod_make("q", "1", 7, 2000), *two[] = {&q};
	scene_tell(&s, &q);
	scene_admit(&s, two, 1);
	scene_expect_own(&q);
	scene_close(&s);
}

typedef struct refusal {
	const char *name, *why;
	bool has_no_plan;
	const char *plan_uid, *plan_node;
	bool is_forged;
	bool is_broken;
} refusal;

Test(kubelet, without_a_plan_that_holds_nothing_is_given)
{
	static const refusal rows[] = {
		{"none", "no plan", .has_no_plan = true},
		{"another", "another pod", .plan_uid = "uid-other"},
		{"elsewhere", "node n2", .plan_node = "n2"},
		{"forged", "not signed", .is_forged = true},
		{"broken", "the disk is full", .is_broken = true},
	};
	plan_keys strange = {0};
	signing_key *stranger = plan_key_new(&strange);
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		scene_pod p = scene_pod_make(rows[i].name, "1", 0, 1000), *one[] = {&p};
		p.has_no_plan = rows[i].has_no_plan;
		p.plan_uid = rows[i].plan_uid;
		p.plan_node = rows[i].plan_node;
		p.signer = rows[i].is_forged ? stranger : NULL;
		s.is_broken = rows[i].is_broken;
		scene_tell(&s, &p);
		scene_admit(&s, one, 1);
		cr_expect(p.d.is_failed, "%s", rows[i].name);
		cr_expect(strstr(p.d.why, rows[i].why), "%s: %s", rows[i].name, p.d.why);
		cr_expect_eq(s.n_refused, i + 1, "%s: an event", rows[i].name);
		cr_expect_str_eq(s.refused_pod, rows[i].name);
		cr_expect(strstr(s.why, rows[i].why), "%s", s.why);
		scene_gone(&s, &p);
	}
	cr_expect_eq(s.n_gifts, 0);
	signing_key_close(stranger);
	scene_close(&s);
}

/* The agent of a cluster may be replaced: its key comes before what it signs, or after. */
Test(kubelet, a_key_that_comes_in_time_is_in_time)
{
	plan_keys both = {0};
	signing_key *next = plan_key_new(&both);
	kubelet_scene s;

	scene_open(&s, 0);
	memcpy(both.v[both.n++], s.keys.v[0], SIGNATURE_KEY);
	scene_devices(&s, 1, 10, -1);
	scene_until_healthy(&s, 10);
	scene_pod p = scene_pod_make("p", "1", 0, 1000);
	p.signer = next;
	scene_tell(&s, &p);
	s.waits_for = 1;
	double_admit(&s.d, &p.d);
	scene_rest(&s, 10 * REST_US);
	cr_expect(!p.d.is_admitted && !p.d.is_failed, "it waits");
	kubelet_keys_set(s.k, &both);
	loop_run(s.loop);
	scene_expect_own(&p);
	signing_key_close(next);
	scene_close(&s);
}

Test(kubelet, an_older_plan_does_not_replace_a_newer_one)
{
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 1, 10, -1);
	scene_until_healthy(&s, 10);
	scene_pod p = scene_pod_make("p", "1", 0, 1000), *one[] = {&p};
	p.fence = 5;
	scene_tell(&s, &p);
	p.fence = 4;
	p.memory_mib = 9999;
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	cr_expect(p.d.is_failed);
	cr_expect(strstr(p.d.why, "older"), "%s", p.d.why);
	scene_close(&s);
}

Test(kubelet, a_plan_that_changes_changes_what_was_given)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 2, 10, -1);
	scene_until_healthy(&s, 20);
	scene_pod p = scene_pod_make("p", "1 1", 0, 1000), *one[] = {&p};
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	scene_gift *g = scene_gift_find(&s, "p", S("c1"));
	cr_assert(g);
	cr_expect_eq(g->memory_mib, 1001);
	p.phase = "Running";
	scene_tell(&s, &p);
	cr_expect_eq(g->times, 1, "the same plan gives nothing anew");
	p.memory_mib = 5000;
	p.fence = 2;
	scene_tell(&s, &p);
	cr_expect_eq(g->memory_mib, 5001);
	p.memory_mib = 7000;
	p.fence = 1;
	scene_tell(&s, &p);
	cr_expect_eq(g->memory_mib, 5001, "an older one does not count");
	scene_close(&s);
}

Test(kubelet, an_allocate_waits_for_the_pod_to_be_told)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod p = scene_pod_make("p", "1", 3, 1000);
	s.waits_for = 1;
	s.d.ignores_preference = true;
	double_admit(&s.d, &p.d);
	scene_rest(&s, 1500000);
	cr_expect_eq(s.d.n_allocates, 1, "advice does not wait so long");
	cr_expect(!p.d.is_admitted && !p.d.is_failed);
	scene_tell(&s, &p);
	loop_run(s.loop);
	scene_expect_own(&p);
	scene_close(&s);
}

Test(kubelet, a_pod_that_something_else_refused_is_told_apart_when_its_state_is)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod lost = scene_pod_make("lost", "1", 1, 1111), p = scene_pod_make("p", "1", 2, 2222);
	scene_tell(&s, &lost);
	scene_tell(&s, &p);
	double_reject(&s.d, &lost.d);
	s.waits_for = 1;
	double_admit(&s.d, &p.d);
	scene_rest(&s, 1500000);
	cr_expect(!p.d.is_admitted && !p.d.is_failed, "it is not guessed");
	lost.phase = "Failed";
	scene_tell(&s, &lost);
	loop_run(s.loop);
	scene_expect_own(&p);
	cr_expect(!scene_gift_find(&s, "lost", S("c0")));
	scene_close(&s);
}

Test(kubelet, what_cannot_be_told_apart_is_refused)
{
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod lost = scene_pod_make("lost", "1", 1, 1111), p = scene_pod_make("p", "1", 2, 2222), *one[] = {&p};
	scene_tell(&s, &lost);
	scene_tell(&s, &p);
	double_reject(&s.d, &lost.d);
	scene_admit(&s, one, 1);
	cr_expect(p.d.is_failed);
	cr_expect(strstr(p.d.why, "more than one"), "%s", p.d.why);
	cr_expect_eq(s.n_gifts, 0);
	scene_close(&s);
}

/* A plugin that is new does not know what an earlier one gave; a pod that runs is not in admission. */
Test(kubelet, pods_that_run_are_not_asked_for)
{
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod first = scene_pod_make("first", "i1 0", 1, 1111), p = scene_pod_make("p", "1", 2, 2222);
	scene_pod *one[] = {&first}, *two[] = {&p};
	scene_tell(&s, &first);
	scene_admit(&s, one, 1);
	scene_expect_own(&first);
	kubelet_close(s.k);
	scene_kubelet_open(&s);
	scene_devices(&s, 4, 10, -1);
	scene_rest(&s, REST_US);
	scene_until_healthy(&s, 40);
	first.phase = "Running";
	scene_tell(&s, &first);
	scene_tell(&s, &p);
	scene_admit(&s, two, 1);
	scene_expect_own(&p);
	scene_close(&s);
}

typedef struct started {
	kubelet_scene *s;
	grpc_status status;
	char text[256];
} started;

static void on_started(void *arg, const grpc_reply *r)
{
	started *t = arg;

	t->status = r->status;
	(void)snprintf(t->text, sizeof(t->text), STR_FMT, STR_ARG(r->text));
	loop_stop(t->s->loop);
}

static grpc_status pre_start(kubelet_scene *s, const double_container *c, started *t)
{
	V1beta1__PreStartContainerRequest q;
	char *ids[DOUBLE_IDS];
	buf out;

	*t = (started){.s = s};
	v1beta1__pre_start_container_request__init(&q);
	q.devices_ids = ids;
	for (uint32_t i = 0; i < c->n_ids; i++)
		ids[q.n_devices_ids++] = (char *)c->ids[i];
	grpc_request ask = {"/v1beta1.DevicePlugin/PreStartContainer", double_pack(&q.base, &out), 30000000, 0, NULL,
		on_started, t};
	(void)grpc_send(s->d.plugin, &ask);
	loop_run(s->loop);
	buf_done(&out);
	return t->status;
}

Test(kubelet, a_container_starts_with_the_devices_that_it_was_given)
{
	kubelet_scene s;
	started t;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod p = scene_pod_make("p", "i1 1 2", 0, 1000), *one[] = {&p};
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < p.d.n; i++)
			cr_expect_eq(pre_start(&s, &p.d.c[i], &t), GRPC_OK, "container %u: %s", i, t.text);
	cr_expect_gt(scene_gift_find(&s, "p", S("c2"))->times, 1, "what it needs is seen to again");
	cr_expect_gt(scene_gift_find(&s, "p", S("c0"))->times, 1, "and what those need that come before it");
	/* The kubelet says that another container has them. */
	scene_pod other = scene_pod_make("other", "1", 1, 4000);
	scene_tell(&s, &other);
	other.d.c[0].n_ids = 1;
	(void)snprintf(other.d.c[0].ids[0], DOUBLE_NAME, "%s", s.d.healthy.v[39]);
	double_reject(&s.d, &other.d);
	cr_expect_eq(pre_start(&s, &other.d.c[0], &t), GRPC_FAILED_PRECONDITION, "%s", t.text);
	scene_close(&s);
}

/* Two pods of one shape, their way through the scheduler, the watch and the kubelet in any order and at any pace; a
 * third that something else refused may be in the way. */
typedef struct shuffle {
	kubelet_scene *s;
	uint64_t seed;
	scene_pod pods[3];
	bool has_lost;
} shuffle;

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void shuffle_step(shuffle *h, int step)
{
	switch (step) {
	case 0:
	case 1:
		scene_tell(h->s, &h->pods[step]);
		break;
	case 2:
	case 3:
		double_admit(&h->s->d, &h->pods[step - 2].d);
		break;
	case 4:
		if (h->has_lost)
			double_reject(&h->s->d, &h->pods[2].d);
		break;
	case 5:
		h->pods[2].phase = "Failed";
		if (h->has_lost)
			scene_tell(h->s, &h->pods[2]);
		break;
	default:
		break;
	}
}

static void shuffle_pods(shuffle *h, int64_t run)
{
	static const char *const shapes[] = {"1", "2", "1 1", "i1 1", "i1 1 2", "0 1", "i1 0"};
	const char *shape = shapes[next_random(&h->seed) % (sizeof(shapes) / sizeof(*shapes))];
	uint32_t device = (uint32_t)(next_random(&h->seed) % 6);

	for (uint32_t i = 0; i < 3; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "p%lld-%u", (long long)run, i);
		h->pods[i] = scene_pod_make(name, shape, (device + i) % 6, 1000 + 100 * i);
	}
	h->has_lost = next_random(&h->seed) % 4 == 0;
	h->s->d.ignores_preference = next_random(&h->seed) % 3 == 0;
	if (h->has_lost)
		scene_tell(h->s, &h->pods[2]);
}

static void shuffle_run(shuffle *h, int64_t run)
{
	int order[] = {0, 1, 2, 3, 4, 5};

	shuffle_pods(h, run);
	for (uint32_t i = 5; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(&h->seed) % (i + 1));
		int other = order[i];
		order[i] = order[j];
		order[j] = other;
	}
	h->s->n_decided = 0;
	h->s->waits_for = 2;
	for (uint32_t i = 0; i < 6; i++) {
		shuffle_step(h, order[i]);
		if (next_random(&h->seed) % 2)
			scene_rest(h->s, (int64_t)(next_random(&h->seed) % 2000));
	}
	for (int i = 0; i < 10000 && h->s->n_decided < 2; i++)
		scene_rest(h->s, 1000);
	for (uint32_t i = 0; i < 2; i++)
		scene_expect_own(&h->pods[i]);
	for (uint32_t i = 0; i < 3; i++)
		scene_gone(h->s, &h->pods[i]);
}

Test(kubelet, two_pods_of_one_shape_get_their_own_in_any_order)
{
	kubelet_scene s;
	shuffle h = {.s = &s, .seed = 88172645463325252u};
	int64_t runs = size_get("KUBELET_SHUFFLES");

	scene_open(&s, 0);
	scene_devices(&s, 8, 10, -1);
	scene_until_healthy(&s, 80);
	for (int64_t run = 0; run < runs; run++)
		shuffle_run(&h, run);
	cr_expect_eq(s.n_refused, 0);
	scene_close(&s);
}

Test(kubelet, requests_that_make_no_sense_are_refused)
{
	static const struct {
		const char *path;
		str message;
		grpc_status status;
	} rows[] = {
		{"/v1beta1.DevicePlugin/Allocate", {"", 0}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Allocate", {"\n\0", 2}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Allocate", {"\n\3\n\1x", 5}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Allocate", {"\n\177\n\1x", 5}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Allocate", {"\n\0\n\0", 4}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Allocate", {"\377\377\377", 3}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/GetPreferredAllocation", {"", 0}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/GetPreferredAllocation", {"\n\2\30\5", 4}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/PreStartContainer", {"", 0}, GRPC_INVALID_ARGUMENT},
		{"/v1beta1.DevicePlugin/Nothing", {"", 0}, GRPC_UNIMPLEMENTED},
		{"/v1beta1.DevicePlugin/GetDevicePluginOptions", {"", 0}, GRPC_OK},
	};
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 1, 10, -1);
	scene_until_healthy(&s, 10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		started t = {.s = &s};
		grpc_request q = {rows[i].path, rows[i].message, 30000000, 0, NULL, on_started, &t};
		(void)grpc_send(s.d.plugin, &q);
		loop_run(s.loop);
		cr_expect_eq(t.status, rows[i].status, "row %zu: %d %s", i, t.status, t.text);
	}
	cr_expect_eq(s.n_gifts, 0);
	scene_close(&s);
}

Test(kubelet, sixty_thousand_devices_are_told_in_one_message)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, MANY_GPUS, MANY_SLOTS, -1);
	scene_until_healthy(&s, MANY_GPUS * MANY_SLOTS);
	scene_devices(&s, MANY_GPUS, MANY_SLOTS, 3);
	scene_until_healthy(&s, (MANY_GPUS - 1) * MANY_SLOTS);
	scene_pod p = scene_pod_make("p", "1", 9, 1000), *one[] = {&p};
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	scene_expect_own(&p);
	slots all;
	AUTO_ARENA a = arena_new(0);
	slot_device *v = ARENA_ARRAY(a, slot_device, MANY_GPUS);
	for (uint32_t i = 0; i < MANY_GPUS; i++)
		v[i] = (slot_device){S("r"), str_print(a, "GPU-%u", i), MANY_SLOTS, 1, false};
	slots_init(&all, S("r"), v, MANY_GPUS);
	buf out;
	buf_init(&out, 64 << 20);
	slots_write(&all, &out);
	cr_expect_lt(out.n, 4 << 20, "%zu bytes are more than the kubelet takes", out.n);
	buf_done(&out);
	slots_done(&all);
	scene_close(&s);
}
