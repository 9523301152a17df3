/* The market and the policy that reads it: what is followed is what would be counted, what is kept is what would be
 * rated, and every kind of node and request gets a sensible answer. */
#include "engine/fragmentation.h"
#include "engine/market.h"
#include "engine/shape.h"
#include "fixture.h"

#include <math.h>
#include <string.h>

enum { STEPS = 3000, CLUSTERS = 2, NODES = 140, SHAPES = 20, PLANS = 400 };

typedef struct world {
	fleet f;
	place *w;
	shapes *kept;
	market *m;
	uint64_t run, seed;
	int32_t clusters[CLUSTERS], classes[3];
	one_ask asks[SHAPES];
	plan plans[PLANS];
	bool is_booked[PLANS];
	uint64_t rent_moves;
} world;

static const char *const class_names[] = {"h100", "a100", "l40s"};

/* Of one class, of two, of two sizes of memory, and a large one. */
static void node_draw(world *w, int i)
{
	char name[32];
	int64_t kind = draw_below(&w->seed, 12);
	int32_t cluster = w->clusters[i % CLUSTERS];

	snprintf(name, sizeof name, "n%d", i);
	int32_t node = add_gpus(&w->f, cluster, name, kind == 11 ? 64 : 8, class_names[kind % 3], 80000);
	snprintf(name, sizeof name, "n%d-x", i);
	if (kind == 8)
		add_device(&w->f, node, name, "l40s", 48000);
	if (kind == 9)
		add_device(&w->f, node, name, "h100", 40000);
}

static void ask_draw(world *w, one_ask *o)
{
	static const int32_t computes[] = {0, 100, 250, 500, 1000, ASK_ABSENT};
	static const int32_t counts[] = {1, 1, 1, 1, 2, 4, 8};
	ask_entry e = {.count = counts[draw_below(&w->seed, 7)], .compute_milli = computes[draw_below(&w->seed, 6)]};

	if (draw_below(&w->seed, 2))
		e.memory_mib = draw_below(&w->seed, 5) * 20000;
	if (draw_below(&w->seed, 3) == 0) {
		e.classes = &w->classes[draw_below(&w->seed, 2)];
		e.n_classes = 1 + (e.classes == w->classes);
		e.classes_equal = draw_below(&w->seed, 2);
	}
	ask_one(o, e, 1);
	o->group.cpu_milli = draw_below(&w->seed, 4) * 2000;
	o->group.memory_mib = draw_below(&w->seed, 4) * 4000;
	o->group.n_entries = draw_below(&w->seed, 10) != 0;
	o->a.node_policy = o->a.device_policy = POLICY_FRAGMENTATION;
}

static void world_open(world *w, uint64_t run)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = run;
	fleet_init(&w->f);
	w->w = place_new();
	w->kept = shapes_new();
	w->m = market_new();
	place_use(w->w, market_tables(w->m));
	for (int c = 0; c < CLUSTERS; c++)
		w->clusters[c] = fleet_cluster_put(&w->f, text("c%d", c));
	for (int i = 0; i < 3; i++)
		w->classes[i] = fleet_class_put(&w->f, str_from(class_names[i]));
	for (int i = 0; i < NODES; i++)
		node_draw(w, i);
	for (int i = 0; i < SHAPES; i++)
		ask_draw(w, &w->asks[i]);
	for (int i = 0; i < PLANS; i++)
		plan_init(&w->plans[i]);
}

static void world_close(world *w)
{
	for (int i = 0; i < PLANS; i++)
		plan_done(&w->plans[i]);
	market_free(w->m);
	shapes_free(w->kept);
	place_free(w->w);
	fleet_done(&w->f);
}

/* The first of the best by a look at every node. */
static int32_t best_by_walk(const world *w, const fit_need *need, int32_t cluster, int32_t *ret_rating)
{
	int32_t best = FLEET_NONE;

	*ret_rating = -1;
	for (uint32_t i = 0; i < w->f.clusters.v[cluster].nodes.n; i++) {
		int32_t node = w->f.clusters.v[cluster].nodes.v[i], rating = fit_rate(&w->f, need, node);
		if (rating < 0 || rating <= *ret_rating)
			continue;
		best = node;
		*ret_rating = rating;
	}
	return best;
}

static void check_kept(world *w, const ask *a)
{
	fit_need need;

	fit_prepare(&need, a, &a->groups[0], market_tables(w->m));
	shape *s = shapes_rate(w->kept, &w->f, &need);
	for (int c = 0; s && c < CLUSTERS; c++) {
		int32_t rating, wanted, want = best_by_walk(w, &need, w->clusters[c], &wanted);
		cr_assert_eq(shape_best(s, &w->f, w->clusters[c], &rating), want, "seed %lu", w->run);
		cr_assert_eq(rating, wanted, "seed %lu", w->run);
	}
}

static void check_stock(world *w)
{
	stock followed = *market_stock(w->m);

	market_recount(w->m);
	market_refresh(w->m, &w->f);
	cr_assert_eq(memcmp(&followed, market_stock(w->m), sizeof followed), 0, "seed %lu", w->run);
}

static void flag_draw(world *w)
{
	int32_t device = (int32_t)draw_below(&w->seed, w->f.devices.n);
	int32_t node = (int32_t)draw_below(&w->seed, w->f.nodes.n);
	bool on = draw_below(&w->seed, 2);

	if (w->f.devices.v[device].node != FLEET_NONE)
		fleet_device_flag(&w->f, device, FLEET_CORDONED, on);
	if (w->f.nodes.v[node].cluster != FLEET_NONE)
		fleet_node_flag(&w->f, node, FLEET_UNHEALTHY, on);
}

static void step(world *w, bool may_leave)
{
	int slot = (int)draw_below(&w->seed, PLANS);
	const ask *a = &w->asks[draw_below(&w->seed, SHAPES)].a;
	uint64_t moves = market_tables(w->m)->moves;

	if (draw_below(&w->seed, 40) == 0)
		flag_draw(w);
	if (w->is_booked[slot]) {
		if (!may_leave)
			return;
		place_give(&w->f, NULL, 0, &w->plans[slot]);
		w->is_booked[slot] = false;
		market_depart(w->m, 1);
		return;
	}
	market_arrive(w->m, &w->f, a);
	market_refresh(w->m, &w->f);
	w->rent_moves += market_tables(w->m)->moves != moves;
	check_kept(w, a);
	w->is_booked[slot] = place_find(w->w, &w->f, NULL, 0, a, &w->plans[slot], NULL);
}

/* A fill, and then pods that leave: rents move, prices are learnt anew, turnover comes in. */
Test(market, what_is_kept_is_what_would_be_counted_and_rated_from_scratch)
{
	static world w;

	world_open(&w, seed_of_run());
	for (int i = 0; i < STEPS; i++) {
		step(&w, i > STEPS / 2);
		if (i % 50 == 0) {
			market_refresh(w.m, &w.f);
			check_stock(&w);
		}
	}
	cr_expect_geq(w.rent_moves, 5, "seed %lu: rents moved %d times", w.run, (int)w.rent_moves);
	cr_expect_geq(market_learnt(w.m), 3);
	cr_expect(mix_turnover(market_mix(w.m)) > 0);
	world_close(&w);
}

/* Two markets that saw the same are the same. */
Test(market, the_same_history_gives_the_same_plans)
{
	static world a, b;
	uint64_t run = seed_of_run();

	world_open(&a, run);
	world_open(&b, run);
	for (int i = 0; i < STEPS / 3; i++) {
		step(&a, true);
		step(&b, true);
	}
	cr_expect_eq(memcmp(market_stock(a.m), market_stock(b.m), sizeof(stock)), 0, "seed %lu", run);
	cr_expect_eq(market_tables(a.m)->moves, market_tables(b.m)->moves, "seed %lu", run);
	world_close(&a);
	world_close(&b);
}

typedef struct scene {
	fleet f;
	place *w;
	market *m;
	plan p;
	int32_t cluster;
} scene;

static void scene_open(scene *s)
{
	*s = (scene){.w = place_new(), .m = market_new()};
	fleet_init(&s->f);
	plan_init(&s->p);
	s->cluster = fleet_cluster_put(&s->f, S("c"));
	place_use(s->w, market_tables(s->m));
}

static void scene_close(scene *s)
{
	plan_done(&s->p);
	market_free(s->m);
	place_free(s->w);
	fleet_done(&s->f);
}

static ask *part_of(one_ask *o, int32_t milli)
{
	ask *a = ask_one(o, slice_of(1, 10 * milli, milli), 1);

	a->node_policy = a->device_policy = POLICY_FRAGMENTATION;
	return a;
}

static int32_t device_of(scene *s, const ask *a)
{
	cr_assert(place_find(s->w, &s->f, NULL, 0, a, &s->p, NULL));
	return s->f.devices.v[s->p.devices.v[0].device].index;
}

static void expect(scene *s, int32_t milli, int32_t times)
{
	one_ask o;

	for (int32_t i = 0; i < times; i++)
		market_expect(s->m, &s->f, part_of(&o, milli));
	market_refresh(s->m, &s->f);
}

/* Halves are what is asked most: a third is taken from 600, not from 500, which is tighter. */
Test(market, a_part_goes_where_it_leaves_what_others_can_use)
{
	scene s;
	one_ask o;
	scene_open(&s);
	add_gpus(&s.f, s.cluster, "n", 2, "h100", 10000);
	expect(&s, 500, 100);
	expect(&s, 300, 10);
	cr_expect_eq(device_of(&s, part_of(&o, 500)), 0);
	fleet_device_flag(&s.f, 0, FLEET_CORDONED, true);
	cr_expect_eq(device_of(&s, part_of(&o, 400)), 1);
	fleet_device_flag(&s.f, 0, FLEET_CORDONED, false);
	cr_expect_eq(device_of(&s, part_of(&o, 300)), 1);
	scene_close(&s);
}

/* Of two nodes that fit, the one whose class nobody else must have. */
Test(market, a_scarce_class_is_left_to_those_who_must_have_it)
{
	scene s;
	one_ask o;
	scene_open(&s);
	add_gpus(&s.f, s.cluster, "rare", 8, "h100", 10000);
	for (int i = 0; i < 4; i++)
		add_gpus(&s.f, s.cluster, text("n%d", i).p, 8, "t4", 10000);
	int32_t rare = fleet_class_find(&s.f, S("h100"));
	ask *tied = part_of(&o, 1000);
	o.entry.classes = &rare;
	o.entry.n_classes = 1;
	for (int i = 0; i < 50; i++)
		market_expect(s.m, &s.f, tied);
	expect(&s, 1000, 50);
	cr_assert(place_find(s.w, &s.f, NULL, 0, part_of(&o, 1000), &s.p, NULL));
	cr_expect_neq(s.p.pods.v[0].node, 0, "half of the demand needs a fifth of the fleet");
	scene_close(&s);
}

Test(market, without_tables_nodes_are_kept_balanced)
{
	fleet f;
	plan p;
	one_ask o;
	place *w = place_new();
	fleet_init(&f);
	plan_init(&p);
	int32_t cluster = fleet_cluster_put(&f, S("c"));
	add_gpus(&f, cluster, "n", 8, "h100", 10000);
	add_node(&f, cluster, "cpu", 64000, 262144);
	ask *a = part_of(&o, 1000);
	o.group.n_entries = 0;
	o.group.cpu_milli = 16000;
	cr_assert(place_find(w, &f, NULL, 0, a, &p, NULL));
	cr_expect_eq(p.pods.v[0].node, 1, "cores beside idle devices are wanted there");
	plan_done(&p);
	place_free(w);
	fleet_done(&f);
}

/* Nothing that a client can ask breaks it. */
Test(market, odd_requests_get_an_answer)
{
	scene s;
	one_ask o;
	scene_open(&s);
	add_gpus(&s.f, s.cluster, "n", 64, "h100", 10000);
	ask_entry odd[] = {slice_of(64, 10000, 1000), slice_of(64, 1, 0), slice_of(8, 20000, 10),
		{.count = 1, .profile = S("1g.10gb")}, {.count = 3, .memory_percent = 33, .compute_milli = 1}};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		ask *a = ask_one(&o, odd[i], 1);
		a->node_policy = a->device_policy = POLICY_FRAGMENTATION;
		o.group.cpu_milli = (int64_t)1 << (i * 8);
		for (int k = 0; k < 100; k++) {
			market_arrive(s.m, &s.f, a);
			market_depart(s.m, k % 2);
			market_refresh(s.m, &s.f);
			if (place_find(s.w, &s.f, NULL, 0, a, &s.p, NULL) && k % 2)
				place_give(&s.f, NULL, 0, &s.p);
		}
	}
	ask_entry both[] = {slice_of(1, 4000, 400), slice_of(2, 1000, 900)};
	one_ask two;
	ask *a = ask_one(&two, both[0], 2);
	two.group.entries = both;
	two.group.n_entries = 2;
	a->node_policy = a->device_policy = POLICY_FRAGMENTATION;
	market_arrive(s.m, &s.f, a);
	market_refresh(s.m, &s.f);
	(void)place_find(s.w, &s.f, NULL, 0, a, &s.p, NULL);
	a->n_weights = 2;
	a->weights[0] = (ask_weight){POLICY_FRAGMENTATION, 3};
	a->weights[1] = (ask_weight){POLICY_BINPACK, 1};
	(void)place_find(s.w, &s.f, NULL, 0, a, &s.p, NULL);
	scene_close(&s);
}

/* A server's first minute: nobody has joined. */
Test(market, a_fleet_without_nodes_is_a_stock_too)
{
	fleet f;
	plan p;
	one_ask o;
	place *w = place_new();
	market *m = market_new();
	fleet_init(&f);
	plan_init(&p);
	place_use(w, market_tables(m));
	ask *a = ask_one(&o, slice_of(1, 1000, 0), 1);
	a->node_policy = a->device_policy = POLICY_FRAGMENTATION;
	for (int i = 0; i < 2 * MARKET_FIRST_LEARNT; i++) {
		market_arrive(m, &f, a);
		market_refresh(m, &f);
		cr_assert(!place_find(w, &f, NULL, 0, a, &p, NULL));
	}
	plan_done(&p);
	place_free(w);
	market_free(m);
	fleet_done(&f);
}
