/* Shares of a pool and the order of those who wait, against slow models that work one unit, or one level, at a time. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fair.h"
#include "size.h"

enum { CLAIMS = 12, NODES = 24, DRAWS = 60 };

__extension__ typedef __int128 wide;

static uint64_t seed = 4242;

static int64_t pick(int64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t)(seed % (uint64_t)n);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

typedef struct split_row {
	const char *rule;
	int64_t pool, k_milli;
	fair_claim v[4];
	int64_t want[4];
} split_row;

#define C(key_, tier_, weight_, deserved_, request_, used_)                                                            \
	{                                                                                                              \
		.key = key_, .tier = tier_, .weight = weight_, .deserved = deserved_, .request = request_,             \
		.limit = FAIR_AMOUNT_MAX, .used_ppm = used_                                                            \
	}

static const split_row rows[] = {
	{"what is deserved comes first", 100, 0, {C(1, 0, 1, 80, 90, 0), C(2, 0, 9, 0, 90, 0)}, {82, 18}},
	{"what somebody does not ask for goes to the others", 100, 0, {C(1, 0, 1, 0, 10, 0), C(2, 0, 1, 0, 500, 0)},
		{10, 90}},
	{"the rest goes by weight", 90, 0, {C(1, 0, 1000, 0, 90, 0), C(2, 0, 2000, 0, 90, 0)}, {30, 60}},
	{"the higher tier has its fill first", 100, 0, {C(1, 0, 1000, 0, 90, 0), C(2, 1, 1, 0, 70, 0)}, {30, 70}},
	{"without weight one gets what nobody else wants", 100, 0, {C(1, 0, 0, 0, 90, 0), C(2, 0, 1, 0, 70, 0)},
		{30, 70}},
	{"one unit too many goes to the largest remainder", 10, 0,
		{C(1, 0, 10, 0, 90, 0), C(2, 0, 10, 0, 90, 0), C(3, 0, 13, 0, 90, 0)}, {3, 3, 4}},
	{"of equal remainders to the lowest key", 10, 0,
		{C(9, 0, 1, 0, 90, 0), C(3, 0, 1, 0, 90, 0), C(5, 0, 1, 0, 90, 0)}, {3, 4, 3}},
	{"promises above the pool shrink alike", 90, 0, {C(1, 0, 1, 100, 200, 0), C(2, 0, 50, 50, 200, 0)}, {60, 30}},
	/* W' = 1/2 each; P = 1/2 + (1/2 - 1/4) = 3/4 against 1/2 + 1/2 = 1. */
	{"who used much waits", 70, 1000, {C(1, 0, 1, 0, 90, 250000), C(2, 0, 1, 0, 90, 0)}, {30, 40}},
	{"who used all is served after the others", 100, 1000, {C(1, 0, 1, 0, 90, 1000000), C(2, 0, 1, 0, 60, 0)},
		{40, 60}},
};

Test(fair, shares_follow_the_rules)
{
	fair *f = fair_new();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fair_claim v[4];
		uint32_t n = 0;
		memcpy(v, rows[i].v, sizeof v);
		while (n < 4 && v[n].key)
			n++;
		fair_split(f, v, n, rows[i].pool, rows[i].k_milli);
		for (uint32_t k = 0; k < n; k++)
			cr_expect_eq(v[k].share, rows[i].want[k], "%s: %u gets %ld", rows[i].rule, k, v[k].share);
	}
	fair_free(f);
}

static int64_t wanted(const fair_claim *c)
{
	return least(c->request, c->limit);
}

/* Parts of a pool handed out by whole units: who has enough drops out one by one, then the best remainder takes each
 * unit that is left. */
static int64_t slow_fill(fair_claim *v, int n, const wide *part, int64_t pool)
{
	bool is_in[CLAIMS] = {0}, changed = true;
	wide parts = 0;

	for (int i = 0; i < n; i++) {
		is_in[i] = part[i] > 0 && wanted(&v[i]) > v[i].share;
		parts += is_in[i] ? part[i] : 0;
	}
	while (changed) {
		changed = false;
		for (int i = 0; i < n && !changed; i++) {
			int64_t rest = wanted(&v[i]) - v[i].share;
			if (!is_in[i] || rest * parts > pool * part[i])
				continue;
			v[i].share += rest;
			pool -= rest;
			parts -= part[i];
			is_in[i] = false;
			changed = true;
		}
	}
	if (!parts)
		return pool;
	wide remainder[CLAIMS];
	int64_t left = pool;
	for (int i = 0; i < n; i++) {
		remainder[i] = is_in[i] ? pool * part[i] % parts : -1;
		v[i].share += is_in[i] ? (int64_t)(pool * part[i] / parts) : 0;
		left -= is_in[i] ? (int64_t)(pool * part[i] / parts) : 0;
	}
	for (; left > 0; left--) {
		int best = -1;
		for (int i = 0; i < n; i++)
			if (remainder[i] >= 0 && (best < 0 || remainder[i] > remainder[best] ||
							 (remainder[i] == remainder[best] && v[i].key < v[best].key)))
				best = i;
		v[best].share++;
		remainder[best] = -1;
	}
	return 0;
}

static int64_t slow_tier(fair_claim *v, int n, int32_t tier, int64_t pool, int64_t k_milli)
{
	wide weights = 0, part[CLAIMS];

	for (int i = 0; i < n; i++)
		weights += v[i].tier == tier && wanted(&v[i]) > v[i].share ? v[i].weight : 0;
	for (int offer = 0; offer < 3; offer++) {
		for (int i = 0; i < n; i++) {
			part[i] = v[i].weight * (wide)(1000 + k_milli) * 1000000 -
				  (wide)k_milli * v[i].used_ppm * weights;
			if (part[i] < 0)
				part[i] = 0;
			if (offer)
				part[i] = offer == 1 ? v[i].weight : 1;
			if (v[i].tier != tier)
				part[i] = 0;
		}
		pool = slow_fill(v, n, part, pool);
	}
	return pool;
}

static void slow_split(fair_claim *v, int n, int64_t pool, int64_t k_milli)
{
	fair_claim due[CLAIMS];
	wide part[CLAIMS], promised = 0;

	for (int i = 0; i < n; i++) {
		v[i].share = 0;
		part[i] = least(v[i].deserved, wanted(&v[i]));
		promised += part[i];
		due[i] = v[i];
		due[i].request = (int64_t)part[i];
	}
	(void)slow_fill(due, n, part, pool);
	for (int i = 0; i < n; i++)
		v[i].share = due[i].share;
	pool -= (int64_t)(promised < pool ? promised : pool);
	for (int tier = 3; tier >= 0; tier--)
		pool = slow_tier(v, n, tier, pool, k_milli);
}

static int draw(fair_claim *v, int64_t *pool, int64_t *k_milli)
{
	int n = 1 + (int)pick(CLAIMS);
	int64_t large = pick(3) ? 40 : 1000000000;

	*pool = pick(large * 2);
	*k_milli = pick(2) ? 0 : pick(3000);
	for (int i = 0; i < n; i++)
		v[i] = (fair_claim){.key = 100 - i,
			.tier = (int32_t)pick(2) * (int32_t)pick(4),
			.weight = pick(4) ? pick(5) : pick(FAIR_WEIGHT_MAX),
			.deserved = pick(3) ? 0 : pick(large),
			.request = pick(large),
			.limit = pick(4) ? FAIR_AMOUNT_MAX : pick(large),
			.used_ppm = pick(2) ? 0 : pick(FAIR_PPM)};
	return n;
}

static void shuffle(fair_claim *v, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int k = (int)pick(i + 1);
		fair_claim x = v[i];
		v[i] = v[k];
		v[k] = x;
	}
}

static int64_t share_of(const fair_claim *v, int n, int64_t key)
{
	for (int i = 0; i < n; i++)
		if (v[i].key == key)
			return v[i].share;
	return -1;
}

/* Every share as the model has it; all of the pool or all that is wanted; nobody above request and limit. */
static void expect_law(const fair_claim *v, const fair_claim *slow, int n, int64_t pool, long round)
{
	int64_t sum = 0, demand = 0;

	for (int i = 0; i < n; i++) {
		sum += v[i].share;
		demand += wanted(&v[i]);
		cr_assert_eq(v[i].share, share_of(slow, n, v[i].key), "round %ld, %d of %d: %ld, not %ld", round, i, n,
			v[i].share, share_of(slow, n, v[i].key));
		cr_assert(v[i].share >= 0 && v[i].share <= wanted(&v[i]), "round %ld", round);
	}
	cr_assert_eq(sum, least(pool, demand), "round %ld", round);
}

Test(fair, shares_are_those_of_a_slow_model_and_keep_the_law)
{
	fair *f = fair_new();
	long rounds = size_get("PROPERTY_CASES");

	for (long round = 0; round < rounds; round++) {
		fair_claim v[CLAIMS], slow[CLAIMS], again[CLAIMS];
		int64_t pool, k_milli;
		int n = draw(v, &pool, &k_milli);
		memcpy(slow, v, sizeof v);
		memcpy(again, v, sizeof v);
		fair_split(f, v, (uint32_t)n, pool, k_milli);
		slow_split(slow, n, pool, k_milli);
		expect_law(v, slow, n, pool, round);
		shuffle(again, n);
		fair_split(f, again, (uint32_t)n, pool, k_milli);
		expect_law(again, v, n, pool, round);
	}
	fair_free(f);
}

Test(fair, a_larger_weight_never_gets_less)
{
	fair *f = fair_new();
	long rounds = size_get("PROPERTY_CASES");

	for (long round = 0; round < rounds; round++) {
		fair_claim v[CLAIMS];
		int64_t pool, k_milli;
		int n = draw(v, &pool, &k_milli);
		int at = (int)pick(n);
		fair_split(f, v, (uint32_t)n, pool, k_milli);
		int64_t before = v[at].share;
		v[at].weight = least(v[at].weight + 1 + pick(pick(2) ? 3 : 100000), FAIR_WEIGHT_MAX);
		fair_split(f, v, (uint32_t)n, pool, k_milli);
		cr_assert_geq(v[at].share, before, "round %ld", round);
	}
	fair_free(f);
}

static int64_t children_sum(const fair_node *v, int n, int parent, int64_t *demand)
{
	int64_t sum = 0;

	*demand = 0;
	for (int i = 0; i < n; i++) {
		sum += v[i].parent == parent ? v[i].claim.share : 0;
		*demand += v[i].parent == parent ? wanted(&v[i].claim) : 0;
	}
	return sum;
}

Test(fair, a_tree_shares_what_the_parent_got)
{
	fair *f = fair_new();
	long rounds = size_get("PROPERTY_CASES") / 4;

	for (long round = 0; round < rounds; round++) {
		fair_node v[NODES];
		fair_claim some[CLAIMS];
		int64_t pool = 0, k_milli = 0, demand;
		for (int i = 0; i < NODES; i++) {
			(void)draw(some, &pool, &k_milli);
			v[i] = (fair_node){some[0], i && pick(3) ? (int32_t)pick(i) : -1};
			v[i].claim.key = i;
		}
		fair_divide(f, v, NODES, pool, k_milli);
		int64_t sum = children_sum(v, NODES, -1, &demand);
		cr_assert_eq(sum, least(pool, demand), "round %ld", round);
		for (int i = 0; i < NODES; i++) {
			sum = children_sum(v, NODES, i, &demand);
			cr_assert(!demand || sum == least(v[i].claim.share, demand), "round %ld, %d", round, i);
		}
	}
	fair_free(f);
}

/* A tree of tenants with small numbers, so that the model can multiply them out. */
typedef struct grove {
	int parent[NODES];
	int64_t weight[NODES], use[NODES];
	fair_path path[NODES];
	int rank[NODES];
	int ranks;
} grove;

static bool is_parent(const grove *g, int i)
{
	for (int k = 0; k < NODES; k++)
		if (g->parent[k] == i)
			return true;
	return false;
}

static void grove_draw(grove *g)
{
	for (int i = 0; i < NODES; i++) {
		g->parent[i] = i && pick(3) ? (int)pick(i < 6 ? i : 6) : -1;
		g->weight[i] = pick(4);
		g->use[i] = 0;
	}
	for (int i = 0; i < NODES; i++) {
		if (is_parent(g, i))
			continue;
		int64_t use = pick(2) * pick(5);
		for (int at = i; at >= 0; at = g->parent[at])
			g->use[at] += use;
	}
}

static fair_step step_of(const grove *g, int i)
{
	fair_step s = {.weight = g->weight[i], .use = g->use[i]};

	for (int k = 0; k < NODES; k++) {
		s.sum_weight += g->parent[k] == g->parent[i] ? g->weight[k] : 0;
		s.sum_use += g->parent[k] == g->parent[i] ? g->use[k] : 0;
	}
	return s;
}

static void grove_paths(grove *g)
{
	for (int i = 0; i < NODES; i++) {
		fair_path *p = &g->path[i];
		p->n = 0;
		for (int at = i; at >= 0; at = g->parent[at]) {
			memmove(p->v + 1, p->v, (size_t)p->n * sizeof *p->v);
			p->v[0] = step_of(g, at);
			p->n++;
		}
	}
}

/* Below 0: a has the larger share of the weights for its share of the use. */
static int slow_step(const grove *g, int a, int b)
{
	fair_step x = step_of(g, a), y = step_of(g, b);
	/* As fractions over the same denominator; infinite is more than any of these numbers. */
	int64_t infinite = INT64_C(1) << 60;
	int64_t left = !x.weight ? 0 : !x.use ? infinite : x.weight * x.sum_use * y.sum_weight * y.use;
	int64_t right = !y.weight ? 0 : !y.use ? infinite : y.weight * y.sum_use * x.sum_weight * x.use;

	if (!x.weight || !y.weight || !x.use || !y.use) {
		left = !x.weight ? 0 : !x.use ? 2 : 1;
		right = !y.weight ? 0 : !y.use ? 2 : 1;
	}
	return left > right ? -1 : left < right;
}

/* The published walk: of a set the best are taken together; those that are leaves get the next rank, and the children
 * of all the others are one set, ranked in the same way, before the rest of the set follows. */
static void slow_rank(grove *g, const int *set, int n)
{
	bool is_done[NODES] = {0};

	for (int done = 0; done < n;) {
		int best = -1, below[NODES], m = 0;
		bool has_leaf = false;
		for (int i = 0; i < n; i++)
			if (!is_done[i] && (best < 0 || slow_step(g, set[i], best) < 0))
				best = set[i];
		for (int i = 0; i < n; i++) {
			if (is_done[i] || slow_step(g, set[i], best) != 0)
				continue;
			is_done[i] = true;
			done++;
			bool is_leaf = true;
			for (int k = 0; k < NODES; k++)
				if (g->parent[k] == set[i]) {
					below[m++] = k;
					is_leaf = false;
				}
			if (is_leaf) {
				g->rank[set[i]] = g->ranks;
				has_leaf = true;
			}
		}
		g->ranks += has_leaf;
		slow_rank(g, below, m);
	}
}

Test(fair, the_order_is_that_of_the_published_walk)
{
	long rounds = size_get("PROPERTY_CASES") / 10;

	for (long round = 0; round < rounds; round++) {
		grove g = {0};
		int top[NODES], n = 0;
		grove_draw(&g);
		grove_paths(&g);
		for (int i = 0; i < NODES; i++)
			if (g.parent[i] < 0)
				top[n++] = i;
		slow_rank(&g, top, n);
		for (int a = 0; a < NODES; a++)
			for (int b = 0; b < NODES; b++) {
				if (is_parent(&g, a) || is_parent(&g, b))
					continue;
				int want = (g.rank[a] > g.rank[b]) - (g.rank[a] < g.rank[b]);
				int is = fair_compare(&g.path[a], &g.path[b]);
				cr_assert_eq((is > 0) - (is < 0), want, "round %ld: %d %d", round, a, b);
			}
	}
}

Test(fair, the_order_holds_at_the_ends_of_the_range)
{
	fair_path a = {.n = 1}, b = {.n = 1};

	a.v[0] = (fair_step){FAIR_WEIGHT_MAX, (int64_t)FAIR_WEIGHT_MAX << 20, FAIR_USE_MAX, FAIR_USE_MAX};
	b.v[0] = (fair_step){FAIR_WEIGHT_MAX, (int64_t)FAIR_WEIGHT_MAX << 20, FAIR_USE_MAX - 1, FAIR_USE_MAX};
	cr_expect_gt(fair_compare(&a, &b), 0);
	cr_expect_lt(fair_compare(&b, &a), 0);
	cr_expect_eq(fair_compare(&a, &a), 0);
}
