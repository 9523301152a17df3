/* Moves make room, each step is legal, and what may not move stays where it is. */
#include "running_world.h"

#include "engine/defrag.h"

enum { WORLDS = 300 };

typedef struct scene {
	running_world w;
	defrag *search;
	defrag_plan got;
	defrag_terms terms;
	int32_t cluster;
	one_ask asked;
} scene;

static void scene_open(scene *s, int nodes, int cards)
{
	memset(s, 0, sizeof *s);
	running_world_open(&s->w);
	s->search = defrag_new();
	defrag_plan_init(&s->got);
	s->terms = (defrag_terms){.moves_max = 1, .node_gain_milli = 1000};
	s->cluster = fleet_cluster_put(&s->w.f, S("par"));
	for (int n = 0; n < nodes; n++)
		add_gpus(&s->w.f, s->cluster, text("n%d", n).p, cards, "h100", 1000);
}

static void scene_close(scene *s)
{
	defrag_plan_done(&s->got);
	defrag_free(s->search);
	running_world_close(&s->w);
}

/* A running slice of memory_mib on device `index` of node `node`. */
static int32_t put(scene *s, int32_t node, int32_t index, int64_t memory_mib, int64_t cost)
{
	running_world *w = &s->w;
	plan *p = &w->plans[w->n];
	int32_t device = w->f.nodes.v[node].first_device;
	running_terms t = terms_of(1, 1);

	for (int32_t i = 0; i < index; i++)
		device = w->f.devices.v[device].next;
	t.move_cost = cost;
	p->cluster = s->cluster;
	plan_add_pod(p, 0, 0, node, 1000, 1000);
	plan_add_device(p,
		(plan_device){
			.device = device, .memory_mib = memory_mib, .charge = share_of_slice(memory_mib, 0, 1000, 1)});
	place_take(&w->f, w->q, QUOTA_ROOT, p);
	w->runs[w->n] = running_add(&w->list, p, &t);
	return w->runs[w->n++];
}

static bool makes_room(scene *s, const ask *a)
{
	uint64_t before = world_print(&s->w);
	bool found = defrag_for_ask(s->search, &s->w.f, &s->w.list, a, &s->terms, &s->got);

	cr_assert_eq(world_print(&s->w), before, "seed %lu", s->w.run_seed);
	return found;
}

static plan *plan_of(scene *s, int32_t run)
{
	int32_t i = 0;

	while (s->w.runs[i] != run)
		i++;
	return &s->w.plans[i];
}

static void nothing_is_over(const scene *s)
{
	for (int32_t d = 0; (uint32_t)d < s->w.f.devices.n; d++)
		cr_assert(!fleet_device_is_over(&s->w.f, d), "device %d, seed %lu", d, s->w.run_seed);
}

/* Does the moves, and looks at every moment on the way. */
static void move_all(scene *s)
{
	cr_assert_eq(s->got.moves.n, s->got.places.pods.n);
	for (uint32_t i = 0; i < s->got.moves.n; i++) {
		const defrag_move *m = &s->got.moves.v[i];
		plan *p = plan_of(s, m->run);
		cr_assert(s->w.list.runs.v[m->run].terms.is_movable, "seed %lu", s->w.run_seed);
		fleet_book_range(&s->w.f, &s->got.places, i, i + 1);
		nothing_is_over(s);
		fleet_unbook_range(&s->w.f, &s->got.places, i, i + 1);
		defrag_apply(&s->w.f, &s->w.list, &s->got, i, p);
		nothing_is_over(s);
		cr_assert_eq(p->pods.v[m->pod].node, s->got.places.pods.v[i].node);
	}
}

static bool fits(scene *s, const ask *a)
{
	bool found = place_find(s->w.finder, &s->w.f, NULL, 0, a, &s->w.p, NULL);

	if (found)
		fleet_unbook(&s->w.f, &s->w.p);
	return found;
}

static int64_t idle_devices(const scene *s)
{
	int64_t n = 0;

	vec_each (v, &((scene *)(uintptr_t)s)->w.f.views)
		n += v->n_idle;
	return n;
}

Test(defrag, one_move_makes_room_for_a_whole_card)
{
	scene s;
	scene_open(&s, 2, 1);
	put(&s, 0, 0, 300, 5);
	put(&s, 1, 0, 400, 3);
	ask *a = ask_one(&s.asked, slice_of(1, 0, ASK_ABSENT), 1);
	cr_expect(!fits(&s, a));
	cr_assert(makes_room(&s, a));
	cr_expect_eq(s.got.moves.n, 1);
	cr_expect_eq(s.got.cost, 3, "the cheaper one moves");
	cr_expect_eq(s.got.gain_milli, 1000);
	move_all(&s);
	cr_expect(fits(&s, a));
	scene_close(&s);
}

Test(defrag, two_moves_are_tried_only_when_allowed)
{
	scene s;
	scene_open(&s, 2, 2);
	put(&s, 0, 0, 300, 1);
	put(&s, 0, 1, 300, 1);
	put(&s, 1, 0, 300, 1);
	put(&s, 1, 1, 300, 1);
	ask *a = ask_one(&s.asked, slice_of(2, 0, ASK_ABSENT), 1);
	cr_expect(!makes_room(&s, a));
	cr_expect_eq(s.got.moves.n, 0);
	s.terms.moves_max = 2;
	cr_assert(makes_room(&s, a));
	cr_expect_eq(s.got.moves.n, 2);
	move_all(&s);
	cr_expect(fits(&s, a));
	scene_close(&s);
}

/* Seed 4765520694965739541 of test_operations: it fits now, was said of a request for an idle device. */
Test(defrag, who_asks_for_idle_devices_gets_one_made_idle)
{
	scene s;
	scene_open(&s, 2, 1);
	put(&s, 0, 0, 300, 5);
	put(&s, 1, 0, 400, 3);
	ask *a = ask_one(&s.asked, slice_of(1, 100, 0), 1);
	a->device_policy = POLICY_HAMI_CHAIN;
	a->hami.chain[0] = HAMI_MUTEX;
	cr_expect(!fits(&s, a));
	cr_assert(makes_room(&s, a));
	cr_expect_eq(s.got.moves.n, 1);
	move_all(&s);
	cr_expect(fits(&s, a));
	scene_close(&s);
}

Test(defrag, what_may_not_move_stays)
{
	scene s;
	scene_open(&s, 2, 1);
	for (int32_t n = 0; n < 2; n++) {
		int32_t run = put(&s, n, 0, 300, 1);
		s.w.list.runs.v[run].terms.is_movable = false;
	}
	s.terms.moves_max = 2;
	cr_expect(!makes_room(&s, ask_one(&s.asked, slice_of(1, 0, ASK_ABSENT), 1)));
	defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
	cr_expect_eq(s.got.moves.n, 0);
	scene_close(&s);
}

Test(defrag, there_is_no_move_without_a_target)
{
	scene s;
	scene_open(&s, 2, 1);
	put(&s, 0, 0, 600, 1);
	put(&s, 1, 0, 600, 1);
	s.terms.moves_max = 2;
	cr_expect(!makes_room(&s, ask_one(&s.asked, slice_of(1, 0, ASK_ABSENT), 1)));
	scene_close(&s);
}

Test(defrag, a_sweep_empties_devices_and_nodes)
{
	scene s;
	scene_open(&s, 3, 2);
	put(&s, 0, 0, 300, 1);
	put(&s, 0, 1, 600, 1);
	put(&s, 1, 0, 300, 1);
	put(&s, 2, 0, 300, 1);
	s.terms.moves_max = 8;
	uint64_t before = world_print(&s.w);
	defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
	cr_assert_eq(world_print(&s.w), before);
	move_all(&s);
	cr_expect_eq(idle_devices(&s), 4);
	cr_expect_eq(s.w.f.views.v[1].n_idle, 2);
	cr_expect_eq(s.w.f.views.v[2].n_idle, 2);
	scene_close(&s);
}

static void world_draw(scene *s, uint64_t seed, int slices)
{
	s->w.run_seed = s->w.seed = seed;
	for (int i = 0; i < slices; i++) {
		ask *a = ask_one(&s->asked, slice_of(1, 100 * (2 + draw_below(&s->w.seed, 7)), 0), 1);
		running_terms t = terms_of(1, 1);
		a->node_policy = a->device_policy = draw_below(&s->w.seed, 2) ? POLICY_SPREAD : POLICY_BINPACK;
		t.move_cost = 1 + draw_below(&s->w.seed, 5);
		t.is_movable = draw_below(&s->w.seed, 5) > 0;
		world_run(&s->w, a, &t);
	}
	/* Some end, so that there are holes. */
	for (int32_t i = 0; i < s->w.n; i++) {
		if (draw_below(&s->w.seed, 3))
			continue;
		running_remove(&s->w.list, s->w.runs[i]);
		place_give(&s->w.f, s->w.q, QUOTA_ROOT, &s->w.plans[i]);
		plan_clear(&s->w.plans[i]);
	}
}

/* Whether the ask fits once run i is on `device`. */
static bool fits_after(scene *s, const ask *a, int32_t i, int32_t device)
{
	plan to;
	blocker no;
	bool can;

	plan_init(&to);
	plan_copy(&to, &s->w.plans[i]);
	to.pods.v[0].node = s->w.f.devices.v[device].node;
	to.devices.v[0].device = device;
	can = fit_plan(&s->w.f, &to, &no);
	if (can) {
		fleet_book(&s->w.f, &to);
		fleet_unbook(&s->w.f, &s->w.plans[i]);
		can = fits(s, a);
		fleet_book(&s->w.f, &s->w.plans[i]);
		fleet_unbook(&s->w.f, &to);
	}
	plan_done(&to);
	return can;
}

/* The cheapest single move after which the ask fits; -1: none. */
static int64_t brute(scene *s, const ask *a)
{
	int64_t best = -1;

	for (int32_t i = 0; i < s->w.n; i++) {
		if (!s->w.plans[i].pods.n)
			continue;
		const running_terms *t = &s->w.list.runs.v[s->w.runs[i]].terms;
		if (!t->is_movable || (best >= 0 && t->move_cost >= best))
			continue;
		for (int32_t d = 0; (uint32_t)d < s->w.f.devices.n; d++)
			if (d != s->w.plans[i].devices.v[0].device && fits_after(s, a, i, d)) {
				best = t->move_cost;
				break;
			}
	}
	return best;
}

Test(defrag, one_move_costs_what_the_best_of_all_moves_costs)
{
	uint64_t seed = seed_of_run();
	int seen = 0;

	for (int i = 0; i < WORLDS; i++) {
		scene s;
		scene_open(&s, 2 + i % 3, 2);
		world_draw(&s, seed + (uint64_t)i * 7919, 14);
		int32_t count = 1 + (int32_t)draw_below(&s.w.seed, 2);
		ask *a = ask_one(&s.asked, slice_of(count, 100 * (3 + draw_below(&s.w.seed, 8)), 0), 1);
		if (!fits(&s, a)) {
			int64_t best = brute(&s, a);
			cr_assert_eq(makes_room(&s, a), best >= 0, "best %ld, seed %lu", best, s.w.run_seed);
			cr_assert(best < 0 || s.got.cost == best, "cost %ld, best %ld, seed %lu", s.got.cost, best,
				s.w.run_seed);
			move_all(&s);
			cr_assert(best < 0 || fits(&s, a), "seed %lu", s.w.run_seed);
			seen += best >= 0;
		}
		scene_close(&s);
	}
	cr_assert(seen > WORLDS / 20, "%d", seen);
}

Test(defrag, two_moves_are_legal_and_make_room)
{
	uint64_t seed = seed_of_run();
	int seen = 0;

	for (int i = 0; i < WORLDS; i++) {
		scene s;
		scene_open(&s, 3, 3);
		world_draw(&s, seed + (uint64_t)i * 7919, 24);
		s.terms.moves_max = 2;
		ask *a = ask_one(&s.asked, slice_of(1 + (int32_t)draw_below(&s.w.seed, 2), 0, ASK_ABSENT), 1);
		if (!fits(&s, a) && makes_room(&s, a)) {
			cr_assert(s.got.moves.n >= 1 && s.got.moves.n <= 2);
			move_all(&s);
			cr_assert(fits(&s, a), "seed %lu", s.w.run_seed);
			seen++;
		}
		scene_close(&s);
	}
	cr_assert(seen > WORLDS / 20, "%d", seen);
}

Test(defrag, a_sweep_gains_what_it_says_within_its_moves)
{
	uint64_t seed = seed_of_run();
	int64_t all = 0;

	for (int i = 0; i < WORLDS; i++) {
		scene s;
		scene_open(&s, 4, 3);
		world_draw(&s, seed + (uint64_t)i * 7919, 24);
		s.terms.moves_max = 1 + (int32_t)draw_below(&s.w.seed, 6);
		s.terms.node_gain_milli = 0;
		int64_t before = idle_devices(&s);
		uint64_t print = world_print(&s.w);
		defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
		cr_assert_eq(world_print(&s.w), print, "seed %lu", s.w.run_seed);
		cr_assert_leq(s.got.moves.n, (uint32_t)s.terms.moves_max);
		move_all(&s);
		cr_assert_eq((idle_devices(&s) - before) * 1000, s.got.gain_milli, "seed %lu", s.w.run_seed);
		cr_assert(s.got.gain_milli > 0 || s.got.moves.n == 0);
		all += s.got.gain_milli;
		scene_close(&s);
	}
	cr_assert(all > 0);
}

static const ask *asked_of(void *arg, int32_t run)
{
	one_ask *asks = arg;

	return &asks[run].a;
}

/* The first of two equally good moves leads to a node without the label that its pod asks for. */
Test(defrag, a_sweep_goes_by_what_pods_asked)
{
	scene s;
	one_ask asks[2];
	scene_open(&s, 2, 2);
	trait_label zone = {fleet_text_put(&s.w.f, S("zone")), fleet_text_put(&s.w.f, S("a"))};
	trait_term term = {zone.key, LABEL_IN, &zone.value, 1};
	fleet_node_traits(&s.w.f, 0, &(traits){1, 0, &zone, NULL});
	for (int32_t n = 0; n < 2; n++) {
		int32_t run = put(&s, n, 0, 300, 1);
		ask_one(&asks[run], slice_of(1, 300, 0), 1);
		asks[run].a.node_policy = asks[run].a.device_policy = POLICY_SPREAD;
		asks[run].group.selector = &term;
		asks[run].group.n_selector = n == 0;
	}
	/* Who stays keeps the nodes themselves from being emptied. */
	for (int32_t n = 0; n < 2; n++)
		s.w.list.runs.v[put(&s, n, 1, 800, 1)].terms.is_movable = false;
	s.terms.moves_max = 8;
	defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
	cr_expect(s.got.moves.n == 1 && s.got.places.pods.v[0].node == 1, "amounts alone know no labels");
	s.terms.finder = s.w.finder;
	s.terms.asked = asked_of;
	s.terms.asked_arg = asks;
	uint64_t before = world_print(&s.w);
	defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
	cr_assert_eq(world_print(&s.w), before);
	cr_assert_eq(s.got.moves.n, 1);
	cr_expect_eq(s.got.places.pods.v[0].node, 0, "the other one moves");
	cr_expect_gt(s.got.gain_milli, 0);
	move_all(&s);
	cr_expect_eq(idle_devices(&s), 1);
	scene_close(&s);
}

/* Another class that the pod would take too is another charge. */
Test(defrag, a_sweep_leaves_classes_and_charges_as_they_are)
{
	scene s;
	one_ask asks[2];
	scene_open(&s, 1, 1);
	add_gpus(&s.w.f, s.cluster, "larger", 1, "h200", 2000);
	for (int32_t n = 0; n < 2; n++) {
		int32_t run = put(&s, n, 0, 300, 1);
		ask_one(&asks[run], slice_of(1, 300, 0), 1);
	}
	s.terms.moves_max = 8;
	s.terms.finder = s.w.finder;
	s.terms.asked = asked_of;
	s.terms.asked_arg = asks;
	defrag_cluster(s.search, &s.w.f, &s.w.list, s.cluster, &s.terms, &s.got);
	cr_expect_eq(s.got.moves.n, 0);
	scene_close(&s);
}
