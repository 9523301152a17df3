#include "engine/link.h"

#include "engine/link_units.h"

#include <assert.h>
#include <string.h>

/* One number orders the sets: the pair weights first, then what the set takes from the other free devices, then the
 * cost. The parts do not overlap: 2,016 pairs of 4,095 need 23 bits, 64 x 63 weights need 24, 64 costs of 255 need 14.
 */
enum { KEEP_BITS = 24, COST_BITS = 14 };
#define WORTH_KEEP ((int64_t)1 << COST_BITS)
#define WORTH_PAIR ((int64_t)1 << (KEEP_BITS + COST_BITS))

static int32_t weight_of(const topology *t, int32_t a, int32_t b)
{
	return t->weight[a * t->n + b];
}

static int32_t numa_of(const topology *t, int32_t device)
{
	return t->numa ? t->numa[device] : LINK_NONE;
}

static int32_t group_of(const topology *t, int32_t device)
{
	return t->group ? t->group[device] : LINK_NONE;
}

static uint64_t bit_of(int32_t i)
{
	return (uint64_t)1 << i;
}

static uint64_t all_of(const topology *t)
{
	assert(t->n >= 1 && t->n <= LINK_DEVICES_MAX);
	return t->n == LINK_DEVICES_MAX ? ~(uint64_t)0 : bit_of(t->n) - 1;
}

static int32_t first_of(uint64_t set)
{
	return __builtin_ctzll(set);
}

static int32_t size_of(uint64_t set)
{
	return __builtin_popcountll(set);
}

int32_t link_settle(uint16_t *weight, int32_t n)
{
	int32_t n_differ = 0;

	for (int32_t a = 0; a < n; a++)
		for (int32_t b = 0; b < a; b++) {
			uint16_t *there = &weight[a * n + b], *back = &weight[b * n + a];
			if (*there != *back) {
				*there = 0;
				n_differ++;
			}
			if (*there > LINK_WEIGHT_MAX)
				*there = LINK_WEIGHT_MAX;
			*back = *there;
		}
	return n_differ;
}

int64_t link_weight(const topology *t, uint64_t set)
{
	int64_t sum = 0;

	for (uint64_t a = set; a; a &= a - 1)
		for (uint64_t b = a & (a - 1); b; b &= b - 1)
			sum += weight_of(t, first_of(a), first_of(b));
	return sum;
}

int32_t link_weakest(const topology *t, uint64_t set)
{
	int32_t weakest = LINK_WEIGHT_MAX;

	for (uint64_t a = set; a; a &= a - 1)
		for (uint64_t b = a & (a - 1); b; b &= b - 1) {
			int32_t w = weight_of(t, first_of(a), first_of(b));
			weakest = w < weakest ? w : weakest;
		}
	return weakest;
}

int32_t link_count(const link_ask *want)
{
	int32_t count = want->count < want->count_min ? want->count_min : want->count;

	assert(want->count >= 1);
	if (count > LINK_DEVICES_MAX || (want->counts && !(want->counts >> (count - 1) & 1)))
		return 0;
	if (want->whole_groups > 1 && count % want->whole_groups)
		return 0;
	return count;
}

/* The devices of `free` that are bound to the same place as the lowest of them. */
static uint64_t domain_of(const topology *t, uint64_t free, link_bind bind)
{
	int32_t first = first_of(free);
	uint64_t domain = bit_of(first);

	if (bind == LINK_ANYWHERE)
		return free;
	if (bind == LINK_ONE_GROUP && group_of(t, first) == LINK_NONE)
		return domain;
	for (uint64_t rest = free & (free - 1); rest; rest &= rest - 1) {
		int32_t i = first_of(rest);
		bool is_same = bind == LINK_ONE_NUMA ? numa_of(t, i) == numa_of(t, first)
						     : group_of(t, i) == group_of(t, first);
		if (is_same)
			domain |= bit_of(i);
	}
	return domain;
}

/* Group members of the device over the whole topology, itself included. */
static uint64_t group_members(const topology *t, int32_t device)
{
	int32_t group = group_of(t, device);
	uint64_t members = bit_of(device);

	if (group == LINK_NONE)
		return members;
	for (int32_t i = 0; i < t->n; i++)
		if (group_of(t, i) == group)
			members |= bit_of(i);
	return members;
}

static int64_t unit_worth_alone(const topology *t, uint64_t free, uint64_t unit, const link_ask *want)
{
	int64_t worth = link_weight(t, unit) * WORTH_PAIR;

	for (uint64_t rest = unit; rest; rest &= rest - 1) {
		int32_t i = first_of(rest);
		if (want->cost)
			worth -= want->cost[i];
		if (want->is_selfish && size_of(unit) < want->count)
			continue;
		for (uint64_t others = free & ~bit_of(i); others; others &= others - 1)
			worth -= weight_of(t, i, first_of(others)) * WORTH_KEEP;
	}
	return worth;
}

static void units_pair(const topology *t, link_units *u, int32_t a, int32_t b)
{
	int32_t sum = 0, weakest = LINK_WEIGHT_MAX;

	for (uint64_t i = u->members[a]; i; i &= i - 1)
		for (uint64_t j = u->members[b]; j; j &= j - 1) {
			int32_t w = weight_of(t, first_of(i), first_of(j));
			sum += w;
			weakest = w < weakest ? w : weakest;
		}
	u->pair[a][b] = u->pair[b][a] = sum * WORTH_PAIR;
	u->weakest[a][b] = u->weakest[b][a] = (int16_t)weakest;
}

/* What may be taken from the domain: its devices, or the whole groups in it. */
static void units_gather(const topology *t, uint64_t free, uint64_t domain, const link_ask *want, link_units *u)
{
	int32_t size = want->whole_groups > 1 ? want->whole_groups : 1;

	u->n = 0;
	while (domain) {
		int32_t i = first_of(domain);
		uint64_t members = size > 1 ? group_members(t, i) : bit_of(i);
		bool is_whole = (members & ~domain) == 0 && size_of(members) == size;
		domain &= ~members;
		if (!is_whole)
			continue;
		int32_t at = u->n++;
		u->members[at] = members;
		u->alone[at] = unit_worth_alone(t, free, members, want);
		u->pair[at][at] = 0;
		u->weakest[at][at] = (int16_t)link_weakest(t, members);
		for (int32_t b = 0; b < at; b++)
			units_pair(t, u, at, b);
	}
}

typedef struct link_best {
	uint64_t set; /* 0: none yet */
	int64_t worth;
	int32_t weakest;
} link_best;

static bool is_better(const link_best *a, const link_best *b)
{
	if (a->weakest != b->weakest)
		return a->weakest > b->weakest;
	if (a->worth != b->worth)
		return a->worth > b->worth;
	uint64_t differ = a->set ^ b->set;
	return (a->set & differ & (0 - differ)) != 0;
}

static void best_of_domain(
	const topology *t, uint64_t free, uint64_t domain, const link_ask *want, int32_t count, link_best *best)
{
	link_units u;
	link_best found = {0};
	uint64_t chosen = 0;

	units_gather(t, free, domain, want, &u);
	int32_t n = want->whole_groups > 1 ? count / want->whole_groups : count;
	if (u.n < n)
		return;
	found.weakest = want->goal == LINK_WORST ? link_units_floor(&u, n) : 0;
	link_units_floor_set(&u, found.weakest);
	if (!link_units_choose(&u, n, &chosen, &found.worth))
		return;
	for (; chosen; chosen &= chosen - 1)
		found.set |= u.members[first_of(chosen)];
	if (!best->set || is_better(&found, best))
		*best = found;
}

bool link_choose(const topology *t, uint64_t free, const link_ask *want, uint64_t *ret_set)
{
	int32_t count = link_count(want);
	link_best best = {0};

	free &= all_of(t);
	if (!count || size_of(free) < count)
		return false;
	for (uint64_t rest = free; rest;) {
		uint64_t domain = domain_of(t, rest, want->bind);
		best_of_domain(t, free, domain, want, count, &best);
		rest &= ~domain;
	}
	if (!best.set)
		return false;
	*ret_set = best.set;
	return true;
}

bool link_walk_numa(
	const topology *t, const int32_t *order, int32_t n, uint64_t fits, int32_t count, link_walk *ret_walk)
{
	link_walk w = {0};

	for (int32_t i = 0; i < n && size_of(w.set) < count; i++) {
		if (w.set && numa_of(t, order[i]) != numa_of(t, order[i - 1])) {
			w.n_dropped += size_of(w.set);
			w.set = 0;
		}
		if (fits >> order[i] & 1)
			w.set |= bit_of(order[i]);
	}
	*ret_walk = w;
	return size_of(w.set) == count;
}

static bool is_tried_before(const topology *t, const int64_t *score, bool is_numa_first, int32_t a, int32_t b)
{
	int32_t numa_a = numa_of(t, a), numa_b = numa_of(t, b);

	if (is_numa_first && numa_a != numa_b)
		return numa_a > numa_b;
	if (score[a] != score[b])
		return score[a] > score[b];
	return numa_a != numa_b ? numa_a > numa_b : a < b;
}

void link_order_hami(const topology *t, const int64_t *score, bool is_numa_first, int32_t *order)
{
	for (int32_t i = 0; i < t->n; i++) {
		int32_t at = i;
		for (; at && is_tried_before(t, score, is_numa_first, i, order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}
