/* Rents: they rise as a stock runs out, move in steps, and follow what they would be told afresh. */
#include "engine/scarcity.h"
#include "fixture.h"

#include <math.h>
#include <string.h>

enum { WALK = 4000, DEVICES = 4000 };

/* Gangs of 8 and 4, and whole devices, some of them tied to model 1. */
static void mix_make(mix *m)
{
	mix_kind kinds[] = {{64000, 100000, 8, 1000, 0}, {32000, 50000, 4, 1000, 0}, {8000, 10000, 1, 1000, 0},
		{8000, 10000, 1, 1000, 2}};

	mix_init(m);
	for (int i = 0; i < 1000; i++)
		mix_arrive(m, &kinds[i % 10 == 0 ? 0 : i % 10 == 5 ? 1 : i % 3 ? 2 : 3], 1);
}

static stock stock_make(void)
{
	return (stock){
		.free_milli = DEVICES * 1000,
		.capacity_milli = DEVICES * 1000,
		.hosts = {DEVICES / 8, DEVICES / 8},
		.model_usable_milli = {DEVICES * 500, DEVICES * 500},
		.model_capacity_milli = {DEVICES * 500, DEVICES * 500},
	};
}

Test(scarcity, gangs_are_those_of_most_demand_first)
{
	static mix m;
	static scarcity s;
	stock k = stock_make();

	mix_make(&m);
	scarcity_learn(&s, &m, &k);
	cr_assert_eq(s.n_gangs, 2);
	cr_expect_eq(s.gangs[0].kind.count, 8);
	cr_expect_eq(s.gangs[1].kind.count, 4);
	cr_expect_eq(scarcity_hosts(&s, 64000, 100000, 8, 1), 3);
	cr_expect_eq(scarcity_hosts(&s, 63000, 100000, 8, 1), 2);
	cr_expect_eq(scarcity_hosts(&s, 64000, 100000, 3, 1), 0);
}

typedef struct spread_row {
	const char *rule;
	uint32_t models[2];
	int64_t capacity[3];
	double want[3]; /* share of all demand, of which the two kinds are half each */
} spread_row;

static const spread_row spreads[] = {
	{"what may go anywhere is tied to nothing", {0, 0}, {500, 500, 0}, {0, 0, 0}},
	{"one model", {2, 0}, {500, 500, 0}, {0, 0.5, 0}},
	{"two models by their size", {3, 3}, {750, 250, 0}, {0.75, 0.25, 0}},
	{"who may choose makes room for who may not", {1, 3}, {500, 500, 0}, {0.5, 0.5, 0}},
	{"a model that is not there serves nobody", {6, 6}, {500, 500, 0}, {0, 1, 0}},
};

Test(scarcity, tied_demand_is_spread_so_that_loads_even_out)
{
	for (size_t i = 0; i < sizeof spreads / sizeof *spreads; i++) {
		const spread_row *r = &spreads[i];
		static mix m;
		static scarcity s;
		stock k = {.capacity_milli = 1000};
		mix_init(&m);
		for (int a = 0; a < 2; a++)
			mix_expect(&m, &(mix_kind){1000 + a, 1000, 1, 500, r->models[a]}, 100);
		memcpy(k.model_capacity_milli, r->capacity, sizeof r->capacity);
		scarcity_learn(&s, &m, &k);
		for (int j = 0; j < 3; j++)
			cr_expect_float_eq(s.tied[j], r->want[j], 0.03, "%s: model %d has %f", r->rule, j, s.tied[j]);
	}
}

Test(scarcity, rents_rise_as_the_stock_runs_out)
{
	static mix m;
	static scarcity s;
	stock k = stock_make();
	int32_t eight = 0, model = 0;

	mix_make(&m);
	scarcity_learn(&s, &m, &k);
	(void)scarcity_follow(&s, &k, 0, true);
	cr_expect_eq(s.model_rents[0], 0, "nothing is tied to it");
	for (int64_t left = DEVICES / 8; left >= 0; left -= 10) {
		k.hosts[0] = left;
		k.model_usable_milli[1] = left * 4000;
		(void)scarcity_follow(&s, &k, 0, true);
		cr_expect(s.gang_rents[0] >= eight && s.model_rents[1] >= model, "%d left", (int)left);
		eight = s.gang_rents[0];
		model = s.model_rents[1];
	}
	cr_expect_geq(eight, 7000, "the last ones are as dear as the gang");
	cr_expect_geq(model, 900);
	k = stock_make();
	k.free_milli = 100000;
	(void)scarcity_follow(&s, &k, 0, true);
	cr_expect_eq(s.gang_rents[0], 0, "what is left is enough for what is still to come");
}

/* A kept rent is off by a step at most, and the sets of gangs follow. */
Test(scarcity, steps_follow_what_would_be_told_afresh)
{
	static mix m;
	static scarcity s, fresh;
	stock k = stock_make();
	uint64_t run = seed_of_run(), seed = run;
	int moves = 0;

	mix_make(&m);
	scarcity_learn(&s, &m, &k);
	(void)scarcity_follow(&s, &k, 0, true);
	for (int i = 0; i < WALK; i++) {
		double turnover = i > WALK / 2 ? 1 : 0;
		k.free_milli -= draw_below(&seed, 2000);
		int64_t *hosts = &k.hosts[draw_below(&seed, 2)];
		*hosts -= *hosts > 0 && draw_below(&seed, 2);
		k.model_usable_milli[draw_below(&seed, 2)] -= draw_below(&seed, 1500);
		int32_t before[SCARCITY_MASKS];
		memcpy(before, s.mask_rents, sizeof before);
		bool has_moved = scarcity_follow(&s, &k, turnover, false);
		moves += has_moved;
		cr_assert(has_moved || memcmp(before, s.mask_rents, sizeof before) == 0, "seed %lu", run);
		fresh = s;
		(void)scarcity_follow(&fresh, &k, turnover, true);
		for (int j = 0; j < 2; j++) {
			int32_t off = abs(s.gang_rents[j] - fresh.gang_rents[j]);
			int32_t model_off = abs(s.model_rents[j] - fresh.model_rents[j]);
			cr_assert(off <= 2 * SCARCITY_STEP_MILLI && model_off <= 2 * SCARCITY_STEP_MILLI,
				"seed %lu, step %d", run, i);
		}
		int32_t dearest = s.gang_rents[0] > s.gang_rents[1] ? s.gang_rents[0] : s.gang_rents[1];
		cr_assert_eq(s.mask_rents[3], dearest, "seed %lu", run);
		cr_assert_eq(s.mask_rents[1], s.gang_rents[0], "seed %lu", run);
	}
	cr_expect(moves > 10 && moves < WALK / 4, "%d moves in %d steps", moves, WALK);
}
