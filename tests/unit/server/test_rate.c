/* Buckets by a clock of the test's own. */
#include <criterion/criterion.h>

#include "server/edge/rate.h"

enum { SECOND_US = 1000000 };

Test(rate, so_much_at_once_and_then_as_it_fills)
{
	rate r;
	int64_t now_us = 77 * SECOND_US;

	rate_init(&r, 10);
	for (int i = 0; i < 100; i += 5) {
		rate_answer a = rate_take(&r, 1, 5, now_us);
		cr_expect(!a.is_refused);
		cr_expect_eq(a.left, 95 - i);
		cr_expect_eq(a.full_s, (i + 14) / 10);
	}
	rate_answer a = rate_take(&r, 1, 1, now_us);
	cr_expect(a.is_refused);
	cr_expect_eq(a.wait_ms, 100);
	cr_expect_eq(a.left, 0);
	cr_expect(rate_take(&r, 1, 1, now_us + 99999).is_refused);
	cr_expect(!rate_take(&r, 1, 1, now_us + 100000).is_refused);
	cr_expect(!rate_take(&r, 2, 100, now_us).is_refused, "another's is full");
	a = rate_take(&r, 1, 1, now_us + 60 * SECOND_US);
	cr_expect_eq(a.left, 99, "it holds no more than it holds");
	rate_done(&r);
}

Test(rate, what_costs_more_than_all_takes_all)
{
	rate r;

	rate_init(&r, 1);
	cr_expect(!rate_take(&r, 1, 100, SECOND_US).is_refused);
	cr_expect(rate_take(&r, 1, 1, SECOND_US).is_refused);
	cr_expect(rate_take(&r, 1, 100, 10 * SECOND_US).is_refused);
	cr_expect(!rate_take(&r, 1, 100, 11 * SECOND_US).is_refused);
	rate_done(&r);
}

Test(rate, a_refusal_elsewhere_costs_nothing_here)
{
	rate r;

	rate_init(&r, 1);
	rate_take(&r, 1, 5, SECOND_US);
	rate_return(&r, 1, 5);
	cr_expect_eq(rate_take(&r, 1, 1, SECOND_US).left, 9);
	rate_done(&r);
}

Test(rate, callers_without_end_take_no_memory_without_end)
{
	rate r;

	rate_init(&r, 1);
	for (uint64_t key = 1; key < 5 * RATE_KEYS_MAX; key++) {
		rate_take(&r, key, 1, SECOND_US);
		cr_assert_leq(r.drained.n, RATE_KEYS_MAX);
	}
	rate_done(&r);
}

Test(rate, nothing_is_counted_without_a_limit)
{
	rate r;

	rate_init(&r, 0);
	cr_expect(!rate_take(&r, 1, 1000000, SECOND_US).is_refused);
	cr_expect_eq(r.drained.n, 0);
	rate_done(&r);
}
