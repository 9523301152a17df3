#include "cli/simulate/mover.h"

#include <string.h>

#include "base/clock.h"

enum {
	MOVE = 1000,
	STORE_FIRST = 20 * MOVE,
	STORE_MAX = 40 * MOVE,
	PAIR_COST_MILLI = 500,
	PAIR_ASK_MILLI = 2000,
};

static const ask *asked(void *arg, int32_t run)
{
	mover *m = arg;

	request_fill(&m->asked, m->stage, m->seq_of.v[run]);
	return &m->asked.ask;
}

void mover_init(mover *m, stage *s, place *finder, const request *like, int64_t moves_max, int64_t rate)
{
	*m = (mover){.stage = s, .asked = *like, .moves_max = moves_max, .store = STORE_FIRST, .rate = rate};
	running_init(&m->list);
	defrag_plan_init(&m->plan);
	if (!moves_max)
		return;
	m->search = defrag_new();
	m->terms = (defrag_terms){
		.gain_min_milli = 1,
		.pair_cost = PAIR_COST_MILLI,
		.pair_ask_milli = PAIR_ASK_MILLI,
		.finder = finder,
		.asked = asked,
		.asked_arg = m,
	};
}

void mover_done(mover *m)
{
	defrag_free(m->search);
	defrag_plan_done(&m->plan);
	running_done(&m->list);
	vec_done(&m->seq_of);
}

int32_t mover_begin(mover *m, uint32_t seq, const plan *p)
{
	running_terms terms = {.tenant = FLEET_NONE, .is_movable = true, .lender = FLEET_NONE, .budget = FLEET_NONE};

	if (!m->moves_max)
		return FLEET_NONE;
	terms.move_cost = running_pod_milli(p, 0);
	int32_t run = running_add(&m->list, p, &terms);
	vec_reserve(&m->seq_of, run + 1);
	m->seq_of.v[run] = seq;
	return run;
}

void mover_end(mover *m, int32_t run)
{
	if (run != FLEET_NONE)
		running_remove(&m->list, run);
}

void mover_arrive(mover *m)
{
	m->store = m->store + m->rate < STORE_MAX ? m->store + m->rate : STORE_MAX;
}

bool mover_find(mover *m, const ask *a)
{
	int64_t may = m->store / MOVE < m->moves_max ? m->store / MOVE : m->moves_max;

	if (!a->groups[0].n_entries || may < 1)
		return false;
	m->terms.moves_max = (int32_t)may;
	int64_t begun_ns = clock_mono_ns();
	bool is_found = defrag_for_ask(m->search, &m->stage->fleet, &m->list, a, &m->terms, &m->plan);
	int64_t ns = clock_mono_ns() - begun_ns;
	m->figures.searches++;
	m->figures.ns += ns;
	m->figures.max_ns = ns > m->figures.max_ns ? ns : m->figures.max_ns;
	return is_found;
}

uint32_t mover_pod(const mover *m, uint32_t i)
{
	return m->seq_of.v[m->plan.moves.v[i].run];
}

void mover_apply(mover *m, uint32_t i, plan *p)
{
	defrag_apply(&m->stage->fleet, &m->list, &m->plan, i, p);
	m->store -= MOVE;
	m->figures.moves++;
}
