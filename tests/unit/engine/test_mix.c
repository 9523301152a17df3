/* What is learnt from arrivals: how it fades, how it is bounded, and when it has moved. */
#include "engine/mix.h"
#include "fixture.h"

#include <math.h>
#include <string.h>

static const mix_kind small = {1000, 2000, 1, 250, 0};
static const mix_kind whole = {8000, 30000, 1, 1000, 0};
static const mix_kind gang = {96000, 300000, 8, 1000, 0};

static void arrive(mix *m, const mix_kind *k, int n)
{
	for (int i = 0; i < n; i++)
		mix_arrive(m, k, 1);
}

static const mix_row *row(const mix *m, const mix_kind *k)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (memcmp(&m->rows[i].kind, k, sizeof *k) == 0)
			return &m->rows[i];
	return NULL;
}

Test(mix, a_weight_halves_in_a_half_life)
{
	static mix m;

	mix_init(&m);
	arrive(&m, &small, 1);
	arrive(&m, &whole, MIX_HALF_LIFE);
	cr_expect_float_eq(row(&m, &small)->weight / m.step, 0.5, 1e-9);
	arrive(&m, &whole, MIX_HALF_LIFE_SLOW - MIX_HALF_LIFE);
	cr_expect_float_eq(row(&m, &small)->slow_weight / m.slow_step, 0.5, 1e-9);
}

/* Many times past the point where the numbers are scaled down. */
Test(mix, the_sum_of_weights_is_that_of_a_fading_window)
{
	static mix m;
	double sum = 0;

	mix_init(&m);
	for (int i = 0; i < 60 * MIX_HALF_LIFE; i++)
		mix_arrive(&m, i % 3 ? &small : &whole, 1);
	for (uint32_t i = 0; i < m.n; i++)
		sum += m.rows[i].weight / m.step;
	cr_expect_float_eq(sum, 1 / (1 - exp2(-1.0 / MIX_HALF_LIFE)), 1);
	cr_expect_float_eq(row(&m, &small)->weight / row(&m, &whole)->weight, 2, 0.01);
	cr_expect(m.step < 1e7 && m.slow_step < 1e7);
}

Test(mix, replicas_count_as_so_many_arrivals)
{
	static mix one, many;

	mix_init(&one);
	mix_init(&many);
	arrive(&one, &whole, 100);
	arrive(&many, &whole, 100);
	arrive(&one, &small, 20);
	mix_arrive(&many, &small, 20);
	cr_expect_float_eq(row(&one, &small)->weight / one.step, row(&many, &small)->weight / many.step, 0.1);
	cr_expect_float_eq(one.arrivals, many.arrivals, 0.2);
	cr_expect_eq(one.seen, many.seen);
}

Test(mix, the_table_is_bounded_and_keeps_what_came_last)
{
	static mix m;
	mix_kind k = small;

	mix_init(&m);
	for (int i = 0; i < 3 * MIX_KINDS_MAX; i++) {
		k.cpu_milli = i;
		mix_arrive(&m, &k, 1);
		if (i % 100 == 0)
			mix_arrive(&m, &gang, 1);
		cr_assert(m.n <= MIX_KINDS_MAX);
		cr_assert_not_null(row(&m, &k));
	}
	cr_expect_not_null(row(&m, &gang), "what comes again is kept");
	k.cpu_milli = 3 * MIX_KINDS_MAX - MIX_KINDS_MAX / 2;
	cr_expect_not_null(row(&m, &k));
	k.cpu_milli = 0;
	cr_expect_null(row(&m, &k));
}

Test(mix, what_is_expected_weighs_as_arrivals_and_counts_as_none)
{
	static mix m;

	mix_init(&m);
	mix_expect(&m, &small, 300);
	cr_expect_float_eq(row(&m, &small)->weight / m.step, 300, 1e-9);
	cr_expect_eq(m.seen, 0);
	cr_expect_float_eq(m.arrivals, 0, 0);
}

typedef struct turnover_row {
	const char *rule;
	int arrivals, departures_per_100;
	double lo, hi;
} turnover_row;

static const turnover_row turnovers[] = {
	{"nothing leaves", 5000, 0, 0, 0},
	{"as many as come", 5000, 100, 1, 1},
	{"every twentieth", 9000, 5, 0.4, 0.6},
	{"one departure among few says little", 100, 1, 0, 0.1},
};

Test(mix, turnover_is_told_by_departures)
{
	for (size_t i = 0; i < sizeof turnovers / sizeof *turnovers; i++) {
		const turnover_row *r = &turnovers[i];
		static mix m;
		mix_init(&m);
		for (int k = 0; k < r->arrivals; k++) {
			mix_arrive(&m, &small, 1);
			if (k % 100 < r->departures_per_100)
				mix_depart(&m);
		}
		cr_expect(mix_turnover(&m) >= r->lo && mix_turnover(&m) <= r->hi, "%s: %f", r->rule, mix_turnover(&m));
	}
}

typedef struct move_row {
	const char *rule;
	mix_kind with;
	int times; /* beside a thousand of small and whole each */
	bool moves;
} move_row;

static const move_row moves[] = {
	{"nothing else", {1000, 2000, 1, 250, 0}, 0, false},
	{"a few more", {1000, 2000, 1, 250, 0}, 50, false},
	{"another size", {1000, 2000, 1, 700, 0}, 400, true},
	{"gangs", {40000, 200000, 8, 1000, 0}, 100, true},
	{"tied to a model", {8000, 30000, 1, 1000, 4}, 100, true},
	{"hungry for cores", {30000, 30000, 1, 1000, 0}, 200, true},
};

Test(mix, prices_are_stale_when_the_mix_has_moved)
{
	for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
		static mix m;
		mix_profile before, after;
		mix_init(&m);
		for (int k = 0; k < 1000; k++) {
			arrive(&m, &small, 1);
			arrive(&m, &whole, 1);
		}
		mix_profile_of(&m, &before);
		arrive(&m, &moves[i].with, moves[i].times);
		mix_profile_of(&m, &after);
		cr_expect_eq(mix_has_moved(&before, &after), moves[i].moves, "%s", moves[i].rule);
	}
}
