#include "fixture.h"

/* Two clusters: par has an H100 node and an A100 node, ams one L40S node. */
typedef struct scene {
	fleet f;
	place *w;
	plan p;
	why reasons;
	int32_t par, ams, h100, a100, l40s, par_h100, par_a100, ams_l40s;
} scene;

static void scene_open(scene *s)
{
	memset(s, 0, sizeof *s);
	fleet_init(&s->f);
	plan_init(&s->p);
	s->w = place_new();
	s->par = fleet_cluster_put(&s->f, S("par"));
	s->ams = fleet_cluster_put(&s->f, S("ams"));
	s->par_h100 = add_gpus(&s->f, s->par, "par-h", 2, "h100-80g", 81920);
	s->par_a100 = add_gpus(&s->f, s->par, "par-a", 4, "a100-80g", 81920);
	s->ams_l40s = add_gpus(&s->f, s->ams, "ams-l", 4, "l40s", 46068);
	s->h100 = fleet_class_find(&s->f, S("h100-80g"));
	s->a100 = fleet_class_find(&s->f, S("a100-80g"));
	s->l40s = fleet_class_find(&s->f, S("l40s"));
}

static void scene_close(scene *s)
{
	place_free(s->w);
	plan_done(&s->p);
	fleet_done(&s->f);
}

static bool find(scene *s, const ask *a)
{
	return place_find(s->w, &s->f, NULL, 0, a, &s->p, &s->reasons);
}

Test(place, class_list_is_walked_in_order)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t classes[2] = {s.h100, s.a100};
	ask_entry e = {.count = 1, .classes = classes, .n_classes = 2, .compute_milli = ASK_ABSENT};
	ask *a = ask_one(&o, e, 1);
	int32_t want[] = {s.par_h100, s.par_h100, s.par_a100, s.par_a100, s.par_a100, s.par_a100};

	for (int i = 0; i < 6; i++) {
		cr_assert(find(&s, a));
		cr_expect_eq(s.p.pods.v[0].node, want[i], "placement %d", i);
	}
	cr_expect(!find(&s, a));
	cr_expect_eq(s.p.pods.n, 0);
	scene_close(&s);
}

Test(place, all_devices_of_a_listed_entry_are_of_one_class)
{
	scene s;
	one_ask o;
	scene_open(&s);
	int32_t mixed = add_node(&s.f, s.par, "mixed", 64000, 262144);
	add_device(&s.f, mixed, "m0", "h200", 141000);
	add_device(&s.f, mixed, "m1", "h300", 141000);
	int32_t classes[2] = {fleet_class_find(&s.f, S("h200")), fleet_class_find(&s.f, S("h300"))};
	ask_entry e = {.count = 2, .classes = classes, .n_classes = 2, .compute_milli = ASK_ABSENT};

	cr_expect(!find(&s, ask_one(&o, e, 1)));
	e.count = 1;
	cr_expect(find(&s, ask_one(&o, e, 1)));
	place_give(&s.f, NULL, 0, &s.p);
	e = (ask_entry){.count = 2, .memory_mib = 100000, .compute_milli = 10};
	cr_expect(find(&s, ask_one(&o, e, 1)), "any class: whatever serves");
	cr_expect_eq(s.p.pods.v[0].node, mixed);
	scene_close(&s);
}

Test(place, clusters_are_tried_in_the_order_asked)
{
	scene s;
	one_ask o;
	scene_open(&s);
	ask *a = ask_one(&o, slice_of(1, 1000, 100), 1);
	int32_t order[2] = {s.ams, s.par};

	a->clusters = order;
	a->n_clusters = 2;
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.cluster, s.ams);
	a->clusters_excluded = &s.ams;
	a->n_clusters_excluded = 1;
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.cluster, s.par);
	a->n_clusters_excluded = 0;
	fleet_cluster_flag(&s.f, s.ams, FLEET_CORDONED, true);
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.cluster, s.par);
	a->n_clusters = 1;
	cr_expect(!find(&s, a));
	cr_expect_eq(s.reasons.v[0].code, WHY_CLUSTER_CLOSED);
	fleet_cluster_remove(&s.f, s.ams);
	cr_expect(!find(&s, a));
	cr_expect_eq(s.reasons.v[0].code, WHY_NO_SUCH_CLUSTER);
	scene_close(&s);
}

Test(place, without_an_order_the_best_score_wins)
{
	scene s;
	one_ask o;
	scene_open(&s);
	ask *a = ask_one(&o, slice_of(1, 1000, 1000), 1);

	cr_expect(find(&s, a));
	cr_expect_eq(s.p.pods.v[0].node, s.par_h100, "binpack: the least left over");
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.pods.v[0].node, s.par_h100);
	a->node_policy = POLICY_SPREAD;
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.pods.v[0].node, s.par_a100, "spread: the emptiest, the lower handle on equals");
	cr_expect(find(&s, a));
	cr_expect_eq(s.p.pods.v[0].node, s.ams_l40s);
	scene_close(&s);
}

Test(place, equal_nodes_go_to_the_lowest_rank)
{
	fleet f;
	one_ask o;
	plan p;
	why reasons;
	place *w = place_new();
	fleet_init(&f);
	plan_init(&p);
	int32_t c = fleet_cluster_put(&f, S("c"));
	for (int i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		int32_t node = add_gpus(&f, c, name, 2, "h100", 1000);
		node_spec ranked = {str_from(name), 64000, 262144, 0, (i + 2) % 5};
		cr_assert_eq(fleet_node_put(&f, c, &ranked), node);
	}
	cr_expect(place_find(w, &f, NULL, 0, ask_one(&o, slice_of(1, 0, ASK_ABSENT), 1), &p, &reasons));
	cr_expect_eq(f.nodes.v[p.pods.v[0].node].rank, 0);
	plan_done(&p);
	place_free(w);
	fleet_done(&f);
}

Test(place, a_placement_without_devices_takes_host_resources)
{
	scene s;
	scene_open(&s);
	ask_group g = {.replicas = 1, .min_replicas = 1, .cpu_milli = 64000, .memory_mib = 1000};
	ask a = {.groups = &g, .n_groups = 1};

	for (int i = 0; i < 3; i++) {
		cr_assert(find(&s, &a));
		cr_expect_eq(s.p.devices.n, 0);
	}
	cr_expect(!find(&s, &a));
	cr_expect_eq(s.reasons.v[0].code, WHY_NODE_CPU);
	cr_expect_eq(s.reasons.v[0].need, 64000);
	cr_expect_eq(s.reasons.v[0].nodes, 2);
	scene_close(&s);
}

Test(place, thousandths_and_percent_fill_cards_without_a_gap)
{
	scene s;
	one_ask o;
	scene_open(&s);
	static const int32_t milli[] = {810, 190, 500, 500, 1000, 10, 990};
	ask_entry e = {.count = 1, .classes = &s.h100, .n_classes = 1};

	for (int i = 0; i < 4; i++) {
		e.compute_milli = milli[i];
		e.memory_percent = milli[i] / 10;
		cr_expect(find(&s, ask_one(&o, e, 1)), "slice %d", i);
	}
	cr_expect_eq(s.f.views.v[s.par_h100].n_idle, 0);
	cr_expect_eq(s.f.views.v[s.par_h100].max_free_compute_milli, 0);
	e.memory_percent = 1;
	e.compute_milli = 10;
	cr_expect(!find(&s, ask_one(&o, e, 1)));
	scene_close(&s);
}

Test(place, quota_falls_back_to_the_next_class_and_then_says_so)
{
	scene s;
	one_ask o;
	quota *q = quota_new();
	int32_t acme = FLEET_NONE;
	scene_open(&s);
	add_gpus(&s.f, s.par, "par-l", 1, "l40s", 46068);
	cr_assert_eq(quota_add(q, QUOTA_ROOT, &acme), ERR_OK);
	quota_terms t = quota_terms_unset();
	t.limit.v[AXIS_DEVICE_MILLI] = 1000;
	quota_set(q, acme, s.h100, &t);
	quota_set(q, acme, s.a100, &t);
	int32_t classes[2] = {s.h100, s.a100};
	ask_entry e = {.count = 1, .classes = classes, .n_classes = 2, .compute_milli = ASK_ABSENT};
	ask *a = ask_one(&o, e, 1);

	cr_assert(place_find(s.w, &s.f, q, acme, a, &s.p, &s.reasons));
	cr_expect_eq(s.p.pods.v[0].node, s.par_h100);
	cr_assert(place_find(s.w, &s.f, q, acme, a, &s.p, &s.reasons));
	cr_expect_eq(s.p.pods.v[0].node, s.par_a100, "an H100 is idle, but quota is not");
	cr_expect(!place_find(s.w, &s.f, q, acme, a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.v[0].code, WHY_QUOTA_LIMIT);
	cr_expect_eq(s.reasons.v[0].tenant, acme);
	cr_expect_eq(s.reasons.v[0].need, 1000);
	cr_expect_eq(s.reasons.v[0].free, 0);
	cr_expect_eq(s.reasons.v[1].code, WHY_QUOTA_LIMIT, "the other class");
	for (int32_t i = 2; i < s.reasons.n; i++)
		cr_expect_neq(s.reasons.v[i].cluster, s.par, "the class is there, quota is not");
	cr_expect_eq(quota_used(q, acme, s.h100).v[AXIS_DEVICE_MILLI], 1000);
	scene_close(&s);
	quota_free(q);
}

Test(place, quota_of_any_class_tries_the_classes_that_have_some)
{
	scene s;
	one_ask o;
	quota *q = quota_new();
	scene_open(&s);
	quota_set_root(q, s.h100, (amounts){{0, 0, 0}});
	quota_set_root(q, s.a100, (amounts){{0, 0, 0}});
	quota_set_root(q, s.l40s, (amounts){{4000, 4 * 46068, 4000}});
	cr_assert(place_find(s.w, &s.f, q, QUOTA_ROOT, ask_one(&o, slice_of(2, 1000, 100), 1), &s.p, &s.reasons));
	cr_expect_eq(s.p.cluster, s.ams);
	place_give(&s.f, q, QUOTA_ROOT, &s.p);
	cr_expect_eq(quota_used(q, QUOTA_ROOT, s.l40s).v[AXIS_MEMORY_MIB], 0);
	scene_close(&s);
	quota_free(q);
}

/* Three clusters of two cards each, of which 1, 2 and 0 thousandths of 2000 are taken: the first pick by each wish. */
Test(place, clusters_are_chosen_by_headroom_when_asked)
{
	static const struct {
		const char *rule;
		ask_clusters by;
		bool only_first_two;
		int want;
	} rows[] = {
		{"most headroom", CLUSTERS_SPREAD, false, 2},
		{"least headroom that fits", CLUSTERS_PACK, false, 1},
		{"most headroom of those listed", CLUSTERS_SPREAD, true, 0},
		{"least headroom of those listed", CLUSTERS_PACK, true, 1},
		{"as listed", CLUSTERS_ORDER, true, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fleet f;
		plan p;
		one_ask o;
		int32_t clusters[3];
		place *w = place_new();
		fleet_init(&f);
		plan_init(&p);
		for (int c = 0; c < 3; c++) {
			clusters[c] = fleet_cluster_put(&f, text("c%d", c));
			add_gpus(&f, clusters[c], text("n%d", c).p, 2, "h100", 1000);
		}
		ask *a = ask_one(&o, slice_of(1, 300, 0), 1);
		for (int c = 0; c < 3; c++) {
			a->clusters = &clusters[c == 2 ? 1 : c];
			a->n_clusters = 1;
			cr_assert(place_find(w, &f, NULL, 0, a, &p, NULL));
		}
		a->clusters = clusters;
		a->n_clusters = rows[i].only_first_two ? 2 : 0;
		a->clusters_by = rows[i].by;
		cr_assert(place_find(w, &f, NULL, 0, a, &p, NULL));
		cr_expect_eq(p.cluster, clusters[rows[i].want], "%s", rows[i].rule);
		plan_done(&p);
		place_free(w);
		fleet_done(&f);
	}
}

/* Nodes without a device that is named say nothing, whatever else they lack. */
Test(place, who_names_devices_learns_of_those_alone)
{
	scene s;
	one_ask o;
	str named[] = {S("par-h-0"), S("nobody")};
	scene_open(&s);
	ask *a = ask_one(&o, slice_of(1, 0, ASK_ABSENT), 1);
	o.entry.uuids = (strs){named, 2};
	o.group.cpu_milli = 60000;
	o.a.clusters = &s.par;
	o.a.n_clusters = 1;
	s.f.nodes.v[s.par_a100].used_cpu_milli = 30000;
	fleet_node_flag(&s.f, s.par_a100, FLEET_CORDONED, false);
	cr_assert(find(&s, a));
	cr_expect_eq(s.p.devices.v[0].device, fleet_device_find(&s.f, s.par, named[0]));
	o.group.cpu_milli = 0;
	cr_assert(!find(&s, a));
	cr_expect_eq(place_reason(s.w), WHY_NO_FITTING_DEVICE);
	cr_assert_eq(s.reasons.n, 1);
	cr_expect_eq(s.reasons.v[0].code, WHY_NO_FITTING_DEVICE);
	cr_expect_eq(s.reasons.v[0].nodes, 1);
	o.group.cpu_milli = 60000;
	o.entry.uuids = (strs){&named[1], 1};
	cr_assert(!find(&s, a));
	cr_expect_eq(place_reason(s.w), WHY_NO_SUCH_CLASS);
	cr_assert_eq(s.reasons.n, 1, "that cpu is short on the one and the other is no reason");
	cr_expect_eq(s.reasons.v[0].code, WHY_NO_SUCH_CLASS);
	cr_expect_eq(s.reasons.v[0].nodes, 2);
	int32_t only[] = {fleet_device_find(&s.f, s.par, S("par-h-1")), fleet_device_find(&s.f, s.ams, S("ams-l-0"))};
	o.entry.uuids = (strs){NULL, 0};
	o.entry.only = only;
	o.entry.n_only = 2;
	o.group.cpu_milli = 1000;
	cr_assert(find(&s, a), "handles as names");
	cr_expect_eq(s.p.devices.v[0].device, only[0]);
	scene_close(&s);
}
