#include "engine/fair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/vec.h"

__extension__ typedef unsigned __int128 wide;

/* Somebody who wants `rest` of a pool, in proportion to `part`. */
typedef struct hand {
	fair_claim *of;
	int64_t rest;
	wide part, remainder;
} hand;

struct fair {
	vec(hand) hands;
	vec(fair_claim) level;
	vec(uint32_t) level_at;              /* of the level's claims, in the tree */
	vec(uint32_t) first_child, siblings; /* by node: 1 + index of the first child, of the next sibling */
};

fair *fair_new(void)
{
	return heap_new(1, sizeof(fair));
}

void fair_free(fair *f)
{
	if (!f)
		return;
	vec_done(&f->hands);
	vec_done(&f->level);
	vec_done(&f->level_at);
	vec_done(&f->first_child);
	vec_done(&f->siblings);
	free(f);
}

static int64_t within(int64_t v, int64_t most)
{
	return v < 0 ? 0 : v > most ? most : v;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t wanted(const fair_claim *c)
{
	return least(within(c->request, FAIR_AMOUNT_MAX), within(c->limit, FAIR_AMOUNT_MAX));
}

/* Who is served with the smallest water level first: by rest / part. */
static int by_level(const void *a, const void *b)
{
	const hand *x = a, *y = b;
	wide left = (wide)x->rest * y->part, right = (wide)y->rest * x->part;

	if (left != right)
		return left < right ? -1 : 1;
	return x->of->key < y->of->key ? -1 : x->of->key > y->of->key;
}

static int by_remainder(const void *a, const void *b)
{
	const hand *x = a, *y = b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return x->of->key < y->of->key ? -1 : x->of->key > y->of->key;
}

/* `pool` in proportion to the parts, nobody's rest being met; the largest remainders get what does not divide. */
static void apportion(hand *v, uint32_t n, int64_t pool, wide parts)
{
	int64_t left = pool;

	for (uint32_t i = 0; i < n; i++) {
		int64_t whole = (int64_t)((wide)pool * v[i].part / parts);
		v[i].remainder = (wide)pool * v[i].part % parts;
		v[i].of->share += whole;
		left -= whole;
	}
	qsort(v, n, sizeof *v, by_remainder);
	for (uint32_t i = 0; left > 0; i++, left--) {
		assert(i < n);
		v[i].of->share++;
	}
}

/* Fills all hands to one water level. Returns what is left of the pool when everybody has enough. */
static int64_t fill(hand *v, uint32_t n, int64_t pool)
{
	wide parts = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++)
		parts += v[i].part;
	if (n)
		qsort(v, n, sizeof *v, by_level);
	for (; at < n && (wide)v[at].rest * parts <= (wide)pool * v[at].part; at++) {
		v[at].of->share += v[at].rest;
		pool -= v[at].rest;
		parts -= v[at].part;
	}
	if (at == n)
		return pool;
	apportion(v + at, n - at, pool, parts);
	return 0;
}

/* How a pool is offered: those whose part is 0 are left out, and get what these leave. */
typedef enum offer { OFFER_HISTORY, OFFER_WEIGHT, OFFER_EQUAL, OFFERS } offer;

/* P, times a thousand and a million and the weights together. */
static wide part_of(const fair_claim *c, offer o, int64_t weights, int64_t k_milli)
{
	if (o == OFFER_EQUAL)
		return 1;
	if (o == OFFER_WEIGHT)
		return (wide)c->weight;
	wide has = (wide)(1000 + k_milli) * (wide)c->weight * FAIR_PPM;
	wide had = (wide)k_milli * (wide)within(c->used_ppm, FAIR_AMOUNT_MAX) * (wide)weights;
	return has > had ? has - had : 0;
}

static int64_t offer_to(
	fair *f, fair_claim *v, uint32_t n, int32_t tier, offer o, int64_t weights, int64_t pool, int64_t k_milli)
{
	vec_clear(&f->hands);
	for (uint32_t i = 0; i < n; i++) {
		hand h = {&v[i], wanted(&v[i]) - v[i].share, 0, 0};
		if (v[i].tier != tier || h.rest <= 0)
			continue;
		h.part = part_of(&v[i], o, weights, k_milli);
		if (h.part)
			vec_push(&f->hands, h);
	}
	return fill(f->hands.v, f->hands.n, pool);
}

static int64_t tier_fill(fair *f, fair_claim *v, uint32_t n, int32_t tier, int64_t pool, int64_t k_milli)
{
	int64_t weights = 0;

	for (uint32_t i = 0; i < n; i++)
		if (v[i].tier == tier && wanted(&v[i]) > v[i].share)
			weights += v[i].weight;
	for (offer o = 0; o < OFFERS && pool > 0; o++)
		pool = offer_to(f, v, n, tier, o, weights, pool, k_milli);
	return pool;
}

/* The highest tier below `below`. */
static bool tier_next(const fair_claim *v, uint32_t n, int64_t below, int32_t *ret)
{
	bool is_any = false;

	for (uint32_t i = 0; i < n; i++) {
		if (v[i].tier >= below || (is_any && v[i].tier <= *ret))
			continue;
		*ret = v[i].tier;
		is_any = true;
	}
	return is_any;
}

static wide due_of(const fair_claim *c)
{
	return (wide)least(within(c->deserved, FAIR_AMOUNT_MAX), wanted(c));
}

/* What was promised; where the pool is smaller all promises shrink alike. Returns what is left. */
static int64_t promises_keep(fair *f, fair_claim *v, uint32_t n, int64_t pool)
{
	wide promised = 0;

	vec_clear(&f->hands);
	for (uint32_t i = 0; i < n; i++) {
		wide due = due_of(&v[i]);
		v[i].share = 0;
		promised += due;
		if (due)
			vec_push(&f->hands, ((hand){&v[i], (int64_t)due, due, 0}));
	}
	if (!f->hands.n)
		return pool;
	if (promised > (wide)pool) {
		apportion(f->hands.v, f->hands.n, pool, promised);
		return 0;
	}
	vec_each (h, &f->hands)
		h->of->share = h->rest;
	return pool - (int64_t)promised;
}

void fair_split(fair *f, fair_claim *claims, uint32_t n, int64_t pool, int64_t k_milli)
{
	int64_t below = (int64_t)INT32_MAX + 1;
	int32_t tier = 0;

	assert(k_milli >= 0 && k_milli <= FAIR_K_MAX_MILLI);
	for (uint32_t i = 0; i < n; i++)
		assert(claims[i].weight >= 0 && claims[i].weight <= FAIR_WEIGHT_MAX);
	pool = promises_keep(f, claims, n, within(pool, FAIR_AMOUNT_MAX));
	for (; pool > 0 && tier_next(claims, n, below, &tier); below = tier)
		pool = tier_fill(f, claims, n, tier, pool, k_milli);
}

/* Lists of children, and what inner nodes ask for in their name. */
static void tree_link(fair *f, fair_node *v, uint32_t n)
{
	vec_reserve(&f->first_child, n + 1);
	vec_reserve(&f->siblings, n);
	memset(f->first_child.v, 0, (n + 1) * sizeof *f->first_child.v);
	for (uint32_t i = n; i > 0; i--) {
		fair_node *x = &v[i - 1];
		uint32_t up = (uint32_t)(x->parent + 1);
		assert(x->parent < (int32_t)(i - 1));
		bool is_first = !f->first_child.v[up];
		f->siblings.v[i - 1] = f->first_child.v[up];
		f->first_child.v[up] = i;
		if (x->parent < 0)
			continue;
		fair_claim *above = &v[x->parent].claim;
		above->request = least((is_first ? 0 : above->request) + wanted(&x->claim), FAIR_AMOUNT_MAX);
	}
}

static void level_split(fair *f, fair_node *v, uint32_t first, int64_t pool, int64_t k_milli)
{
	vec_clear(&f->level);
	vec_clear(&f->level_at);
	for (uint32_t at = first; at; at = f->siblings.v[at - 1]) {
		vec_push(&f->level, v[at - 1].claim);
		vec_push(&f->level_at, at - 1);
	}
	fair_split(f, f->level.v, f->level.n, pool, k_milli);
	for (uint32_t i = 0; i < f->level.n; i++)
		v[f->level_at.v[i]].claim.share = f->level.v[i].share;
}

void fair_divide(fair *f, fair_node *nodes, uint32_t n, int64_t pool, int64_t k_milli)
{
	if (!n)
		return;
	tree_link(f, nodes, n);
	level_split(f, nodes, f->first_child.v[0], pool, k_milli);
	for (uint32_t i = 0; i < n; i++)
		if (f->first_child.v[i + 1])
			level_split(f, nodes, f->first_child.v[i + 1], nodes[i].claim.share, k_milli);
}

/* A product of two numbers of 128 bits. */
typedef struct product {
	wide high, low;
} product;

static product multiply(wide a, wide b)
{
	const wide half = UINT64_MAX;
	wide a0 = a & half, a1 = a >> 64, b0 = b & half, b1 = b >> 64;
	wide low = a0 * b0, one = a0 * b1, two = a1 * b0;
	wide middle = (low >> 64) + (one & half) + (two & half);

	return (product){a1 * b1 + (one >> 64) + (two >> 64) + (middle >> 64), (middle << 64) | (low & half)};
}

static int product_compare(product a, product b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low < b.low ? -1 : a.low > b.low;
}

/* Below 0: x has the larger (weight / sum_weight) / (use / sum_use). Without weight it is 0, without use infinite. */
static int step_compare(const fair_step *x, const fair_step *y)
{
	if (!x->weight || !y->weight)
		return !x->weight - !y->weight;
	if (!x->use || !y->use)
		return !!x->use - !!y->use;
	product left = multiply((wide)x->weight * (wide)x->sum_use, (wide)y->sum_weight * (wide)y->use);
	product right = multiply((wide)y->weight * (wide)y->sum_use, (wide)x->sum_weight * (wide)x->use);
	return product_compare(right, left);
}

int fair_compare(const fair_path *a, const fair_path *b)
{
	for (int32_t i = 0; i < a->n && i < b->n; i++) {
		int order = step_compare(&a->v[i], &b->v[i]);
		if (order)
			return order;
	}
	return a->n - b->n;
}
