#include "fixture.h"

/* Random placements come and go on a random fleet; after every step the rules of the books hold. */
enum { PLANS_MAX = 120, STEPS = 1500, CLASSES_MAX = 2 };

typedef struct world {
	fleet f;
	quota *q;
	place *w;
	plan plans[PLANS_MAX];
	int32_t n_plans, tenants[4], owner[PLANS_MAX];
	uint64_t seed, run;
} world;

static const char *const class_names[] = {"h100", "a100", "l40s"};

static void world_open(world *w)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed_of_run();
	fleet_init(&w->f);
	w->q = quota_new();
	w->w = place_new();
	for (int i = 0; i < PLANS_MAX; i++)
		plan_init(&w->plans[i]);
	for (int c = 0; c < 3; c++) {
		int32_t cluster = fleet_cluster_put(&w->f, text("c%d", c));
		for (int n = 0; n < 4; n++)
			add_gpus(&w->f, cluster, text("n%d", c * 4 + n).p, (int)draw_below(&w->seed, 5),
				class_names[n % 3], 1000 + n);
	}
	for (int c = 0; c < 3; c++) {
		int32_t id = fleet_class_put(&w->f, str_from(class_names[c]));
		class_spec spec = {.slots = 2 + c,
			.overcommit_ppm = c == 1 ? 1500000 : 0,
			.compute_default_milli = c == 2 ? 100 : 0};
		fleet_class_set(&w->f, id, spec);
		quota_set_root(w->q, id, (amounts){{12000, 12000, 12000}});
	}
	for (int t = 0; t < 4; t++) {
		cr_assert_eq(quota_add(w->q, t < 2 ? QUOTA_ROOT : w->tenants[t - 2], &w->tenants[t]), ERR_OK);
		quota_terms terms = quota_terms_unset();
		terms.limit.v[AXIS_DEVICE_MILLI] = 2000 + draw_below(&w->seed, 6000);
		terms.lend_limit.v[AXIS_MEMORY_MIB] = draw_below(&w->seed, 3000);
		quota_set(w->q, w->tenants[t], (int32_t)draw_below(&w->seed, 3), &terms);
	}
}

static void world_close(world *w)
{
	for (int i = 0; i < PLANS_MAX; i++)
		plan_done(&w->plans[i]);
	place_free(w->w);
	quota_free(w->q);
	fleet_done(&w->f);
}

static ask_entry draw_entry(world *w, int32_t *classes)
{
	static const int32_t computes[] = {ASK_ABSENT, 0, 100, 300, 500, 1000};
	ask_entry e = {.count = 1 + (int32_t)draw_below(&w->seed, 2)};

	if (draw_below(&w->seed, 2)) {
		e.classes = classes;
		e.n_classes = 1 + (int32_t)draw_below(&w->seed, 2);
		classes[0] = (int32_t)draw_below(&w->seed, 3);
		classes[1] = (classes[0] + 1) % 3;
	}
	if (draw_below(&w->seed, 3))
		e.memory_mib = 1 + draw_below(&w->seed, 700);
	else
		e.memory_percent = (int32_t)draw_below(&w->seed, 101);
	e.compute_milli = computes[draw_below(&w->seed, 6)];
	return e;
}

static bool try_ask(world *w)
{
	int32_t classes[4][2];
	ask_entry entries[4];
	ask_group groups[2] = {0};
	why reasons;

	for (int i = 0; i < 4; i++)
		entries[i] = draw_entry(w, classes[i]);
	for (int g = 0; g < 2; g++) {
		groups[g].replicas = 1 + (int32_t)draw_below(&w->seed, 3);
		groups[g].min_replicas = 1 + (int32_t)draw_below(&w->seed, groups[g].replicas);
		groups[g].entries = entries + g * 2;
		groups[g].n_entries = (int32_t)draw_below(&w->seed, 3);
		groups[g].cpu_milli = draw_below(&w->seed, 8000);
	}
	ask a = {.groups = groups, .n_groups = 1 + (int32_t)draw_below(&w->seed, 2)};
	a.node_policy = (ask_policy)draw_below(&w->seed, 2);
	a.device_policy = (ask_policy)draw_below(&w->seed, 2);
	w->owner[w->n_plans] = w->tenants[draw_below(&w->seed, 4)];
	bool is_placed = place_find(w->w, &w->f, w->q, w->owner[w->n_plans], &a, &w->plans[w->n_plans], &reasons);
	cr_assert(is_placed || reasons.n > 0, "a refusal has a reason, seed %lu", w->run);
	return is_placed;
}

static void drop(world *w, int32_t i)
{
	place_give(&w->f, w->q, w->owner[i], &w->plans[i]);
	plan last = w->plans[--w->n_plans], gone = w->plans[i];
	w->plans[i] = last;
	w->owner[i] = w->owner[w->n_plans];
	w->plans[w->n_plans] = gone;
}

/* The sums over all plans, from scratch, are what the rows say, and no row is above its capacity. */
static void check_devices(const world *w)
{
	for (uint32_t d = 0; d < w->f.devices.n; d++) {
		const fleet_device *row = &w->f.devices.v[d];
		int64_t memory = 0, compute = 0;
		int32_t sharers = 0, exclusive = 0;
		for (int32_t i = 0; i < w->n_plans; i++)
			for (uint32_t s = 0; s < w->plans[i].devices.n; s++) {
				const plan_device *slice = &w->plans[i].devices.v[s];
				if ((uint32_t)slice->device != d)
					continue;
				memory += slice->memory_mib;
				compute += slice->compute_milli;
				exclusive += slice->compute_milli == 1000;
				sharers++;
			}
		cr_assert_eq(row->used_memory_mib, memory, "seed %lu", w->run);
		cr_assert_eq(row->used_compute_milli, compute, "seed %lu", w->run);
		cr_assert_eq(row->sharers, sharers, "seed %lu", w->run);
		cr_assert(!fleet_device_is_over(&w->f, (int32_t)d), "device %u above capacity, seed %lu", d, w->run);
		cr_assert(exclusive == 0 || sharers == 1, "exclusive means alone, seed %lu", w->run);
	}
}

static void check_nodes(const world *w)
{
	for (uint32_t n = 0; n < w->f.nodes.n; n++) {
		const fleet_node *row = &w->f.nodes.v[n];
		cr_assert(row->used_cpu_milli <= row->cpu_milli && row->used_memory_mib <= row->memory_mib, "seed %lu",
			w->run);
	}
}

static void check_quota(const world *w)
{
	for (int32_t model = 0; model < 3; model++) {
		amounts sum = {0};
		for (int32_t i = 0; i < w->n_plans; i++)
			sum = amounts_add(sum, plan_charge(&w->f, &w->plans[i], model));
		cr_assert(amounts_eq(sum, quota_used(w->q, QUOTA_ROOT, model)), "seed %lu", w->run);
		for (int t = 0; t < 4; t++) {
			int64_t limit = quota_get(w->q, w->tenants[t], model).limit.v[0];
			cr_assert(limit == QUOTA_UNSET || quota_used(w->q, w->tenants[t], model).v[0] <= limit,
				"seed %lu", w->run);
		}
	}
}

/* All that a decision can see: rows of nodes and devices, without padding. */
static uint64_t fingerprint(const fleet *f)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		int64_t all[] = {
			d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive, d->flags, d->next};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	for (uint32_t i = 0; i < f->nodes.n; i++) {
		const fleet_node *n = &f->nodes.v[i];
		const fleet_view *v = &f->views.v[i];
		int64_t all[] = {n->used_cpu_milli, n->used_memory_mib, n->pods, v->free_cpu_milli, v->free_memory_mib,
			v->n_idle, v->n_open, v->max_free_memory_mib, v->max_free_compute_milli, v->free_device_milli,
			v->class_id, v->is_closed};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			sum = sum * 1099511628211u + (uint64_t)all[k];
	}
	return sum;
}

Test(books, random_placements_never_pass_capacity_and_leave_no_trace)
{
	world w;
	world_open(&w);
	uint64_t empty = fingerprint(&w.f);
	int placed = 0, refused = 0;

	for (int step = 0; step < STEPS; step++) {
		uint64_t before = fingerprint(&w.f);
		if (w.n_plans < PLANS_MAX && draw_below(&w.seed, 5) < 3) {
			bool is_placed = try_ask(&w);
			cr_assert(
				is_placed || fingerprint(&w.f) == before, "a refusal changes nothing, seed %lu", w.run);
			w.n_plans += is_placed;
			placed += is_placed;
			refused += !is_placed;
		} else if (w.n_plans) {
			drop(&w, (int32_t)draw_below(&w.seed, w.n_plans));
		}
		check_devices(&w);
		check_nodes(&w);
		check_quota(&w);
	}
	cr_expect(
		placed > STEPS / 20 && refused > STEPS / 20, "%d placed, %d refused, seed %lu", placed, refused, w.run);
	while (w.n_plans)
		drop(&w, w.n_plans - 1);
	cr_expect_eq(fingerprint(&w.f), empty, "seed %lu", w.run);
	for (int32_t model = 0; model < 3; model++)
		cr_expect(amounts_eq(quota_used(w.q, QUOTA_ROOT, model), (amounts){{0}}), "seed %lu", w.run);
	world_close(&w);
}

Test(books, the_same_questions_get_the_same_answers)
{
	world a, b;
	world_open(&a);
	uint64_t start = a.run;
	world_open(&b);
	world_close(&b);
	world_close(&a);
	char text_seed[32];
	snprintf(text_seed, sizeof text_seed, "%lu", (unsigned long)start);
	setenv("ENGINE_SEED", text_seed, 1);
	world_open(&a);
	world_open(&b);
	for (int step = 0; step < 300; step++) {
		bool is_a = a.n_plans < PLANS_MAX && try_ask(&a), is_b = b.n_plans < PLANS_MAX && try_ask(&b);
		cr_assert_eq(is_a, is_b);
		a.n_plans += is_a;
		b.n_plans += is_b;
		cr_assert_eq(fingerprint(&a.f), fingerprint(&b.f), "step %d, seed %lu", step, start);
		if (step % 3 == 0 && a.n_plans) {
			drop(&a, 0);
			drop(&b, 0);
		}
	}
	world_close(&a);
	world_close(&b);
}

/* Devices of the node that could take a slice of e now, of one class or (FLEET_NONE) of any. */
static int32_t slow_count(const fleet *f, int32_t node, const ask_entry *e, int32_t class_id)
{
	int32_t n = 0;

	for (uint32_t d = 0; d < f->devices.n; d++) {
		const fleet_device *row = &f->devices.v[d];
		if (row->node != node || (class_id != FLEET_NONE && row->class_id != class_id))
			continue;
		int64_t memory = fit_memory_mib(e, row->memory_mib),
			compute = fit_compute_milli(e, &f->classes.v[row->class_id]);
		bool is_full = row->exclusive || row->sharers >= row->slots || (compute == 1000 && row->sharers);
		n += !is_full && row->used_memory_mib + memory <= row->memory_mib &&
		     row->used_compute_milli + (compute ? compute : 1) <= row->compute_milli;
	}
	return n;
}

/* Whatever a slow search over all nodes and devices finds room for is placed, for pods with one entry. */
static bool slow_fits(const fleet *f, const ask_entry *e)
{
	for (int32_t node = 0; node < (int32_t)f->nodes.n; node++) {
		if (e->n_classes == 0 && slow_count(f, node, e, FLEET_NONE) >= e->count)
			return true;
		for (int32_t c = 0; c < e->n_classes && c < CLASSES_MAX; c++)
			if (slow_count(f, node, e, e->classes[c]) >= e->count)
				return true;
	}
	return false;
}

Test(books, no_pod_is_refused_that_would_fit)
{
	world w;
	world_open(&w);
	int32_t classes[2] = {0, 0};
	one_ask o;
	why reasons;
	int placed = 0, refused = 0;

	for (int step = 0; step < STEPS; step++) {
		if (w.n_plans == PLANS_MAX || (w.n_plans && draw_below(&w.seed, 3) == 0)) {
			plan *p = &w.plans[--w.n_plans];
			place_give(&w.f, NULL, 0, p);
			continue;
		}
		ask *a = ask_one(&o, draw_entry(&w, classes), 1);
		bool want = slow_fits(&w.f, &o.entry);
		bool got = place_find(w.w, &w.f, NULL, 0, a, &w.plans[w.n_plans], &reasons);
		cr_assert_eq(got, want, "step %d, seed %lu", step, w.run);
		w.n_plans += got;
		placed += got;
		refused += !got;
	}
	cr_expect(
		placed > STEPS / 20 && refused > STEPS / 20, "%d placed, %d refused, seed %lu", placed, refused, w.run);
	world_close(&w);
}
