/* Random operations of every kind on one fleet; after every few the books are what a slow model counts. */
#include "operations_model.h"

#include "size.h"

enum {
	LOOK_EVERY = 8,     /* operations, from one whole look to the next */
	WORLD_STEPS = 5000, /* then a fresh world */
	HALVES = 2,
	SECOND_US = 1000000,
};

static bool is_legal_group(world *w, const ask *a, int32_t g, const plan *p)
{
	int32_t pods = 0;

	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		if (pod->group != g)
			continue;
		pods++;
		HOLDS(w, w->f.nodes.v[pod->node].cluster == p->cluster && !w->f.nodes.v[pod->node].flags);
		HOLDS(w, pod->cpu_milli == a->groups[g].cpu_milli && pod->memory_mib == a->groups[g].memory_mib);
		for (uint32_t k = pod->first; k < pod->first + pod->n; k++) {
			const fleet_device *d = &w->f.devices.v[p->devices.v[k].device];
			HOLDS(w, d->node == pod->node && !d->flags);
			for (uint32_t j = pod->first; j < k; j++)
				HOLDS(w, p->devices.v[j].entry != p->devices.v[k].entry ||
						 p->devices.v[j].device != p->devices.v[k].device || d->geometry);
		}
	}
	return pods >= a->groups[g].min_replicas && pods <= a->groups[g].replicas;
}

/* All that must start together has started, in a cluster and with classes that were asked for. */
static void plan_is_legal(world *w, const ask *a, const plan *p)
{
	bool is_listed = a->n_clusters == 0;

	HOLDS(w, !w->f.clusters.v[p->cluster].flags);
	for (int32_t i = 0; i < a->n_clusters; i++)
		is_listed |= a->clusters[i] == p->cluster;
	HOLDS(w, is_listed);
	for (int32_t g = 0; g < a->n_groups; g++)
		HOLDS(w, is_legal_group(w, a, g, p));
	for (uint32_t i = 0; i < p->pods.n; i++)
		for (uint32_t k = p->pods.v[i].first; k < p->pods.v[i].first + p->pods.v[i].n; k++) {
			const ask_entry *e = &a->groups[p->pods.v[i].group].entries[p->devices.v[k].entry];
			bool is_class = e->n_classes == 0;
			for (int32_t c = 0; c < e->n_classes; c++)
				is_class |= w->f.devices.v[p->devices.v[k].device].class_id == e->classes[c];
			HOLDS(w, is_class && p->devices.v[k].memory_mib >= e->memory_mib);
		}
}

/* Lists what w->p holds on the books. */
static void live_add(world *w, int32_t tenant, bool is_charged)
{
	live *l = w->lives[w->n_lives++];
	running_terms terms = {.tenant = w->tenants[tenant],
		.rank = (int32_t)below(w, 3),
		.may_yield = below(w, 4) > 0,
		.is_movable = below(w, 4) > 0,
		.lender = FLEET_NONE,
		.budget = FLEET_NONE,
		.cost = 1 + below(w, 9),
		.pod_cost = 1 + below(w, 9),
		.move_cost = 1 + below(w, 9),
		.ends_us = chance(w, 2) ? w->now_us + below(w, 100) * SECOND_US : 0};

	plan_copy(&l->p, &w->p);
	l->tenant = tenant;
	l->is_charged = is_charged;
	l->run = running_add(&w->list, &l->p, &terms);
	w->placed++;
}

static void live_end(world *w, int32_t i)
{
	live *l = w->lives[i];

	running_remove(&w->list, l->run);
	market_depart(w->market, (int32_t)l->p.pods.n);
	place_give(&w->f, l->is_charged ? w->q : NULL, l->is_charged ? w->tenants[l->tenant] : FLEET_NONE, &l->p);
	w->lives[i] = w->lives[--w->n_lives];
	w->lives[w->n_lives] = l;
}

static bool is_hami(const ask *a)
{
	bool is_so = score_policies[a->node_policy].is_hami || score_policies[a->device_policy].is_hami;

	for (int32_t i = 0; i < a->n_weights; i++)
		is_so |= score_policies[a->weights[i].policy].is_hami;
	return is_so;
}

/* A plain one without quota is placed exactly when there is room. */
static void op_place(world *w)
{
	bool is_plain = chance(w, 3), is_charged = !is_plain && chance(w, 2), is_kept = chance(w, 2);
	int32_t kept = (int32_t)below(w, KEPT), tenant = (int32_t)below(w, TENANTS);
	const ask *a = is_kept ? &w->kept[kept].a : ask_draw(w, &w->one, is_plain);
	uint64_t before = fingerprint(w);

	is_plain = is_kept ? kept % 2 : is_plain;
	if (w->n_lives == LIVE_MAX)
		return;
	market_arrive(w->market, &w->f, a);
	market_refresh(w->market, &w->f);
	bool wants = is_plain && !is_charged && !is_hami(a) && slow_fits(w, a);
	bool got = place_find(w->finder, &w->f, is_charged ? w->q : NULL, is_charged ? w->tenants[tenant] : FLEET_NONE,
		a, &w->p, &w->reasons);
	HOLDS(w, got || !wants);
	HOLDS(w, !got || !is_plain || is_charged || is_hami(a) || wants);
	if (got) {
		plan_is_legal(w, a, &w->p);
		live_add(w, tenant, is_charged);
		return;
	}
	w->refused++;
	HOLDS(w, w->reasons.n > 0 && w->p.pods.n == 0 && fingerprint(w) == before);
}

static void op_end(world *w)
{
	if (w->n_lives)
		live_end(w, (int32_t)below(w, w->n_lives));
}

static void op_flag(world *w)
{
	static const fleet_flag flags[] = {FLEET_CORDONED, FLEET_UNHEALTHY, FLEET_CLOSED};
	fleet_flag flag = flags[below(w, 3)];
	int64_t n = below(w, NODES);
	int32_t node = fleet_node_find(&w->f, w->clusters[n % CLUSTERS], node_name(n));
	bool on = chance(w, 3);

	if (chance(w, 12))
		fleet_cluster_flag(&w->f, w->clusters[below(w, CLUSTERS)], flag, chance(w, 8));
	else if (node != FLEET_NONE && chance(w, 2))
		fleet_node_flag(&w->f, node, flag, on);
	else if (node != FLEET_NONE && w->f.nodes.v[node].first_device != FLEET_NONE)
		fleet_device_flag(&w->f, w->f.nodes.v[node].first_device, flag, on);
}

/* Nodes and devices go and come; while they are booked they stay, closed. */
static void op_inventory(world *w)
{
	int64_t n = below(w, NODES);
	int32_t node = fleet_node_find(&w->f, w->clusters[n % CLUSTERS], node_name(n));

	if (node == FLEET_NONE || below(w, 3)) {
		node_add(w, n);
		return;
	}
	if (chance(w, 2)) {
		fleet_node_remove(&w->f, node);
		return;
	}
	int32_t d = w->f.nodes.v[node].first_device;
	for (int64_t i = below(w, 4); i > 0 && d != FLEET_NONE && w->f.devices.v[d].next != FLEET_NONE; i--)
		d = w->f.devices.v[d].next;
	if (d != FLEET_NONE)
		fleet_device_remove(&w->f, d);
}

/* What was ended and placed in a trial leaves no trace; trials nest. */
static void op_trial(world *w)
{
	uint64_t before = fingerprint(w);
	uint32_t outer = fleet_try(&w->f);

	for (int32_t i = (int32_t)below(w, 3); i < w->n_lives; i += 3)
		fleet_unbook(&w->f, &w->lives[i]->p);
	uint64_t middle = fingerprint(w);
	uint32_t inner = fleet_try(&w->f);
	for (int i = 0; i < 4; i++)
		(void)place_find(w->finder, &w->f, NULL, FLEET_NONE, ask_draw(w, &w->one, chance(w, 2)), &w->p, NULL);
	fleet_undo(&w->f, inner);
	HOLDS(w, fingerprint(w) == middle);
	fleet_undo(&w->f, outer);
	HOLDS(w, fingerprint(w) == before);
}

static int32_t best_by_walk(const world *w, const fit_need *need, int32_t cluster)
{
	int32_t best = FLEET_NONE, most = -1;

	for (int32_t i = 0; (uint32_t)i < w->f.nodes.n; i++) {
		if (w->f.nodes.v[i].cluster != cluster)
			continue;
		int32_t rating = fit_rate(&w->f, need, i);
		bool is_first = rating == most && best != FLEET_NONE && w->f.nodes.v[i].rank < w->f.nodes.v[best].rank;
		if (rating < 0 || (rating <= most && !is_first))
			continue;
		best = i;
		most = rating;
	}
	return best;
}

/* Ratings that were kept are those from scratch. */
static void op_rate(world *w)
{
	const asked *one = &w->kept[below(w, KEPT)];
	int32_t cluster = w->clusters[below(w, CLUSTERS)], rating;
	fit_need need;

	fit_prepare(&need, &one->a, &one->groups[0], w->tables);
	shape *s = shapes_rate(w->shapes, &w->f, &need);
	if (!s)
		return;
	int32_t found = shape_best(s, &w->f, cluster, &rating);
	HOLDS(w, found == best_by_walk(w, &need, cluster));
	HOLDS(w, found == FLEET_NONE || rating == fit_rate(&w->f, &need, found));
}

static void op_prices(world *w)
{
	w->prices[below(w, CLASSES)] = below(w, 1000);
	w->tables->epoch++;
}

/* A plain ask that finds no room; after a few draws perhaps one that does. */
static const ask *ask_hard(world *w)
{
	const ask *a = ask_draw(w, &w->one, true);

	for (int i = 0; i < 8 && slow_fits(w, a); i++)
		a = ask_draw(w, &w->one, true);
	return a;
}

/* With the victims gone there is room, and without a doubt for what the plan says. */
static void op_preempt(world *w)
{
	const ask *a = chance(w, 2) ? ask_hard(w) : ask_draw(w, &w->one, false);
	preempt_ask in = {.a = a,
		.tenant = w->tenants[0],
		.rank = 1 + (int32_t)below(w, 3),
		.now_us = w->now_us,
		.looks_max = 4000,
		.finds_max = 20};
	preempt_answer got;
	uint64_t before = fingerprint(w);
	bool is_found = preempt_find(w->preempt, w->finder, &w->f, NULL, &w->list, &in, &w->p, &got);

	HOLDS(w, fingerprint(w) == before);
	if (!is_found)
		return;
	w->preempted += got.n > 0;
	uint32_t trial = fleet_try(&w->f);
	for (uint32_t i = 0; i < got.n; i++) {
		const running_row *row = &w->list.runs.v[got.victims[i].run];
		uint32_t pod = (uint32_t)got.victims[i].pod;
		HOLDS(w, row->terms.may_yield && row->terms.rank < in.rank);
		if (got.victims[i].pod == FLEET_NONE)
			fleet_unbook(&w->f, row->p);
		else
			fleet_unbook_range(&w->f, row->p, pod, pod + 1);
	}
	blocker no;
	HOLDS(w, fit_plan(&w->f, &w->p, &no));
	plan_is_legal(w, a, &w->p);
	fleet_undo(&w->f, trial);
	HOLDS(w, fingerprint(w) == before);
}

static live *live_of(world *w, int32_t run)
{
	int32_t i = 0;

	while (w->lives[i]->run != run)
		i++;
	return w->lives[i];
}

static void moves_do(world *w)
{
	for (uint32_t i = 0; i < w->moves.moves.n; i++) {
		live *l = live_of(w, w->moves.moves.v[i].run);
		HOLDS(w, w->list.runs.v[l->run].terms.is_movable);
		defrag_apply(&w->f, &w->list, &w->moves, i, &l->p);
		fleet_is_true(w);
		w->moved++;
	}
}

/* Each move is legal when it is made, and in the end there is room. */
static void op_make_room(world *w)
{
	const ask *a = ask_hard(w);
	defrag_terms terms = {.moves_max = 1 + (int32_t)below(w, 2)};
	uint64_t before = fingerprint(w);

	if (slow_fits(w, a))
		return;
	bool is_found = defrag_for_ask(w->defrag, &w->f, &w->list, a, &terms, &w->moves);
	HOLDS(w, fingerprint(w) == before && (is_found || w->moves.moves.n == 0));
	HOLDS(w, !is_found || (w->moves.moves.n > 0 && w->moves.moves.n <= (uint32_t)terms.moves_max));
	moves_do(w);
	HOLDS(w, !is_found || slow_fits(w, a));
}

static void op_sweep(world *w)
{
	defrag_terms terms = {.moves_max = 1 + (int32_t)below(w, 4), .node_gain_milli = 500};
	uint64_t before = fingerprint(w);

	defrag_cluster(w->defrag, &w->f, &w->list, w->clusters[below(w, CLUSTERS)], &terms, &w->moves);
	HOLDS(w, fingerprint(w) == before && w->moves.moves.n <= (uint32_t)terms.moves_max);
	moves_do(w);
}

static void hold_forget(world *w)
{
	for (int32_t i = 0; i < w->n_holds;)
		if (reserve_plan(w->reserve, w->holds[i]))
			i++;
		else
			w->holds[i] = w->holds[--w->n_holds];
}

/* Holds come and go with time; what they bind finds no room there, their owner and what ends before them do. */
static void op_hold(world *w)
{
	reserve_terms t = {.owner = 1 + below(w, 3),
		.from_us = w->now_us + below(w, 200) * SECOND_US,
		.until_us = w->now_us + (200 + below(w, 200)) * SECOND_US,
		.tenant = FLEET_NONE};

	w->now_us += below(w, 10) * SECOND_US;
	if (w->n_holds == HOLDS_MAX || (w->n_holds && chance(w, 3)))
		reserve_drop(w->reserve, &w->f, NULL, w->holds[below(w, w->n_holds)]);
	else if (place_find(w->finder, &w->f, NULL, FLEET_NONE, ask_draw(w, &w->one, true), &w->p, NULL)) {
		fleet_unbook(&w->f, &w->p);
		w->holds[w->n_holds++] = reserve_add(w->reserve, &w->f, NULL, &t, &w->p);
	}
	(void)reserve_expire(w->reserve, &w->f, NULL, w->now_us);
	hold_forget(w);
}

static void op_backfill(world *w)
{
	uint64_t before = fingerprint(w);
	const ask *a = ask_draw(w, &w->one, true);

	if (w->n_lives == LIVE_MAX)
		return;
	if (reserve_place(w->reserve, w->finder, &w->f, NULL, FLEET_NONE, below(w, 4), w->now_us, a, &w->p, NULL))
		live_add(w, 0, false);
	else
		HOLDS(w, fingerprint(w) == before);
}

static void op_earliest(world *w)
{
	uint64_t before = fingerprint(w);
	int64_t at_us = 0;

	if (reserve_earliest(w->reserve, w->finder, &w->f, NULL, FLEET_NONE, ask_draw(w, &w->one, chance(w, 2)),
		    &w->list, w->now_us, &w->p, &at_us))
		HOLDS(w, at_us >= w->now_us && w->p.pods.n > 0);
	HOLDS(w, fingerprint(w) == before);
}

/* Who follows the advice gets a place. */
static void advice_follow(world *w, const ask *refused, const advice *x)
{
	ask a = *refused;
	ask_group g = a.groups[0];
	ask_entry e = g.entries[0];

	a.groups = &g;
	g.entries = &e;
	if (x->kind == ADVICE_CLUSTER) {
		a.clusters = &x->handle;
		a.n_clusters = 1;
	} else if (x->kind == ADVICE_CLASS) {
		e.classes = &x->handle;
		e.n_classes = 1;
	} else if (x->kind == ADVICE_MEMORY_MIB) {
		e.memory_mib = x->most;
	} else if (x->kind == ADVICE_COUNT) {
		e.count = (int32_t)x->most;
	} else if (x->kind == ADVICE_HOST_CPU_MILLI) {
		g.cpu_milli = x->most;
	} else if (x->kind == ADVICE_HOST_MEMORY_MIB) {
		g.memory_mib = x->most;
	} else if (x->kind == ADVICE_UUIDS) {
		e.uuids = e.uuids_excluded = (strs){NULL, 0};
	} else if (x->kind == ADVICE_NUMA_BIND) {
		e.numa_bind = false;
	} else if (x->kind == ADVICE_TOPOLOGY) {
		e.topology = TOPOLOGY_BEST_EFFORT;
	} else if (x->kind == ADVICE_SELECTOR) {
		g.n_selector = 0;
	} else {
		return;
	}
	w->advised++;
	HOLDS(w, place_find(w->finder, &w->f, NULL, FLEET_NONE, &a, &w->p, NULL));
	fleet_unbook(&w->f, &w->p);
}

static void op_advise(world *w)
{
	const ask *a = ask_hard(w);
	advices got;
	uint64_t before = fingerprint(w);

	if (slow_fits(w, a) || is_hami(a))
		return;
	advise(w->finder, &w->f, NULL, FLEET_NONE, a, &got);
	HOLDS(w, fingerprint(w) == before);
	for (int32_t i = 0; i < got.n; i++)
		advice_follow(w, a, &got.v[i]);
	HOLDS(w, fingerprint(w) == before);
}

/* How often each is done, in thousandths of all. */
static const struct operation {
	void (*run)(world *w);
	int32_t milli;
} operations[] = {
	{op_place, 370},
	{op_end, 260},
	{op_rate, 152},
	{op_flag, 70},
	{op_inventory, 24},
	{op_prices, 3},
	{op_trial, 25},
	{op_hold, 15},
	{op_backfill, 15},
	{op_make_room, 35},
	{op_sweep, 10},
	{op_preempt, 12},
	{op_earliest, 3},
	{op_advise, 6},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static void operate(world *w)
{
	int64_t at = below(w, 1000);
	int32_t i = 0;

	while (at >= operations[i].milli)
		at -= operations[i++].milli;
	operations[i].run(w);
}

/* Everything ends, and the fleet is as if nothing had ever been on it. */
static void world_empty(world *w)
{
	while (w->n_lives)
		live_end(w, w->n_lives - 1);
	while (w->n_holds) {
		reserve_drop(w->reserve, &w->f, NULL, w->holds[0]);
		hold_forget(w);
	}
	all_is_true(w);
	for (uint32_t i = 0; i < w->f.devices.n; i++)
		HOLDS(w, w->f.devices.v[i].node == FLEET_NONE || !(w->f.devices.v[i].flags & FLEET_GONE));
	for (uint32_t i = 0; i < w->f.nodes.n; i++)
		HOLDS(w, w->f.nodes.v[i].cluster == FLEET_NONE || !(w->f.nodes.v[i].flags & FLEET_GONE));
}

static void worlds_run(int64_t steps, uint64_t seed)
{
	world *w = calloc(1, sizeof *w);
	int64_t placed = 0, refused = 0, moved = 0, preempted = 0, advised = 0;

	for (int64_t done = 0; done < steps; seed += 7919) {
		world_open(w, seed ? seed : 1);
		for (w->step = 0; w->step < WORLD_STEPS && done < steps; w->step++, done++) {
			operate(w);
			if (w->step % LOOK_EVERY == 0)
				all_is_true(w);
		}
		world_empty(w);
		placed += w->placed;
		refused += w->refused;
		moved += w->moved;
		preempted += w->preempted;
		advised += w->advised;
		world_close(w);
	}
	printf("%ld placed, %ld refused, %ld moved, %ld could pre-empt, %ld advised\n", placed, refused, moved,
		preempted, advised);
	cr_expect(placed > steps / 10 && refused > steps / 20, "seed %lu", seed);
	cr_expect(steps < 4 * WORLD_STEPS || (moved > 0 && preempted > 0 && advised > 0), "seed %lu", seed);
	free(w);
}

/* Two tests, so that two processors share the work. A failure names the seed of its world: ENGINE_SEED begins with it.
 */
Test(operations, books_hold_whatever_is_done)
{
	uint64_t seed = seed_of_run();

	printf("seed %lu\n", (unsigned long)seed);
	worlds_run(size_get("ENGINE_OPERATIONS") / HALVES, seed);
}

Test(operations, books_hold_in_other_worlds_too)
{
	uint64_t seed = seed_of_run() ^ 0x5DEECE66Du;

	printf("seed %lu\n", (unsigned long)seed);
	worlds_run(size_get("ENGINE_OPERATIONS") / HALVES, seed);
}
