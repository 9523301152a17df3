/* What single steps of a lease do; that they are enough together is test_lease_search.c's. */
#include <criterion/criterion.h>

#include "engine/lease.h"

enum { DAY_S = 86400 };
#define S_US ((int64_t)1000000)

static amounts of(int64_t milli, int64_t mib, int64_t compute)
{
	return (amounts){{milli, mib, compute}};
}

static bool is(amounts a, int64_t milli, int64_t mib, int64_t compute)
{
	return amounts_eq(a, of(milli, mib, compute));
}

Test(lease, growth_is_what_is_not_charged_yet_on_each_axis)
{
	lease l = {.reserved = of(1000, 500, 0)};
	cr_assert(is(lease_growth(&l, of(1500, 400, 10)), 500, 0, 10));
}

Test(lease, what_is_charged_grows_with_the_offer_and_falls_with_the_ack)
{
	lease l = {0};
	lease_make_offer(&l, of(2000, 100, 0));
	cr_assert(is(l.reserved, 2000, 100, 0));
	lease_make_offer(&l, of(0, 200, 0));
	cr_assert(l.seq == 2 && is(l.reserved, 2000, 200, 0));
	cr_assert(lease_hear(&l, 1, &(lease_word){1, 2, of(500, 200, 0)}));
	cr_assert(is(l.reserved, 500, 200, 0));
}

Test(lease, an_ack_never_raises_what_is_charged)
{
	lease l = {.seq = 1, .granted = of(1, 1, 1), .reserved = of(1, 1, 1)};
	cr_assert(!lease_hear(&l, 1, &(lease_word){1, 1, of(9, 9, 9)}));
	cr_assert(is(l.reserved, 1, 1, 1));
}

Test(lease, after_a_restore_the_first_word_says_what_is_charged)
{
	lease l = {.seq = 4, .granted = of(7, 0, 0), .reserved = of(7, 0, 0)};
	lease_forget(&l);
	cr_assert(!lease_hear(&l, 2, &(lease_word){1, 4, of(1, 0, 0)}) && l.is_learning);
	cr_assert(lease_hear(&l, 2, &(lease_word){2, 0, of(9, 0, 0)}) && !l.is_learning);
	cr_assert(is(l.reserved, 9, 0, 0) && is(l.granted, 9, 0, 0));
}

Test(lease, a_word_about_an_offer_that_was_never_made_tells_of_an_older_database)
{
	lease l = {.seq = 4};
	cr_assert(lease_is_ahead(&l, 1, &(lease_word){.incarnation = 1, .seq = 5}));
	cr_assert(!lease_is_ahead(&l, 1, &(lease_word){.incarnation = 1, .seq = 4}));
	cr_assert(!lease_is_ahead(&l, 2, &(lease_word){.incarnation = 1, .seq = 5}));
}

Test(lease, only_soft_and_self_fence_are_lent_anew_and_self_fence_later)
{
	static const struct {
		lease_mode mode;
		int64_t silent_us;
		bool may;
	} rows[] = {
		{LEASE_HOLD, 400 * DAY_S * S_US, false},
		{LEASE_SOFT, 600 * S_US - 1, false},
		{LEASE_SOFT, 600 * S_US, true},
		{LEASE_SELF_FENCE, 600 * S_US, false},
		{LEASE_SELF_FENCE, 600 * S_US + LEASE_MARGIN_US - 1, false},
		{LEASE_SELF_FENCE, 600 * S_US + LEASE_MARGIN_US, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(lease_may_reclaim(rows[i].mode, 5, 5 + rows[i].silent_us, 600 * S_US), rows[i].may,
			"row %zu", i);
}

Test(lease, what_is_taken_back_leaves_what_is_booked)
{
	lease l = {.seq = 1, .granted = of(900, 0, 0), .reserved = of(900, 0, 0)};
	cr_assert(is(lease_headroom(&l, of(300, 10, 0)), 600, 0, 0));
	lease_reclaim(&l, of(300, 0, 0));
	cr_assert(l.seq == 2 && is(l.reserved, 300, 0, 0) && is(lease_headroom(&l, of(300, 0, 0)), 0, 0, 0));
}

Test(lease, a_cluster_holds_what_it_uses_after_a_shrink_until_that_ends)
{
	lease_self self = {.incarnation = 1, .session = 1};
	lease_hold h = {0};
	cr_assert(lease_take(&h, &self, &(lease_offer){1, 1, 1, of(1000, 100, 0)}));
	cr_assert(lease_spend(&h, &h, of(600, 50, 0)));
	cr_assert(!lease_spend(&h, &h, of(300, 60, 0)), "one axis is enough to refuse");
	cr_assert(lease_take(&h, &self, &(lease_offer){1, 1, 2, of(0, 0, 0)}));
	cr_assert(is(lease_say(&h, &self).granted, 600, 50, 0));
	cr_assert(!lease_spend(&h, &h, of(1, 0, 0)));
	lease_return(&h, of(600, 50, 0));
	cr_assert(is(lease_say(&h, &self).granted, 0, 0, 0));
}

Test(lease, what_a_pod_does_not_use_does_not_keep_it_out)
{
	lease_hold h = {.offered = of(1000, 100, 0), .used = of(0, 200, 0)};
	cr_assert(lease_spend(&h, &h, of(500, 0, 0)));
}

Test(lease, a_cluster_is_open_for_so_long_from_when_it_asked)
{
	lease_self self = {0};
	lease_answered(&self, 100, 900);
	cr_assert(lease_is_open(&self, 100 + 599, 600) && !lease_is_open(&self, 100 + 600, 600));
	lease_answered(&self, 50, 950);
	cr_assert_eq(self.asked_us, 100, "an older answer moves nothing");
}

Test(lease, another_database_is_met_once_and_counts_its_offers_anew)
{
	lease_self self = {.incarnation = 1, .session = 3};
	lease_hold h = {.seq = 8, .offered = of(5, 0, 0)};
	cr_assert(!lease_meets(&self, 2, 2), "an answer to another session");
	cr_assert(lease_meets(&self, 2, 3) && !lease_meets(&self, 2, 3) && !lease_meets(&self, 1, 3));
	lease_begin_anew(&h);
	cr_assert(!lease_take(&h, &self, &(lease_offer){1, 3, 9, of(9, 0, 0)}));
	cr_assert(lease_take(&h, &self, &(lease_offer){2, 3, 1, of(4, 0, 0)}));
}

Test(lease, after_a_fence_nothing_is_lent_beyond_what_is_stored)
{
	lease_hold h = {.offered = of(1000, 0, 0), .used = of(700, 0, 0)};
	lease_fence(&h, of(400, 0, 0));
	cr_assert(!lease_spend(&h, &h, of(1, 0, 0)) && is(h.offered, 400, 0, 0));
	lease_return(&h, of(300, 0, 0));
	cr_assert(!lease_spend(&h, &h, of(1, 0, 0)));
}

Test(lease, modes_are_known_by_name)
{
	lease_mode m;
	for (int i = 0; i < LEASE_MODES; i++) {
		const char *name = lease_mode_name((lease_mode)i);
		cr_assert(lease_mode_find(name, (uint32_t)strlen(name), &m) && m == (lease_mode)i);
	}
	cr_assert(!lease_mode_find("harder", 6, &m));
}
