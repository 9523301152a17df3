/* What a change of governance makes the placer load again. A kind that it does not know loads all: signing in did, and
 * stalled it. */
#include <criterion/criterion.h>

#include "server/placer/placer_inside.h"

Test(placer_news, who_signs_in_or_is_given_a_role_stalls_nobody)
{
	static const char *const kinds[] = {"session", "ci_token", "token", "trust", "binding", "join_token",
		"certificate", "plan", "raise_policy"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		cr_expect_eq(news_moves(str_from(kinds[i])), 0, "%s", kinds[i]);
}

Test(placer_news, what_decides_is_loaded_again)
{
	cr_expect_eq(news_moves(S("tenant")), KIND_TENANTS | KIND_QUOTAS);
	cr_expect_eq(news_moves(S("policy")), KIND_POLICIES);
	cr_expect_eq(news_moves(S("cluster")), KIND_CLUSTERS);
	cr_expect_eq(news_moves(S("something new")), KIND_ALL);
}
