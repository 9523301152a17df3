#include "fixture.h"

typedef struct scene {
	fleet f;
	place *w;
	plan p;
	why reasons;
} scene;

/* Two clusters of two nodes with four cards each. */
static void scene_open(scene *s)
{
	memset(s, 0, sizeof *s);
	fleet_init(&s->f);
	plan_init(&s->p);
	s->w = place_new();
	for (int c = 0; c < 2; c++) {
		int32_t cluster = fleet_cluster_put(&s->f, text("c%d", c));
		for (int n = 0; n < 2; n++)
			add_gpus(&s->f, cluster, text("n%d", c * 2 + n).p, 4, "h100", 1000);
	}
}

static void scene_close(scene *s)
{
	place_free(s->w);
	plan_done(&s->p);
	fleet_done(&s->f);
}

static bool find(scene *s, quota *q, const ask *a)
{
	return place_find(s->w, &s->f, q, 0, a, &s->p, &s->reasons);
}

static int64_t sharers(const fleet *f)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < f->devices.n; i++)
		n += f->devices.v[i].sharers;
	return n;
}

static const ask_entry whole = {.count = 1, .compute_milli = ASK_ABSENT};

typedef struct gang_row {
	const char *rule;
	int32_t count, replicas, min_replicas, want_pods; /* 0: refused */
} gang_row;

static const gang_row gangs[] = {
	{"a gang that fills one cluster fits", 1, 8, 8, 8},
	{"one more than a cluster holds fits nowhere", 1, 9, 9, 0},
	{"down to the minimum it may be fewer", 1, 12, 6, 8},
	{"the minimum itself must fit", 1, 12, 9, 0},
	{"pods of several cards", 4, 2, 2, 2},
	{"pods that leave a rest", 3, 2, 2, 2},
	{"rests of two nodes make no pod", 3, 3, 3, 0},
	{"a pod larger than any node", 5, 1, 1, 0},
};

Test(gang, all_that_must_start_together_or_none)
{
	for (size_t i = 0; i < sizeof gangs / sizeof *gangs; i++) {
		const gang_row *r = &gangs[i];
		scene s;
		one_ask o;
		scene_open(&s);
		ask_entry e = whole;
		e.count = r->count;
		ask *a = ask_one(&o, e, r->replicas);
		o.group.min_replicas = r->min_replicas;
		cr_expect_eq(find(&s, NULL, a), r->want_pods > 0, "%s", r->rule);
		cr_expect_eq(s.p.pods.n, (uint32_t)r->want_pods, "%s: %u", r->rule, s.p.pods.n);
		cr_expect_eq(sharers(&s.f), r->want_pods * r->count, "%s", r->rule);
		for (uint32_t p = 0; p < s.p.pods.n; p++)
			cr_expect_eq(s.f.nodes.v[s.p.pods.v[p].node].cluster, s.p.cluster, "%s", r->rule);
		scene_close(&s);
	}
}

Test(gang, minima_of_all_groups_come_before_extras)
{
	scene s;
	scene_open(&s);
	ask_group groups[2] = {
		{.replicas = 8, .min_replicas = 4, .entries = &whole, .n_entries = 1},
		{.replicas = 3, .min_replicas = 3, .entries = &whole, .n_entries = 1},
	};
	ask a = {.groups = groups, .n_groups = 2};

	cr_expect(find(&s, NULL, &a));
	int n[2] = {0, 0};
	for (uint32_t i = 0; i < s.p.pods.n; i++)
		cr_expect_eq(s.p.pods.v[i].index, n[s.p.pods.v[i].group]++, "indexes have no gap");
	cr_expect_eq(n[0], 5);
	cr_expect_eq(n[1], 3);
	scene_close(&s);
}

Test(gang, a_second_cluster_is_tried_from_a_clean_state)
{
	scene s;
	one_ask o;
	scene_open(&s);
	find(&s, NULL, ask_one(&o, whole, 1));
	cr_expect_eq(s.p.cluster, 0);
	cr_expect(find(&s, NULL, ask_one(&o, whole, 8)));
	cr_expect_eq(s.p.cluster, 1);
	cr_expect_eq(sharers(&s.f), 9);
	scene_close(&s);
}

Test(gang, a_refusal_says_how_many_had_a_place)
{
	scene s;
	one_ask o;
	scene_open(&s);
	cr_expect(!find(&s, NULL, ask_one(&o, whole, 11)));
	cr_expect_eq(s.reasons.v[0].code, WHY_GANG_INCOMPLETE);
	cr_expect_eq(s.reasons.v[0].need, 11);
	cr_expect_eq(s.reasons.v[0].free, 8);
	cr_expect_eq(s.reasons.v[2].code, WHY_NO_FITTING_DEVICE);
	cr_expect_eq(s.reasons.v[2].nodes, 2);
	scene_close(&s);
}

Test(gang, quota_is_asked_for_all_and_given_back_on_failure)
{
	scene s;
	one_ask o;
	quota *q = quota_new();
	scene_open(&s);
	quota_set_root(q, 0, (amounts){{6000, 6000, 6000}});
	cr_expect(find(&s, q, ask_one(&o, whole, 1)));
	cr_expect(!find(&s, q, ask_one(&o, whole, 7)));
	cr_expect_eq(s.reasons.v[0].code, WHY_QUOTA_GUARANTEE);
	cr_expect_eq(s.reasons.v[0].need, 7000, "%ld", s.reasons.v[0].need);
	cr_expect_eq(s.reasons.v[0].free, 5000, "%ld", s.reasons.v[0].free);
	cr_expect_eq(quota_used(q, 0, 0).v[0], 1000);
	cr_expect_eq(sharers(&s.f), 1);
	cr_expect(find(&s, q, ask_one(&o, whole, 5)));
	o.group.min_replicas = 1;
	place_give(&s.f, q, 0, &s.p);
	o.group.replicas = 9;
	cr_expect(find(&s, q, &o.a));
	cr_expect_eq(s.p.pods.n, 5, "extras stop at the quota");
	scene_close(&s);
	quota_free(q);
}

/* Each of the two would be let through alone: what is short is told with the other beside it. */
Test(gang, credits_that_two_models_of_one_pod_need_together_are_refused_with_numbers)
{
	scene s;
	quota *q = quota_new();
	int32_t tenant, classes[2];
	scene_open(&s);
	int32_t mixed = add_gpus(&s.f, 0, "mixed", 1, "x", 1000);
	add_device(&s.f, mixed, "mixed-y", "y", 1000);
	classes[0] = fleet_class_find(&s.f, S("x"));
	classes[1] = fleet_class_find(&s.f, S("y"));
	cr_assert_eq(quota_add(q, QUOTA_ROOT, &tenant), ERR_OK);
	for (int i = 0; i < 2; i++) {
		quota_set_root(q, classes[i], (amounts){{9000, 9000, 9000}});
		quota_set_rate(q, classes[i], 10);
	}
	quota_set_credits_limit(q, tenant, 15000);
	ask_entry both[2] = {{.count = 1, .classes = &classes[0], .n_classes = 1, .compute_milli = ASK_ABSENT},
		{.count = 1, .classes = &classes[1], .n_classes = 1, .compute_milli = ASK_ABSENT}};
	ask_group g = {.replicas = 1, .min_replicas = 1, .entries = both, .n_entries = 2};
	ask a = {.groups = &g, .n_groups = 1};

	cr_expect(!place_find(s.w, &s.f, q, tenant, &a, &s.p, &s.reasons));
	cr_expect_eq(s.reasons.v[0].code, WHY_CREDITS_LIMIT);
	cr_expect_eq(s.reasons.v[0].need, 1000);
	cr_expect_eq(s.reasons.v[0].free, 500, "what the other leaves");
	cr_expect_eq(quota_credits(q, tenant), 0);
	quota_set_credits_limit(q, tenant, 20000);
	cr_expect(place_find(s.w, &s.f, q, tenant, &a, &s.p, &s.reasons));
	scene_close(&s);
	quota_free(q);
}
