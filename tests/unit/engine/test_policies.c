/* Policies, weights, labels and links: which node and which devices they choose, and that what is rated once is rated
 * so until something changes. */
#include "engine/score_links.h"
#include "fixture.h"

#include <string.h>

typedef struct scene {
	fleet f;
	place *w;
	plan p;
	why reasons;
	int32_t cluster;
} scene;

static void scene_open(scene *s)
{
	*s = (scene){.w = place_new()};
	fleet_init(&s->f);
	plan_init(&s->p);
	s->cluster = fleet_cluster_put(&s->f, S("c"));
}

static void scene_close(scene *s)
{
	plan_done(&s->p);
	place_free(s->w);
	fleet_done(&s->f);
}

/* The node's name, or why not. The plan stays booked. */
static const char *placed_on(scene *s, const ask *a)
{
	if (!place_find(s->w, &s->f, NULL, 0, a, &s->p, &s->reasons))
		return why_name(s->reasons.v[0].code);
	return s->f.node_names.v[s->p.pods.v[0].node].p;
}

static bool is_on(scene *s, const ask *a, const char *node)
{
	const char *got = placed_on(s, a);
	bool is_same = strncmp(got, node, strlen(node)) == 0;

	if (!is_same)
		fprintf(stderr, "%s, not %s\n", got, node);
	return is_same;
}

static void drop(scene *s)
{
	fleet_unbook(&s->f, &s->p);
}

/* Pairs of a kind are linked by `near`, others by `far`; `stride` sets apart which are a pair. */
static void link_pairs(scene *s, int32_t node, int stride, uint16_t near, uint16_t far)
{
	uint16_t weight[16];
	topology t = {4, weight, NULL, NULL};

	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			weight[a * 4 + b] = a % stride == b % stride ? near : far;
	fleet_node_link(&s->f, node, &t);
}

Test(policies, topology_takes_the_best_linked_set_and_leaves_the_others_whole)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t slow = add_gpus(&s.f, s.cluster, "slow", 4, "h100", 1000);
	int32_t fast = add_gpus(&s.f, s.cluster, "fast", 4, "h100", 1000);
	int32_t least = add_gpus(&s.f, s.cluster, "least", 4, "h100", 1000);
	link_pairs(&s, least, 2, 10, 10);
	link_pairs(&s, slow, 2, 50, 10);
	link_pairs(&s, fast, 2, 600, 10);
	ask *a = ask_one(&o, (ask_entry){.count = 2, .compute_milli = ASK_ABSENT}, 1);
	a->node_policy = a->device_policy = POLICY_TOPOLOGY;
	cr_expect(is_on(&s, a, "fast"));
	cr_expect_eq(s.p.devices.v[0].device - s.p.devices.v[1].device, -2, "0 and 2, or 1 and 3");
	ask *one = ask_one(&o, (ask_entry){.count = 1, .compute_milli = ASK_ABSENT}, 1);
	one->node_policy = one->device_policy = POLICY_TOPOLOGY;
	cr_expect(is_on(&s, one, "least"), "one device breaks the least of the sets");
	scene_close(&s);
}

Test(policies, a_required_topology_is_kept_or_refused)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t node = add_gpus(&s.f, s.cluster, "n", 4, "h100", 1000);
	ask_entry e = {.count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_REQUIRED};
	ask *a = ask_one(&o, e, 1);
	cr_expect(is_on(&s, a, "topology"), "how the devices are linked is not known");
	cr_expect_eq(s.reasons.v[0].need, 2000);
	cr_expect_eq(s.reasons.v[0].free, 1000);
	link_pairs(&s, node, 2, 60, 10);
	cr_expect(is_on(&s, a, "topology"));
	o.entry.link_min = 60;
	cr_expect(is_on(&s, a, "n"));
	cr_expect(is_on(&s, a, "n"));
	cr_expect(is_on(&s, a, "no_fitting_device"));
	scene_close(&s);
}

Test(policies, best_effort_asks_for_links_whatever_the_policy)
{
	scene s;
	one_ask o;
	scene_open(&s);
	link_pairs(&s, add_gpus(&s.f, s.cluster, "n", 4, "h100", 1000), 2, 600, 10);
	ask_entry e = {.count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_BEST_EFFORT};
	cr_expect(is_on(&s, ask_one(&o, e, 1), "n"));
	cr_expect_eq(s.p.devices.v[1].device, 2);
	drop(&s);
	e.topology = TOPOLOGY_NONE;
	cr_expect(is_on(&s, ask_one(&o, e, 1), "n"));
	cr_expect_eq(s.p.devices.v[1].device, 1, "the lowest");
	scene_close(&s);
}

Test(policies, cost_takes_the_cheapest_class_and_follows_the_prices)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int64_t prices[3] = {30, 10, 20};
	score_tables tables = {.prices = prices, .n_prices = 3};
	add_gpus(&s.f, s.cluster, "h100", 2, "h100", 1000);
	add_gpus(&s.f, s.cluster, "t4", 2, "t4", 1000);
	add_gpus(&s.f, s.cluster, "a100", 2, "a100", 1000);
	place_use(s.w, &tables);
	ask *a = ask_one(&o, (ask_entry){.count = 2, .compute_milli = ASK_ABSENT}, 1);
	a->node_policy = a->device_policy = POLICY_COST;
	cr_expect(is_on(&s, a, "t4"));
	cr_expect(is_on(&s, a, "a100"), "the next");
	drop(&s);
	prices[0] = 1;
	tables.epoch++;
	cr_expect(is_on(&s, a, "h100"));
	cr_expect(is_on(&s, a, "a100"));
	cr_expect(is_on(&s, a, "no_fitting_device"));
	scene_close(&s);
}

/* A small part of a dear device may be cheaper than all of a cheap one. */
Test(policies, cost_counts_what_a_pod_takes_not_what_a_device_costs)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int64_t prices[2] = {30, 10};
	score_tables tables = {.prices = prices, .n_prices = 2};
	add_gpus(&s.f, s.cluster, "large", 1, "large", 80000);
	add_gpus(&s.f, s.cluster, "small", 1, "small", 10000);
	place_use(s.w, &tables);
	ask *a = ask_one(&o, slice_of(1, 8000, 0), 1);
	a->node_policy = POLICY_COST;
	cr_expect(is_on(&s, a, "large"), "a tenth at 30 is less than 0.8 at 10");
	scene_close(&s);
}

Test(policies, weights_mix_policies_and_rank_settles_equals)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int64_t prices[2] = {50, 10};
	score_tables tables = {.prices = prices, .n_prices = 2};
	add_gpus(&s.f, s.cluster, "full", 2, "a", 1000);
	add_gpus(&s.f, s.cluster, "empty", 8, "b", 1000);
	place_use(s.w, &tables);
	ask *a = ask_one(&o, slice_of(1, 100, 100), 1);
	a->n_weights = 1;
	a->weights[0] = (ask_weight){POLICY_COST, 1};
	a->weights[1] = (ask_weight){POLICY_BINPACK, 1};
	cr_expect(is_on(&s, a, "empty"), "the price alone");
	drop(&s);
	a->n_weights = 2;
	cr_expect(is_on(&s, a, "full"), "what is left over counts more");
	drop(&s);
	a->weights[0].weight = 9;
	cr_expect(is_on(&s, a, "empty"), "less than nine times the price");
	drop(&s);
	a->weights[0] = a->weights[1] = (ask_weight){POLICY_TOPOLOGY, 3};
	cr_expect(is_on(&s, a, "full"), "equal: the lowest rank");
	scene_close(&s);
}

/* What fragmentation tells apart are steps of 40 thousandths on a scale of thousands: each of them counts. */
Test(policies, weighed_fragmentation_still_tells_nodes_apart)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t starved = add_node(&s.f, s.cluster, "rich", 64000, 262144);
	add_device(&s.f, starved, "rich-0", "h100", 1000);
	starved = add_node(&s.f, s.cluster, "poor", 1000, 262144);
	add_device(&s.f, starved, "poor-0", "h100", 1000);
	ask *a = ask_one(&o, slice_of(1, 500, 500), 1);
	a->device_policy = POLICY_FRAGMENTATION;
	for (int32_t n = 0; n < 3; n++) {
		a->node_policy = n ? POLICY_BINPACK : POLICY_FRAGMENTATION;
		a->n_weights = n;
		a->weights[0] = (ask_weight){POLICY_FRAGMENTATION, 3};
		a->weights[1] = (ask_weight){POLICY_TOPOLOGY, 1};
		cr_expect(is_on(&s, a, "poor"), "half a device more than its cpu can feed is no use to others: %d", n);
		drop(&s);
	}
	scene_close(&s);
}

typedef struct label_row {
	const char *rule;
	trait_op op;
	const char *key, *value;
	const char *want;
} label_row;

static const label_row labels[] = {
	{"a value that one has", LABEL_IN, "zone", "b", "two"},
	{"a value that nobody has", LABEL_IN, "zone", "z", "node_selector"},
	{"not that value", LABEL_NOT_IN, "zone", "a", "two"},
	{"not that value holds without the label", LABEL_NOT_IN, "disk", "ssd", "one"},
	{"the label is there", LABEL_EXISTS, "disk", "", "two"},
	{"the label is not there", LABEL_ABSENT, "disk", "", "one"},
	{"a key that nobody has", LABEL_EXISTS, "rack", "", "node_selector"},
};

static trait_label label_of(scene *s, const char *key, const char *value)
{
	return (trait_label){fleet_text_put(&s->f, str_from(key)), fleet_text_put(&s->f, str_from(value))};
}

Test(policies, selectors_are_held_to_labels)
{
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		const label_row *r = &labels[i];
		scene s;
		one_ask o;
		scene_open(&s);
		int32_t one = add_gpus(&s.f, s.cluster, "one", 1, "h100", 1000);
		int32_t two = add_gpus(&s.f, s.cluster, "two", 1, "h100", 1000);
		trait_label of_one[] = {label_of(&s, "zone", "b"), label_of(&s, "zone", "a")};
		trait_label of_two[] = {label_of(&s, "zone", "b"), label_of(&s, "disk", "ssd")};
		fleet_node_traits(&s.f, one, &(traits){2, 0, of_one, NULL});
		fleet_node_traits(&s.f, two, &(traits){2, 0, of_two, NULL});
		int32_t value = fleet_text_find(&s.f, str_from(r->value));
		trait_term term = {fleet_text_find(&s.f, str_from(r->key)), r->op, &value, 1};
		ask *a = ask_one(&o, slice_of(1, 10, 10), 1);
		o.group.selector = &term;
		o.group.n_selector = 1;
		cr_expect(is_on(&s, a, r->want), "%s", r->rule);
		cr_expect(is_on(&s, a, r->want), "%s, asked again", r->rule);
		scene_close(&s);
	}
}

Test(policies, taints_close_nodes_to_pods_that_do_not_tolerate_them)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t node = add_gpus(&s.f, s.cluster, "n", 1, "h100", 1000);
	trait_label own = label_of(&s, "dedicated", "nlp");
	trait_taint taint = {own.key, own.value, TAINT_NO_SCHEDULE};
	ask *a = ask_one(&o, slice_of(1, 10, 10), 1);
	for (int i = 0; i < 3; i++)
		cr_expect(is_on(&s, a, "n"));
	fleet_node_traits(&s.f, node, &(traits){0, 1, NULL, &taint});
	cr_expect(is_on(&s, a, "taint"), "what was rated before is rated anew");
	trait_toleration other = {own.key, own.value + 1, 0}, exact = {own.key, own.value, TAINT_NO_SCHEDULE};
	trait_toleration evicting = {own.key, own.value, TAINT_NO_EXECUTE}, any = {TRAIT_ANY, TRAIT_ANY, 0};
	o.group.n_tolerations = 1;
	o.group.tolerations = &other;
	cr_expect(is_on(&s, a, "taint"));
	o.group.tolerations = &evicting;
	cr_expect(is_on(&s, a, "taint"));
	o.group.tolerations = &exact;
	cr_expect(is_on(&s, a, "n"));
	o.group.tolerations = &any;
	cr_expect(is_on(&s, a, "n"));
	o.group.n_tolerations = 0;
	taint.effect = TAINT_PREFER_NO_SCHEDULE;
	fleet_node_traits(&s.f, node, &(traits){0, 1, NULL, &taint});
	cr_expect(is_on(&s, a, "n"));
	scene_close(&s);
}

Test(policies, nodes_that_are_linked_alike_share_one_wiring)
{
	scene s;
	scene_open(&s);
	int32_t nodes[3];
	for (int i = 0; i < 3; i++) {
		nodes[i] = add_gpus(&s.f, s.cluster, text("n%d", i).p, 4, "h100", 1000);
		link_pairs(&s, nodes[i], i < 2 ? 2 : 3, 600, 10);
	}
	cr_expect_eq(s.f.nodes.v[nodes[0]].wiring, s.f.nodes.v[nodes[1]].wiring);
	cr_expect_neq(s.f.nodes.v[nodes[0]].wiring, s.f.nodes.v[nodes[2]].wiring);
	fleet_node_link(&s.f, nodes[0], NULL);
	cr_expect_eq(s.f.nodes.v[nodes[0]].wiring, FLEET_NONE);
	fleet_node_remove(&s.f, nodes[1]);
	link_pairs(&s, nodes[0], 4, 100, 0);
	cr_expect_eq(s.f.wirings.n, 2, "the row that nobody uses is used again");
	scene_close(&s);
}

/* A set of every second device of a node, whatever was removed. */
Test(policies, links_follow_the_index_of_devices_not_their_place)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t node = add_gpus(&s.f, s.cluster, "n", 4, "h100", 1000);
	link_pairs(&s, node, 2, 600, 10);
	fleet_device_remove(&s.f, fleet_device_find(&s.f, s.cluster, S("n-0")));
	ask_entry e = {.count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_REQUIRED};
	cr_expect(is_on(&s, ask_one(&o, e, 1), "n"));
	cr_expect_eq(s.f.devices.v[s.p.devices.v[0].device].index, 1);
	cr_expect_eq(s.f.devices.v[s.p.devices.v[1].device].index, 3);
	scene_close(&s);
}

/* Two 3g and a 1g beside the hole that the second 3g leaves: what is left is told by its size. */
Test(policies, a_refused_instance_tells_what_it_needs_and_the_largest_place_there_is)
{
	scene s;
	one_ask o;
	class_cut cut;
	scene_open(&s);
	add_gpus(&s.f, s.cluster, "n", 1, "a100", 40960);
	cr_assert(cut_named(S("nvidia-a100-40g"), &cut));
	cut.mode = CUT_INSTANCES;
	fleet_class_cut(&s.f, 0, &cut);
	ask *a = ask_one(&o, (ask_entry){.count = 1, .profile = S("3g.20gb")}, 1);
	cr_expect(is_on(&s, a, "n"));
	cr_expect_eq(s.p.devices.v[0].start, 4, "where it leaves room for a 4g");
	cr_expect_eq(s.p.devices.v[0].charge.v[AXIS_MEMORY_MIB], 19968);
	cr_expect_eq(s.p.devices.v[0].charge.v[AXIS_COMPUTE_MILLI], 428);
	o.entry.profile = S("1g.5gb");
	cr_expect(is_on(&s, a, "n"));
	o.entry.profile = S("3g.20gb");
	cr_expect(is_on(&s, a, "profile"));
	const blocker *b = &s.reasons.v[0];
	cr_expect(b->has_axis && b->axis == AXIS_MEMORY_MIB);
	cr_expect_eq(b->need, 19968);
	cr_expect_eq(b->free, 9856);
	o.entry.profile = S("9g.99gb");
	cr_expect(is_on(&s, a, "class_rule"));
	scene_close(&s);
}
