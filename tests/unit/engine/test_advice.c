/* Advice is true: who follows it gets a place, and who asks for one more does not. */
#include "engine/advice.h"
#include "fixture.h"

#include <string.h>

enum { WORLDS = 100, FILL = 40 };

typedef struct world {
	fleet f;
	place *w;
	quota *q;
	plan p;
	uint64_t run, seed;
	int32_t clusters[2], classes[2], tenant;
} world;

static const char *const class_names[] = {"h100", "l40s"};

static void world_open(world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->run = w->seed = seed;
	fleet_init(&w->f);
	plan_init(&w->p);
	w->w = place_new();
	w->clusters[0] = fleet_cluster_put(&w->f, S("par"));
	w->clusters[1] = fleet_cluster_put(&w->f, S("ams"));
	for (int i = 0; i < 6; i++)
		add_gpus(&w->f, w->clusters[draw_below(&w->seed, 2)], text("n%d", i).p,
			1 + (int)draw_below(&w->seed, 4), class_names[draw_below(&w->seed, 2)], 1000);
	for (int i = 0; i < 2; i++)
		w->classes[i] = fleet_class_put(&w->f, str_from(class_names[i]));
	w->q = quota_new();
	cr_assert_eq(quota_add(w->q, QUOTA_ROOT, &w->tenant), ERR_OK);
	amounts capacity[2];
	fleet_capacity(&w->f, capacity, 2);
	for (int i = 0; i < 2; i++) {
		quota_terms terms = quota_terms_unset();
		quota_set_root(w->q, i, capacity[i]);
		terms.guaranteed = capacity[i];
		terms.limit.v[AXIS_DEVICE_MILLI] = draw_below(&w->seed, 8) * 1000;
		quota_set(w->q, w->tenant, i, &terms);
	}
}

static void world_close(world *w)
{
	quota_free(w->q);
	place_free(w->w);
	plan_done(&w->p);
	fleet_done(&w->f);
}

static void ask_draw(world *w, one_ask *o)
{
	ask_entry e = slice_of(1, 100 * draw_below(&w->seed, 11), (int32_t)draw_below(&w->seed, 11) * 100);

	e.count = 1 + (int32_t)draw_below(&w->seed, 3);
	if (draw_below(&w->seed, 2)) {
		e.classes = &w->classes[draw_below(&w->seed, 2)];
		e.n_classes = 1;
	}
	ask_one(o, e, 1 + (int32_t)draw_below(&w->seed, 3));
	o->group.cpu_milli = draw_below(&w->seed, 5) * 16000;
	o->group.memory_mib = draw_below(&w->seed, 5) * 70000;
	if (draw_below(&w->seed, 2)) {
		o->a.clusters = &w->clusters[draw_below(&w->seed, 2)];
		o->a.n_clusters = 1;
	}
}

static bool fits(world *w, quota *q, const ask *a)
{
	if (!place_find(w->w, &w->f, q, w->tenant, a, &w->p, NULL))
		return false;
	place_give(&w->f, q, w->tenant, &w->p);
	return true;
}

/* The request with the advice applied, `more` beyond it. */
static bool fits_with(world *w, const one_ask *asked, const advice *x, int64_t more)
{
	one_ask o = *asked;
	quota *q = w->q;

	o.group.entries = &o.entry;
	o.a.groups = &o.group;
	switch (x->kind) {
	case ADVICE_CLUSTER:
		o.a.clusters = &x->handle;
		o.a.n_clusters = 1;
		break;
	case ADVICE_CLASS:
		o.entry.classes = &x->handle;
		o.entry.n_classes = 1;
		break;
	case ADVICE_MEMORY_MIB:
		o.entry.memory_mib = x->most + more;
		break;
	case ADVICE_MEMORY_PERCENT:
		o.entry.memory_percent = (int32_t)(x->most + more);
		break;
	case ADVICE_COMPUTE_MILLI:
		o.entry.compute_milli = (int32_t)(x->most + more);
		break;
	case ADVICE_COUNT:
		o.entry.count = (int32_t)(x->most + more);
		break;
	case ADVICE_HOST_CPU_MILLI:
		o.group.cpu_milli = x->most + more;
		break;
	case ADVICE_HOST_MEMORY_MIB:
		o.group.memory_mib = x->most + more;
		break;
	case ADVICE_REPLICAS:
		o.group.replicas = o.group.min_replicas = (int32_t)(x->most + more);
		break;
	default:
		q = NULL;
	}
	return fits(w, q, &o.a);
}

Test(advice, who_follows_it_gets_a_place_and_one_more_does_not)
{
	uint64_t run = seed_of_run();
	int given[ADVICE_COUNT_OF_KINDS] = {0};

	for (uint64_t i = 0; i < WORLDS; i++) {
		world w;
		one_ask o;
		advices said;
		world_open(&w, run + i);
		for (int k = 0; k < FILL; k++) {
			ask_draw(&w, &o);
			if (place_find(w.w, &w.f, w.q, w.tenant, &o.a, &w.p, NULL))
				continue;
			advise(w.w, &w.f, w.q, w.tenant, &o.a, &said);
			for (int32_t a = 0; a < said.n; a++) {
				const advice *x = &said.v[a];
				given[x->kind]++;
				cr_assert(fits_with(&w, &o, x, 0), "seed %lu: %s %ld", w.run, advice_name(x->kind),
					x->most);
				cr_assert(!x->most || !fits_with(&w, &o, x, 1), "seed %lu: %s more than %ld", w.run,
					advice_name(x->kind), x->most);
			}
		}
		world_close(&w);
	}
	for (advice_kind k = 0; k < ADVICE_COUNT_OF_KINDS; k++)
		cr_expect(given[k] > 0 || k == ADVICE_MEMORY_PERCENT || k > ADVICE_QUOTA, "%s was never advised",
			advice_name(k));
}

/* One node of two full h100 and one of l40s in another cluster. */
typedef struct advice_row {
	const char *rule;
	int64_t used_memory_mib;
	int32_t memory_mib, compute_milli, count;
	bool only_par, only_h100;
	advice_kind want;
	int64_t most;
} advice_row;

static const advice_row rows[] = {
	{"less memory", 600, 800, 100, 1, true, true, ADVICE_MEMORY_MIB, 400},
	{"less compute", 100, 100, 800, 1, true, true, ADVICE_COMPUTE_MILLI, 500},
	{"another cluster", 600, 800, 100, 1, true, false, ADVICE_CLUSTER, 0},
	{"another class", 600, 800, 100, 1, false, true, ADVICE_CLASS, 0},
	{"fewer devices", 100, 100, 100, 3, true, true, ADVICE_COUNT, 2},
};

Test(advice, names_the_nearest_request_that_fits)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const advice_row *r = &rows[i];
		fleet f;
		plan p;
		one_ask o;
		advices said;
		place *w = place_new();
		bool is_said = false;
		fleet_init(&f);
		plan_init(&p);
		p.cluster = fleet_cluster_put(&f, S("par"));
		int32_t node = add_gpus(&f, p.cluster, "p", 2, "h100", 1000), h100 = 0;
		add_gpus(&f, fleet_cluster_put(&f, S("ams")), "a", 1, "l40s", 1000);
		plan_add_pod(&p, 0, 0, node, 0, 0);
		fleet_each_device(d, &f, node) plan_add_device(
			&p, (plan_device){.device = d, .memory_mib = r->used_memory_mib, .compute_milli = 500});
		fleet_book(&f, &p);
		ask_entry e = slice_of(r->count, r->memory_mib, r->compute_milli);
		e.classes = &h100;
		e.n_classes = r->only_h100;
		ask *a = ask_one(&o, e, 1);
		a->clusters = &p.cluster;
		a->n_clusters = r->only_par;
		advise(w, &f, NULL, FLEET_NONE, a, &said);
		for (int32_t k = 0; k < said.n; k++)
			is_said |= said.v[k].kind == r->want && said.v[k].most == r->most;
		cr_expect(is_said, "%s", r->rule);
		cr_expect(!said.is_cut, "%s", r->rule);
		plan_done(&p);
		place_free(w);
		fleet_done(&f);
	}
}

Test(advice, what_fits_needs_none)
{
	world w;
	one_ask o;
	advices said;
	world_open(&w, seed_of_run());
	advise(w.w, &w.f, NULL, FLEET_NONE, ask_one(&o, slice_of(1, 1, 1), 1), &said);
	cr_expect_eq(said.n, 0);
	world_close(&w);
}

Test(advice, the_largest_free_blocks_are_told_class_by_class)
{
	fleet f;
	plan p;
	free_block blocks[4];
	fleet_init(&f);
	plan_init(&p);
	p.cluster = fleet_cluster_put(&f, S("par"));
	int32_t small = add_gpus(&f, p.cluster, "small", 2, "h100", 1000);
	int32_t large = add_gpus(&f, p.cluster, "large", 4, "h100", 800);
	int32_t other = add_gpus(&f, p.cluster, "other", 1, "l40s", 400);
	plan_add_pod(&p, 0, 0, small, 0, 0);
	plan_add_device(&p, (plan_device){.device = f.nodes.v[small].first_device, .memory_mib = 900});
	fleet_book(&f, &p);
	fleet_node_flag(&f, other, FLEET_CORDONED, true);
	cr_assert_eq(free_blocks(&f, blocks, 4), 2);
	cr_expect_eq(blocks[0].memory_mib, 1000);
	cr_expect_eq(blocks[0].device, f.devices.v[f.nodes.v[small].first_device].next);
	cr_expect_eq(blocks[0].idle_devices, 4);
	cr_expect_eq(blocks[0].node, large);
	cr_expect_eq(blocks[1].memory_mib, 0, "a cordoned node offers nothing");
	cr_expect_eq(blocks[1].device, FLEET_NONE);
	cr_expect_eq(free_blocks(&f, blocks, 1), 1);
	plan_done(&p);
	fleet_done(&f);
}

/* Two NUMA nodes of one device each, not linked, with the label zone=a and a taint. */
static int32_t ruled_node(fleet *f, int32_t cluster)
{
	int32_t node = add_node(f, cluster, "n", 64000, 262144), device;
	trait_label zone = {fleet_text_put(f, S("zone")), fleet_text_put(f, S("a"))};
	trait_taint taint = {zone.key, zone.value, TAINT_NO_SCHEDULE};

	for (int32_t i = 0; i < 2; i++) {
		device_spec spec = {.uuid = text("d%d", i),
			.class_id = fleet_class_put(f, S("h100")),
			.index = i,
			.memory_mib = 1000,
			.numa = i + 1};
		cr_assert_eq(fleet_device_put(f, node, &spec, &device), ERR_OK);
	}
	fleet_node_traits(f, node, &(traits){1, 1, &zone, &taint});
	return node;
}

Test(advice, names_the_one_rule_that_is_in_the_way)
{
	static const advice_kind kinds[] = {
		ADVICE_UUIDS, ADVICE_NUMA_BIND, ADVICE_TOPOLOGY, ADVICE_SELECTOR, ADVICE_TOLERATIONS};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		fleet f;
		one_ask o;
		advices said;
		str nobody = S("nobody");
		place *w = place_new();
		fleet_init(&f);
		(void)ruled_node(&f, fleet_cluster_put(&f, S("par")));
		ask *a = ask_one(&o, slice_of(2, 0, ASK_ABSENT), 1);
		int32_t none = TRAIT_NONE;
		trait_term term = {fleet_text_find(&f, S("zone")), LABEL_IN, &none, 1};
		trait_toleration any = {TRAIT_ANY, TRAIT_ANY, 0};
		o.group.tolerations = &any;
		o.group.n_tolerations = kinds[i] != ADVICE_TOLERATIONS;
		o.group.selector = &term;
		o.group.n_selector = kinds[i] == ADVICE_SELECTOR;
		o.entry.uuids = (strs){&nobody, kinds[i] == ADVICE_UUIDS};
		o.entry.numa_bind = kinds[i] == ADVICE_NUMA_BIND;
		o.entry.topology = kinds[i] == ADVICE_TOPOLOGY ? TOPOLOGY_REQUIRED : TOPOLOGY_NONE;
		advise(w, &f, NULL, FLEET_NONE, a, &said);
		bool is_said = false;
		for (int32_t k = 0; k < said.n; k++) {
			is_said |= said.v[k].kind == kinds[i];
			cr_expect(said.v[k].kind <= ADVICE_QUOTA || said.v[k].kind == kinds[i], "%s instead of %s",
				advice_name(said.v[k].kind), advice_name(kinds[i]));
		}
		cr_expect(is_said, "%s", advice_name(kinds[i]));
		place_free(w);
		fleet_done(&f);
	}
}
