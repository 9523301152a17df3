/* What a shape remembers is what a look at every node would say, whatever happened in between. */
#include "engine/shape.h"
#include "fixture.h"

#include <string.h>

enum { STEPS = 6000, CLUSTERS = 3, NODES = 150, SHAPES = 24, PLANS = 200, MANY_SHAPES = 3000, ASKED_AGAIN = 20 };

typedef struct world {
	fleet f;
	shapes *all;
	uint64_t run, seed;
	int32_t clusters[CLUSTERS];
	int32_t classes[3];
	one_ask asks[SHAPES];
	plan plans[PLANS];
	bool is_booked[PLANS];
	int tallies, tallies_cut; /* asked for; with more reasons than are kept */
} world;

static const char *const class_names[] = {"h100", "a100", "l40s"};

static void node_draw(world *w)
{
	char name[32];
	int i = (int)draw_below(&w->seed, NODES);
	int64_t kind = draw_below(&w->seed, 4);

	snprintf(name, sizeof name, "n%d", i);
	if (fleet_node_find(&w->f, w->clusters[i % CLUSTERS], str_from(name)) != FLEET_NONE)
		return;
	int32_t node = add_gpus(
		&w->f, w->clusters[i % CLUSTERS], name, (int)draw_below(&w->seed, 9), class_names[kind % 3], 80000);
	if (kind == 3) {
		strcat(name, "x");
		add_device(&w->f, node, name, "a100", 40000);
	}
}

static void ask_draw(world *w, one_ask *o)
{
	static const int32_t computes[] = {0, 100, 250, 500, 1000, ASK_ABSENT};
	ask_entry e = {.count = 1, .compute_milli = computes[draw_below(&w->seed, 6)]};

	if (draw_below(&w->seed, 3))
		e.memory_mib = draw_below(&w->seed, 5) * 20000;
	else
		e.memory_percent = (int32_t)draw_below(&w->seed, 101);
	if (draw_below(&w->seed, 4) == 0)
		e.count = 1 + (int32_t)draw_below(&w->seed, 8);
	if (draw_below(&w->seed, 2)) {
		e.classes = &w->classes[draw_below(&w->seed, 2)];
		e.n_classes = 1 + (int32_t)draw_below(&w->seed, 2);
		if (e.classes != w->classes)
			e.n_classes = 1;
		e.classes_equal = draw_below(&w->seed, 2);
	}
	ask_one(o, e, 1);
	o->group.cpu_milli = draw_below(&w->seed, 4) * 4000;
	o->group.memory_mib = draw_below(&w->seed, 4) * 8000;
	o->group.n_entries = draw_below(&w->seed, 10) != 0;
	o->a.node_policy = (ask_policy)draw_below(&w->seed, 2);
	o->a.device_policy = (ask_policy)draw_below(&w->seed, 2);
}

static void world_open(world *w)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed_of_run();
	fleet_init(&w->f);
	w->all = shapes_new();
	for (int c = 0; c < CLUSTERS; c++)
		w->clusters[c] = fleet_cluster_put(&w->f, text("c%d", c));
	for (int i = 0; i < 3; i++)
		w->classes[i] = fleet_class_put(&w->f, str_from(class_names[i]));
	for (int i = 0; i < NODES; i++)
		node_draw(w);
	for (int i = 0; i < SHAPES; i++)
		ask_draw(w, &w->asks[i]);
	for (int i = 0; i < PLANS; i++)
		plan_init(&w->plans[i]);
}

static void world_close(world *w)
{
	for (int i = 0; i < PLANS; i++)
		plan_done(&w->plans[i]);
	shapes_free(w->all);
	fleet_done(&w->f);
}

static fit_need need_of(const one_ask *o)
{
	fit_need need;

	fit_prepare(&need, &o->a, &o->group, NULL);
	return need;
}

/* From scratch: the best rating, then the lowest rank. */
static int32_t best_by_walk(const world *w, const fit_need *need, int32_t cluster)
{
	int32_t best = FLEET_NONE, most = -1;

	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		if (w->f.nodes.v[i].cluster != cluster)
			continue;
		int32_t rating = fit_rate(&w->f, need, (int32_t)i);
		bool is_first = rating == most && best != FLEET_NONE && w->f.nodes.v[i].rank < w->f.nodes.v[best].rank;
		if (rating < 0 || (rating <= most && !is_first))
			continue;
		best = (int32_t)i;
		most = rating;
	}
	return best;
}

static void misses_are_true(const world *w, const fit_need *need, const shape *s)
{
	int32_t counts[WHY_COUNT] = {0};
	fit_miss miss;

	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		if (w->f.nodes.v[i].cluster == FLEET_NONE || fit_rate(&w->f, need, (int32_t)i) >= 0)
			continue;
		fit_explain(&w->f, need, (int32_t)i, &miss);
		counts[miss.code]++;
	}
	for (why_code code = 0; code < WHY_COUNT; code++)
		cr_assert_eq(shape_misses(s)[code], counts[code], "seed %lu: %s", w->run, why_name(code));
}

/* Every reason with its count, and the nearest node's free amount, as a look at every node tells them. */
static void tally_is_true(world *w, const fit_need *need, shape *s, int32_t cluster)
{
	tally kept = {0}, want = {0};
	tally_row row = {.nodes = 1};

	w->tallies++;
	if (!shape_tally(s, &w->f, need, cluster, &kept)) {
		w->tallies_cut++;
		return;
	}
	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		row.node = (int32_t)i;
		if (w->f.nodes.v[i].cluster != cluster || fit_rate(&w->f, need, row.node) >= 0)
			continue;
		fit_explain(&w->f, need, row.node, &row.best);
		tally_add(want.rows, &want.n, TALLY_ROWS_MAX, &row);
	}
	cr_assert_eq(kept.n, want.n, "seed %lu", w->run);
	for (int32_t i = 0; i < want.n; i++) {
		bool is_found = false;
		for (int32_t k = 0; k < kept.n; k++)
			is_found |= kept.rows[k].best.code == want.rows[i].best.code &&
				    kept.rows[k].best.class_id == want.rows[i].best.class_id &&
				    kept.rows[k].nodes == want.rows[i].nodes &&
				    kept.rows[k].best.free == want.rows[i].best.free;
		cr_assert(is_found, "seed %lu: %s of %d nodes", w->run, why_name(want.rows[i].best.code),
			want.rows[i].nodes);
	}
}

static int32_t ask_any(world *w, bool looks_closely)
{
	const one_ask *o = &w->asks[draw_below(&w->seed, SHAPES)];
	int32_t cluster = w->clusters[draw_below(&w->seed, CLUSTERS)], rating;
	fit_need need = need_of(o);
	shape *s = draw_below(&w->seed, 3) ? shapes_rate(w->all, &w->f, &need) : shapes_rate_each(w->all, &w->f, &need);

	if (!s)
		s = shapes_rate(w->all, &w->f, &need);
	cr_assert(s);
	int32_t found = shape_best(s, &w->f, cluster, &rating), want = best_by_walk(w, &need, cluster);
	cr_assert_eq(found, want, "seed %lu: %d instead of %d", w->run, found, want);
	cr_assert(found == FLEET_NONE || rating == fit_rate(&w->f, &need, found), "seed %lu", w->run);
	if (looks_closely)
		misses_are_true(w, &need, s);
	if (draw_below(&w->seed, 5) == 0)
		tally_is_true(w, &need, s, cluster);
	return found;
}

static void book_any(world *w)
{
	int64_t i = draw_below(&w->seed, PLANS);

	if (w->is_booked[i]) {
		fleet_unbook(&w->f, &w->plans[i]);
		w->is_booked[i] = false;
		return;
	}
	const one_ask *o = &w->asks[draw_below(&w->seed, SHAPES)];
	int32_t node = best_by_walk(w, &(fit_need[]){need_of(o)}[0], w->clusters[draw_below(&w->seed, CLUSTERS)]);
	if (node == FLEET_NONE)
		return;
	fit_need need = need_of(o);
	plan_clear(&w->plans[i]);
	w->plans[i].cluster = w->f.nodes.v[node].cluster;
	fit_pick(&w->f, &need, node, 0, 0, &w->plans[i]);
	fleet_book(&w->f, &w->plans[i]);
	w->is_booked[i] = true;
}

static void change(world *w)
{
	int32_t node = (int32_t)draw_below(&w->seed, w->f.nodes.n);
	bool is_there = w->f.nodes.v[node].cluster != FLEET_NONE;

	switch (draw_below(&w->seed, 20)) {
	case 0:
		if (is_there)
			fleet_node_remove(&w->f, node);
		break;
	case 1:
		node_draw(w);
		break;
	case 2:
		if (is_there)
			fleet_node_flag(&w->f, node, FLEET_CORDONED, draw_below(&w->seed, 3) == 0);
		break;
	case 3:
		if (is_there)
			fleet_each_device(d, &w->f, node)
				fleet_device_flag(&w->f, d, FLEET_UNHEALTHY, draw_below(&w->seed, 4) == 0);
		break;
	case 4:
		if (is_there) {
			node_spec spec = {
				w->f.node_names.v[node], 64000, 262144, 0, (int32_t)draw_below(&w->seed, 500)};
			fleet_node_put(&w->f, w->f.nodes.v[node].cluster, &spec);
		}
		break;
	default:
		book_any(w);
	}
}

Test(shape, ratings_that_are_kept_equal_ratings_from_scratch)
{
	world w;
	world_open(&w);
	for (int step = 0; step < STEPS; step++) {
		for (int64_t k = draw_below(&w.seed, 12); k > 0; k--)
			change(&w);
		(void)ask_any(&w, step % 50 == 0);
	}
	cr_expect(w.tallies > 100 && w.tallies_cut < w.tallies / 2, "%d of %d were cut", w.tallies_cut, w.tallies);
	world_close(&w);
}

Test(shape, a_node_that_did_not_change_is_not_rated_again)
{
	world w;
	world_open(&w);
	fit_need need = need_of(&w.asks[0]);
	(void)shapes_rate(w.all, &w.f, &need);
	(void)shapes_rate(w.all, &w.f, &need);
	uint64_t before = shapes_ratings(w.all);
	for (int i = 0; i < ASKED_AGAIN; i++)
		(void)shapes_rate(w.all, &w.f, &need);
	cr_expect_eq(shapes_ratings(w.all), before);
	fleet_node_flag(&w.f, w.f.clusters.v[0].nodes.v[0], FLEET_CORDONED, true);
	(void)shapes_rate(w.all, &w.f, &need);
	cr_expect_eq(shapes_ratings(w.all), before + 1);
	world_close(&w);
}

/* A scheduler that filters by a new shape ranks by it next. */
Test(shape, a_newcomer_that_comes_back_is_not_rated_anew)
{
	world w;
	world_open(&w);
	for (int i = 0; i < 3; i++) {
		one_ask o = w.asks[1];
		o.group.entries = &o.entry;
		o.group.cpu_milli = 1 + i;
		fit_need need = need_of(&o);
		uint64_t before = shapes_ratings(w.all);
		shape *first = shapes_rate_each(w.all, &w.f, &need);
		cr_expect_eq(shapes_ratings(w.all), before + w.f.nodes.n);
		fleet_node_flag(&w.f, w.f.clusters.v[0].nodes.v[i], FLEET_CORDONED, true);
		cr_expect_eq(shapes_rate_each(w.all, &w.f, &need), first);
		cr_expect_eq(shapes_ratings(w.all), before + w.f.nodes.n + 1, "only what changed");
		cr_expect_eq(shapes_rate(w.all, &w.f, &need), first, "it is kept now");
		cr_expect_eq(shapes_ratings(w.all), before + w.f.nodes.n + 1);
	}
	world_close(&w);
}

Test(shape, newcomers_throw_out_nothing_but_each_other)
{
	world w;
	world_open(&w);
	fit_need known = need_of(&w.asks[0]);
	for (int i = 0; i < 3; i++)
		(void)shapes_rate_each(w.all, &w.f, &known);
	for (int i = 0; i < MANY_SHAPES; i++) {
		one_ask o = w.asks[1];
		int32_t rating;
		o.group.entries = &o.entry;
		o.group.cpu_milli = 1 + i;
		fit_need need = need_of(&o);
		shape *s = shapes_rate_each(w.all, &w.f, &need);
		if (i % 100 == 0)
			cr_assert_eq(
				shape_best(s, &w.f, w.clusters[0], &rating), best_by_walk(&w, &need, w.clusters[0]));
	}
	uint64_t before = shapes_ratings(w.all);
	(void)shapes_rate_each(w.all, &w.f, &known);
	cr_expect_eq(shapes_ratings(w.all), before);
	world_close(&w);
}

/* Whoever asks for something new each time does not make others pay for it. */
Test(shape, a_stream_of_new_shapes_throws_nothing_out)
{
	world w;
	world_open(&w);
	fit_need known = need_of(&w.asks[0]);
	for (int i = 0; i < 3; i++)
		(void)shapes_rate(w.all, &w.f, &known);
	for (int i = 0; i < MANY_SHAPES; i++) {
		one_ask o = w.asks[1];
		o.group.entries = &o.entry;
		o.group.cpu_milli = 1 + i;
		fit_need need = need_of(&o);
		cr_assert_null(shapes_rate(w.all, &w.f, &need), "what is new is not kept");
	}
	uint64_t before = shapes_ratings(w.all);
	(void)shapes_rate(w.all, &w.f, &known);
	cr_expect_eq(shapes_ratings(w.all), before);
	world_close(&w);
}

/* One more shape than would pay, in turn: whoever can find a node without a row never waits for one. */
Test(shape, what_is_asked_seldom_is_not_kept_for_who_can_do_without)
{
	world w;
	world_open(&w);
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 2 * SHAPES_OFTEN; i++) {
			one_ask o = w.asks[1];
			o.group.entries = &o.entry;
			o.group.cpu_milli = 1 + i;
			fit_need need = need_of(&o);
			cr_assert_null(shapes_rate_often(w.all, &w.f, &need));
		}
	cr_expect_eq(shapes_ratings(w.all), 0);
	world_close(&w);
}

Test(shape, what_is_asked_often_among_many_is_kept)
{
	world w;
	world_open(&w);
	fit_need known = need_of(&w.asks[0]);
	int kept = 0;
	for (int i = 0; i < 1000; i++) {
		one_ask o = w.asks[1];
		o.group.entries = &o.entry;
		o.group.cpu_milli = 1 + i;
		fit_need need = need_of(&o);
		cr_assert_null(shapes_rate_often(w.all, &w.f, &need), "what is new is not kept");
		shape *s = shapes_rate_often(w.all, &w.f, &known);
		kept += s != NULL;
		int32_t rating;
		if (s)
			cr_assert_eq(
				shape_best(s, &w.f, w.clusters[0], &rating), best_by_walk(&w, &known, w.clusters[0]));
		change(&w);
	}
	cr_expect_gt(kept, 900, "%d of 1000", kept);
	world_close(&w);
}

Test(shape, more_shapes_than_rows_take_turns)
{
	world w;
	world_open(&w);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < SHAPES_MAX + 50; i++) {
			one_ask o = w.asks[1];
			o.group.entries = &o.entry;
			o.group.cpu_milli = 1 + i;
			fit_need need = need_of(&o);
			shape *kept = shapes_rate(w.all, &w.f, &need);
			if (!kept)
				kept = shapes_rate(w.all, &w.f, &need);
			int32_t rating, node = shape_best(kept, &w.f, w.clusters[0], &rating);
			cr_assert_eq(node, best_by_walk(&w, &need, w.clusters[0]), "seed %lu", w.run);
		}
	}
	world_close(&w);
}

Test(shape, what_names_devices_is_not_kept)
{
	world w;
	world_open(&w);
	one_ask o = w.asks[0];
	str name = S("n1-0");
	o.group.entries = &o.entry;
	o.group.n_entries = 1;
	o.entry.uuids = (strs){&name, 1};
	fit_need need = need_of(&o);
	for (int i = 0; i < 3; i++)
		cr_expect_null(shapes_rate(w.all, &w.f, &need));
	world_close(&w);
}

/* Gangs that fall back from a class ask pod by pod for what quota leaves. */
Test(shape, what_quota_blocks_is_a_shape_of_its_own)
{
	world w;
	world_open(&w);
	fit_blocked blocked = {0}, other = {0};
	one_ask o;
	ask_one(&o, slice_of(1, 1000, 100), 1);
	fit_need need = need_of(&o);
	need.blocked = &blocked;
	(void)shapes_rate(w.all, &w.f, &need);
	cr_expect(shapes_rate(w.all, &w.f, &need));
	fit_block(&blocked, w.classes[0]);
	fit_block(&other, w.classes[1]);
	for (int i = 0; i < 2; i++) {
		int32_t rating;
		need.blocked = i ? &other : &blocked;
		cr_expect_null(shapes_rate(w.all, &w.f, &need), "what is new is not kept");
		shape *s = shapes_rate(w.all, &w.f, &need);
		cr_assert(s);
		for (int c = 0; c < CLUSTERS; c++) {
			int32_t found = shape_best(s, &w.f, w.clusters[c], &rating);
			cr_expect_eq(found, best_by_walk(&w, &need, w.clusters[c]), "seed %lu", w.run);
		}
	}
	world_close(&w);
}

enum { GROWN_NODES = 9000, GROWN_SHAPES = 300 };

Test(shape, rows_of_a_fleet_that_has_grown_take_no_more_memory_than_they_may)
{
	world w;
	world_open(&w);
	for (int i = 0; i < 2 * GROWN_SHAPES; i++) {
		one_ask o = w.asks[1];
		o.group.entries = &o.entry;
		o.group.cpu_milli = 1 + i / 2;
		fit_need need = need_of(&o);
		(void)shapes_rate(w.all, &w.f, &need);
	}
	cr_expect_eq(shapes_kept(w.all), GROWN_SHAPES);
	for (int i = 0; i < GROWN_NODES; i++)
		add_node(&w.f, w.clusters[0], text("g%d", i).p, 1000, 1000);
	fit_need need = need_of(&w.asks[0]);
	(void)shapes_rate(w.all, &w.f, &need);
	cr_expect_leq(shapes_kept(w.all) * (size_t)w.f.nodes.n * 8, SHAPES_BYTES_MAX, "%u rows", shapes_kept(w.all));
	one_ask o = w.asks[1];
	o.group.entries = &o.entry;
	o.group.cpu_milli = GROWN_SHAPES;
	need = need_of(&o);
	int32_t rating;
	shape *s = shapes_rate(w.all, &w.f, &need);
	cr_assert(s, "the one asked last is kept");
	cr_expect_eq(shape_best(s, &w.f, w.clusters[0], &rating), best_by_walk(&w, &need, w.clusters[0]));
	world_close(&w);
}

/* Both of one rank: which is better does not hang on which was looked at first. */
Test(shape, of_equal_ranks_the_lower_handle_is_best_whatever_came_before)
{
	world w;
	memset(&w, 0, sizeof w);
	fleet_init(&w.f);
	w.all = shapes_new();
	int32_t cluster = fleet_cluster_put(&w.f, S("c")), nodes[2], rating;
	one_ask o;
	for (int i = 0; i < 2; i++) {
		node_spec spec = {text("n%d", i), 1000, 1000, 0, 7};
		nodes[i] = fleet_node_put(&w.f, cluster, &spec);
	}
	ask_one(&o, slice_of(1, 0, 0), 1);
	o.group.n_entries = 0;
	fit_need need = need_of(&o);
	fleet_node_flag(&w.f, nodes[0], FLEET_CORDONED, true);
	(void)shapes_rate(w.all, &w.f, &need);
	cr_expect_eq(shape_best(shapes_rate(w.all, &w.f, &need), &w.f, cluster, &rating), nodes[1]);
	fleet_node_flag(&w.f, nodes[0], FLEET_CORDONED, false);
	cr_expect_eq(shape_best(shapes_rate(w.all, &w.f, &need), &w.f, cluster, &rating), nodes[0]);
	shapes_free(w.all);
	fleet_done(&w.f);
}
