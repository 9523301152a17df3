/* A fleet with placements that run on it, for the tests of who yields, waits and moves. */
#pragma once
#include "fixture.h"

#include <string.h>

#include "engine/running.h"

enum { WORLD_PLANS = 64 };

typedef struct running_world {
	fleet f;
	quota *q;
	place *finder;
	running list;
	uint64_t run_seed, seed;
	plan plans[WORLD_PLANS];
	int32_t runs[WORLD_PLANS];
	int32_t floors[WORLD_PLANS];
	int32_t n;
	plan p;
	why reasons;
} running_world;

static inline void running_world_open(running_world *w)
{
	memset(w, 0, sizeof *w);
	w->run_seed = w->seed = seed_of_run();
	fleet_init(&w->f);
	running_init(&w->list);
	w->q = quota_new();
	w->finder = place_new();
	plan_init(&w->p);
	for (int i = 0; i < WORLD_PLANS; i++)
		plan_init(&w->plans[i]);
}

static inline void running_world_close(running_world *w)
{
	for (int i = 0; i < WORLD_PLANS; i++)
		plan_done(&w->plans[i]);
	plan_done(&w->p);
	place_free(w->finder);
	quota_free(w->q);
	running_done(&w->list);
	fleet_done(&w->f);
}

static inline running_terms terms_of(int32_t rank, int64_t cost)
{
	return (running_terms){.tenant = QUOTA_ROOT,
		.rank = rank,
		.may_yield = true,
		.is_movable = true,
		.lender = FLEET_NONE,
		.budget = FLEET_NONE,
		.cost = cost,
		.pod_cost = cost,
		.move_cost = 1};
}

/* Places the ask and lists it. FLEET_NONE: it does not fit. */
static inline int32_t world_run(running_world *w, const ask *a, const running_terms *t)
{
	cr_assert_lt(w->n, WORLD_PLANS);
	plan *p = &w->plans[w->n];
	if (!place_find(w->finder, &w->f, w->q, t->tenant, a, p, &w->reasons))
		return FLEET_NONE;
	w->runs[w->n] = running_add(&w->list, p, t);
	return w->runs[w->n++];
}

/* `replicas` pods of one entry. */
static inline int32_t world_run_slice(running_world *w, ask_entry e, int32_t replicas, const running_terms *t)
{
	one_ask o;

	return world_run(w, ask_one(&o, e, replicas), t);
}

/* One number for all that is booked and charged. */
static inline uint64_t world_print(const running_world *w)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		const fleet_node *n = &w->f.nodes.v[i];
		const fleet_view *v = &w->f.views.v[i];
		int64_t all[] = {n->pods, n->used_cpu_milli, n->used_memory_mib, v->free_device_milli, v->n_idle};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	for (uint32_t i = 0; i < w->f.devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[i];
		int64_t all[] = {d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	for (int32_t t = 0; quota_is_live(w->q, t); t++)
		for (int32_t m = 0; m < quota_models(w->q); m++)
			for (int a = 0; a < AXIS_COUNT; a++)
				sum += (uint64_t)(quota_used_own(w->q, t, m).v[a] *
						  (7919 * t + 104729 * m + 31 * a + 1));
	return sum;
}
