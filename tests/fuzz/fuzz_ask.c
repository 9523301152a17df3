/* Bytes as a small fleet and a row of requests, endings and trials. Held: nothing is above its capacity, the books are
 * the sum of what was placed, a refusal and a trial leave no trace, a gang is never partial, and in the end nothing is
 * left. */
#include <assert.h>
#include <stdio.h>

#include "engine/place.h"

enum { LIVE_MAX = 24, CLASSES = 4, STEPS_MAX = 400, GROUPS = 2, ENTRIES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The input from its front; zeros behind its end. */
typedef struct source {
	const uint8_t *p, *end;
} source;

typedef struct world {
	source in;
	fleet f;
	place *finder;
	int32_t clusters[2], n_live;
	plan live[LIVE_MAX];
	ask a;
	ask_group groups[GROUPS];
	ask_entry entries[GROUPS][ENTRIES];
	int32_t classes[GROUPS][ENTRIES][2];
	int32_t wanted[2];
} world;

static const char *const cuts[CLASSES] = {NULL, NULL, "nvidia-a100-40g", "ascend-910b3"};

static uint8_t take(world *w)
{
	return w->in.p < w->in.end ? *w->in.p++ : 0;
}

static int64_t take_wide(world *w)
{
	int64_t high = take(w);

	return high * 256 + take(w);
}

static void node_make(world *w, int i)
{
	char name[32];
	int32_t device, kind = take(w) % CLASSES, n = take(w) % 9;

	snprintf(name, sizeof name, "n%d", i);
	node_spec spec = {.name = str_from(name),
		.cpu_milli = take_wide(w),
		.memory_mib = take_wide(w),
		.pods_max = take(w) % 16,
		.rank = FLEET_NONE};
	int32_t node = fleet_node_put(&w->f, w->clusters[i % 2], &spec);
	for (int32_t k = 0; k < n; k++) {
		snprintf(name, sizeof name, "g%d-%d", i, k);
		device_spec d = {.uuid = str_from(name),
			.class_id = take(w) % 8 ? kind : take(w) % CLASSES,
			.index = k,
			.memory_mib = 1 + take_wide(w),
			.slots = take(w) % 8,
			.numa = take(w) % 3,
			.mode = (cut_mode)(take(w) % 3)};
		err e = fleet_device_put(&w->f, node, &d, &device);
		assert(!e);
	}
}

static void fleet_make(world *w)
{
	class_cut cut;

	fleet_init(&w->f);
	w->clusters[0] = fleet_cluster_put(&w->f, S("a"));
	w->clusters[1] = fleet_cluster_put(&w->f, S("b"));
	for (int c = 0; c < CLASSES; c++) {
		char name[16];
		snprintf(name, sizeof name, "c%d", c);
		int32_t id = fleet_class_put(&w->f, str_from(name));
		fleet_class_set(&w->f, id,
			(class_spec){.slots = 1 + take(w) % 8,
				.overcommit_ppm = FLEET_OVERCOMMIT_ONE + take_wide(w) * 100,
				.bands = {.bands = {{100, OVERCOMMIT_NONE_PPM,
						  (int32_t)(FLEET_OVERCOMMIT_ONE + take_wide(w) * 100)}},
					.n = take(w) % 2},
				.compute_default_milli = take(w) * 3});
		if (cuts[c] && cut_named(str_from(cuts[c]), &cut))
			fleet_class_cut(&w->f, id, &cut);
	}
	for (int i = 0, nodes = 1 + take(w) % 5; i < nodes; i++)
		node_make(w, i);
}

static void entry_make(world *w, ask_entry *e, int32_t *classes)
{
	static const char *const profiles[] = {"1g.5gb", "3g.20gb", "vir05_1c_16g", "none"};
	uint8_t how = take(w);

	*e = (ask_entry){.count = 1 + take(w) % 9, .compute_milli = (int32_t)(take_wide(w) % 1002) - 1};
	if (how & 1)
		e->memory_mib = 1 + take_wide(w);
	else
		e->memory_percent = take(w) % 101;
	if (how & 2) {
		e->classes = classes;
		e->n_classes = 1 + (how >> 7);
		classes[0] = take(w) % CLASSES;
		classes[1] = take(w) % CLASSES;
	}
	if ((how & 28) == 4)
		e->profile = str_from(profiles[take(w) % 4]);
	e->numa_bind = (how & 28) == 8;
	e->topology = (how & 28) == 12 ? (ask_topology)(take(w) % 3) : TOPOLOGY_NONE;
	e->is_exclusive = (how & 28) == 16;
	e->classes_equal = how & 64;
}

/* Policies that need no tables. */
static ask_policy policy_make(world *w)
{
	static const ask_policy all[] = {
		POLICY_BINPACK, POLICY_SPREAD, POLICY_TOPOLOGY, POLICY_COST, POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD};

	return all[take(w) % (sizeof all / sizeof *all)];
}

static const ask *ask_make(world *w)
{
	w->a = (ask){.groups = w->groups, .n_groups = 1 + take(w) % GROUPS};
	for (int32_t g = 0; g < w->a.n_groups; g++) {
		int32_t replicas = 1 + take(w) % 4;
		w->groups[g] = (ask_group){.replicas = replicas,
			.min_replicas = 1 + take(w) % replicas,
			.entries = w->entries[g],
			.n_entries = take(w) % (ENTRIES + 1),
			.cpu_milli = take_wide(w),
			.memory_mib = take_wide(w)};
		for (int32_t e = 0; e < w->groups[g].n_entries; e++)
			entry_make(w, &w->entries[g][e], w->classes[g][e]);
	}
	w->a.n_clusters = take(w) % 3;
	for (int i = 0; i < 2; i++)
		w->wanted[i] = w->clusters[take(w) % 2];
	w->a.clusters = w->wanted;
	w->a.clusters_by = (ask_clusters)(take(w) % 3);
	w->a.node_policy = policy_make(w);
	w->a.device_policy = policy_make(w);
	w->a.priority = take(w);
	return &w->a;
}

static uint64_t fingerprint(const fleet *f)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		const fleet_cell *c = &f->cells.v[d->cell];
		int64_t all[] = {d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive, d->flags,
			d->state.occupied, d->state.n, d->state.used[0], c->free_milli, c->has_slot, c->is_idle};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = (sum ^ (uint64_t)all[k]) * 1099511628211u;
	}
	for (uint32_t i = 0; i < f->nodes.n; i++) {
		const fleet_node *n = &f->nodes.v[i];
		const fleet_view *v = &f->views.v[i];
		int64_t all[] = {n->used_cpu_milli, n->used_memory_mib, n->pods, v->free_cpu_milli, v->free_memory_mib,
			v->free_device_milli, v->n_idle, v->n_open, v->max_free_memory_mib, v->is_closed};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = (sum ^ (uint64_t)all[k]) * 1099511628211u;
	}
	return sum;
}

static void fleet_hold(const world *w)
{
	for (int32_t d = 0; (uint32_t)d < w->f.devices.n; d++) {
		const fleet_device *row = &w->f.devices.v[d];
		int64_t memory = 0, compute = 0, sharers = 0;
		for (int32_t i = 0; i < w->n_live; i++)
			for (uint32_t k = 0; k < w->live[i].devices.n; k++) {
				const plan_device *s = &w->live[i].devices.v[k];
				memory += s->device == d ? s->memory_mib : 0;
				compute += s->device == d ? s->compute_milli : 0;
				sharers += s->device == d;
			}
		assert(row->used_memory_mib == memory && row->used_compute_milli == compute && row->sharers == sharers);
		assert(!fleet_device_is_over(&w->f, d) && !row->is_tangled);
	}
	for (uint32_t n = 0; n < w->f.nodes.n; n++) {
		const fleet_node *row = &w->f.nodes.v[n];
		if (row->cluster == FLEET_NONE)
			continue;
		assert(row->used_cpu_milli <= row->cpu_milli && row->used_memory_mib <= row->memory_mib);
		assert(!row->pods_max || row->pods <= row->pods_max);
	}
}

static void gang_hold(const world *w, const plan *p)
{
	for (int32_t g = 0; g < w->a.n_groups; g++) {
		int32_t pods = 0;
		for (uint32_t i = 0; i < p->pods.n; i++)
			pods += p->pods.v[i].group == g;
		assert(pods >= w->groups[g].min_replicas && pods <= w->groups[g].replicas);
	}
}

static void place_one(world *w)
{
	uint64_t before = fingerprint(&w->f);
	why reasons;

	if (place_find(w->finder, &w->f, NULL, FLEET_NONE, ask_make(w), &w->live[w->n_live], &reasons)) {
		gang_hold(w, &w->live[w->n_live++]);
		return;
	}
	assert(reasons.n > 0 && fingerprint(&w->f) == before);
}

static void give_one(world *w)
{
	int32_t i = take(w) % w->n_live;
	plan gone = w->live[i];

	place_give(&w->f, NULL, FLEET_NONE, &gone);
	w->live[i] = w->live[--w->n_live];
	w->live[w->n_live] = gone;
}

static void try_some(world *w)
{
	uint64_t before = fingerprint(&w->f);
	uint32_t trial = fleet_try(&w->f);
	plan p;

	plan_init(&p);
	for (int32_t i = take(w) % 3; i < w->n_live; i += 2)
		fleet_unbook(&w->f, &w->live[i]);
	for (int i = take(w) % 3; i > 0; i--)
		(void)place_find(w->finder, &w->f, NULL, FLEET_NONE, ask_make(w), &p, NULL);
	fleet_undo(&w->f, trial);
	assert(fingerprint(&w->f) == before);
	plan_done(&p);
}

static void flag_one(world *w)
{
	static const fleet_flag flags[] = {FLEET_CORDONED, FLEET_UNHEALTHY, FLEET_CLOSED};
	fleet_flag flag = flags[take(w) % 3];
	int32_t node = w->f.clusters.v[w->clusters[0]].nodes.v[0];
	uint8_t how = take(w);

	if (how % 4 == 0)
		fleet_cluster_flag(&w->f, w->clusters[how / 4 % 2], flag, how & 128);
	else if (how % 4 == 1 || !w->f.devices.n)
		fleet_node_flag(&w->f, node, flag, how & 128);
	else
		fleet_device_flag(&w->f, take(w) % (int32_t)w->f.devices.n, flag, how & 128);
}

static void step(world *w)
{
	uint8_t what = take(w) % 8;

	if (what == 0 && w->n_live)
		give_one(w);
	else if (what == 1)
		try_some(w);
	else if (what == 2)
		flag_one(w);
	else if (w->n_live < LIVE_MAX)
		place_one(w);
	fleet_hold(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static world w;

	w = (world){.in = {bytes, bytes + n}};
	fleet_make(&w);
	w.finder = place_new();
	for (int i = 0; i < LIVE_MAX; i++)
		plan_init(&w.live[i]);
	for (int i = 0; i < STEPS_MAX && w.in.p < w.in.end; i++)
		step(&w);
	while (w.n_live)
		give_one(&w);
	fleet_hold(&w);
	for (int i = 0; i < LIVE_MAX; i++)
		plan_done(&w.live[i]);
	place_free(w.finder);
	fleet_done(&w.f);
	return 0;
}
