#include "fixture.h"

/* One card of 1000 MiB with what is on it, and a slice that wants in. */
typedef struct card_row {
	const char *rule;
	class_spec spec;
	int64_t used_memory_mib, used_compute_milli;
	int32_t sharers;
	int64_t memory_mib;
	int32_t memory_percent, compute_milli;
	bool want;
	axis want_axis;
} card_row;

static const card_row cards[] = {
	{"an empty card takes a whole request", {0}, 0, 0, 0, 0, 0, ASK_ABSENT, true, 0},
	{"a whole request does not fit beside others", {0}, 1, 0, 1, 0, 0, ASK_ABSENT, false, AXIS_DEVICE_MILLI},
	{"memory binds", {0}, 600, 100, 1, 401, 0, 100, false, AXIS_MEMORY_MIB},
	{"memory fits to the last MiB", {0}, 600, 100, 1, 400, 0, 100, true, 0},
	{"compute binds", {0}, 100, 600, 1, 100, 0, 401, false, AXIS_COMPUTE_MILLI},
	{"compute fits to the last thousandth", {0}, 100, 600, 1, 100, 0, 400, true, 0},
	{"compute full and memory empty is full", {0}, 0, 1000, 2, 1, 0, 0, false, AXIS_DEVICE_MILLI},
	{"no reservation fits while compute is left", {0}, 0, 999, 2, 1, 0, 0, true, 0},
	{"exclusive compute wants the card alone", {0}, 1, 0, 1, 10, 0, 1000, false, AXIS_DEVICE_MILLI},
	{"exclusive compute fits an empty card", {0}, 0, 0, 0, 10, 0, 1000, true, 0},
	{"slots bind", {.slots = 2}, 10, 10, 2, 10, 0, 10, false, AXIS_MEMORY_MIB},
	{"overcommit makes room on compute", {.overcommit_ppm = 2000000}, 0, 1200, 2, 10, 0, 800, true, 0},
	{"overcommit has an end too", {.overcommit_ppm = 2000000}, 0, 1200, 2, 10, 0, 801, false, AXIS_COMPUTE_MILLI},
	{"overcommit does not loosen exclusiveness", {.overcommit_ppm = 2000000}, 0, 100, 1, 10, 0, 1000, false,
		AXIS_DEVICE_MILLI},
	{"percent is of the card", {0}, 500, 0, 1, 0, 50, 0, true, 0},
	{"percent over what is free", {0}, 500, 0, 1, 0, 51, 0, false, AXIS_MEMORY_MIB},
	{"absent compute of a part is the class default", {.compute_default_milli = 300}, 10, 701, 1, 10, 0, ASK_ABSENT,
		false, AXIS_COMPUTE_MILLI},
	{"absent compute without a default reserves nothing", {0}, 10, 701, 1, 10, 0, ASK_ABSENT, true, 0},
	{"all of the memory without compute is legal on a whole card", {0}, 0, 0, 0, 0, 100, 0, true, 0},
};

static void load_card(fleet *f, int32_t node, const card_row *r)
{
	plan p;
	plan_init(&p);
	p.cluster = 0;
	for (int32_t i = 0; i < r->sharers; i++) {
		bool is_last = i == r->sharers - 1;
		plan_add_pod(&p, 0, i, node, 0, 0);
		plan_add_device(&p, (plan_device){0, 0, is_last ? r->used_memory_mib : 0,
					    is_last ? r->used_compute_milli - i : 1, {{0}}});
	}
	fleet_book(f, &p);
	f->devices.v[0].exclusive = 0; /* several sharers may have booked these thousand */
	plan_done(&p);
}

static bool fits(const fleet *f, const ask_group *g, int32_t node, fit_miss *miss)
{
	static const ask by_default;
	fit_need need;
	fit_choice choice;
	why_code code;

	fit_prepare(&need, &by_default, g, NULL);
	if (fit_choose(f, &need, node, &choice, &code))
		return true;
	fit_explain(f, &need, node, miss);
	cr_expect_eq(code, miss->code, "the short answer is %s, the long one %s", why_name(code), why_name(miss->code));
	return false;
}

Test(fit, a_card_is_looked_at_on_both_axes_slots_and_exclusiveness)
{
	for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
		const card_row *r = &cards[i];
		fleet f;
		fit_miss miss = {0};
		one_ask o;
		fleet_init(&f);
		int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 1, "h100", 1000);
		fleet_class_set(&f, 0, r->spec);
		load_card(&f, node, r);
		fleet_class_set(&f, 0, r->spec); /* refreshes the node's summary */
		ask_entry e = {.count = 1,
			.memory_mib = r->memory_mib,
			.memory_percent = r->memory_percent,
			.compute_milli = r->compute_milli};
		ask_one(&o, e, 1);
		cr_expect_eq(fits(&f, &o.group, node, &miss), r->want, "%s", r->rule);
		if (!r->want) {
			cr_expect_eq(miss.code, WHY_NO_FITTING_DEVICE, "%s: %s", r->rule, why_name(miss.code));
			cr_expect_eq(miss.axis, r->want_axis, "%s: %s", r->rule, axis_name(miss.axis));
		}
		fleet_done(&f);
	}
}

typedef struct host_row {
	const char *rule;
	int64_t cpu_milli, memory_mib;
	uint32_t flag;
	why_code want;
} host_row;

static const host_row hosts[] = {
	{"what fits fits", 500, 500, 0, WHY_NONE},
	{"cpu binds", 501, 500, 0, WHY_NODE_CPU},
	{"memory binds", 500, 501, 0, WHY_NODE_MEMORY},
	{"more cpu than the node has", 1001, 1, 0, WHY_NODE_CPU_TOTAL},
	{"more memory than the node has", 1, 1001, 0, WHY_NODE_MEMORY_TOTAL},
	{"a cordoned node", 1, 1, FLEET_CORDONED, WHY_NODE_CLOSED},
	{"an unhealthy node", 1, 1, FLEET_UNHEALTHY, WHY_NODE_CLOSED},
};

Test(fit, host_resources_bind_a_placement_without_devices)
{
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		const host_row *r = &hosts[i];
		fleet f;
		fit_miss miss = {0};
		plan p;
		fleet_init(&f);
		plan_init(&p);
		p.cluster = fleet_cluster_put(&f, S("c"));
		int32_t node = add_node(&f, p.cluster, "n", 1000, 1000);
		plan_add_pod(&p, 0, 0, node, 500, 500);
		fleet_book(&f, &p);
		if (r->flag)
			fleet_node_flag(&f, node, (fleet_flag)r->flag, true);
		ask_group g = {
			.replicas = 1, .min_replicas = 1, .cpu_milli = r->cpu_milli, .memory_mib = r->memory_mib};
		cr_expect_eq(fits(&f, &g, node, &miss), r->want == WHY_NONE, "%s", r->rule);
		cr_expect(r->want == WHY_NONE || miss.code == r->want, "%s: %s", r->rule, why_name(miss.code));
		plan_done(&p);
		fleet_done(&f);
	}
}

Test(fit, pods_of_a_node_are_bounded)
{
	fleet f;
	fit_miss miss;
	plan p;
	fleet_init(&f);
	plan_init(&p);
	p.cluster = fleet_cluster_put(&f, S("c"));
	node_spec spec = {S("n"), 1000, 1000, 2, FLEET_NONE};
	int32_t node = fleet_node_put(&f, p.cluster, &spec);
	ask_group g = {.replicas = 1, .min_replicas = 1};
	plan_add_pod(&p, 0, 0, node, 0, 0);
	fleet_book(&f, &p);
	cr_expect(fits(&f, &g, node, &miss));
	fleet_book(&f, &p);
	cr_expect(!fits(&f, &g, node, &miss));
	cr_expect_eq(miss.code, WHY_NODE_PODS);
	plan_done(&p);
	fleet_done(&f);
}

static void pick_on(fleet *f, const ask_group *g, ask_policy policy, int32_t node, plan *p)
{
	ask by_policy = {.device_policy = policy};
	fit_need need;

	fit_prepare(&need, &by_policy, g, NULL);
	plan_clear(p);
	p->cluster = 0;
	fit_pick(f, &need, node, 0, 0, p);
}

Test(fit, device_policy_chooses_and_ties_go_to_the_lowest_index)
{
	fleet f;
	plan p;
	one_ask o;
	fleet_init(&f);
	plan_init(&p);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 4, "h100", 1000);
	ask_one(&o, slice_of(1, 300, 100), 1);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.v[0].device, 0, "all equal: the lowest");
	p.devices.v[0].device = 2;
	fleet_book(&f, &p);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.v[0].device, 2, "the fullest that fits");
	pick_on(&f, &o.group, POLICY_SPREAD, node, &p);
	cr_expect_eq(p.devices.v[0].device, 0, "the emptiest");
	ask_one(&o, slice_of(3, 300, 100), 1);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.n, 3);
	cr_expect_eq(p.devices.v[0].device, 2);
	cr_expect_eq(p.devices.v[1].device, 0);
	cr_expect_eq(p.devices.v[2].device, 1);
	plan_done(&p);
	fleet_done(&f);
}

Test(fit, entries_of_a_pod_share_what_is_there_and_no_more)
{
	fleet f;
	plan p;
	fit_miss miss;
	fleet_init(&f);
	plan_init(&p);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 2, "h100", 1000);
	ask_entry entries[2] = {slice_of(1, 300, 100), {.count = 1, .compute_milli = ASK_ABSENT}};
	ask_group g = {.replicas = 1, .min_replicas = 1, .entries = entries, .n_entries = 2};

	for (int policy = POLICY_BINPACK; policy <= POLICY_SPREAD; policy++) {
		cr_expect(fits(&f, &g, node, &miss));
		pick_on(&f, &g, (ask_policy)policy, node, &p);
		cr_expect_eq(p.devices.n, 2);
		cr_expect_neq(p.devices.v[0].device, p.devices.v[1].device, "the whole card is alone");
	}
	entries[0].count = 2;
	cr_expect(!fits(&f, &g, node, &miss));
	entries[1] = slice_of(2, 700, 900);
	pick_on(&f, &g, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.n, 4, "two slices on each card, full on both axes");
	fleet_book(&f, &p);
	cr_expect_eq(f.views.v[node].free_device_milli, 0);
	plan_done(&p);
	fleet_done(&f);
}

Test(fit, named_devices_are_taken_and_excluded_ones_are_not)
{
	fleet f;
	plan p;
	one_ask o;
	fit_miss miss;
	fleet_init(&f);
	plan_init(&p);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 3, "h100", 1000);
	str two[2] = {S("n-1"), S("n-2")};
	ask_entry e = slice_of(2, 100, 100);

	e.uuids = (strs){two, 2};
	ask_one(&o, e, 1);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.v[0].device + p.devices.v[1].device, 3);
	e.uuids_excluded = (strs){two + 1, 1};
	ask_one(&o, e, 1);
	cr_expect(!fits(&f, &o.group, node, &miss));
	e.count = 1;
	ask_one(&o, e, 1);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);
	cr_expect_eq(p.devices.v[0].device, 1);
	plan_done(&p);
	fleet_done(&f);
}

Test(fit, the_second_look_refuses_what_changed_meanwhile)
{
	fleet f;
	plan p;
	one_ask o;
	blocker why_not;
	fleet_init(&f);
	plan_init(&p);
	int32_t c = fleet_cluster_put(&f, S("c")), node = add_gpus(&f, c, "n", 1, "h100", 1000);
	ask_one(&o, slice_of(1, 600, 100), 1);
	pick_on(&f, &o.group, POLICY_BINPACK, node, &p);

	cr_expect(fit_plan(&f, &p, &why_not));
	cr_expect_eq(f.devices.v[0].sharers, 0, "a look books nothing");
	fleet_book(&f, &p);
	cr_expect(!fit_plan(&f, &p, &why_not));
	cr_expect_eq(why_not.code, WHY_NO_FITTING_DEVICE);
	cr_expect_eq(why_not.axis, AXIS_MEMORY_MIB);
	cr_expect_eq(why_not.need, 600);
	cr_expect_eq(why_not.free, 400);
	fleet_unbook(&f, &p);
	plan_add_pod(&p, 0, 1, node, 0, 0);
	plan_add_device(&p, p.devices.v[0]);
	cr_expect(!fit_plan(&f, &p, &why_not), "two pods of one plan are looked at together");
	cr_expect_eq(f.devices.v[0].sharers, 0);
	plan_cut(&p, 1);
	fleet_device_flag(&f, 0, FLEET_UNHEALTHY, true);
	cr_expect(!fit_plan(&f, &p, &why_not));
	cr_expect_eq(why_not.code, WHY_NODE_CLOSED);
	fleet_cluster_flag(&f, c, FLEET_CORDONED, true);
	cr_expect(!fit_plan(&f, &p, &why_not));
	cr_expect_eq(why_not.code, WHY_CLUSTER_CLOSED);
	plan_done(&p);
	fleet_done(&f);
}

/* Found by the fuzzer of the agent's sync: the amount was cut to 32 bits and fitted. */
Test(fit, a_plan_with_more_than_a_device_can_hold_is_refused)
{
	static const int64_t huge[][2] = {{(int64_t)1 << 32, 0}, {((int64_t)1 << 32) + 1, 1}, {1, (int64_t)1 << 32}};

	for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
		fleet f;
		plan p;
		blocker why_not;
		fleet_init(&f);
		plan_init(&p);
		p.cluster = fleet_cluster_put(&f, S("c"));
		int32_t node = add_gpus(&f, p.cluster, "n", 1, "h100", 1000);
		plan_add_pod(&p, 0, 0, node, 0, 0);
		plan_add_device(&p, (plan_device){.device = f.nodes.v[node].first_device,
					    .memory_mib = huge[i][0],
					    .compute_milli = huge[i][1]});
		cr_expect(!fit_plan(&f, &p, &why_not), "row %zu", i);
		plan_done(&p);
		fleet_done(&f);
	}
}
