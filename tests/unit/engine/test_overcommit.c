/* What is sold twice is sold only to those whom the policy names. */
#include <criterion/criterion.h>

#include "engine/overcommit.h"

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
