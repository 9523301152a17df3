/* The table of what is of no use to the mix, against its definition. */
#include "engine/fragments.h"
#include "fixture.h"

#include <math.h>

enum { KINDS = 40, LOOKS = 4000, MODELS = 3 };

static const prices_size sizes[] = {{100, 1}, {250, 1}, {500, 1}, {1000, 1}};

static void mix_draw(mix *m, uint64_t *seed)
{
	mix_init(m);
	for (int i = 0; i < KINDS; i++) {
		mix_kind k = {(int32_t)draw_below(seed, 20) * 1000, (int32_t)draw_below(seed, 20) * 1000, 1, 0, 0};
		k.milli = sizes[draw_below(seed, 4)].milli;
		k.models = (uint32_t)draw_below(seed, 1 << MODELS);
		if (draw_below(seed, 8) == 0)
			k = (mix_kind){k.cpu_milli, k.memory_mib, 8, 1000, k.models};
		mix_arrive(m, &k, 1 + (int32_t)draw_below(seed, 30));
	}
}

/* Share of the demand that a node of the model with so much cpu and memory can not serve from a residue of r. */
static double lost_by_definition(const mix *m, int32_t model, int32_t cpu_milli, int32_t memory_mib, int32_t r)
{
	double all = 0, lost = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const mix_kind *k = &m->rows[i].kind;
		double asked = m->rows[i].weight * mix_ask_milli(k);
		bool fits = k->cpu_milli <= cpu_milli && k->memory_mib <= memory_mib && k->milli <= r &&
			    mix_may_use(k->models, model);
		all += asked;
		lost += fits || mix_is_gang(k) ? 0 : asked;
	}
	return lost / all;
}

Test(fragments, the_table_is_what_its_definition_says_at_its_levels)
{
	static mix m;
	static scarcity s;
	static fragments t;
	uint64_t run = seed_of_run(), seed = run;

	mix_draw(&m, &seed);
	scarcity_learn(&s, &m, &(stock){.capacity_milli = 1, .model_capacity_milli = {1, 1, 1}});
	fragments_learn(&t, &m, &s, sizes, 4, (1 << MODELS) - 1);
	for (int i = 0; i < LOOKS; i++) {
		int32_t cpu = t.cpu_levels[draw_below(&seed, FRAGMENTS_CPU_LEVELS)];
		int32_t memory = t.memory_levels[draw_below(&seed, FRAGMENTS_MEMORY_LEVELS)];
		int32_t r = (int32_t)draw_below(&seed, 1001), model = (int32_t)draw_below(&seed, MODELS);
		double is = (double)fragments_row(&t, model, cpu, memory)[t.class_of[r]];
		double should = lost_by_definition(&m, model, cpu, memory, r);
		cr_assert_float_eq(is, should, 1e-4, "seed %lu: %f, not %f", run, is, should);
	}
}

/* Between levels a node counts as less than it is, never as more. */
Test(fragments, between_levels_more_is_lost_not_less)
{
	static mix m;
	static scarcity s;
	static fragments t;
	uint64_t run = seed_of_run(), seed = run;

	mix_draw(&m, &seed);
	fragments_learn(&t, &m, &s, sizes, 4, (1 << MODELS) - 1);
	for (int i = 0; i < LOOKS; i++) {
		int32_t cpu = (int32_t)draw_below(&seed, 22000), memory = (int32_t)draw_below(&seed, 22000);
		double is = (double)fragments_row(&t, 0, cpu, memory)[t.class_of[500]];
		cr_assert(is >= lost_by_definition(&m, 0, cpu, memory, 500) - 1e-4, "seed %lu", run);
	}
}

Test(fragments, gangs_are_lost_to_nodes_that_host_none)
{
	static mix m;
	static scarcity s;
	static fragments t;

	mix_init(&m);
	for (int i = 0; i < 90; i++)
		mix_arrive(&m, &(mix_kind){1000, 1000, i % 9 ? 1 : 8, 1000, 0}, 1);
	scarcity_learn(&s, &m, &(stock){.capacity_milli = 1});
	fragments_learn(&t, &m, &s, sizes, 4, 1);
	cr_expect_float_eq((double)t.gang_lost[0], 0.5, 0.01);
	cr_expect_float_eq((double)t.gang_lost[1], 0, 0);
}
