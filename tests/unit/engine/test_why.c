#include "fixture.h"

typedef struct scene {
	fleet f;
	place *w;
	plan p;
	why reasons;
	one_ask o;
	int32_t c, node;
} scene;

static void scene_open(scene *s)
{
	memset(s, 0, sizeof *s);
	fleet_init(&s->f);
	plan_init(&s->p);
	s->w = place_new();
	s->c = fleet_cluster_put(&s->f, S("c"));
	s->node = add_gpus(&s->f, s->c, "n0", 2, "h100", 1000);
	add_gpus(&s->f, s->c, "n1", 2, "h100", 1000);
	add_gpus(&s->f, s->c, "n2", 2, "l40s", 500);
}

static void scene_close(scene *s)
{
	place_free(s->w);
	plan_done(&s->p);
	fleet_done(&s->f);
}

/* Asks until it is refused, and gives the first blocker. */
static blocker refusal(scene *s, ask_entry e, int32_t times)
{
	ask *a = ask_one(&s->o, e, 1);

	for (int32_t i = 0; i < times; i++)
		cr_assert(place_find(s->w, &s->f, NULL, 0, a, &s->p, &s->reasons));
	cr_assert(!place_find(s->w, &s->f, NULL, 0, a, &s->p, &s->reasons));
	cr_assert(s->reasons.n > 0);
	return s->reasons.v[0];
}

Test(why, memory_short_names_the_largest_free_block)
{
	scene s;
	scene_open(&s);
	int32_t h100 = fleet_class_find(&s.f, S("h100"));
	ask_entry e = slice_of(1, 600, 0);
	e.classes = &h100;
	e.n_classes = 1;
	blocker b = refusal(&s, e, 4);
	cr_expect_eq(b.code, WHY_NO_FITTING_DEVICE);
	cr_expect_eq(b.axis, AXIS_MEMORY_MIB);
	cr_expect_eq(b.need, 600);
	cr_expect_eq(b.free, 400);
	cr_expect_eq(b.nodes, 2);
	cr_expect_eq(b.class_id, h100);
	cr_expect_eq(b.cluster, s.c);
	cr_expect_eq(b.node, s.node, "the nearest, the lowest rank on equals");
	cr_expect_eq(why_unblocks(b.code), WHEN_CAPACITY_FREES);
	scene_close(&s);
}

Test(why, compute_short_names_its_axis)
{
	scene s;
	scene_open(&s);
	blocker b = refusal(&s, slice_of(1, 10, 700), 6);
	cr_expect_eq(b.axis, AXIS_COMPUTE_MILLI);
	cr_expect_eq(b.need, 700);
	cr_expect_eq(b.free, 300);
	cr_expect_eq(s.reasons.n, 2, "one per class");
	scene_close(&s);
}

Test(why, too_few_cards_on_any_node_counts_thousandths_of_cards)
{
	scene s;
	scene_open(&s);
	ask_entry one = {.count = 1, .compute_milli = ASK_ABSENT}, two = {.count = 2, .compute_milli = ASK_ABSENT};
	cr_assert(place_find(s.w, &s.f, NULL, 0, ask_one(&s.o, two, 2), &s.p, &s.reasons));
	cr_assert(place_find(s.w, &s.f, NULL, 0, ask_one(&s.o, one, 1), &s.p, &s.reasons));
	blocker b = refusal(&s, two, 0);
	cr_expect_eq(b.code, WHY_NO_FITTING_DEVICE);
	cr_expect_eq(b.axis, AXIS_DEVICE_MILLI);
	cr_expect_eq(b.need, 2000);
	cr_expect_eq(s.reasons.v[0].free + s.reasons.v[1].free, 1000);
	scene_close(&s);
}

Test(why, larger_than_any_node_waits_for_inventory)
{
	scene s;
	scene_open(&s);
	blocker b = refusal(&s, slice_of(3, 10, 10), 0);
	cr_expect_eq(b.code, WHY_TOO_LARGE);
	cr_expect_eq(why_unblocks(b.code), WHEN_INVENTORY);
	cr_expect_eq(b.axis, AXIS_DEVICE_MILLI);
	cr_expect_eq(b.need, 3000);
	cr_expect_eq(b.free, 2000);
	b = refusal(&s, slice_of(1, 1001, 10), 0);
	cr_expect_eq(b.code, WHY_TOO_LARGE);
	cr_expect_eq(b.axis, AXIS_MEMORY_MIB);
	cr_expect_eq(b.need, 1001);
	cr_expect_eq(b.free, 1000, "the largest card");
	scene_close(&s);
}

Test(why, nodes_too_small_anyway_are_not_told_while_others_are_only_full)
{
	scene s;
	scene_open(&s);
	add_gpus(&s.f, s.c, "small", 1, "h100", 1000);
	refusal(&s, slice_of(2, 450, 500), 5);
	for (int32_t i = 0; i < s.reasons.n; i++)
		cr_expect_eq(s.reasons.v[i].code, WHY_NO_FITTING_DEVICE, "%s", why_name(s.reasons.v[i].code));
	scene_close(&s);
}

Test(why, a_class_nobody_has)
{
	scene s;
	scene_open(&s);
	int32_t b200 = fleet_class_put(&s.f, S("b200"));
	ask_entry e = slice_of(1, 10, 10);
	e.classes = &b200;
	e.n_classes = 1;
	blocker b = refusal(&s, e, 0);
	cr_expect_eq(b.code, WHY_NO_SUCH_CLASS);
	cr_expect_eq(b.class_id, b200);
	cr_expect_eq(b.nodes, 3);
	scene_close(&s);
}

/* "node_cpu" was said of nodes that had no such device at all: more CPU would not have helped. */
Test(why, a_full_node_of_another_class_lacks_the_class_first)
{
	scene s;
	scene_open(&s);
	int32_t b200 = fleet_class_put(&s.f, S("b200"));
	ask_entry e = slice_of(1, 10, 10);
	e.classes = &b200;
	e.n_classes = 1;
	ask *a = ask_one(&s.o, e, 1);
	s.o.group.cpu_milli = 1000000000;
	cr_assert(!place_find(s.w, &s.f, NULL, 0, a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.n, 1);
	cr_expect_eq(s.reasons.v[0].code, WHY_NO_SUCH_CLASS);
	e.n_classes = 0;
	a = ask_one(&s.o, e, 1);
	s.o.group.cpu_milli = 1000000000;
	cr_assert(!place_find(s.w, &s.f, NULL, 0, a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.v[0].code, WHY_NODE_CPU_TOTAL);
	scene_close(&s);
}

Test(why, closed_things_are_told_apart_from_full_ones)
{
	scene s;
	scene_open(&s);
	for (uint32_t n = 0; n < s.f.nodes.n; n++)
		fleet_node_flag(&s.f, (int32_t)n, FLEET_CORDONED, true);
	blocker b = refusal(&s, slice_of(1, 10, 10), 0);
	cr_expect_eq(b.code, WHY_NODE_CLOSED);
	cr_expect_eq(b.nodes, 3);
	cr_expect_eq(why_unblocks(b.code), WHEN_OPENS);
	for (uint32_t n = 0; n < s.f.nodes.n; n++)
		fleet_node_flag(&s.f, (int32_t)n, FLEET_CORDONED, false);
	for (uint32_t d = 0; d < s.f.devices.n; d++)
		fleet_device_flag(&s.f, (int32_t)d, FLEET_UNHEALTHY, true);
	b = refusal(&s, slice_of(1, 10, 10), 0);
	cr_expect_eq(b.code, WHY_NODE_CLOSED);
	scene_close(&s);
}

Test(why, a_cluster_without_nodes_has_a_reason_too)
{
	scene s;
	scene_open(&s);
	int32_t empty = fleet_cluster_put(&s.f, S("empty"));
	ask *a = ask_one(&s.o, slice_of(2, 10, 10), 1);
	a->clusters = &empty;
	a->n_clusters = 1;
	cr_assert(!place_find(s.w, &s.f, NULL, 0, a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.v[0].code, WHY_NO_SUCH_CLASS);
	cr_expect_eq(s.reasons.v[0].need, 2000);
	ask_group host = {.replicas = 1, .min_replicas = 1, .cpu_milli = 500};
	a->groups = &host;
	cr_assert(!place_find(s.w, &s.f, NULL, 0, a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.v[0].code, WHY_NODE_CPU_TOTAL);
	cr_expect_eq(s.reasons.v[0].need, 500);
	scene_close(&s);
}

Test(why, list_is_sorted_bounded_and_independent_of_arrival)
{
	why forward = {0}, backward = {0};
	uint64_t seed = 7;
	blocker all[30];

	for (int i = 0; i < 30; i++) {
		all[i] = blocker_of((why_code)(1 + draw_below(&seed, WHY_COUNT - 1)));
		all[i].nodes = draw_below(&seed, 5);
		all[i].cluster = i;
	}
	for (int i = 0; i < 30; i++) {
		why_add(&forward, all[i]);
		why_add(&backward, all[29 - i]);
	}
	cr_expect_eq(forward.n, WHY_BLOCKERS_MAX);
	cr_expect(forward.is_cut);
	for (int i = 0; i < WHY_BLOCKERS_MAX; i++) {
		cr_expect_eq(forward.v[i].cluster, backward.v[i].cluster);
		if (i == 0)
			continue;
		const blocker *a = &forward.v[i - 1], *b = a + 1;
		cr_expect(a->code < b->code || (a->code == b->code && a->nodes >= b->nodes), "more nodes first");
	}
}

Test(why, every_code_has_a_name_of_its_own)
{
	for (int a = 0; a < WHY_COUNT; a++) {
		cr_expect(why_name((why_code)a)[0] && why_title((why_code)a)[0]);
		cr_expect_eq(why_is_quota((why_code)a), a >= WHY_QUOTA_LIMIT && a <= WHY_CREDITS_LIMIT);
		for (int b = 0; b < a; b++)
			cr_expect_neq(strcmp(why_name((why_code)a), why_name((why_code)b)), 0);
	}
}
