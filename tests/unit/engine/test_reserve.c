/* What is held goes to its owner: from the first eviction on, and when its window comes. */
#include "running_world.h"

#include "engine/reserve.h"

enum { OWNER = 7, OTHER = 8, SECOND_US = 1000000, STEPS = 3000, WORLDS = 200 };

typedef struct scene {
	running_world w;
	reserve *r;
	int32_t node;
	one_ask asked;
} scene;

static void scene_open(scene *s, int cards)
{
	memset(s, 0, sizeof *s);
	running_world_open(&s->w);
	s->r = reserve_new();
	s->node = add_gpus(&s->w.f, fleet_cluster_put(&s->w.f, S("par")), "n0", cards, "h100", 1000);
}

static void scene_close(scene *s)
{
	reserve_free(s->r);
	running_world_close(&s->w);
}

static reserve_terms window(int64_t owner, int64_t from_s, int64_t until_s)
{
	return (reserve_terms){owner, from_s * SECOND_US, until_s * SECOND_US, FLEET_NONE};
}

/* Tries one slice for `owner` at now_s; what is found is taken back at once. */
static bool may_start(scene *s, int64_t owner, int64_t now_s, int64_t runtime_s, int64_t memory_mib)
{
	ask *a = ask_one(&s->asked, slice_of(1, memory_mib, 0), 1);
	uint64_t before = world_print(&s->w);

	a->max_runtime_s = runtime_s;
	bool found = reserve_place(
		s->r, s->w.finder, &s->w.f, s->w.q, QUOTA_ROOT, owner, now_s * SECOND_US, a, &s->w.p, &s->w.reasons);
	if (found)
		place_give(&s->w.f, s->w.q, QUOTA_ROOT, &s->w.p);
	cr_assert_eq(world_print(&s->w), before, "seed %lu", s->w.run_seed);
	return found;
}

/* A hold on the first device of the node. */
static int32_t hold_device(scene *s, reserve_terms t, int64_t memory_mib)
{
	plan p;

	plan_init(&p);
	p.cluster = s->w.f.nodes.v[s->node].cluster;
	plan_add_pod(&p, 0, 0, s->node, 0, 0);
	plan_add_device(&p, (plan_device){.device = s->w.f.nodes.v[s->node].first_device,
				    .memory_mib = memory_mib,
				    .charge = share_of_slice(memory_mib, 0, 1000, 1)});
	int32_t id = reserve_add(s->r, &s->w.f, s->w.q, &t, &p);
	plan_done(&p);
	return id;
}

Test(reserve, a_hold_binds_all_but_its_owner_and_what_ends_before_it_begins)
{
	static const struct {
		int64_t owner, now_s, runtime_s;
		bool starts;
	} cases[] = {
		{OWNER, 0, 0, true},
		{OWNER, 150, 0, true},
		{OTHER, 0, 0, false},
		{RESERVE_OWNER_NONE, 0, 0, false},
		{OTHER, 0, 100, true},
		{OTHER, 0, 101, false},
		{OTHER, 40, 60, true},
		{OTHER, 41, 60, false},
		{OTHER, 150, 1, false},
		{OTHER, 0, INT64_MAX, false},
	};
	scene s;
	scene_open(&s, 1);
	hold_device(&s, window(OWNER, 100, 200), 1000);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(may_start(&s, cases[i].owner, cases[i].now_s, cases[i].runtime_s, 500), cases[i].starts,
			"case %zu", i);
	scene_close(&s);
}

Test(reserve, a_hold_of_nobody_binds_all)
{
	scene s;
	scene_open(&s, 1);
	hold_device(&s, window(RESERVE_OWNER_NONE, 0, 200), 1000);
	cr_expect(!may_start(&s, RESERVE_OWNER_NONE, 0, 0, 500));
	cr_expect_eq(reserve_find_owner(s.r, OWNER), FLEET_NONE);
	scene_close(&s);
}

Test(reserve, what_a_victim_leaves_goes_to_the_pre_emptor_alone)
{
	scene s;
	scene_open(&s, 1);
	running_terms t = terms_of(1, 1);
	int32_t victim = world_run_slice(&s.w, slice_of(1, 700, 0), 1, &t);
	cr_assert_neq(victim, FLEET_NONE);
	int32_t hold = hold_device(&s, window(OWNER, 0, 600), 600);
	cr_expect(!may_start(&s, OTHER, 0, 0, 100), "the victim has not gone, and 300 MiB are the pre-emptor's");
	cr_expect(!may_start(&s, OWNER, 0, 0, 600), "the victim has not gone");
	cr_expect(!reserve_device_is_over(s.r, &s.w.f, 0));
	cr_expect(fleet_device_is_over(&s.w.f, 0));
	place_give(&s.w.f, s.w.q, QUOTA_ROOT, &s.w.plans[0]);
	cr_expect(!may_start(&s, OTHER, 0, 0, 600));
	cr_expect(may_start(&s, OTHER, 0, 0, 400), "more was freed than is held");
	cr_expect(may_start(&s, OWNER, 0, 0, 600));
	reserve_drop(s.r, &s.w.f, s.w.q, hold);
	cr_expect(may_start(&s, OTHER, 0, 0, 1000));
	cr_expect_null(reserve_plan(s.r, hold));
	scene_close(&s);
}

Test(reserve, backfill_leaves_the_hold_where_it_is)
{
	scene s;
	scene_open(&s, 1);
	hold_device(&s, window(OWNER, 100, 200), 1000);
	ask *a = ask_one(&s.asked, slice_of(1, 600, 0), 1);
	a->max_runtime_s = 50;
	cr_expect(reserve_place(s.r, s.w.finder, &s.w.f, s.w.q, 0, OTHER, 0, a, &s.w.p, &s.w.reasons));
	cr_expect(!may_start(&s, OTHER, 0, 0, 100));
	cr_expect(may_start(&s, OTHER, 0, 50, 400), "short work shares what is there");
	cr_expect(!may_start(&s, OTHER, 0, 50, 500));
	cr_expect(!reserve_device_is_over(s.r, &s.w.f, 0));
	scene_close(&s);
}

Test(reserve, holds_are_charged_and_expire)
{
	scene s;
	int32_t tenant;
	scene_open(&s, 1);
	cr_assert_eq(quota_add(s.w.q, QUOTA_ROOT, &tenant), ERR_OK);
	reserve_terms t = window(OWNER, 0, 100);
	t.tenant = tenant;
	hold_device(&s, t, 500);
	cr_expect_eq(quota_used(s.w.q, tenant, 0).v[AXIS_DEVICE_MILLI], 500);
	cr_expect_eq(reserve_expire(s.r, &s.w.f, s.w.q, 99 * SECOND_US), 0);
	cr_expect_eq(reserve_expire(s.r, &s.w.f, s.w.q, 100 * SECOND_US), 1);
	cr_expect_eq(quota_used(s.w.q, tenant, 0).v[AXIS_DEVICE_MILLI], 0);
	cr_expect_eq(s.w.f.devices.v[0].sharers, 0);
	scene_close(&s);
}

Test(reserve, a_node_that_is_removed_lives_as_long_as_it_is_held)
{
	scene s;
	scene_open(&s, 1);
	int32_t hold = hold_device(&s, window(OWNER, 0, 100), 500);
	fleet_node_remove(&s.w.f, s.node);
	cr_expect(!may_start(&s, OWNER, 0, 0, 500));
	cr_expect_neq(s.w.f.nodes.v[s.node].cluster, FLEET_NONE);
	reserve_drop(s.r, &s.w.f, s.w.q, hold);
	cr_expect_eq(s.w.f.nodes.v[s.node].cluster, FLEET_NONE);
	scene_close(&s);
}

/* One of: hold, drop, start for somebody, end. */
static void step(scene *s)
{
	running_world *w = &s->w;
	int64_t owner = 1 + draw_below(&w->seed, 3), now_s = draw_below(&w->seed, 100),
		at = draw_below(&w->seed, WORLD_PLANS);
	ask *a = ask_one(&s->asked, slice_of(1, 100 * (1 + draw_below(&w->seed, 10)), 0), 1);

	a->max_runtime_s = draw_below(&w->seed, 2) * (1 + draw_below(&w->seed, 200));
	if (w->plans[at].pods.n) {
		place_give(&w->f, w->q, QUOTA_ROOT, &w->plans[at]);
		plan_clear(&w->plans[at]);
		return;
	}
	if (draw_below(&w->seed, 4) == 0) {
		int32_t hold = reserve_find_owner(s->r, owner);
		if (hold != FLEET_NONE)
			reserve_drop(s->r, &w->f, w->q, hold);
		else
			hold_device(s, window(owner, now_s, 200), 100 * (1 + draw_below(&w->seed, 10)));
		return;
	}
	if (!reserve_place(
		    s->r, w->finder, &w->f, w->q, QUOTA_ROOT, owner, now_s * SECOND_US, a, &w->plans[at], &w->reasons))
		return;
	bool is_passing = false;
	for (int32_t h = 0; h < 3; h++)
		is_passing |=
			reserve_plan(s->r, h) && !reserve_binds(s->r, h, owner, now_s * SECOND_US, a->max_runtime_s);
	cr_assert(
		is_passing || !fleet_device_is_over(&w->f, w->plans[at].devices.v[0].device), "seed %lu", w->run_seed);
}

Test(reserve, whatever_happens_nothing_real_is_over_and_all_comes_back)
{
	scene s;
	scene_open(&s, 3);
	uint64_t before = world_print(&s.w);
	for (int i = 0; i < STEPS; i++) {
		step(&s);
		for (int32_t d = 0; d < 3; d++)
			cr_assert(!reserve_device_is_over(s.r, &s.w.f, d), "step %d, seed %lu", i, s.w.run_seed);
	}
	for (int i = 0; i < WORLD_PLANS; i++)
		if (s.w.plans[i].pods.n)
			place_give(&s.w.f, s.w.q, QUOTA_ROOT, &s.w.plans[i]);
	reserve_expire(s.r, &s.w.f, s.w.q, 1000 * (int64_t)SECOND_US);
	cr_assert_eq(world_print(&s.w), before, "seed %lu", s.w.run_seed);
	scene_close(&s);
}

/* The first end after which the ask fits, found one after the other; -1: never. */
static int64_t earliest_slow(scene *s, const ask *a, int64_t not_before_us)
{
	running_world *w = &s->w;
	int64_t at = not_before_us, next;
	bool fits;

	for (;;) {
		uint32_t trial = fleet_try(&w->f);
		next = INT64_MAX;
		for (int32_t i = 0; i < w->n; i++) {
			int64_t ends_us = w->list.runs.v[w->runs[i]].terms.ends_us;
			if (ends_us && ends_us <= at)
				fleet_unbook(&w->f, &w->plans[i]);
			else if (ends_us && ends_us < next)
				next = ends_us;
		}
		plan p;
		plan_init(&p);
		fits = place_find(w->finder, &w->f, NULL, 0, a, &p, &w->reasons);
		plan_done(&p);
		fleet_undo(&w->f, trial);
		if (fits || next == INT64_MAX)
			return fits ? at : -1;
		at = next;
	}
}

Test(reserve, the_earliest_start_is_the_first_end_that_makes_room)
{
	uint64_t seed = seed_of_run();
	int seen = 0;

	for (int i = 0; i < WORLDS; i++) {
		scene s;
		int64_t us = -1;
		scene_open(&s, 3);
		s.w.run_seed = s.w.seed = seed + (uint64_t)i * 7919;
		for (int k = 0; k < 12; k++) {
			running_terms t = terms_of(1, 1);
			t.ends_us = draw_below(&s.w.seed, 20);
			world_run_slice(&s.w, slice_of(1, 100 * (1 + draw_below(&s.w.seed, 9)), 0), 1, &t);
		}
		uint64_t before = world_print(&s.w);
		ask *a = ask_one(&s.asked, slice_of(1 + (int32_t)draw_below(&s.w.seed, 2), 700, 0), 1);
		int64_t not_before_us = draw_below(&s.w.seed, 5);
		bool found = reserve_earliest(
			s.r, s.w.finder, &s.w.f, s.w.q, QUOTA_ROOT, a, &s.w.list, not_before_us, &s.w.p, &us);
		cr_assert_eq(world_print(&s.w), before, "seed %lu", s.w.run_seed);
		cr_assert_eq(found ? us : -1, earliest_slow(&s, a, not_before_us), "seed %lu", s.w.run_seed);
		cr_assert_eq(s.w.p.pods.n, found ? 1 : 0);
		seen += found && us > not_before_us;
		scene_close(&s);
	}
	cr_assert(seen > WORLDS / 10);
}
