/* What is sold twice is sold only to those whom the policy names. */
#include <criterion/criterion.h>

#include "engine/place.h"

static const overcommit spot_and_batch = {
	.bands = {{0, 1200000, 3000000}, {50, 1000000, 1500000}},
	.n = 2,
};

Test(overcommit, a_priority_counts_on_its_band_and_no_more)
{
	static const struct {
		int32_t priority;
		axis a;
		int64_t capacity, used, limit, left;
	} cases[] = {
		{-5, AXIS_COMPUTE_MILLI, 1000, 0, 3000, 3000},
		{0, AXIS_COMPUTE_MILLI, 1000, 2999, 3000, 1},
		{1, AXIS_COMPUTE_MILLI, 1000, 1000, 1500, 500},
		{50, AXIS_COMPUTE_MILLI, 1000, 1600, 1500, 0},
		{51, AXIS_COMPUTE_MILLI, 1000, 400, 1000, 600},
		{0, AXIS_MEMORY_MIB, 81559, 0, 97870, 97870},
		{1, AXIS_MEMORY_MIB, 81559, 81559, 81559, 0},
		{0, AXIS_MEMORY_MIB, (int64_t)1 << 39, 0, ((int64_t)1 << 39) * 6 / 5, ((int64_t)1 << 39) * 6 / 5},
	};
	cr_assert(overcommit_is_valid(&spot_and_batch));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t limit = overcommit_limit(&spot_and_batch, cases[i].priority, cases[i].a, cases[i].capacity);
		int64_t left = overcommit_left(
			&spot_and_batch, cases[i].priority, cases[i].a, cases[i].capacity, cases[i].used);
		cr_expect_eq(limit, cases[i].limit, "case %zu: %ld", i, limit);
		cr_expect_eq(left, cases[i].left, "case %zu: %ld", i, left);
	}
}

Test(overcommit, without_bands_nothing_is_sold_twice)
{
	overcommit none = {.n = 0};

	cr_expect(overcommit_is_valid(&none));
	cr_expect_eq(overcommit_limit(&none, INT32_MIN, AXIS_COMPUTE_MILLI, 1000), 1000);
}

Test(overcommit, a_policy_gives_more_important_work_no_more)
{
	static const struct {
		overcommit o;
		bool is_valid;
	} cases[] = {
		{{{{0, 1000000, 1000000}}, 1}, true},
		{{{{0, 999999, 1000000}}, 1}, false},
		{{{{0, 1000000, 10000001}}, 1}, false},
		{{{{0, 1000000, 2000000}, {0, 1000000, 1000000}}, 2}, false},
		{{{{0, 1000000, 2000000}, {1, 1000000, 2000001}}, 2}, false},
		{{{{0, 1000000, 2000000}, {1, 1000000, 2000000}}, 2}, true},
		{{{{0}}, OVERCOMMIT_BANDS_MAX + 1}, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(overcommit_is_valid(&cases[i].o), cases[i].is_valid, "case %zu", i);
}

/* One device, promised twice to work up to priority 0; of 1000 thousandths 800 are booked already. */
static bool fits(int32_t priority, int32_t compute_milli, int64_t booked_milli)
{
	static const class_spec twice = {.bands = {.bands = {{0, OVERCOMMIT_NONE_PPM, 2000000}}, .n = 1}};
	fleet f;
	int32_t device;

	fleet_init(&f);
	int32_t class_id = fleet_class_put(&f, S("h100"));
	int32_t cluster = fleet_cluster_put(&f, S("c"));
	int32_t node = fleet_node_put(
		&f, cluster, &(node_spec){.name = S("n"), .cpu_milli = 1000, .memory_mib = 1000, .pods_max = 10});
	cr_assert_eq(fleet_device_put(&f, node,
			     &(device_spec){.uuid = S("g"), .class_id = class_id, .memory_mib = 1000}, &device),
		ERR_OK);
	fleet_class_set(&f, class_id, twice);
	plan booked = {.cluster = cluster};
	plan_add_pod(&booked, 0, 0, node, 0, 0);
	plan_add_device(
		&booked, (plan_device){.device = device, .memory_mib = 10, .compute_milli = (int32_t)booked_milli});
	fleet_book(&f, &booked);
	ask_entry e = {.count = 1, .memory_mib = 10, .compute_milli = compute_milli};
	ask_group g = {.replicas = 1, .min_replicas = 1, .entries = &e, .n_entries = 1};
	ask a = {.groups = &g,
		.n_groups = 1,
		.node_policy = POLICY_BINPACK,
		.device_policy = POLICY_BINPACK,
		.priority = priority};
	place *w = place_new();
	plan p;
	why why_not;
	plan_init(&p);
	bool is_placed = place_find(w, &f, NULL, FLEET_NONE, &a, &p, &why_not);
	place_free(w);
	plan_done(&p);
	plan_done(&booked);
	fleet_done(&f);
	return is_placed;
}

Test(overcommit, work_above_the_bands_is_placed_on_the_device_itself_alone)
{
	static const struct {
		int32_t priority, compute_milli;
		int64_t booked_milli;
		bool fits;
	} cases[] = {
		{0, 900, 800, true},   /* 1700 of 2000 */
		{0, 999, 1002, false}, /* 2001 */
		{-7, 900, 800, true},
		{1, 200, 800, true}, /* 1000 of its own 1000 */
		{1, 201, 800, false},
		{1, 100, 1500, false}, /* sold past itself already */
		{1, 0, 800, true},     /* asks for no compute */
		{1, 500, 0, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(fits(cases[i].priority, cases[i].compute_milli, cases[i].booked_milli), cases[i].fits,
			"case %zu", i);
}
