#include "engine/fit.h"

#include <assert.h>

#include "engine/fit/inside.h"
#include "engine/score_hami.h"
#include "engine/score_links.h"

static bool wants_links(const fit_need *need, const ask_entry *e, ask_policy policy)
{
	return e->topology != TOPOLOGY_NONE || score_policies[policy].is_linked ||
	       hami_has(need->a, policy, HAMI_TOPOLOGY);
}

bool fit_wants_set(const fit_need *need, const ask_entry *e, const class_cut *cut, ask_policy policy)
{
	return e->numa_bind || cut->whole_groups > 1 || cut->bind != LINK_ANYWHERE || wants_links(need, e, policy);
}

/* By falling rating, equal ones by position. */
static int32_t order_of(const fit_candidates *c, uint64_t set, int32_t *order)
{
	int32_t n = 0;

	for (; set; set &= set - 1) {
		int32_t i = __builtin_ctzll(set), at = n++;
		for (; at > 0 && c->ratings[order[at - 1]] < c->ratings[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	return n;
}

/* Of sets that are linked alike the one that the policy for devices likes best. */
static void costs_of(const fit_candidates *c, uint16_t *costs)
{
	int32_t order[FLEET_NODE_DEVICES_MAX], n = order_of(c, c->fits, order);
	uint16_t cost = 0;

	for (int32_t i = 0; i < n; i++) {
		cost = (uint16_t)(cost + (i && c->ratings[order[i]] < c->ratings[order[i - 1]]));
		costs[order[i]] = cost;
	}
}

/* HAMi takes devices one by one, and drops what it has when the next is of another NUMA node. */
static bool choose_walk(const score_wiring *w, const fit_candidates *c, int32_t count, uint64_t *ret_set)
{
	int32_t order[FLEET_NODE_DEVICES_MAX], n = order_of(c, c->looked_at, order);
	link_walk walk;

	if (!link_walk_numa(&w->t, order, n, c->fits, count, &walk))
		return false;
	*ret_set = walk.set;
	return true;
}

bool fit_choose_set(const fleet *f, const fit_need *need, const ask_entry *e, const class_cut *cut, ask_policy policy,
	const fit_candidates *c, int32_t count, uint64_t *ret_set)
{
	uint16_t costs[FLEET_NODE_DEVICES_MAX];
	score_wiring w;
	bool is_required = e->topology == TOPOLOGY_REQUIRED;

	score_wire(&w, f, c->node, wants_links(need, e, policy));
	if (score_policies[policy].is_hami && e->numa_bind && !is_required) /* it knows nothing that is required */
		return choose_walk(&w, c, count, ret_set);
	costs_of(c, costs);
	link_ask want = {
		.count = count,
		.goal = is_required ? LINK_WORST : LINK_MOST,
		.bind = e->numa_bind ? LINK_ONE_NUMA : cut->bind,
		.whole_groups = cut->whole_groups,
		.is_selfish = score_policies[policy].is_hami,
		.cost = costs,
	};
	if (!link_choose(&w.t, c->fits, &want, ret_set))
		return false;
	int32_t least = e->link_min ? e->link_min : LINK_SCORE_NVLINK;
	return !is_required || link_weakest(&w.t, *ret_set) >= least;
}
