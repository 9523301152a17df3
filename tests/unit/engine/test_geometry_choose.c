#include "geometry_fixture.h"

static bool brute_all(const geometry *g, const geometry_state *s, int32_t *profiles, int32_t n, int64_t *best)
{
	bool fits = false;

	if (!n) {
		int64_t value = geometry_value(g, s, NULL);
		*best = value > *best ? value : *best;
		return true;
	}
	for (int32_t start = 0; start < GEOMETRY_SLOTS_MAX; start++) {
		geometry_state next = *s;
		if (!brute_may(g, s, profiles[0], start))
			continue;
		geometry_take(g, &next, profiles[0], start);
		fits |= brute_all(g, &next, profiles + 1, n - 1, best);
	}
	return fits;
}

static void check_batch(const geometry *g, const geometry_state *s, int32_t *profiles, int32_t n, uint64_t seed)
{
	int32_t starts[8];
	int64_t best = -1;
	geometry_state after = *s, again = *s;
	bool fits = brute_all(g, s, profiles, n, &best);

	cr_assert_eq(geometry_choose_all(g, &after, profiles, n, NULL, starts), fits, "seed %lu", seed);
	if (!fits) {
		cr_assert(state_eq(&after, s));
		return;
	}
	for (int32_t i = 0; i < n; i++)
		geometry_take(g, &again, profiles[i], starts[i]);
	cr_assert(state_eq(&again, &after), "seed %lu", seed);
	cr_assert_eq(geometry_value(g, &after, NULL), best, "seed %lu", seed);
}

Test(geometry_choose, several_at_once_are_placed_whenever_they_can_be_and_as_well_as_can_be)
{
	uint64_t seed = seed_of_run(), given = seed;

	for (int round = 0; round < 2000; round++) {
		const geometry *g = geometry_at((int32_t)draw_below(&seed, 11));
		geometry_state s = {0};
		int32_t profiles[5], n = 1 + (int32_t)draw_below(&seed, 5);
		for (int i = 0; i < 2; i++) {
			int32_t p = (int32_t)draw_below(&seed, g->n_profiles);
			uint32_t starts = geometry_starts(g, &s, p);
			if (starts && draw_below(&seed, 2))
				geometry_take(g, &s, p, __builtin_ctz(starts));
		}
		for (int i = 0; i < n; i++)
			profiles[i] = (int32_t)draw_below(&seed, g->n_profiles);
		check_batch(g, &s, profiles, n, given);
	}
}

typedef struct choice_row {
	const char *geometry, *state, *profile;
	int32_t start, hami;
} choice_row;

static const choice_row choices[] = {
	{"mig-a100-40g", "", "1g.5gb", 6, 6},
	{"mig-a100-40g", "", "1g.10gb", 6, 6},
	{"mig-a100-40g", "", "2g.10gb", 4, 0}, /* 4g still fits; HAMi does not offer 4g there */
	{"mig-a100-40g", "", "3g.20gb", 4, 4},
	{"mig-a100-40g", "1g.5gb@6", "1g.5gb", 4, 5},  /* both halves of a pair are left to 2g */
	{"mig-a100-40g", "2g.10gb@0", "1g.5gb", 2, 6}, /* 3g at 4 stays whole */
	{"mig-a100-40g", "3g.20gb@4", "1g.5gb", 0, 3},
	{"mig-a100-40g", "7g.40gb@0", "1g.5gb", GEOMETRY_NONE, GEOMETRY_NONE},
	{"mig-a30", "1g.6gb@0", "1g.6gb", 1, 1},
	{"mig-a30", "2g.12gb@2", "1g.6gb", 0, 0},
	{"vnpu-910b3", "", "vir05_1c_16g", 0, 0},
};

Test(geometry_choose, the_start_chosen_keeps_the_largest_future)
{
	for (int i = 0; i < COUNT_OF(choices); i++) {
		const choice_row *r = &choices[i];
		const geometry *g = the(r->geometry);
		geometry_state s = state_of(g, r->state);
		int32_t p = profile_of(g, r->profile);
		int64_t loss = 0;
		cr_expect_eq(geometry_choose(g, &s, p, NULL, &loss), r->start, "%s [%s] %s: %d", r->geometry, r->state,
			r->profile, geometry_choose(g, &s, p, NULL, &loss));
		cr_expect_eq(geometry_choose_hami(g, &s, p), r->hami, "%s [%s] %s", r->geometry, r->state, r->profile);
	}
}

Test(geometry_choose, weights_say_what_is_kept)
{
	const geometry *g = the("mig-a100-40g");
	geometry_state empty = {0};
	int64_t loss = 0, only_4g[7] = {0}, only_3g_2g[7] = {0};

	only_4g[profile_of(g, "4g.20gb")] = 1;
	only_3g_2g[profile_of(g, "3g.20gb")] = 3;
	only_3g_2g[profile_of(g, "2g.10gb")] = 2;
	cr_expect_eq(geometry_choose(g, &empty, profile_of(g, "2g.10gb"), only_4g, &loss), 4);
	cr_expect_eq(loss, 0);
	cr_expect_eq(geometry_choose(g, &empty, profile_of(g, "2g.10gb"), only_3g_2g, &loss), 0);
	cr_expect_eq(geometry_choose(g, &empty, profile_of(g, "1g.5gb"), only_4g, &loss), 4);
}

typedef struct tenancy {
	int32_t device, profile, start;
	int64_t end;
} tenancy;

enum { CHURN_DEVICES = 16, CHURN_ARRIVALS = 4000, CHURN_SLICES = 7 * CHURN_DEVICES };

/* HAMi takes the first device that fits; ours the one that loses least. */
static int32_t churn_place(
	const geometry *g, const geometry_state *s, int32_t p, const int64_t *weights, int32_t *ret_start)
{
	if (weights)
		return geometry_choose_device(g, s, CHURN_DEVICES, p, weights, ret_start);
	for (int32_t i = 0; i < CHURN_DEVICES; i++)
		if ((*ret_start = geometry_choose_hami(g, &s[i], p)) != GEOMETRY_NONE)
			return i;
	return GEOMETRY_NONE;
}

/* Compute slices served in a stream of arrivals that asks for as much as there is. */
static int64_t churn(const geometry *g, const int *mix, const int64_t *weights, uint64_t seed)
{
	geometry_state s[CHURN_DEVICES] = {{.n = 0}};
	tenancy live[CHURN_SLICES];
	int64_t served = 0, mean = 0;
	int n = 0;

	for (int32_t p = 0; p < g->n_profiles; p++)
		mean += mix[p] * (int64_t)g->profiles[p].takes[GEOMETRY_COMPUTE];
	for (int64_t now = 0; now < CHURN_ARRIVALS * 100; now += 100) {
		int32_t p = 0, x = (int32_t)draw_below(&seed, 100), start = 0;
		for (; x >= mix[p]; p++)
			x -= mix[p];
		int64_t end = now + 1 + draw_below(&seed, 2 * CHURN_SLICES * 10000 / mean);
		for (int i = n; i--;)
			if (live[i].end <= now) {
				geometry_give(g, &s[live[i].device], live[i].profile, live[i].start);
				live[i] = live[--n];
			}
		int32_t device = churn_place(g, s, p, weights, &start);
		if (device == GEOMETRY_NONE)
			continue;
		geometry_take(g, &s[device], p, start);
		live[n++] = (tenancy){device, p, start, end};
		served += g->profiles[p].takes[GEOMETRY_COMPUTE];
	}
	return served;
}

Test(geometry_choose, a_stream_is_served_better_than_by_hami)
{
	static const int mixes[][7] = {{40, 0, 0, 25, 20, 5, 10}, {25, 0, 0, 25, 25, 0, 25}, {20, 0, 10, 30, 20, 15, 5},
		{10, 0, 0, 10, 40, 20, 20}};
	const geometry *g = the("mig-a100-40g");

	for (int m = 0; m < COUNT_OF(mixes); m++) {
		int64_t weights[GEOMETRY_PROFILES_MAX], ours = 0, hami = 0;
		uint32_t asked = 0;
		for (int32_t p = 0; p < g->n_profiles; p++)
			asked |= mixes[m][p] ? 1u << p : 0;
		geometry_weights(g, asked, weights);
		for (uint64_t seed = 1; seed <= 5; seed++) {
			ours += churn(g, mixes[m], weights, seed * 7919);
			hami += churn(g, mixes[m], NULL, seed * 7919);
		}
		cr_expect_gt(ours, hami, "mix %d: %ld, HAMi's %ld", m, ours, hami);
	}
}

Test(geometry_choose, of_several_devices_the_one_that_loses_least_is_chosen)
{
	const geometry *g = the("mig-h100-80g");
	geometry_state devices[] = {
		{.n = 0}, state_of(g, "4g.40gb@0"), state_of(g, "4g.40gb@0 2g.20gb@4"), state_of(g, "7g.80gb@0")};
	int32_t start = -1;

	cr_expect_eq(geometry_choose_device(g, devices, 4, profile_of(g, "1g.10gb"), NULL, &start), 2);
	cr_expect_eq(start, 6);
	cr_expect_eq(geometry_choose_device(g, devices, 4, profile_of(g, "3g.40gb"), NULL, &start), 1);
	cr_expect_eq(start, 4);
	cr_expect_eq(geometry_choose_device(g, devices, 4, profile_of(g, "7g.80gb"), NULL, &start), 0);
	cr_expect_eq(geometry_choose_device(g, devices + 3, 1, profile_of(g, "1g.10gb"), NULL, &start), GEOMETRY_NONE);
}
