#include "fixture.h"

#include "engine/lifecycle.h"

typedef struct step {
	lifecycle from, to;
} step;

static const step steps[] = {
	{LIFE_PENDING, LIFE_GRANTED},
	{LIFE_PENDING, LIFE_REJECTED},
	{LIFE_PENDING, LIFE_REVOKED},
	{LIFE_GRANTED, LIFE_DELIVERED},
	{LIFE_GRANTED, LIFE_REFUSED},
	{LIFE_GRANTED, LIFE_REVOKING},
	{LIFE_DELIVERED, LIFE_ACCEPTED},
	{LIFE_DELIVERED, LIFE_REFUSED},
	{LIFE_DELIVERED, LIFE_REVOKING},
	{LIFE_ACCEPTED, LIFE_BOUND},
	{LIFE_ACCEPTED, LIFE_REVOKING},
	{LIFE_ACCEPTED, LIFE_FAILED},
	{LIFE_BOUND, LIFE_RUNNING},
	{LIFE_BOUND, LIFE_DONE},
	{LIFE_BOUND, LIFE_REVOKING},
	{LIFE_BOUND, LIFE_FAILED},
	{LIFE_RUNNING, LIFE_DONE},
	{LIFE_RUNNING, LIFE_REVOKING},
	{LIFE_RUNNING, LIFE_FAILED},
	{LIFE_REFUSED, LIFE_PENDING},
	{LIFE_REFUSED, LIFE_REJECTED},
	{LIFE_REFUSED, LIFE_REVOKED},
	{LIFE_REVOKING, LIFE_REVOKED},
	{LIFE_REVOKING, LIFE_DONE},
	{LIFE_REVOKING, LIFE_FAILED},
	{LIFE_REVOKING, LIFE_PENDING},
};

static bool is_listed(lifecycle from, lifecycle to)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].from == from && steps[i].to == to)
			return true;
	return false;
}

Test(lifecycle, only_the_listed_steps_are_legal)
{
	for (int from = 0; from < LIFE_COUNT; from++)
		for (int to = 0; to < LIFE_COUNT; to++)
			cr_expect_eq(lifecycle_may((lifecycle)from, (lifecycle)to),
				is_listed((lifecycle)from, (lifecycle)to), "%s -> %s", lifecycle_name((lifecycle)from),
				lifecycle_name((lifecycle)to));
}

Test(lifecycle, what_is_final_holds_nothing_and_leads_nowhere)
{
	for (int s = 0; s < LIFE_COUNT; s++) {
		lifecycle state = (lifecycle)s;
		bool is_end =
			state == LIFE_DONE || state == LIFE_REJECTED || state == LIFE_REVOKED || state == LIFE_FAILED;
		cr_expect_eq(lifecycle_is_final(state), is_end);
		cr_expect(!is_end || (!lifecycle_is_booked(state) && !lifecycle_is_charged(state)));
		cr_expect(!lifecycle_is_charged(state) || lifecycle_is_booked(state), "what is billed holds devices");
	}
}

Test(lifecycle, devices_are_held_from_grant_to_end)
{
	static const lifecycle booked[] = {
		LIFE_GRANTED, LIFE_DELIVERED, LIFE_ACCEPTED, LIFE_BOUND, LIFE_RUNNING, LIFE_REVOKING};

	for (size_t i = 0; i < sizeof booked / sizeof *booked; i++)
		cr_expect(lifecycle_is_booked(booked[i]));
	cr_expect(!lifecycle_is_booked(LIFE_PENDING) && !lifecycle_is_booked(LIFE_REFUSED));
	cr_expect(!lifecycle_is_charged(LIFE_ACCEPTED) && lifecycle_is_charged(LIFE_RUNNING));
}

Test(lifecycle, merged_reports_may_skip_forward_but_not_restart)
{
	cr_expect(lifecycle_leads(LIFE_DELIVERED, LIFE_RUNNING));
	cr_expect(lifecycle_leads(LIFE_PENDING, LIFE_DONE));
	cr_expect(!lifecycle_leads(LIFE_RUNNING, LIFE_BOUND));
	cr_expect(!lifecycle_leads(LIFE_REFUSED, LIFE_GRANTED));
	cr_expect(!lifecycle_leads(LIFE_DONE, LIFE_REVOKED));
	cr_expect(lifecycle_bumps_fence(LIFE_REFUSED, LIFE_PENDING));
	cr_expect(!lifecycle_bumps_fence(LIFE_PENDING, LIFE_GRANTED));
}

Test(lifecycle, names_are_found_again)
{
	lifecycle got = LIFE_COUNT;

	for (int s = 0; s < LIFE_COUNT; s++) {
		cr_expect(lifecycle_find(str_from(lifecycle_name((lifecycle)s)), &got));
		cr_expect_eq((int)got, s);
	}
	cr_expect(!lifecycle_find(S("Running"), &got));
	cr_expect(!lifecycle_find(STR_NONE, &got));
}
