#include "fixture.h"

#include "engine/share.h"

typedef struct slice_row {
	const char *rule;
	int64_t memory_mib, compute_milli, device_mib, count;
	amounts want;
} slice_row;

static const slice_row slices[] = {
	{"a whole card is 1000", 81920, 1000, 81920, 1, {{1000, 81920, 1000}}},
	{"whole memory without compute is a whole card", 81920, 0, 81920, 1, {{1000, 81920, 0}}},
	{"memory dominates", 40960, 300, 81920, 1, {{500, 40960, 300}}},
	{"compute dominates", 8192, 300, 81920, 1, {{300, 8192, 300}}},
	{"one MiB counts as one thousandth", 1, 0, 81920, 1, {{1, 1, 0}}},
	{"shares round up", 20480, 0, 81559, 1, {{252, 20480, 0}}},
	{"a count multiplies the rounded share", 20480, 0, 81559, 4, {{1008, 81920, 0}}},
	{"little memory with all compute is a whole card", 16, 1000, 81920, 2, {{2000, 32, 2000}}},
	{"nothing is nothing", 0, 0, 81920, 3, {{0, 0, 0}}},
};

Test(share, slice_is_charged_its_dominant_share_rounded_up)
{
	for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
		const slice_row *r = &slices[i];
		amounts got = share_of_slice(r->memory_mib, r->compute_milli, r->device_mib, r->count);
		cr_expect(amounts_eq(got, r->want), "%s: %ld %ld %ld", r->rule, got.v[0], got.v[1], got.v[2]);
	}
}

Test(share, mig_charges_its_own_memory_and_sevenths_of_compute)
{
	static const int64_t compute[] = {142, 285, 428, 571, 714, 857, 1000};

	for (int64_t slices_n = 1; slices_n <= 7; slices_n++) {
		amounts got = share_of_mig(10240, slices_n, 81920, 2);
		cr_expect_eq(got.v[AXIS_COMPUTE_MILLI], 2 * compute[slices_n - 1]);
		cr_expect_eq(got.v[AXIS_MEMORY_MIB], 20480);
	}
	cr_expect_eq(share_of_mig(40960, 3, 81920, 1).v[AXIS_DEVICE_MILLI], 500);
	cr_expect_eq(share_of_mig(9856, 1, 81920, 1).v[AXIS_DEVICE_MILLI], 142);
}

Test(share, percent_of_memory_rounds_down)
{
	cr_expect_eq(share_memory_mib(1, 81920), 819);
	cr_expect_eq(share_memory_mib(33, 81559), 26914);
	cr_expect_eq(share_memory_mib(100, 81559), 81559);
	cr_expect_eq(share_memory_mib(99, (int64_t)1 << 60),
		(((int64_t)1 << 60) / 100) * 99 + ((((int64_t)1 << 60) % 100) * 99) / 100);
}

Test(share, every_share_of_thousandths_and_percent_agrees)
{
	/* A request of m thousandths and m / 10 percent of the memory counts as m on any card. */
	for (int64_t milli = 10; milli <= 1000; milli += 10)
		for (int64_t device_mib = 16000; device_mib < 16100; device_mib++) {
			int64_t memory_mib = share_memory_mib(milli / 10, device_mib);
			cr_assert_eq(share_of_slice(memory_mib, milli, device_mib, 1).v[AXIS_DEVICE_MILLI], milli);
		}
}

Test(share, amounts_stop_at_the_ends_of_int64)
{
	amounts top = {{INT64_MAX, INT64_MIN, 5}}, one = {{1, -1, 1}};

	cr_expect(amounts_eq(amounts_add(top, one), (amounts){{INT64_MAX, INT64_MIN, 6}}));
	cr_expect(amounts_eq(amounts_times(top, 2), (amounts){{INT64_MAX, INT64_MIN, 10}}));
	cr_expect(amounts_eq(amounts_times(top, -2), (amounts){{INT64_MIN, INT64_MAX, -10}}));
	cr_expect(amounts_eq(
		amounts_sub((amounts){{INT64_MIN, INT64_MAX, 1}}, one), (amounts){{INT64_MIN, INT64_MAX, 0}}));
}
