#include <criterion/criterion.h>

#include "engine/digest.h"

Test(digest, attempts_added_in_any_order_and_taken_away_leave_the_same)
{
	digest x = {0}, y = {0};
	int64_t at[DIGEST_BUCKETS];

	digest_toggle(&x, S("plc_a"), 1, 1);
	digest_toggle(&x, S("plc_b"), 1, 2);
	digest_toggle(&y, S("plc_b"), 1, 2);
	digest_toggle(&y, S("plc_c"), 1, 1);
	digest_toggle(&y, S("plc_a"), 1, 1);
	cr_assert_eq(digest_compare(&x, &y, at), 1);
	cr_assert_eq(at[0], digest_bucket(S("plc_c")));
	digest_toggle(&y, S("plc_c"), 1, 1);
	cr_assert_eq(digest_compare(&x, &y, at), 0);
}

Test(digest, another_attempt_of_a_placement_is_something_else_in_the_same_bucket)
{
	digest x = {0}, y = {0};
	int64_t at[DIGEST_BUCKETS];

	digest_toggle(&x, S("plc_a"), 1, 1);
	digest_toggle(&y, S("plc_a"), 1, 2);
	cr_assert_eq(digest_compare(&x, &y, at), 1);
	cr_assert_eq(at[0], digest_bucket(S("plc_a")));
}

Test(digest, what_is_written_is_read_and_nothing_else)
{
	digest x = {0}, y;
	int64_t at[DIGEST_BUCKETS];
	buf b;

	buf_init(&b, 1 << 16);
	digest_toggle(&x, S("plc_a"), 7, 9);
	digest_write(&x, &b);
	cr_assert(digest_read(buf_str(&b), &y));
	cr_assert_eq(digest_compare(&x, &y, at), 0);
	cr_assert(!digest_read(str_cut(buf_str(&b), 0, b.n - 1), &y));
	b.p[5] = 'G';
	cr_assert(!digest_read(buf_str(&b), &y));
	buf_done(&b);
}
