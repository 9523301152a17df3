/* A small fleet of every kind of device with tenants, placements, holds and what is running: for random operations. */
#pragma once
#include "fixture.h"

#include <string.h>

#include "engine/advice.h"
#include "engine/defrag.h"
#include "engine/market.h"
#include "engine/preempt.h"
#include "engine/reference.h"
#include "engine/reserve.h"
#include "engine/running.h"
#include "engine/shape.h"

enum {
	CLUSTERS = 3,
	NODES = 14,
	NODE_DEVICES = 6,
	CLASSES = 4,
	TWICE = 1, /* the class whose compute is promised more than once, to work of priority 0 */
	PLAIN = 2, /* the first classes follow no rules */
	TENANTS = 4,
	LIVE_MAX = 60,
	HOLDS_MAX = 4,
	KEPT = 10,
	GROUPS = 2,
	ENTRIES = 2,
};

typedef struct asked {
	ask a;
	ask_group groups[GROUPS];
	ask_entry entries[GROUPS][ENTRIES];
	int32_t classes[GROUPS][ENTRIES][2];
	int32_t clusters[2];
} asked;

/* A placement that holds devices. */
typedef struct live {
	plan p;
	int32_t tenant, run;
	bool is_charged;
} live;

typedef struct world {
	uint64_t run_seed, seed;
	int64_t step;
	fleet f;
	quota *q;
	place *finder;
	shapes *shapes;
	running list;
	preempt *preempt;
	defrag *defrag;
	defrag_plan moves;
	reserve *reserve;
	market *market;
	score_tables *tables;
	reference *reference;
	int64_t prices[CLASSES];
	int32_t clusters[CLUSTERS], classes[CLASSES], tenants[TENANTS];
	asked kept[KEPT]; /* asked again and again */
	asked one;
	live *lives[LIVE_MAX];
	live rows[LIVE_MAX];
	int32_t n_lives;
	int32_t holds[HOLDS_MAX];
	int32_t n_holds;
	int64_t now_us;
	plan p;
	why reasons;
	int64_t placed, refused, moved, preempted, advised, ruled_out;
} world;

static const struct kind {
	const char *name, *cut;
	int64_t memory_mib;
} kinds[CLASSES] = {
	{"h100", NULL, 80000},
	{"l40s", NULL, 48000},
	{"a100", "nvidia-a100-40g", 40960},
	{"910b3", "ascend-910b3", 65536},
};

static inline int64_t below(world *w, int64_t n)
{
	return draw_below(&w->seed, n);
}

static inline bool chance(world *w, int64_t one_in)
{
	return below(w, one_in) == 0;
}

static inline str node_name(int64_t n)
{
	return text("n%d", (int)n);
}

static inline void device_add(world *w, int32_t node, int32_t kind, int64_t node_no, int64_t i)
{
	char uuid[32];
	int32_t device;

	snprintf(uuid, sizeof uuid, "g%d-%d", (int)node_no, (int)i);
	device_spec spec = {.uuid = str_from(uuid),
		.class_id = w->classes[kind],
		.index = (int32_t)i,
		.memory_mib = kinds[kind].memory_mib,
		.numa = 1 + (int32_t)i / 2};
	if (fleet_device_find(&w->f, w->clusters[node_no % CLUSTERS], spec.uuid) == FLEET_NONE)
		cr_assert_eq(fleet_device_put(&w->f, node, &spec, &device), ERR_OK);
}

/* Adds node n again with what it lacks, or updates it. */
static inline void node_add(world *w, int64_t n)
{
	node_spec spec = {.name = node_name(n),
		.cpu_milli = 64000,
		.memory_mib = 262144,
		.pods_max = n % 3 ? 0 : 12,
		.rank = FLEET_NONE};
	int32_t node = fleet_node_put(&w->f, w->clusters[n % CLUSTERS], &spec);
	int32_t kind = (int32_t)(n % CLASSES);

	for (int64_t i = 0; i < NODE_DEVICES - n % 3; i++)
		device_add(w, node, n % 5 ? kind : (int32_t)(i % PLAIN), n, i);
}

static inline void entry_draw(world *w, ask_entry *e, int32_t *classes, bool is_plain)
{
	static const int32_t computes[] = {ASK_ABSENT, 0, 100, 300, 500, 1000};
	static const char *const profiles[] = {"1g.5gb", "3g.20gb", "vir05_1c_16g"};
	bool is_cut = !is_plain && chance(w, 4);

	*e = (ask_entry){.count = 1 + (int32_t)(chance(w, 3) ? below(w, 4) : 0)};
	e->compute_milli = computes[below(w, 6)];
	if (is_cut)
		e->profile = str_from(profiles[below(w, 3)]);
	else if (below(w, 3))
		e->memory_mib = 1 + below(w, 16) * 5000;
	else
		e->memory_percent = (int32_t)below(w, 101);
	if (is_plain || chance(w, 2)) {
		e->classes = classes;
		e->n_classes = 1 + (int32_t)below(w, 2);
		e->classes_equal = chance(w, 2);
		classes[0] = w->classes[below(w, is_plain ? PLAIN : CLASSES)];
		classes[1] = w->classes[below(w, is_plain ? PLAIN : CLASSES)];
	}
	if (is_plain)
		return;
	e->numa_bind = chance(w, 12);
	e->topology = chance(w, 12) ? TOPOLOGY_BEST_EFFORT : TOPOLOGY_NONE;
	e->is_exclusive = chance(w, 12);
}

static inline void policies_draw(world *w, ask *a)
{
	a->node_policy = (ask_policy)below(w, POLICY_COUNT);
	a->device_policy = (ask_policy)below(w, POLICY_COUNT);
	if (a->node_policy == POLICY_HAMI_CHAIN || a->device_policy == POLICY_HAMI_CHAIN)
		a->hami.chain[0] = (uint8_t)(HAMI_BINPACK + below(w, 5));
	if (!chance(w, 6))
		return;
	a->n_weights = 2;
	a->weights[0] = (ask_weight){(ask_policy)below(w, POLICY_COUNT), 1 + (int32_t)below(w, 9)};
	a->weights[1] = (ask_weight){(ask_policy)below(w, POLICY_COUNT), 1 + (int32_t)below(w, 9)};
}

/* Plain: one pod of one entry of classes without rules, of which a slow search knows all. */
static inline ask *ask_draw(world *w, asked *s, bool is_plain)
{
	memset(s, 0, sizeof *s);
	s->a.groups = s->groups;
	s->a.n_groups = is_plain ? 1 : 1 + (int32_t)below(w, GROUPS);
	for (int32_t g = 0; g < s->a.n_groups; g++) {
		ask_group *group = &s->groups[g];
		group->replicas = is_plain ? 1 : 1 + (int32_t)below(w, 3);
		group->min_replicas = 1 + (int32_t)below(w, group->replicas);
		group->entries = s->entries[g];
		group->n_entries = is_plain || below(w, 3) ? 1 : (int32_t)below(w, ENTRIES + 1);
		group->cpu_milli = below(w, 5) * 3000;
		group->memory_mib = below(w, 5) * 9000;
		for (int32_t e = 0; e < group->n_entries; e++)
			entry_draw(w, &s->entries[g][e], s->classes[g][e], is_plain);
	}
	if (chance(w, 4)) {
		s->clusters[0] = w->clusters[below(w, CLUSTERS)];
		s->clusters[1] = w->clusters[below(w, CLUSTERS)];
		s->a.clusters = s->clusters;
		s->a.n_clusters = 1 + (int32_t)below(w, 2);
	}
	s->a.clusters_by = (ask_clusters)below(w, 3);
	s->a.max_runtime_s = chance(w, 3) ? 60 : 0;
	s->a.priority = chance(w, 4) ? 5 : 0;
	policies_draw(w, &s->a);
	return &s->a;
}

static inline void classes_make(world *w)
{
	static const overcommit twice = {.bands = {{0, OVERCOMMIT_NONE_PPM, 1500000}}, .n = 1};
	class_cut cut;

	for (int c = 0; c < CLASSES; c++) {
		w->classes[c] = fleet_class_put(&w->f, str_from(kinds[c].name));
		fleet_class_set(&w->f, w->classes[c],
			(class_spec){.slots = 3 + c,
				.bands = c == TWICE ? twice : (overcommit){.n = 0},
				.compute_default_milli = c == 1 ? 100 : 0});
		w->prices[c] = 100 + below(w, 900);
		if (!kinds[c].cut)
			continue;
		cr_assert(cut_named(str_from(kinds[c].cut), &cut));
		cut.mode = CUT_INSTANCES;
		fleet_class_cut(&w->f, w->classes[c], &cut);
	}
}

static inline void tables_make(world *w)
{
	w->market = market_new();
	w->tables = market_tables(w->market);
	w->reference = reference_new();
	for (int i = 0; i < 12; i++)
		cr_assert_eq(reference_add(w->reference, 1.0 / 12, 1000 * i, 100 + 75 * i, 1 + i % 3, NULL, 0), ERR_OK);
	w->tables->reference = w->reference;
	w->tables->prices = w->prices;
	w->tables->n_prices = CLASSES;
	w->tables->epoch++;
	place_use(w->finder, w->tables);
}

static inline void tenants_make(world *w)
{
	for (int c = 0; c < CLASSES; c++)
		quota_set_root(w->q, w->classes[c], (amounts){{24000, 900000, 24000}});
	for (int t = 0; t < TENANTS; t++) {
		cr_assert_eq(quota_add(w->q, t < 2 ? QUOTA_ROOT : w->tenants[t - 2], &w->tenants[t]), ERR_OK);
		for (int c = 0; c < CLASSES; c++) {
			quota_terms terms = quota_terms_unset();
			terms.limit.v[AXIS_DEVICE_MILLI] = 3000 + below(w, 12000);
			terms.guaranteed.v[AXIS_DEVICE_MILLI] = below(w, 1500);
			quota_set(w->q, w->tenants[t], w->classes[c], &terms);
		}
	}
}

static inline void world_open(world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->run_seed = w->seed = seed;
	w->now_us = 1;
	fleet_init(&w->f);
	running_init(&w->list);
	w->q = quota_new();
	w->finder = place_new();
	w->shapes = shapes_new();
	w->preempt = preempt_new();
	w->defrag = defrag_new();
	w->reserve = reserve_new();
	defrag_plan_init(&w->moves);
	plan_init(&w->p);
	for (int i = 0; i < LIVE_MAX; i++) {
		plan_init(&w->rows[i].p);
		w->lives[i] = &w->rows[i];
	}
	for (int c = 0; c < CLUSTERS; c++)
		w->clusters[c] = fleet_cluster_put(&w->f, text("c%d", c));
	classes_make(w);
	tables_make(w);
	tenants_make(w);
	for (int64_t n = 0; n < NODES; n++)
		node_add(w, n);
	for (int i = 0; i < KEPT; i++)
		ask_draw(w, &w->kept[i], i % 2);
}

static inline void world_close(world *w)
{
	for (int i = 0; i < LIVE_MAX; i++)
		plan_done(&w->rows[i].p);
	plan_done(&w->p);
	defrag_plan_done(&w->moves);
	reserve_free(w->reserve);
	defrag_free(w->defrag);
	preempt_free(w->preempt);
	shapes_free(w->shapes);
	place_free(w->finder);
	market_free(w->market);
	reference_free(w->reference);
	quota_free(w->q);
	running_done(&w->list);
	fleet_done(&w->f);
}
