/* Random fleets of every kind of device: cut into instances, shared in steps, given in pairs, linked, tainted, closed.
 */
#include "engine/geometry_choose.h"
#include "engine/score_links.h"
#include "engine/shape.h"
#include "fixture.h"

#include <string.h>

enum { STEPS = 4000, NODES = 24, PLANS = 150, ASKS = 40, CLASSES = 6, TEXTS = 4 };

typedef struct rich_ask {
	ask a;
	ask_group group;
	ask_entry entry;
	int32_t classes[3], excluded[1], values[2];
	trait_term selector[1];
	trait_toleration tolerations[1];
} rich_ask;

typedef struct world {
	fleet f;
	shapes *all;
	uint64_t run, seed;
	int32_t cluster, n_plans;
	int32_t classes[CLASSES], keys[2], values[TEXTS];
	int64_t prices[CLASSES];
	score_tables tables;
	rich_ask asks[ASKS];
	plan plans[PLANS];
	const rich_ask *of[PLANS];
	int placed, refused, n_instances;
} world;

/* Name, memory and rules of each class. */
static const struct kind {
	const char *name, *cut;
	int64_t memory_mib;
} kinds[CLASSES] = {
	{"a100", "nvidia-a100-40g", 40960},
	{"h100", "nvidia-h100-80g", 81920},
	{"910b3", "ascend-910b3", 65536},
	{"910c", "ascend-910c", 65536},
	{"xpu", "kunlun-vxpu", 98304},
	{"s4000", "mthreads-sgpu", 49152},
};

static bool chance(world *w, int64_t one_in)
{
	return draw_below(&w->seed, one_in) == 0;
}

static void link_draw(world *w, int32_t node)
{
	uint16_t weight[64] = {0};
	int16_t group[8];
	topology t = {8, weight, NULL, group};

	for (int i = 0; i < 8; i++) {
		group[i] = (int16_t)(i / 2);
		for (int j = 0; j < 8; j++)
			weight[i * 8 + j] = i / 4 == j / 4 ? 200 : 10;
	}
	weight[draw_below(&w->seed, 64)] = (uint16_t)draw_below(&w->seed, 300);
	fleet_node_link(&w->f, node, chance(w, 5) ? NULL : &t);
}

static void traits_draw(world *w, int32_t node)
{
	trait_label labels[3];
	trait_taint taint = {w->keys[0], w->values[draw_below(&w->seed, TEXTS)], TAINT_NO_SCHEDULE};
	uint16_t n = (uint16_t)draw_below(&w->seed, 4);

	for (int i = 0; i < n; i++)
		labels[i] = (trait_label){w->keys[draw_below(&w->seed, 2)], w->values[draw_below(&w->seed, TEXTS)]};
	traits t = {n, chance(w, 5), labels, &taint};
	fleet_node_traits(&w->f, node, &t);
}

static void device_draw(world *w, int32_t node, int32_t kind, int i)
{
	char uuid[32];
	int32_t device;

	snprintf(uuid, sizeof uuid, "%d-%d", node, i);
	device_spec spec = {.uuid = str_from(uuid),
		.class_id = w->classes[kind],
		.index = i,
		.memory_mib = kinds[kind].memory_mib,
		.numa = 1 + i / 4,
		.mode = (cut_mode)draw_below(&w->seed, 3)};
	cr_assert_eq(fleet_device_put(&w->f, node, &spec, &device), ERR_OK);
	fleet_device_flag(&w->f, device, FLEET_UNHEALTHY, chance(w, 20));
}

static void node_draw(world *w, int n)
{
	int32_t node = add_node(&w->f, w->cluster, text("n%d", n).p, 64000, 262144);
	int32_t kind = (int32_t)draw_below(&w->seed, CLASSES);

	for (int i = 0; i < 8; i++)
		device_draw(w, node, n % 4 ? kind : (int32_t)draw_below(&w->seed, CLASSES), i);
	link_draw(w, node);
	traits_draw(w, node);
}

static void amounts_draw(world *w, ask_entry *e)
{
	static const int32_t computes[] = {ASK_ABSENT, 0, 100, 300, 1000};
	static const char *const profiles[] = {"1g.5gb", "3g.20gb", "7g.80gb", "vir05_1c_16g", "48g", "none"};

	e->compute_milli = computes[draw_below(&w->seed, 5)];
	if (chance(w, 3))
		e->profile = str_from(profiles[draw_below(&w->seed, 6)]);
	else if (chance(w, 2))
		e->memory_mib = 1 + draw_below(&w->seed, 45000);
	else
		e->memory_percent = (int32_t)draw_below(&w->seed, 101);
	e->is_exclusive = chance(w, 12);
}

static void entry_draw(world *w, rich_ask *r)
{
	ask_entry *e = &r->entry;

	*e = (ask_entry){.count = chance(w, 2) ? 1 : 1 + (int32_t)draw_below(&w->seed, 4)};
	amounts_draw(w, e);
	for (int i = 0; i < 3; i++)
		r->classes[i] = w->classes[draw_below(&w->seed, CLASSES)];
	if (chance(w, 2)) {
		e->classes = r->classes;
		e->n_classes = 1 + (int32_t)draw_below(&w->seed, 3);
		e->classes_equal = chance(w, 2);
	}
	r->excluded[0] = w->classes[draw_below(&w->seed, CLASSES)];
	e->classes_excluded = r->excluded;
	e->n_classes_excluded = chance(w, 4);
	e->numa_bind = chance(w, 4);
	if (chance(w, 3))
		e->topology = (ask_topology)(1 + draw_below(&w->seed, 2));
}

static void ask_draw(world *w, rich_ask *r)
{
	static const ask_policy policies[] = {POLICY_BINPACK, POLICY_SPREAD, POLICY_TOPOLOGY, POLICY_COST,
		POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD, POLICY_HAMI_CHAIN};

	memset(r, 0, sizeof *r);
	entry_draw(w, r);
	r->group = (ask_group){.replicas = 1, .min_replicas = 1, .entries = &r->entry, .n_entries = 1};
	r->group.cpu_milli = draw_below(&w->seed, 4000);
	r->values[0] = w->values[draw_below(&w->seed, TEXTS)];
	r->values[1] = w->values[draw_below(&w->seed, TEXTS)];
	r->selector[0] = (trait_term){w->keys[1], (trait_op)draw_below(&w->seed, 4), r->values, 2};
	r->tolerations[0] = (trait_toleration){w->keys[0], chance(w, 2) ? TRAIT_ANY : r->values[0], 0};
	r->group.selector = r->selector;
	r->group.n_selector = chance(w, 4);
	r->group.tolerations = r->tolerations;
	r->group.n_tolerations = chance(w, 3);
	r->a = (ask){.groups = &r->group, .n_groups = 1};
	r->a.node_policy = policies[draw_below(&w->seed, 7)];
	r->a.device_policy = policies[draw_below(&w->seed, 7)];
	for (int i = 0; i < 4; i++)
		r->a.hami.chain[i] = (uint8_t)draw_below(&w->seed, 6);
	r->a.n_weights = chance(w, 4) ? 2 : 0;
	r->a.weights[0] = (ask_weight){policies[draw_below(&w->seed, 7)], 1 + (int32_t)draw_below(&w->seed, 9)};
	r->a.weights[1] = (ask_weight){policies[draw_below(&w->seed, 7)], 3};
}

static void world_open(world *w)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed_of_run();
	fleet_init(&w->f);
	w->all = shapes_new();
	w->cluster = fleet_cluster_put(&w->f, S("c"));
	for (int i = 0; i < CLASSES; i++) {
		class_cut cut;
		w->classes[i] = fleet_class_put(&w->f, str_from(kinds[i].name));
		cr_assert(cut_named(str_from(kinds[i].cut), &cut));
		fleet_class_cut(&w->f, w->classes[i], &cut);
		w->prices[i] = 1 + i;
	}
	for (int i = 0; i < 2; i++)
		w->keys[i] = fleet_text_put(&w->f, text("key%d", i));
	for (int i = 0; i < TEXTS; i++)
		w->values[i] = fleet_text_put(&w->f, text("value%d", i));
	w->tables = (score_tables){.prices = w->prices, .n_prices = CLASSES};
	for (int i = 0; i < NODES; i++)
		node_draw(w, i);
	for (int i = 0; i < ASKS; i++)
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

/* The best node by a look at all of them; every miss has one and the same reason in short and at length. */
static int32_t best_by_walk(const world *w, const fit_need *need)
{
	int32_t best = FLEET_NONE, most = -1;
	fit_miss miss;

	for (int32_t i = 0; i < (int32_t)w->f.nodes.n; i++) {
		int32_t rating = fit_rate(&w->f, need, i);
		if (rating == FIT_NO_NODE)
			continue;
		if (rating < 0) {
			fit_explain(&w->f, need, i, &miss);
			cr_assert_eq(miss.code, fit_rate_code(rating), "seed %lu: %s, at length %s", w->run,
				why_name(fit_rate_code(rating)), why_name(miss.code));
			cr_assert(miss.free < miss.need, "seed %lu: %s needs %ld and has %ld", w->run,
				why_name(miss.code), miss.need, miss.free);
		} else if (rating > most) {
			most = rating;
			best = i;
		}
	}
	return best;
}

static uint64_t set_of(const world *w, const plan *p)
{
	uint64_t set = 0;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[p->devices.v[i].device];
		uint64_t bit = (uint64_t)1 << (d->cell - w->f.views.v[d->node].first_cell);
		cr_assert(!(set & bit), "seed %lu: one device twice", w->run);
		set |= bit;
	}
	return set;
}

/* What was asked about the devices together. */
static void set_is_as_asked(const world *w, const rich_ask *r, const plan *p)
{
	const fleet_device *first = &w->f.devices.v[p->devices.v[0].device];
	const class_cut *cut = &w->f.classes.v[first->class_id].cut;
	uint64_t set = set_of(w, p);
	score_wiring wiring;

	score_wire(&wiring, &w->f, first->node, true);
	for (uint32_t i = 0; i < p->devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[p->devices.v[i].device];
		cr_assert(!r->entry.numa_bind || d->numa == first->numa, "seed %lu", w->run);
		cr_assert(!r->entry.n_classes || d->class_id == first->class_id, "seed %lu", w->run);
		cr_assert(!r->entry.n_classes_excluded || d->class_id != r->excluded[0], "seed %lu", w->run);
		cr_assert(d->flags == 0, "seed %lu", w->run);
	}
	if (r->entry.topology == TOPOLOGY_REQUIRED)
		cr_assert(link_weakest(&wiring.t, set) >= LINK_SCORE_NVLINK, "seed %lu", w->run);
	if (w->f.views.v[first->node].class_id != FLEET_NONE && cut->whole_groups == 2)
		cr_assert(p->devices.n % 2 == 0, "seed %lu: %u dies", w->run, p->devices.n);
	const fleet_node *n = &w->f.nodes.v[first->node];
	cr_assert(traits_match(n->traits, r->group.selector, r->group.n_selector), "seed %lu", w->run);
	cr_assert(traits_tolerated(n->traits, r->group.tolerations, r->group.n_tolerations), "seed %lu", w->run);
}

static void book(world *w, const rich_ask *r, const fit_need *need, int32_t node)
{
	plan *p = &w->plans[w->n_plans];
	blocker why_not;

	plan_clear(p);
	p->cluster = w->cluster;
	fit_pick(&w->f, need, node, 0, 0, p);
	set_is_as_asked(w, r, p);
	cr_assert(fit_plan(&w->f, p, &why_not), "seed %lu: the second look says %s", w->run, why_name(why_not.code));
	fleet_book(&w->f, p);
	w->of[w->n_plans++] = r;
	w->placed++;
	for (uint32_t i = 0; i < p->devices.n; i++)
		w->n_instances += p->devices.v[i].profile > 0;
}

static void drop(world *w, int64_t i)
{
	fleet_unbook(&w->f, &w->plans[i]);
	plan gone = w->plans[i];
	w->plans[i] = w->plans[--w->n_plans];
	w->of[i] = w->of[w->n_plans];
	w->plans[w->n_plans] = gone;
}

static void ask_any(world *w)
{
	const rich_ask *r = &w->asks[draw_below(&w->seed, ASKS)];
	fit_need need;
	int32_t rating;

	fit_prepare(&need, &r->a, &r->group, &w->tables);
	int32_t want = best_by_walk(w, &need);
	shape *s = shapes_rate(w->all, &w->f, &need);
	if (s)
		cr_assert_eq(shape_best(s, &w->f, w->cluster, &rating), want, "seed %lu", w->run);
	if (want == FLEET_NONE)
		w->refused++;
	else if (w->n_plans < PLANS)
		book(w, r, &need, want);
}

/* Devices from scratch: amounts, and instances that stand side by side. */
static void books_are_true(const world *w)
{
	geometry_state states[NODES * 8] = {0};
	int64_t memory[NODES * 8] = {0}, compute[NODES * 8] = {0};

	for (int32_t i = 0; i < w->n_plans; i++)
		for (uint32_t k = 0; k < w->plans[i].devices.n; k++) {
			const plan_device *s = &w->plans[i].devices.v[k];
			const fleet_device *d = &w->f.devices.v[s->device];
			memory[s->device] += s->memory_mib;
			compute[s->device] += s->compute_milli;
			cr_assert_eq(s->profile > 0, d->geometry != NULL, "seed %lu: a share among instances", w->run);
			if (s->profile)
				geometry_take(d->geometry, &states[s->device], s->profile - 1, s->start);
		}
	for (uint32_t i = 0; i < w->f.devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[i];
		cr_assert(d->used_memory_mib == memory[i] && d->used_compute_milli == compute[i], "seed %lu", w->run);
		cr_assert(!fleet_device_is_over(&w->f, (int32_t)i) && !d->is_tangled, "seed %lu", w->run);
		cr_assert_eq(memcmp(&d->state, &states[i], sizeof d->state), 0, "seed %lu", w->run);
	}
}

static uint64_t fingerprint(const world *w)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < w->f.devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[i];
		const fleet_cell *c = &w->f.cells.v[d->cell];
		int64_t all[] = {d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive, d->state.occupied,
			d->state.n, d->state.only, d->state.used[0], d->is_tangled, c->free_milli, c->has_slot,
			c->is_idle};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	return sum;
}

/* Bookings in a trial, sane and not, leave no trace. */
static void try_any(world *w)
{
	uint64_t before = fingerprint(w);
	uint32_t trial = fleet_try(&w->f);
	plan wild;

	for (int32_t i = 0; i < w->n_plans; i += 3)
		fleet_unbook(&w->f, &w->plans[i]);
	plan_init(&wild);
	wild.cluster = w->cluster;
	int32_t device = (int32_t)draw_below(&w->seed, w->f.devices.n);
	plan_add_pod(&wild, 0, 0, w->f.devices.v[device].node, 10, 10);
	for (int i = 0; i < 3; i++)
		plan_add_device(&wild, (plan_device){.device = device,
					       .memory_mib = 100,
					       .profile = (int16_t)draw_below(&w->seed, 9),
					       .start = (int16_t)draw_below(&w->seed, 8)});
	fleet_book(&w->f, &wild);
	if (chance(w, 2))
		fleet_unbook(&w->f, &wild);
	fleet_undo(&w->f, trial);
	cr_assert_eq(fingerprint(w), before, "seed %lu", w->run);
	plan_done(&wild);
}

static void change(world *w)
{
	int32_t node = w->f.clusters.v[w->cluster].nodes.v[draw_below(&w->seed, NODES)];

	if (chance(w, 30))
		link_draw(w, node);
	if (chance(w, 30))
		traits_draw(w, node);
	if (chance(w, 30)) {
		fleet_each_device(d, &w->f, node) fleet_device_flag(&w->f, d, FLEET_UNHEALTHY, chance(w, 10));
	}
	if (w->n_plans && chance(w, 3))
		drop(w, draw_below(&w->seed, w->n_plans));
	if (chance(w, 10))
		try_any(w);
}

Test(modes, devices_of_every_kind_are_never_given_beyond_what_they_have)
{
	world w;
	world_open(&w);
	uint64_t empty;

	for (uint32_t i = 0; i < w.f.devices.n; i++)
		fleet_device_flag(&w.f, (int32_t)i, FLEET_UNHEALTHY, false);
	empty = fingerprint(&w);
	for (int step = 0; step < STEPS; step++) {
		change(&w);
		ask_any(&w);
		if (step % 20 == 0)
			books_are_true(&w);
	}
	books_are_true(&w);
	cr_expect(w.placed > STEPS / 20 && w.refused > STEPS / 20 && w.n_instances > STEPS / 40,
		"%d placed with %d instances, %d refused, seed %lu", w.placed, w.n_instances, w.refused, w.run);
	while (w.n_plans)
		drop(&w, 0);
	for (uint32_t i = 0; i < w.f.devices.n; i++)
		fleet_device_flag(&w.f, (int32_t)i, FLEET_UNHEALTHY, false);
	cr_expect_eq(fingerprint(&w), empty, "seed %lu", w.run);
	world_close(&w);
}

/* Reports may say what cannot be: the device takes nothing until it is empty, then it is as new. */
Test(modes, instances_that_cannot_stand_side_by_side_close_the_device)
{
	fleet f;
	class_cut cut;
	plan a, b;
	fleet_init(&f);
	plan_init(&a);
	plan_init(&b);
	a.cluster = b.cluster = fleet_cluster_put(&f, S("c"));
	int32_t node = add_gpus(&f, a.cluster, "n", 1, "a100", 40960);
	cr_assert(cut_named(S("nvidia-a100-40g"), &cut));
	cut.mode = CUT_INSTANCES;
	fleet_class_cut(&f, 0, &cut);
	cr_expect(f.cells.v[f.devices.v[0].cell].is_cut && f.views.v[node].is_ruled);
	plan_add_pod(&a, 0, 0, node, 0, 0);
	plan_add_device(&a, (plan_device){.memory_mib = 4864, .compute_milli = 142, .profile = 1, .start = 2});
	plan_add_pod(&b, 0, 0, node, 0, 0);
	plan_add_device(&b, (plan_device){.memory_mib = 9856, .compute_milli = 285, .profile = 4, .start = 2});
	fleet_book(&f, &a);
	cr_expect(f.cells.v[f.devices.v[0].cell].has_slot);
	fleet_book(&f, &b);
	cr_expect(!f.cells.v[f.devices.v[0].cell].has_slot);
	fleet_unbook(&f, &a);
	cr_expect(!f.cells.v[f.devices.v[0].cell].has_slot, "what stays is not known");
	fleet_unbook(&f, &b);
	cr_expect(f.cells.v[f.devices.v[0].cell].has_slot && f.devices.v[0].state.n == 0);
	fleet_book(&f, &a);
	fleet_class_cut(&f, 0, NULL);
	cr_expect(!f.cells.v[f.devices.v[0].cell].has_slot, "the mode changed under an instance");
	fleet_unbook(&f, &a);
	cr_expect(f.cells.v[f.devices.v[0].cell].has_slot);
	plan_done(&a);
	plan_done(&b);
	fleet_done(&f);
}
