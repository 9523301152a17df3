/* What the search walks is always what the full rows say, whatever happened to them. */
#include "fixture.h"

#include <string.h>

enum { STEPS = 20000, NODES = 12, PLANS = 40, TRIALS = 300 };

typedef struct world {
	fleet f;
	uint64_t run, seed;
	int32_t clusters[2];
	plan plans[PLANS];
	bool is_booked[PLANS];
} world;

static const char *const class_names[] = {"h100", "a100"};

static void node_add(world *w, int i)
{
	char uuid[32];
	int32_t node = add_node(&w->f, w->clusters[i % 2], text("n%d", i).p, 64000, 200000);

	for (int64_t d = draw_below(&w->seed, 17); d > 0; d--) {
		snprintf(uuid, sizeof uuid, "n%d-%d", i, (int)d);
		if (fleet_device_find(&w->f, w->clusters[i % 2], str_from(uuid)) == FLEET_NONE)
			add_device(&w->f, node, uuid, class_names[draw_below(&w->seed, 8) == 0], 80000);
	}
}

static void world_open(world *w)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed_of_run();
	fleet_init(&w->f);
	w->clusters[0] = fleet_cluster_put(&w->f, S("par"));
	w->clusters[1] = fleet_cluster_put(&w->f, S("ams"));
	for (int i = 0; i < NODES; i++)
		node_add(w, i);
	for (int i = 0; i < PLANS; i++)
		plan_init(&w->plans[i]);
}

static void world_close(world *w)
{
	for (int i = 0; i < PLANS; i++)
		plan_done(&w->plans[i]);
	fleet_done(&w->f);
}

static int32_t any_node(world *w)
{
	for (;;) {
		int32_t node = (int32_t)draw_below(&w->seed, w->f.nodes.n);
		if (w->f.nodes.v[node].cluster != FLEET_NONE)
			return node;
	}
}

/* One pod on any node, past capacity too. */
static void plan_draw(world *w, plan *p)
{
	int32_t node = any_node(w);

	plan_clear(p);
	p->cluster = w->f.nodes.v[node].cluster;
	plan_add_pod(p, 0, 0, node, draw_below(&w->seed, 20000), draw_below(&w->seed, 50000));
	fleet_each_device(d, &w->f, node)
	{
		plan_device s = {.device = d, .memory_mib = draw_below(&w->seed, 90000)};
		s.compute_milli = draw_below(&w->seed, 3) ? draw_below(&w->seed, 600) : SHARE_WHOLE_MILLI;
		if (draw_below(&w->seed, 4) == 0)
			plan_add_device(p, s);
	}
}

static void book_or_unbook(world *w)
{
	int64_t i = draw_below(&w->seed, PLANS);

	if (w->is_booked[i]) {
		fleet_unbook(&w->f, &w->plans[i]);
	} else {
		plan_draw(w, &w->plans[i]);
		fleet_book(&w->f, &w->plans[i]);
	}
	w->is_booked[i] = !w->is_booked[i];
}

static void flag_any(world *w)
{
	int32_t node = any_node(w);
	fleet_flag flag = draw_below(&w->seed, 2) ? FLEET_CORDONED : FLEET_UNHEALTHY;

	fleet_node_flag(&w->f, node, flag, draw_below(&w->seed, 3) == 0);
	fleet_each_device(d, &w->f, node) fleet_device_flag(&w->f, d, flag, draw_below(&w->seed, 5) == 0);
}

static void change(world *w)
{
	switch (draw_below(&w->seed, 12)) {
	case 0:
		fleet_node_remove(&w->f, any_node(w));
		break;
	case 1:
		node_add(w, (int)draw_below(&w->seed, NODES));
		break;
	case 2: {
		int32_t node = any_node(w);
		if (w->f.nodes.v[node].first_device != FLEET_NONE)
			fleet_device_remove(&w->f, w->f.nodes.v[node].first_device);
		break;
	}
	case 3:
		flag_any(w);
		break;
	case 4: {
		class_spec spec = {.slots = 1 + (int32_t)draw_below(&w->seed, 4), .overcommit_ppm = 1500000};
		fleet_class_set(&w->f, 0, spec);
		break;
	}
	default:
		book_or_unbook(w);
	}
	bool any = false;
	vec_each (n, &w->f.nodes)
		any |= n->cluster != FLEET_NONE;
	if (!any)
		node_add(w, 0);
}

static int64_t left(int64_t capacity, int64_t used)
{
	return capacity > used ? capacity - used : 0;
}

static void cells_are_true(const world *w, int32_t node, fleet_view *ret_sum)
{
	const fleet_view *v = &w->f.views.v[node];
	int32_t at = v->first_cell;

	*ret_sum = (fleet_view){0};
	fleet_each_device(id, &w->f, node)
	{
		const fleet_device *d = &w->f.devices.v[id];
		const fleet_cell *c = &w->f.cells.v[at];
		int64_t memory = d->flags ? 0 : left(d->memory_mib, d->used_memory_mib);
		int64_t compute = d->flags || d->exclusive ? 0 : left(d->compute_milli, d->used_compute_milli);
		cr_assert_eq(w->f.cell_devices.v[at], id, "seed %lu", w->run);
		cr_assert_eq(d->cell, at++, "seed %lu", w->run);
		cr_assert_eq(c->is_open, d->flags == 0, "seed %lu", w->run);
		cr_assert_eq(c->is_idle, d->flags == 0 && d->sharers == 0, "seed %lu", w->run);
		cr_assert_eq(c->has_slot, d->flags == 0 && d->sharers < d->slots, "seed %lu", w->run);
		cr_assert_eq(c->free_memory_mib, memory, "seed %lu", w->run);
		cr_assert_eq(c->free_compute_milli, compute, "seed %lu", w->run);
		cr_assert_eq(c->class_id, d->class_id, "seed %lu", w->run);
		ret_sum->n_open = (int16_t)(ret_sum->n_open + c->is_open);
		ret_sum->n_idle = (int16_t)(ret_sum->n_idle + c->is_idle);
		ret_sum->free_device_milli += c->free_milli;
	}
	cr_assert_eq(at - v->first_cell, v->n_cells, "seed %lu", w->run);
}

static void views_are_true(const world *w)
{
	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		const fleet_node *n = &w->f.nodes.v[i];
		const fleet_view *v = &w->f.views.v[i];
		fleet_view sum;
		if (n->cluster == FLEET_NONE) {
			cr_assert(v->is_closed && v->n_cells == 0, "seed %lu", w->run);
			continue;
		}
		cells_are_true(w, (int32_t)i, &sum);
		cr_assert_eq(v->is_closed, n->flags != 0, "seed %lu", w->run);
		cr_assert_eq(v->free_cpu_milli, left(n->cpu_milli, n->used_cpu_milli), "seed %lu", w->run);
		cr_assert_eq(v->free_memory_mib, left(n->memory_mib, n->used_memory_mib), "seed %lu", w->run);
		cr_assert_eq(v->n_open, sum.n_open, "seed %lu", w->run);
		cr_assert_eq(v->n_idle, sum.n_idle, "seed %lu", w->run);
		cr_assert_eq(v->free_device_milli, sum.free_device_milli, "seed %lu", w->run);
	}
}

Test(view, views_and_cells_follow_every_change)
{
	world w;
	world_open(&w);
	for (int step = 0; step < STEPS; step++) {
		change(&w);
		if (step % 16 == 0)
			views_are_true(&w);
	}
	world_close(&w);
}

static uint64_t print_of(const fleet *f)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < f->views.n; i++) {
		const fleet_view *v = &f->views.v[i];
		int64_t all[] = {v->free_cpu_milli, v->free_memory_mib, v->free_device_milli, v->n_idle, v->is_closed};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		int64_t all[] = {d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	return sum;
}

Test(view, a_trial_that_is_undone_leaves_no_trace_and_nests)
{
	world w;
	world_open(&w);
	for (int step = 0; step < TRIALS; step++) {
		for (int k = 0; k < 20; k++)
			change(&w);
		bool outer_booked[PLANS], inner_booked[PLANS];
		uint64_t before = print_of(&w.f);
		uint32_t outer = fleet_try(&w.f);
		memcpy(outer_booked, w.is_booked, sizeof outer_booked);
		for (int64_t k = draw_below(&w.seed, 30); k > 0; k--) {
			int64_t i = draw_below(&w.seed, PLANS);
			if (w.is_booked[i])
				fleet_unbook(&w.f, &w.plans[i]);
			w.is_booked[i] = false;
		}
		uint64_t between = print_of(&w.f);
		uint32_t inner = fleet_try(&w.f);
		memcpy(inner_booked, w.is_booked, sizeof inner_booked);
		for (int i = 0; i < PLANS; i++)
			if (outer_booked[i] && !w.is_booked[i])
				fleet_book(&w.f, &w.plans[i]);
		views_are_true(&w);
		fleet_undo(&w.f, inner);
		cr_assert_eq(print_of(&w.f), between, "seed %lu", w.run);
		if (draw_below(&w.seed, 2)) {
			fleet_undo(&w.f, outer);
			memcpy(w.is_booked, outer_booked, sizeof outer_booked);
			cr_assert_eq(print_of(&w.f), before, "seed %lu", w.run);
		} else {
			fleet_keep(&w.f, outer);
		}
		views_are_true(&w);
	}
	world_close(&w);
}

Test(view, what_is_gone_is_freed_after_a_trial_that_is_kept)
{
	world w;
	world_open(&w);
	plan *p = &w.plans[0];
	int32_t node = fleet_node_find(&w.f, w.clusters[0], S("n0"));
	plan_clear(p);
	p->cluster = w.clusters[0];
	plan_add_pod(p, 0, 0, node, 1000, 1000);
	fleet_book(&w.f, p);
	fleet_node_remove(&w.f, node);
	uint32_t trial = fleet_try(&w.f);
	fleet_unbook(&w.f, p);
	cr_expect_neq(w.f.nodes.v[node].cluster, FLEET_NONE);
	fleet_undo(&w.f, trial);
	cr_expect_eq(w.f.nodes.v[node].pods, 1);
	trial = fleet_try(&w.f);
	fleet_unbook(&w.f, p);
	fleet_keep(&w.f, trial);
	cr_expect_eq(w.f.nodes.v[node].cluster, FLEET_NONE);
	world_close(&w);
}

Test(view, the_log_names_every_view_that_changed)
{
	world w;
	world_open(&w);
	for (int step = 0; step < 2000; step++) {
		fleet_view before[FLEET_BLOCK * 2];
		uint64_t from = w.f.log_n;
		cr_assert_leq(w.f.views.n, FLEET_BLOCK * 2);
		memcpy(before, w.f.views.v, w.f.views.n * sizeof *before);
		change(&w);
		cr_assert(fleet_log_reaches(&w.f, from));
		for (uint32_t i = 0; i < w.f.views.n; i++) {
			bool is_named = false;
			for (uint64_t at = from; at < w.f.log_n; at++)
				is_named |= fleet_log_at(&w.f, at) == (int32_t)i;
			cr_assert(is_named || memcmp(&before[i], &w.f.views.v[i], sizeof *before) == 0, "seed %lu",
				w.run);
		}
	}
	world_close(&w);
}

Test(view, nodes_of_one_block_are_of_one_cluster)
{
	world w;
	world_open(&w);
	for (int i = 0; i < 300; i++)
		add_node(&w.f, w.clusters[i % 2], text("m%d", i).p, 1000, 1000);
	for (int c = 0; c < 2; c++)
		vec_each (block, &w.f.clusters.v[w.clusters[c]].blocks)
			for (int32_t i = *block * FLEET_BLOCK; i < (*block + 1) * FLEET_BLOCK; i++)
				cr_assert(w.f.nodes.v[i].cluster == w.clusters[c] ||
					  w.f.nodes.v[i].cluster == FLEET_NONE);
	world_close(&w);
}
