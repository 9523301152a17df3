#include <assert.h>

#include "engine/place/inside.h"

/* Where no shape is kept: what a node can rate at most is told for all of them at once, from
 * columns; then those are rated that can be better than the best so far, the most promising first. */

enum { TRIES_MAX = 64 }; /* nodes that are tried by what they promise, before all that are left are rated */

typedef struct leader {
	int32_t node, rank, rating;
} leader;

static bool is_before(const leader *best, int32_t rating, int32_t rank, int32_t node)
{
	if (rating != best->rating)
		return rating > best->rating;
	return rank != best->rank ? rank < best->rank : node < best->node;
}

static void offer(leader *best, int32_t rating, int32_t rank, int32_t node)
{
	if (rating >= 0 && is_before(best, rating, rank, node))
		*best = (leader){node, rank, rating};
}

/* Whether one look at a node of the group serves for all. */
static bool is_alike(const lane_group *g, const fit_need *need)
{
	return g->is_pristine && need->is_common;
}

static void rate_alike(place *w, lane_group *g, const fit_need *need, leader *best, int32_t *misses)
{
	int32_t node = lane_first(g), rating = fit_rate(w->f, need, node);

	if (rating < 0)
		misses[fit_rate_code(rating)] += (int32_t)g->n;
	offer(best, rating, w->f->views.v[node].rank, node);
}

static void bound_all(place *w, lane_group *g, fit_bounds *bounds, const leader *best)
{
	fit_bounds_begin(bounds, g);
	for (uint32_t i = 0; i < lane_blocks(g); i++) {
		lane_block *b = &g->blocks.v[i];
		int32_t most = fit_bound(bounds, b);
		if (most >= 0 && most >= best->rating)
			vec_push(&w->hopes, ((hope){b, most}));
	}
}

/* The block with the node that promises most. */
static hope *hope_next(place *w, const leader *best)
{
	hope *next = NULL;

	vec_each (h, &w->hopes)
		if (h->most >= best->rating && (!next || h->most > next->most))
			next = h;
	return next && next->most >= 0 ? next : NULL;
}

/* The lane that promises most, of equals the first by rank. */
static int32_t lane_next(const lane_block *b, int32_t most)
{
	int32_t next = FLEET_NONE;

	for (int32_t i = 0; i < LANES; i++)
		if (b->most[i] == most && (next == FLEET_NONE || b->rank[i] < b->rank[next] ||
						  (b->rank[i] == b->rank[next] && b->node[i] < b->node[next])))
			next = i;
	return next;
}

static int32_t highest(const lane_block *b)
{
	int32_t most = INT32_MIN;

	for (int32_t i = 0; i < LANES; i++)
		most = b->most[i] > most ? b->most[i] : most;
	return most;
}

static void lane_rate(place *w, lane_block *b, int32_t i, const fit_need *need, leader *best)
{
	int32_t rating = fit_rate(w->f, need, b->node[i]);

	offer(best, rating, b->rank[i], b->node[i]);
	b->most[i] = rating < 0 ? rating : FIT_NO_NODE;
}

/* Rates one node of the block, or gives the block up. */
static void hope_try(place *w, hope *h, const fit_need *need, leader *best)
{
	lane_block *b = h->block;
	int32_t i = lane_next(b, h->most);

	if (!is_before(best, h->most, b->rank[i], b->node[i])) {
		h->most = FIT_NO_NODE;
		return;
	}
	lane_rate(w, b, i, need, best);
	h->most = highest(b);
}

/* All that can still be better, block by block: where bounds tell little, to look for the next best costs more. */
static void hopes_exhaust(place *w, const fit_need *need, leader *best)
{
	vec_each (h, &w->hopes)
		for (int32_t i = 0; h->most >= best->rating && i < LANES; i++) {
			lane_block *b = h->block;
			if (b->most[i] >= 0 && is_before(best, b->most[i], b->rank[i], b->node[i]))
				lane_rate(w, b, i, need, best);
		}
}

static void hopes_try(place *w, const fit_need *need, leader *best)
{
	hope *h;

	for (int32_t tries = 0; tries < TRIES_MAX && (h = hope_next(w, best)); tries++)
		hope_try(w, h, need, best);
	if (hope_next(w, best))
		hopes_exhaust(w, need, best);
}

static int32_t lanes_equal(const lane_block *b, int32_t most)
{
	int32_t n = 0;

	for (int32_t i = 0; i < LANES; i++)
		n += b->most[i] == most;
	return n;
}

/* Most blocks have few reasons: each new one is counted in all lanes at once. */
static void misses_of(const lane_block *b, int32_t *misses)
{
	uint64_t seen = 0;
	int32_t n = 0;

	static_assert(WHY_COUNT <= 63, "a bit for each reason, and one for no node");
	for (int32_t i = 0; n < LANES; i++) {
		bool is_node = b->most[i] != FIT_NO_NODE;
		uint64_t bit = UINT64_C(1) << (is_node ? (int32_t)fit_rate_code(b->most[i]) : WHY_COUNT);
		if (seen & bit)
			continue;
		int32_t equal = lanes_equal(b, b->most[i]);
		if (is_node)
			misses[fit_rate_code(b->most[i])] += equal;
		seen |= bit;
		n += equal;
	}
}

static void misses_add(lane_group *g, int32_t *misses)
{
	for (uint32_t i = 0; i < lane_blocks(g); i++)
		misses_of(&g->blocks.v[i], misses);
}

static int32_t walk(place *w, const attempt *at, const fit_need *need, int32_t *ret_rating)
{
	leader best = {FLEET_NONE, INT32_MAX, -1};
	int32_t misses[WHY_COUNT] = {0};
	fit_bounds bounds;

	lanes_follow(&w->lanes, w->f);
	fit_bounds_init(&bounds, w->f, need);
	vec_clear(&w->hopes);
	vec_each (g, &w->lanes.groups)
		if (g->cluster == at->cluster && g->n && is_alike(g, need))
			rate_alike(w, g, need, &best, misses);
	vec_each (g, &w->lanes.groups)
		if (g->cluster == at->cluster && g->n && !is_alike(g, need))
			bound_all(w, g, &bounds, &best);
	hopes_try(w, need, &best);
	*ret_rating = best.rating;
	if (best.node != FLEET_NONE)
		return best.node;
	vec_each (g, &w->lanes.groups)
		if (g->cluster == at->cluster && g->n && !is_alike(g, need))
			misses_add(g, misses);
	place_note(w, misses);
	return FLEET_NONE;
}

/* Who names devices is served by their nodes or by none. */
static int32_t walk_named(place *w, const attempt *at, const fit_need *need, int32_t *ret_rating)
{
	leader best = {FLEET_NONE, INT32_MAX, -1};
	int32_t misses[WHY_COUNT] = {0};

	vec_each (node, &w->named) {
		int32_t rating = fit_rate(w->f, need, *node);
		offer(&best, rating, w->f->views.v[*node].rank, *node);
		if (rating < 0)
			misses[fit_rate_code(rating)]++;
	}
	*ret_rating = best.rating;
	misses[WHY_NO_SUCH_CLASS] += (int32_t)(w->f->clusters.v[at->cluster].nodes.n - w->named.n);
	if (best.node == FLEET_NONE)
		place_note(w, misses);
	return best.node;
}

/* The best node for the pod: first choice of class, then score, then rank. Where bounds tell nodes apart a walk costs
 * less than to keep what is seldom asked. */
int32_t place_scan(place *w, attempt *at, const fit_need *need)
{
	shape *s = (fit_bounds_by_policy(need) ? shapes_rate_often : shapes_rate)(w->shapes, w->f, need);

	if (!s)
		return (place_named(w, at->cluster, need) ? walk_named : walk)(w, at, need, &at->rating);
	int32_t node = shape_best(s, w->f, at->cluster, &at->rating);
	if (node == FLEET_NONE)
		place_note(w, shape_misses(s));
	return node;
}
