#include "engine/link_units.h"

#include <assert.h>

static uint64_t bit_of(int32_t i)
{
	return (uint64_t)1 << i;
}

static int32_t first_of(uint64_t set)
{
	return __builtin_ctzll(set);
}

static int32_t size_of(uint64_t set)
{
	return __builtin_popcountll(set);
}

void link_units_floor_set(link_units *u, int32_t floor)
{
	for (int32_t a = 0; a < u->n; a++) {
		u->linked[a] = 0;
		for (int32_t b = 0; b < u->n; b++)
			if (u->weakest[a][b] >= floor)
				u->linked[a] |= bit_of(b);
	}
}

/* Units that may be taken at all. */
static uint64_t units_open(const link_units *u)
{
	uint64_t open = 0;

	for (int32_t i = 0; i < u->n; i++)
		open |= u->linked[i] & bit_of(i);
	return open;
}

/* What every unit would add to the set. */
static void gains_of(const link_units *u, uint64_t set, int64_t *gain)
{
	for (int32_t i = 0; i < u->n; i++) {
		gain[i] = u->alone[i];
		for (uint64_t rest = set; rest; rest &= rest - 1)
			gain[i] += u->pair[i][first_of(rest)];
	}
}

static int32_t best_gain(const int64_t *gain, uint64_t may)
{
	int32_t best = first_of(may);

	for (uint64_t rest = may & (may - 1); rest; rest &= rest - 1)
		if (gain[first_of(rest)] > gain[best])
			best = first_of(rest);
	return best;
}

/* From the seed on, each time the unit that adds most. 0: it ended before k. */
static uint64_t grow(const link_units *u, int32_t k, int32_t seed, int64_t *ret_worth)
{
	int64_t gain[LINK_DEVICES_MAX];
	uint64_t set = bit_of(seed), may = u->linked[seed] & units_open(u) & ~set;
	int64_t worth = u->alone[seed];

	gains_of(u, set, gain);
	for (int32_t n = 1; n < k; n++) {
		if (!may)
			return 0;
		int32_t best = best_gain(gain, may);
		worth += gain[best];
		set |= bit_of(best);
		may &= u->linked[best] & ~bit_of(best);
		for (uint64_t rest = may; rest; rest &= rest - 1)
			gain[first_of(rest)] += u->pair[best][first_of(rest)];
	}
	*ret_worth = worth;
	return set;
}

/* The best exchange of one unit of the set for one outside; returns what it adds, 0 or less: none does. */
static int64_t best_swap(const link_units *u, uint64_t set, uint64_t open, int32_t *ret_out, int32_t *ret_in)
{
	int64_t gain[LINK_DEVICES_MAX], best = 0;

	gains_of(u, set, gain);
	for (uint64_t outs = set; outs; outs &= outs - 1) {
		int32_t out = first_of(outs);
		uint64_t stay = set & ~bit_of(out);
		for (uint64_t ins = open & ~set; ins; ins &= ins - 1) {
			int32_t in = first_of(ins);
			int64_t more = gain[in] - u->pair[in][out] - gain[out];
			if (more <= best || (stay & ~u->linked[in]))
				continue;
			best = more;
			*ret_out = out;
			*ret_in = in;
		}
	}
	return best;
}

static uint64_t choose_greedy(const link_units *u, int32_t k, int64_t *ret_worth)
{
	uint64_t open = units_open(u), set = 0;
	int64_t worth = 0, grown_worth = 0;

	for (uint64_t seeds = open; seeds; seeds &= seeds - 1) {
		uint64_t grown = grow(u, k, first_of(seeds), &grown_worth);
		if (!grown || (set && grown_worth <= worth))
			continue;
		set = grown;
		worth = grown_worth;
	}
	for (int32_t n = 0; set && n < LINK_SWAPS_MAX; n++) {
		int32_t out = 0, in = 0;
		int64_t more = best_swap(u, set, open, &out, &in);
		if (more <= 0)
			break;
		set = (set & ~bit_of(out)) | bit_of(in);
		worth += more;
	}
	*ret_worth = worth;
	return set;
}

typedef struct exact_search {
	const link_units *u;
	int64_t gain[LINK_EXACT_MAX + 1][LINK_EXACT_MAX]; /* per depth: what a unit adds to the set so far */
	int64_t half_top[LINK_EXACT_MAX][LINK_EXACT_MAX]; /* half the worth of the j best pairs of a unit */
	uint64_t best_set;
	int64_t best;
} exact_search;

static void sort_down(int64_t *v, int32_t n)
{
	for (int32_t i = 1; i < n; i++) {
		int64_t x = v[i];
		int32_t at = i;
		for (; at && v[at - 1] < x; at--)
			v[at] = v[at - 1];
		v[at] = x;
	}
}

static void exact_prepare(exact_search *s, int32_t k)
{
	const link_units *u = s->u;

	for (int32_t i = 0; i < u->n; i++) {
		int64_t pairs[LINK_EXACT_MAX], sum = 0;
		int32_t n = 0;
		for (int32_t j = 0; j < u->n; j++)
			if (j != i)
				pairs[n++] = u->pair[i][j];
		sort_down(pairs, n);
		s->gain[0][i] = u->alone[i];
		for (int32_t j = 0; j < k; j++) {
			s->half_top[i][j] = (sum + 1) / 2;
			sum += j < n ? pairs[j] : 0;
		}
	}
}

/* The most that `left` more units can add: each with its best partners, every pair counted half from either end. */
static int64_t exact_bound(const exact_search *s, int32_t depth, uint64_t may, int32_t left)
{
	int64_t top[LINK_EXACT_MAX], sum = 0;
	int32_t n = 0;

	for (; may; may &= may - 1) {
		int32_t i = first_of(may), at = n;
		int64_t most = s->gain[depth][i] + s->half_top[i][left - 1];
		if (n == left && most <= top[n - 1])
			continue;
		if (n < left)
			n++;
		else
			at--;
		for (; at && top[at - 1] < most; at--)
			top[at] = top[at - 1];
		top[at] = most;
	}
	for (int32_t i = 0; i < n; i++)
		sum += top[i];
	return sum;
}

static void exact_last(exact_search *s, int32_t depth, uint64_t may, uint64_t set, int64_t worth)
{
	int32_t i = best_gain(s->gain[depth], may);

	if (worth + s->gain[depth][i] <= s->best)
		return;
	s->best = worth + s->gain[depth][i];
	s->best_set = set | bit_of(i);
}

/* Units by rising number, so that the lowest of equal sets is met first; the others do not beat it. */
static void exact_pick(exact_search *s, int32_t depth, uint64_t may, int32_t left, uint64_t set, int64_t worth)
{
	if (left == 1) {
		exact_last(s, depth, may, set, worth);
		return;
	}
	if (worth + exact_bound(s, depth, may, left) <= s->best)
		return;
	while (size_of(may) >= left) {
		int32_t i = first_of(may);
		uint64_t bit = may & (0 - may);
		may &= ~bit;
		uint64_t next = may & s->u->linked[i];
		if (size_of(next) < left - 1)
			continue;
		for (int32_t j = i + 1; j < s->u->n; j++)
			s->gain[depth + 1][j] = s->gain[depth][j] + s->u->pair[i][j];
		exact_pick(s, depth + 1, next, left - 1, set | bit, worth + s->gain[depth][i]);
	}
}

static uint64_t choose_exact(const link_units *u, int32_t k, int64_t *ret_worth)
{
	exact_search s;
	uint64_t open = units_open(u);

	if (size_of(open) < k)
		return 0;
	s.u = u;
	/* One less than what greedy finds: an equal but lower set must still be met. */
	s.best = choose_greedy(u, k, &s.best) ? s.best - 1 : INT64_MIN;
	s.best_set = 0;
	exact_prepare(&s, k);
	exact_pick(&s, 0, open, k, 0, 0);
	*ret_worth = s.best;
	return s.best_set;
}

bool link_units_choose(const link_units *u, int32_t k, uint64_t *ret_set, int64_t *ret_worth)
{
	int64_t worth = 0;

	assert(k >= 1 && k <= u->n && u->n <= LINK_DEVICES_MAX);
	uint64_t set = u->n <= LINK_EXACT_MAX ? choose_exact(u, k, &worth) : choose_greedy(u, k, &worth);
	if (!set)
		return false;
	*ret_set = set;
	*ret_worth = worth;
	return true;
}

static bool has_clique(const link_units *u, uint64_t may, int32_t left)
{
	if (!left)
		return true;
	while (size_of(may) >= left) {
		int32_t i = first_of(may);
		may &= may - 1;
		if (has_clique(u, may & u->linked[i], left - 1))
			return true;
	}
	return false;
}

/* The nearest weakest link there is at or above the floor (LINK_WEIGHT_MAX: none is), and below it (-1: none is). */
static void nearest_links(const link_units *u, int32_t floor, int32_t *ret_above, int32_t *ret_below)
{
	int32_t above = LINK_WEIGHT_MAX, below = -1;

	for (int32_t a = 0; a < u->n; a++)
		for (int32_t b = 0; b <= a; b++) {
			int32_t w = u->weakest[a][b];
			if (w >= floor && w < above)
				above = w;
			if (w < floor && w > below)
				below = w;
		}
	*ret_above = above;
	*ret_below = below;
}

static bool floor_holds(link_units *u, int32_t floor, int32_t k)
{
	int64_t worth;

	link_units_floor_set(u, floor);
	if (u->n <= LINK_EXACT_MAX)
		return has_clique(u, units_open(u), k);
	return choose_greedy(u, k, &worth) != 0;
}

int32_t link_units_floor(link_units *u, int32_t k)
{
	int32_t holds = 0, fails = LINK_WEIGHT_MAX + 1;

	while (fails - holds > 1) {
		int32_t middle = (holds + fails) / 2, above, below;
		nearest_links(u, middle, &above, &below);
		if (floor_holds(u, middle, k))
			holds = above;
		else
			fails = below + 1;
	}
	return holds;
}
