#include "engine/geometry_choose.h"

#include <assert.h>

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t geometry_weight_default(const geometry *g, int32_t profile)
{
	const geometry_profile *p = &g->profiles[profile];
	int64_t milli = 0;

	if (p->flags & PROFILE_NAMED)
		return 0;
	if (p->width)
		milli = (int64_t)SHARE_WHOLE_MILLI * p->width / g->n_slots;
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++)
		if (p->takes[r])
			milli = larger(milli, (int64_t)SHARE_WHOLE_MILLI * p->takes[r] / g->has[r]);
	return milli;
}

void geometry_weights(const geometry *g, uint32_t asked, int64_t *weights)
{
	assert(g->n_profiles >= 1 && g->n_profiles <= GEOMETRY_PROFILES_MAX);
	for (int32_t p = 0; p < g->n_profiles; p++)
		weights[p] = asked >> p & 1 ? geometry_weight_default(g, p) : 0;
}

/* The weights, or the default ones in `room`. */
static const int64_t *weights_or_default(const geometry *g, const int64_t *weights, int64_t *room)
{
	if (weights)
		return weights;
	geometry_weights(g, UINT32_MAX, room);
	return room;
}

static int64_t value_of(const geometry *g, const geometry_state *s, const int64_t *weights)
{
	int64_t value = 0;

	for (int32_t p = 0; p < g->n_profiles; p++)
		if (weights[p])
			value += weights[p] * geometry_room(g, s, p);
	return value;
}

int64_t geometry_value(const geometry *g, const geometry_state *s, const int64_t *weights)
{
	int64_t room[GEOMETRY_PROFILES_MAX];

	return value_of(g, s, weights_or_default(g, weights, room));
}

/* Legal starts of all profiles that weigh something: of states of equal value the one with more can be filled in more
 * ways. */
static int32_t starts_left(const geometry *g, const geometry_state *s, const int64_t *weights)
{
	int32_t n = 0;

	for (int32_t p = 0; p < g->n_profiles; p++)
		if (weights[p])
			n += __builtin_popcount(geometry_starts(g, s, p));
	return n;
}

int32_t geometry_choose(
	const geometry *g, const geometry_state *s, int32_t profile, const int64_t *weights, int64_t *ret_loss)
{
	int64_t room[GEOMETRY_PROFILES_MAX], best_value = -1;
	int32_t best = GEOMETRY_NONE, best_left = 0;

	weights = weights_or_default(g, weights, room);
	for (uint32_t starts = geometry_starts(g, s, profile); starts; starts &= starts - 1) {
		geometry_state after = *s;
		geometry_take(g, &after, profile, __builtin_ctz(starts));
		int64_t value = value_of(g, &after, weights);
		if (value < best_value)
			continue;
		int32_t left = starts_left(g, &after, weights);
		if (value == best_value && left <= best_left)
			continue;
		best = __builtin_ctz(starts);
		best_value = value;
		best_left = left;
	}
	if (best != GEOMETRY_NONE)
		*ret_loss = value_of(g, s, weights) - best_value;
	return best;
}

int32_t geometry_choose_hami(const geometry *g, const geometry_state *s, int32_t profile)
{
	uint32_t starts = geometry_starts(g, s, profile);

	if (!starts)
		return GEOMETRY_NONE;
	if (g->profiles[profile].flags & PROFILE_HIGH)
		return 31 - __builtin_clz(starts);
	return __builtin_ctz(starts);
}

int32_t geometry_choose_device(const geometry *g, const geometry_state *states, int32_t n, int32_t profile,
	const int64_t *weights, int32_t *ret_start)
{
	int64_t room[GEOMETRY_PROFILES_MAX], best_loss = 0, loss = 0;
	int32_t best = GEOMETRY_NONE;

	weights = weights_or_default(g, weights, room);
	for (int32_t i = 0; i < n; i++) {
		int32_t start = geometry_choose(g, &states[i], profile, weights, &loss);
		if (start == GEOMETRY_NONE || (best != GEOMETRY_NONE && loss >= best_loss))
			continue;
		best = i;
		best_loss = loss;
		*ret_start = start;
	}
	return best;
}

typedef struct batch_search {
	const geometry *g;
	const int64_t *weights;
	int32_t profiles[GEOMETRY_BATCH_MAX]; /* widest first, equal ones side by side */
	int32_t starts[GEOMETRY_BATCH_MAX], best_starts[GEOMETRY_BATCH_MAX];
	int32_t n;
	int32_t visits;
	int64_t best_value; /* -1: no way found yet */
	geometry_state best;
} batch_search;

static void batch_keep(batch_search *b, const geometry_state *s)
{
	int64_t value = value_of(b->g, s, b->weights);

	if (value <= b->best_value)
		return;
	b->best_value = value;
	b->best = *s;
	memcpy(b->best_starts, b->starts, sizeof b->starts);
}

static void batch_place(batch_search *b, const geometry_state *s, int32_t at)
{
	if (b->visits++ > GEOMETRY_VISITS_MAX)
		return;
	if (at == b->n) {
		batch_keep(b, s);
		return;
	}
	uint32_t starts = geometry_starts(b->g, s, b->profiles[at]);
	/* Equal profiles in rising order only: the other orders give the same states. */
	if (at && b->profiles[at] == b->profiles[at - 1])
		starts &= ~0u << b->starts[at - 1];
	for (; starts; starts &= starts - 1) {
		geometry_state after = *s;
		b->starts[at] = __builtin_ctz(starts);
		geometry_take(b->g, &after, b->profiles[at], b->starts[at]);
		batch_place(b, &after, at + 1);
	}
}

/* Whether a is placed before b: what has fewer places first. */
static bool is_before(const geometry *g, int32_t a, int32_t b)
{
	if (g->profiles[a].width != g->profiles[b].width)
		return g->profiles[a].width > g->profiles[b].width;
	return a > b;
}

static void batch_order(batch_search *b, const int32_t *profiles, int32_t *order)
{
	for (int32_t i = 0; i < b->n; i++) {
		int32_t at = i;
		for (; at && is_before(b->g, profiles[i], profiles[order[at - 1]]); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	for (int32_t i = 0; i < b->n; i++)
		b->profiles[i] = profiles[order[i]];
}

bool geometry_choose_all(const geometry *g, geometry_state *s, const int32_t *profiles, int32_t n,
	const int64_t *weights, int32_t *starts)
{
	int32_t order[GEOMETRY_BATCH_MAX] = {0};
	int64_t room[GEOMETRY_PROFILES_MAX];
	batch_search b = {.g = g, .weights = weights_or_default(g, weights, room), .n = n, .best_value = -1};

	assert(n >= 0 && n <= GEOMETRY_BATCH_MAX);
	batch_order(&b, profiles, order);
	batch_place(&b, s, 0);
	if (b.best_value < 0)
		return false;
	for (int32_t i = 0; i < n; i++)
		starts[order[i]] = b.best_starts[i];
	*s = b.best;
	return true;
}

typedef struct rest_search {
	const geometry *g;
	const int64_t *weights;
	int32_t counts[GEOMETRY_PROFILES_MAX], best_counts[GEOMETRY_PROFILES_MAX];
	int64_t best;
	int32_t visits;
} rest_search;

/* Adds instances of the profiles from `profile` down, of that one from start `from` on. */
static void rest_fill(rest_search *f, const geometry_state *s, int32_t profile, int32_t from, int64_t weight)
{
	if (weight > f->best) {
		f->best = weight;
		memcpy(f->best_counts, f->counts, sizeof f->counts);
	}
	for (int32_t p = profile; p >= 0; p--) {
		int64_t each = f->weights[p];
		uint32_t starts = geometry_starts(f->g, s, p);
		if (p == profile)
			starts &= ~0u << from;
		for (; each && starts && f->visits++ < GEOMETRY_VISITS_MAX; starts &= starts - 1) {
			geometry_state after = *s;
			int32_t start = __builtin_ctz(starts);
			geometry_take(f->g, &after, p, start);
			f->counts[p]++;
			rest_fill(f, &after, p, start, weight + each);
			f->counts[p]--;
		}
	}
}

int64_t geometry_rest(const geometry *g, const geometry_state *s, const int64_t *weights, int32_t *counts)
{
	int64_t room[GEOMETRY_PROFILES_MAX] = {0};
	rest_search f = {.g = g, .weights = weights_or_default(g, weights, room)};

	rest_fill(&f, s, g->n_profiles - 1, 0, 0);
	memcpy(counts, f.best_counts, (size_t)g->n_profiles * sizeof *counts);
	return f.best;
}
