/* Columns show what a look at every node shows, whatever happened in between; what is told of all nodes at once is true
 * of each; and who goes by it finds the same node as who rates them all. */
#include "engine/lanes.h"
#include "engine/alike.h"
#include "engine/market.h"
#include "fixture.h"

#include <string.h>

enum { STEPS = 4000, CLUSTERS = 2, NODES = 260, PLANS = 900, RANKS = 400, MANY = LANE_GROUPS_MAX + 40 };

typedef struct world {
	fleet f;
	lanes all;
	place *w;
	market *m;
	uint64_t run, seed;
	int32_t clusters[CLUSTERS], classes[3], n_asks, key, values[3];
	int64_t prices[3];
	trait_term selector;
	trait_toleration toleration;
	plan plans[PLANS];
	bool is_booked[PLANS];
	int told, refused; /* bounds that said something, and pods that found no node */
} world;

static const char *const class_names[] = {"h100", "a100", "l40s"};

/* A third is tainted, and all have one of two labels, or none. */
static void traits_draw(world *w, int32_t node)
{
	trait_label label = {w->key, w->values[draw_below(&w->seed, 2)]};
	trait_taint taint = {w->key, w->values[draw_below(&w->seed, 2)], TAINT_NO_SCHEDULE};
	traits t = {(uint16_t)draw_below(&w->seed, 2), draw_below(&w->seed, 3) == 0, &label, &taint};

	fleet_node_traits(&w->f, node, &t);
}

/* Of one class, of two, of two sizes of memory, and without devices. */
static void node_draw(world *w)
{
	int i = (int)draw_below(&w->seed, NODES);
	int32_t cluster = w->clusters[i % CLUSTERS];
	char name[32];

	snprintf(name, sizeof name, "n%d", i);
	if (fleet_node_find(&w->f, cluster, str_from(name)) != FLEET_NONE)
		return;
	int32_t node = add_gpus(&w->f, cluster, name, i % 13 ? 8 : 0, class_names[i % 3], i % 5 ? 80000 : 40000);
	snprintf(name, sizeof name, "n%d-x", i);
	if (i % 11 == 0)
		add_device(&w->f, node, name, "l40s", 48000);
	if (i % 17 == 0)
		add_device(&w->f, node, name, class_names[i % 3], 40000);
	traits_draw(w, node);
}

static void world_open(world *w)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed_of_run();
	fleet_init(&w->f);
	w->w = place_new();
	w->m = market_new();
	place_use(w->w, market_tables(w->m));
	for (int c = 0; c < CLUSTERS; c++)
		w->clusters[c] = fleet_cluster_put(&w->f, text("c%d", c));
	for (int i = 0; i < 3; i++)
		w->classes[i] = fleet_class_put(&w->f, str_from(class_names[i]));
	fleet_class_set(&w->f, w->classes[1], (class_spec){.overcommit_ppm = 1500000});
	w->key = fleet_text_put(&w->f, S("key"));
	for (int i = 0; i < 3; i++) {
		w->values[i] = fleet_text_put(&w->f, text("value%d", i));
		w->prices[i] = 7 + 13 * i % 20;
	}
	market_tables(w->m)->prices = w->prices;
	market_tables(w->m)->n_prices = 3;
	for (int i = 0; i < NODES; i++)
		node_draw(w);
	for (int i = 0; i < PLANS; i++)
		plan_init(&w->plans[i]);
}

static void world_close(world *w)
{
	for (int i = 0; i < PLANS; i++)
		plan_done(&w->plans[i]);
	lanes_done(&w->all);
	market_free(w->m);
	place_free(w->w);
	fleet_done(&w->f);
}

/* No two are the same, so that none is kept. */
static void ask_draw(world *w, one_ask *o)
{
	static const int32_t computes[] = {0, 100, 250, 330, 500, 1000, ASK_ABSENT};
	static const int32_t counts[] = {1, 1, 1, 1, 2, 4, 8};
	static const ask_policy policies[] = {POLICY_BINPACK, POLICY_SPREAD, POLICY_COST, POLICY_TOPOLOGY};
	ask_entry e = {.count = counts[draw_below(&w->seed, 7)], .compute_milli = computes[draw_below(&w->seed, 7)]};

	if (draw_below(&w->seed, 3))
		e.memory_mib = draw_below(&w->seed, 9) * 10000;
	else if (draw_below(&w->seed, 2))
		e.memory_percent = (int32_t)draw_below(&w->seed, 101);
	if (draw_below(&w->seed, 3) == 0) {
		e.classes = &w->classes[draw_below(&w->seed, 2)];
		e.n_classes = 1 + (e.classes == w->classes);
		e.classes_equal = draw_below(&w->seed, 2);
	}
	ask_one(o, e, 1);
	o->group.cpu_milli = draw_below(&w->seed, 5) * 2000 + ++w->n_asks;
	o->group.memory_mib = draw_below(&w->seed, 4) * 6000;
	if (draw_below(&w->seed, 60) == 0)
		o->group.memory_mib = 300000;
	o->group.n_entries = draw_below(&w->seed, 10) != 0;
	o->a.clusters = &w->clusters[draw_below(&w->seed, CLUSTERS)];
	o->a.n_clusters = 1;
	o->a.node_policy = o->a.device_policy = POLICY_FRAGMENTATION;
	if (draw_below(&w->seed, 3) == 0)
		o->a.node_policy = policies[draw_below(&w->seed, 4)];
	w->selector = (trait_term){w->key, (trait_op)draw_below(&w->seed, 4), &w->values[draw_below(&w->seed, 3)], 1};
	w->toleration = (trait_toleration){w->key, w->values[draw_below(&w->seed, 2)], 0};
	o->group.selector = &w->selector;
	o->group.n_selector = draw_below(&w->seed, 4) == 0;
	o->group.tolerations = &w->toleration;
	o->group.n_tolerations = draw_below(&w->seed, 2) == 0;
}

static void node_change(world *w, int32_t node)
{
	bool on = draw_below(&w->seed, 3) == 0;

	switch (draw_below(&w->seed, 9)) {
	case 8:
		traits_draw(w, node);
		break;
	case 0:
		fleet_node_remove(&w->f, node);
		break;
	case 1:
		fleet_node_flag(&w->f, node, FLEET_CORDONED, on);
		break;
	case 2:
	case 3:
		if (w->f.nodes.v[node].first_device != FLEET_NONE)
			fleet_device_flag(&w->f, w->f.nodes.v[node].first_device, FLEET_UNHEALTHY, on);
		break;
	case 4: {
		node_spec spec = {w->f.node_names.v[node], 64000, 262144, (int32_t)draw_below(&w->seed, 3),
			(int32_t)draw_below(&w->seed, RANKS)};
		fleet_node_put(&w->f, w->f.nodes.v[node].cluster, &spec);
		break;
	}
	default:
		node_draw(w);
	}
}

/* The columns of the lane, told from the rows of the fleet. */
static void lane_is_true(const world *w, const lane_group *g, uint32_t lane)
{
	const lane_block *b = &g->blocks.v[lane / LANES];
	uint32_t i = lane % LANES;
	const fleet_node *n = &w->f.nodes.v[b->node[i]];
	const fleet_view *v = &w->f.views.v[b->node[i]];
	int32_t milli = 0, memory_mib = 0, compute_milli = 0;

	for (int32_t c = v->first_cell; c < v->first_cell + v->n_cells; c++) {
		const fleet_cell *cell = &w->f.cells.v[c];
		bool is_shared = cell->has_slot && !cell->is_idle;
		milli = is_shared && cell->free_milli > milli ? cell->free_milli : milli;
		memory_mib = is_shared && cell->free_memory_mib > memory_mib ? cell->free_memory_mib : memory_mib;
		compute_milli = is_shared && cell->free_compute_milli > compute_milli ? cell->free_compute_milli
										      : compute_milli;
		cr_assert(g->class_id == FLEET_NONE || !cell->is_open || cell->memory_mib == g->device_memory_mib);
	}
	cr_assert(b->cpu_milli[i] == v->free_cpu_milli && b->memory_mib[i] == v->free_memory_mib);
	cr_assert(b->cpu_total_milli[i] == n->cpu_milli && b->memory_total_mib[i] == n->memory_mib);
	cr_assert(b->free_milli[i] == v->free_device_milli && b->n_open[i] == v->n_open && b->n_idle[i] == v->n_idle);
	cr_assert(b->shared_milli[i] == milli && b->shared_memory_mib[i] == memory_mib, "seed %lu", w->run);
	cr_assert(b->shared_compute_milli[i] == compute_milli && b->rank[i] == v->rank, "seed %lu", w->run);
	cr_assert((b->state[i] == LANE_OPEN) == !(v->is_closed || v->is_crowded || v->is_tainted), "seed %lu", w->run);
	cr_assert(g->class_id == FLEET_NONE || g->class_id == v->class_id, "seed %lu", w->run);
	cr_assert(!g->is_pristine || (v->is_pristine && alike_is(v, &g->like)), "seed %lu", w->run);
}

static void group_is_true(world *w, lane_group *g)
{
	int32_t rank = INT32_MAX;

	for (uint32_t lane = 0; lane < g->blocks.n * LANES; lane++) {
		const lane_block *b = &g->blocks.v[lane / LANES];
		int32_t node = b->node[lane % LANES];
		cr_assert_eq(node == FLEET_NONE, lane >= g->n);
		cr_assert_eq(b->state[lane % LANES] == LANE_EMPTY, lane >= g->n);
		if (node == FLEET_NONE)
			continue;
		cr_assert_eq(w->f.nodes.v[node].cluster, g->cluster);
		cr_assert(&w->all.groups.v[w->all.places.v[node].group] == g && w->all.places.v[node].lane == lane);
		lane_is_true(w, g, lane);
		rank = b->rank[lane % LANES] < rank ? b->rank[lane % LANES] : rank;
	}
	cr_assert(g->n == 0 || w->f.views.v[lane_first(g)].rank == rank, "seed %lu", w->run);
}

static void columns_are_true(world *w)
{
	uint32_t lanes_n = 0, nodes_n = 0;

	lanes_follow(&w->all, &w->f);
	vec_each (g, &w->all.groups) {
		group_is_true(w, g);
		lanes_n += g->n;
	}
	for (uint32_t i = 0; i < w->f.nodes.n; i++)
		nodes_n += w->f.nodes.v[i].cluster != FLEET_NONE;
	cr_assert_eq(lanes_n, nodes_n, "seed %lu: %u lanes of %u nodes", w->run, lanes_n, nodes_n);
}

static void bounds_are_true(world *w, const fit_need *need)
{
	fit_bounds bounds;

	lanes_follow(&w->all, &w->f);
	fit_bounds_init(&bounds, &w->f, need);
	vec_each (g, &w->all.groups) {
		fit_bounds_begin(&bounds, g);
		for (uint32_t lane = 0; lane < g->n; lane++) {
			lane_block *b = &g->blocks.v[lane / LANES];
			if (lane % LANES == 0)
				(void)fit_bound(&bounds, b);
			int32_t most = b->most[lane % LANES], node = b->node[lane % LANES];
			int32_t rating = fit_rate(&w->f, need, node);
			cr_assert(most >= 0 ? rating <= most : rating == most, "seed %lu: node %d rates %d, not %d",
				w->run, node, rating, most);
			w->told += most != FIT_NOT_TOLD;
		}
	}
}

/* From scratch: the best rating, then the lowest rank, then the lowest handle. */
static int32_t best_by_look(const world *w, const fit_need *need, int32_t cluster)
{
	int32_t best = FLEET_NONE, most = -1;

	for (int32_t node = 0; node < (int32_t)w->f.nodes.n; node++) {
		int32_t rating = w->f.nodes.v[node].cluster == cluster ? fit_rate(&w->f, need, node) : -1;
		if (rating < 0 || rating < most ||
			(rating == most && w->f.views.v[node].rank >= w->f.views.v[best].rank))
			continue;
		most = rating;
		best = node;
	}
	return best;
}

static void place_any(world *w, bool looks_closely)
{
	plan *p = &w->plans[draw_below(&w->seed, PLANS)];
	bool *is_booked = &w->is_booked[p - w->plans];
	one_ask o;
	fit_need need;

	if (*is_booked) {
		place_give(&w->f, NULL, 0, p);
		*is_booked = false;
		return;
	}
	ask_draw(w, &o);
	o.group.entries = &o.entry;
	o.a.groups = &o.group;
	market_arrive(w->m, &w->f, &o.a);
	market_refresh(w->m, &w->f);
	fit_prepare(&need, &o.a, &o.group, market_tables(w->m));
	if (looks_closely) {
		fit_blocked blocked = {0};
		bounds_are_true(w, &need);
		fit_block(&blocked, w->classes[0]);
		need.blocked = &blocked;
		bounds_are_true(w, &need);
		need.blocked = NULL;
	}
	int32_t want = best_by_look(w, &need, o.a.clusters[0]);
	*is_booked = place_find(w->w, &w->f, NULL, 0, &o.a, p, NULL);
	w->refused += !*is_booked;
	cr_assert_eq(*is_booked, want != FLEET_NONE, "seed %lu", w->run);
	cr_assert(want == FLEET_NONE || p->pods.v[0].node == want, "seed %lu: %d instead of %d", w->run,
		p->pods.n ? p->pods.v[0].node : -1, want);
}

Test(lanes, what_is_told_of_all_nodes_at_once_is_what_a_look_at_each_would_find)
{
	static world w;

	world_open(&w);
	for (int step = 0; step < STEPS; step++) {
		int32_t node = (int32_t)draw_below(&w.seed, w.f.nodes.n);
		if (draw_below(&w.seed, 8) == 0 && w.f.nodes.v[node].cluster != FLEET_NONE)
			node_change(&w, node);
		place_any(&w, step % 8 == 0);
		if (step % 20 == 0)
			columns_are_true(&w);
	}
	cr_expect(w.told > STEPS && w.refused > 20, "%d told, %d refused", w.told, w.refused);
	world_close(&w);
}

/* Of its residue it takes less than its thousandths say. */
Test(lanes, a_part_of_an_overcommitted_device_is_not_passed_over)
{
	static world w;
	one_ask o;
	fit_need need;

	memset(&w, 0, sizeof w);
	fleet_init(&w.f);
	w.w = place_new();
	int32_t cluster = fleet_cluster_put(&w.f, S("c")), class_id = fleet_class_put(&w.f, S("h100"));
	fleet_class_set(&w.f, class_id, (class_spec){.overcommit_ppm = 2000000});
	add_gpus(&w.f, cluster, "n", 1, "h100", 80000);
	for (int i = 0; i < 3; i++) {
		plan_init(&w.plans[i]);
		cr_assert(place_find(w.w, &w.f, NULL, 0, ask_one(&o, slice_of(1, 8000, 500), 1), &w.plans[i], NULL));
	}
	ask_one(&o, slice_of(1, 32000, 400), 1);
	o.a.node_policy = o.a.device_policy = POLICY_FRAGMENTATION;
	fit_prepare(&need, &o.a, &o.group, NULL);
	bounds_are_true(&w, &need);
	cr_expect_eq(w.told, 1);
	lanes_done(&w.all);
	for (int i = 0; i < 3; i++)
		plan_done(&w.plans[i]);
	place_free(w.w);
	fleet_done(&w.f);
}

Test(lanes, another_fleet_is_read_anew)
{
	static world w, other;

	world_open(&w);
	world_open(&other);
	columns_are_true(&w);
	lanes_follow(&w.all, &other.f);
	columns_are_true(&w);
	world_close(&other);
	world_close(&w);
}

/* Every node of another size: the first ones have groups, the others are odd. */
Test(lanes, too_many_kinds_of_nodes_are_looked_at_one_by_one)
{
	static world w;

	world_open(&w);
	for (int i = 0; i < MANY; i++) {
		char name[32];
		snprintf(name, sizeof name, "m%d", i);
		add_gpus(&w.f, w.clusters[0], name, 1, "h100", 90000 + i);
	}
	columns_are_true(&w);
	cr_expect_leq(w.all.groups.n, LANE_GROUPS_MAX + CLUSTERS);
	for (int i = 0; i < 2 * MANY; i++)
		place_any(&w, i % 100 == 0);
	columns_are_true(&w);
	world_close(&w);
}

/* Every node has its own MiB of memory, as in real clusters: each is a kind of its own, and none is odd for it. */
Test(lanes, many_kinds_of_untouched_nodes_stand_with_their_class)
{
	static world w;

	world_open(&w);
	int32_t class_id = fleet_class_put(&w.f, S("h200"));
	for (int i = 0; i < MANY; i++) {
		char name[32];
		snprintf(name, sizeof name, "m%d", i);
		add_device(&w.f, add_node(&w.f, w.clusters[0], name, 64000, 262144 + i), name, "h200", 141000);
	}
	columns_are_true(&w);
	vec_each (g, &w.all.groups)
		for (uint32_t i = 0; i < g->n; i++) {
			int32_t node = g->blocks.v[i / LANES].node[i % LANES];
			cr_assert(w.f.views.v[node].class_id != class_id || g->class_id == class_id, "node %d is odd",
				node);
		}
	for (int i = 0; i < MANY; i++)
		place_any(&w, i % 100 == 0);
	columns_are_true(&w);
	world_close(&w);
}
