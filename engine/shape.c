#include "engine/shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/alike.h"
#include "engine/pace.h"
#include "engine/shape_key.h"

enum {
	BEST_UNKNOWN = -2,
	SEEN_ROWS = 4096,
	HASH_ROWS = 1024,
	BLOCK_REASONS = 8,
	REASONS_UNKNOWN = -1,
	REASONS_MORE = -2
};

/* What the nodes of one block lack. */
typedef struct lacks {
	int32_t n; /* rows, REASONS_UNKNOWN or REASONS_MORE */
	tally_row rows[BLOCK_REASONS];
} lacks;

struct shape {
	uint64_t hash, log_at, rank_moves, epoch, moves, used_at;
	uint32_t key_n, n_nodes;
	uint8_t key[SHAPE_KEY_MAX];
	int32_t *ratings;      /* by node; unsettled where there are tags */
	uint32_t *tags;        /* by node, and NULL where the policy settles nothing */
	int32_t *best;         /* by block: a node, FLEET_NONE, or BEST_UNKNOWN */
	int32_t *best_ratings; /* of those, settled */
	const fit_need *need;  /* of the last call */
	lacks *lacks;          /* by block; NULL until it is asked for */
	int32_t misses[WHY_COUNT];
	bool is_rated;
};

struct shapes {
	shape *rows[SHAPES_MAX];
	uint32_t n;
	shape *guest;               /* the newcomer that was rated last; NULL before the first */
	int16_t by_hash[HASH_ROWS]; /* row + 1; open addressing, rebuilt when a row changes its owner */
	uint32_t seen[SEEN_ROWS];   /* hashes of newcomers, overwritten by others */
	pace pace;
	uint64_t asked, ratings;
	uint32_t n_nodes; /* of the fleet when it was asked last */
};

shapes *shapes_new(void)
{
	return heap_new(1, sizeof(shapes));
}

static void shape_free(shape *s)
{
	if (!s)
		return;
	free(s->ratings);
	free(s->tags);
	free(s->best);
	free(s->best_ratings);
	free(s->lacks);
	free(s);
}

void shapes_free(shapes *all)
{
	if (!all)
		return;
	for (uint32_t i = 0; i < all->n; i++)
		shape_free(all->rows[i]);
	shape_free(all->guest);
	free(all);
}

static bool is_key(const shape *s, const shape_key *k, uint64_t hash)
{
	return s->hash == hash && s->key_n == k->n && memcmp(s->key, k->v, k->n) == 0;
}

static shape *row_find(const shapes *all, const shape_key *k, uint64_t hash)
{
	for (uint64_t at = hash;; at++) {
		int16_t row = all->by_hash[at % HASH_ROWS];
		if (row == 0)
			return NULL;
		if (is_key(all->rows[row - 1], k, hash))
			return all->rows[row - 1];
	}
}

static void rows_hash(shapes *all)
{
	memset(all->by_hash, 0, sizeof all->by_hash);
	for (uint32_t i = 0; i < all->n; i++) {
		uint64_t at = all->rows[i]->hash;
		while (all->by_hash[at % HASH_ROWS])
			at++;
		all->by_hash[at % HASH_ROWS] = (int16_t)(i + 1);
	}
}

static uint32_t rows_max(const fleet *f)
{
	uint64_t bytes = (uint64_t)(f->nodes.n + 1) * (sizeof(int32_t) + sizeof(uint32_t));
	uint64_t n = SHAPES_BYTES_MAX / bytes;

	return n > SHAPES_MAX ? SHAPES_MAX : n < SHAPES_MIN ? SHAPES_MIN : (uint32_t)n;
}

static uint32_t row_oldest(const shapes *all)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < all->n; i++)
		if (all->rows[i]->used_at < all->rows[oldest]->used_at)
			oldest = i;
	return oldest;
}

/* A fleet that has grown makes every row larger: fewer may be kept. */
static void rows_drop(shapes *all, uint32_t most)
{
	while (all->n > most) {
		uint32_t oldest = row_oldest(all);
		shape_free(all->rows[oldest]);
		all->rows[oldest] = all->rows[--all->n];
	}
	rows_hash(all);
}

/* A row for a new owner: a free one, or the one unused for longest. */
static shape **row_take(shapes *all, const fleet *f)
{
	if (all->n < rows_max(f)) {
		all->rows[all->n] = heap_new(1, sizeof(shape));
		return &all->rows[all->n++];
	}
	return &all->rows[row_oldest(all)];
}

static void shape_own(shape *s, const shape_key *k, uint64_t hash)
{
	s->hash = hash;
	s->key_n = k->n;
	memcpy(s->key, k->v, k->n);
	s->is_rated = false;
}

static shape *row_new(shapes *all, const fleet *f, const shape_key *k, uint64_t hash)
{
	shape *s = *row_take(all, f);

	shape_own(s, k, hash);
	rows_hash(all);
	return s;
}

static bool is_newcomer(shapes *all, uint64_t hash)
{
	uint32_t *seen = &all->seen[hash % SEEN_ROWS], print = (uint32_t)(hash >> 32) | 1;
	bool is_new = *seen != print;

	*seen = print;
	return is_new;
}

/* The row of this key; NULL when it is asked for the first time. */
static shape *row_for(shapes *all, const fleet *f, const shape_key *k, uint64_t hash)
{
	shape *s = row_find(all, k, hash);

	if (s)
		return s;
	return is_newcomer(all, hash) ? NULL : row_new(all, f, k, hash);
}

/* The guest comes among the rows as it is; who leaves them makes room for the next guest. */
static shape *guest_stay(shapes *all, const fleet *f)
{
	shape **row = row_take(all, f), *stays = all->guest;

	all->guest = *row;
	*row = stays;
	rows_hash(all);
	return stays;
}

/* Never NULL: a newcomer is the guest, until the next one comes. */
static shape *row_for_all(shapes *all, const fleet *f, const shape_key *k, uint64_t hash)
{
	shape *s = row_find(all, k, hash);

	if (s)
		return s;
	if (!all->guest)
		all->guest = heap_new(1, sizeof(shape));
	bool is_new = is_newcomer(all, hash);
	if (is_key(all->guest, k, hash))
		return guest_stay(all, f);
	if (!is_new)
		return row_new(all, f, k, hash);
	shape_own(all->guest, k, hash);
	return all->guest;
}

/* NULL for what is asked too seldom, and where so many rows could not be kept. */
static shape *row_for_often(shapes *all, const fleet *f, const shape_key *k, uint64_t hash)
{
	uint32_t most = rows_max(f);
	uint32_t mean = pace_note(&all->pace, hash);

	if (mean > SHAPES_OFTEN || mean > most)
		return NULL;
	shape *s = row_find(all, k, hash);
	return s ? s : row_new(all, f, k, hash);
}

static void shape_room(shape *s, const fleet *f, bool settles)
{
	uint32_t n = f->nodes.n;

	if (s->n_nodes == n && (s->tags != NULL) == settles)
		return;
	free(s->tags);
	s->tags = settles ? heap_new(n + 1, sizeof *s->tags) : NULL;
	s->ratings = heap_resize(s->ratings, (n + 1) * sizeof *s->ratings);
	s->best = heap_resize(s->best, (n / FLEET_BLOCK + 1) * sizeof *s->best);
	s->best_ratings = heap_resize(s->best_ratings, (n / FLEET_BLOCK + 1) * sizeof *s->best_ratings);
	free(s->lacks);
	s->lacks = NULL;
	s->n_nodes = n;
	s->is_rated = false;
}

static void miss_count(shape *s, int32_t rating, int32_t by)
{
	if (rating < 0 && rating != FIT_NO_NODE)
		s->misses[fit_rate_code(rating)] += by;
}

/* Of equal ranks the lower handle is first, whatever was looked at before. */
static bool is_before(const fleet *f, int32_t a, int32_t a_rating, int32_t b, int32_t b_rating)
{
	int32_t a_rank = f->views.v[a].rank, b_rank = f->views.v[b].rank;

	if (a_rating != b_rating)
		return a_rating > b_rating;
	return a_rank != b_rank ? a_rank < b_rank : a < b;
}

static int32_t settled(const shape *s, int32_t node)
{
	return s->tags ? fit_settle(s->need, s->ratings[node], s->tags[node]) : s->ratings[node];
}

/* The block's best follows one node without a look at the others, unless it was the best and is worse now. */
static void best_follow(shape *s, const fleet *f, int32_t node)
{
	int32_t *best = &s->best[node / FLEET_BLOCK], *best_rating = &s->best_ratings[node / FLEET_BLOCK];

	if (*best == BEST_UNKNOWN)
		return;
	int32_t rating = settled(s, node);
	if (*best == node && rating < *best_rating) {
		*best = BEST_UNKNOWN;
	} else if (rating >= 0 && (*best == FLEET_NONE || is_before(f, node, rating, *best, *best_rating))) {
		*best = node;
		*best_rating = rating;
	}
}

static void rate(shape *s, const fleet *f, const fit_need *need, int32_t node)
{
	uint32_t tag;

	s->ratings[node] = fit_rate_unsettled(f, need, node, &tag);
	if (s->tags)
		s->tags[node] = tag;
}

static void rate_as(shape *s, int32_t node, int32_t other)
{
	s->ratings[node] = s->ratings[other];
	if (s->tags)
		s->tags[node] = s->tags[other];
}

static void rate_node(shapes *all, shape *s, const fleet *f, const fit_need *need, int32_t node)
{
	int32_t before = s->ratings[node];
	uint32_t tag = s->tags ? s->tags[node] : 0;

	all->ratings++;
	if (s->lacks)
		s->lacks[node / FLEET_BLOCK].n = REASONS_UNKNOWN;
	rate(s, f, need, node);
	if (s->ratings[node] == before && (!s->tags || s->tags[node] == tag))
		return;
	miss_count(s, before, -1);
	miss_count(s, s->ratings[node], 1);
	best_follow(s, f, node);
}

static void rate_changed(shapes *all, shape *s, const fleet *f, const fit_need *need)
{
	for (uint64_t at = s->log_at; at < f->log_n; at++) {
		int32_t node = fleet_log_at(f, at);
		if (node != FLEET_NONE)
			rate_node(all, s, f, need, node);
	}
}

static void bests_forget(shape *s)
{
	for (uint32_t b = 0; b < s->n_nodes / FLEET_BLOCK; b++)
		s->best[b] = BEST_UNKNOWN;
}

static void lacks_forget(shape *s)
{
	for (uint32_t b = 0; s->lacks && b < s->n_nodes / FLEET_BLOCK; b++)
		s->lacks[b].n = REASONS_UNKNOWN;
}

static void rate_all(shapes *all, shape *s, const fleet *f, const fit_need *need)
{
	alike seen;

	seen.n = 0;
	memset(s->misses, 0, sizeof s->misses);
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const fleet_view *v = &f->views.v[i];
		int32_t first = v->is_pristine && need->is_common ? alike_first(&seen, v, (int32_t)i) : FLEET_NONE;
		if (first == FLEET_NONE)
			rate(s, f, need, (int32_t)i);
		else
			rate_as(s, (int32_t)i, first);
		miss_count(s, s->ratings[i], 1);
	}
	bests_forget(s);
	lacks_forget(s);
	all->ratings += s->n_nodes;
	s->is_rated = true;
}

/* A weighted score is not kept in two parts: it is stale when either moved. Both only grow. */
static uint64_t epoch_of(const fit_need *need)
{
	if (!need->tables)
		return 0;
	return need->tables->epoch + (need->a->n_weights ? need->tables->moves : 0);
}

/* Every rating of the row as the fleet is now. */
static void follow(shapes *all, shape *s, const fleet *f, const fit_need *need)
{
	uint64_t epoch = epoch_of(need), moves = fit_settles(need) && need->tables ? need->tables->moves : 0;

	shape_room(s, f, fit_settles(need));
	s->need = need;
	s->used_at = ++all->asked;
	/* Where only what settles has moved, the nodes themselves need no look. */
	if (s->rank_moves != f->rank_moves || s->moves != moves)
		bests_forget(s);
	if (!s->is_rated || s->epoch != epoch || !fleet_log_reaches(f, s->log_at))
		rate_all(all, s, f, need);
	else
		rate_changed(all, s, f, need);
	s->moves = moves;
	s->rank_moves = f->rank_moves;
	s->log_at = f->log_n;
	s->epoch = epoch;
}

typedef shape *row_rule(shapes *all, const fleet *f, const shape_key *k, uint64_t hash);

static shape *rate_by(shapes *all, const fleet *f, const fit_need *need, row_rule *rule)
{
	shape_key k;

	if (f->nodes.n != all->n_nodes) {
		all->n_nodes = f->nodes.n;
		if (all->n > rows_max(f))
			rows_drop(all, rows_max(f));
	}
	shape_key_of(&k, f, need);
	shape *s = k.is_cut ? NULL : rule(all, f, &k, shape_key_hash(&k));
	if (s)
		follow(all, s, f, need);
	return s;
}

shape *shapes_rate(shapes *all, const fleet *f, const fit_need *need)
{
	return rate_by(all, f, need, row_for);
}

shape *shapes_rate_each(shapes *all, const fleet *f, const fit_need *need)
{
	return rate_by(all, f, need, row_for_all);
}

shape *shapes_rate_often(shapes *all, const fleet *f, const fit_need *need)
{
	return rate_by(all, f, need, row_for_often);
}

static int32_t block_best(shape *s, const fleet *f, int32_t block)
{
	int32_t first = block * FLEET_BLOCK, best = FLEET_NONE, room[FLEET_BLOCK];
	const int32_t *ratings = &s->ratings[first];

	if (s->tags) {
		fit_settle_all(s->need, FLEET_BLOCK, ratings, &s->tags[first], room);
		ratings = room;
	}
	for (int32_t i = 0; i < FLEET_BLOCK; i++)
		if (ratings[i] >= 0 &&
			(best == FLEET_NONE || is_before(f, first + i, ratings[i], best, ratings[best - first])))
			best = first + i;
	s->best[block] = best;
	s->best_ratings[block] = best == FLEET_NONE ? -1 : ratings[best - first];
	return best;
}

int32_t shape_best(shape *s, const fleet *f, int32_t cluster, int32_t *ret_rating)
{
	const fleet_cluster *c = &f->clusters.v[cluster];
	int32_t best = FLEET_NONE;

	*ret_rating = -1;
	for (uint32_t i = 0; i < c->blocks.n; i++) {
		int32_t block = c->blocks.v[i], here = s->best[block];
		if (here == BEST_UNKNOWN)
			here = block_best(s, f, block);
		if (here == FLEET_NONE ||
			(best != FLEET_NONE && !is_before(f, here, s->best_ratings[block], best, *ret_rating)))
			continue;
		best = here;
		*ret_rating = s->best_ratings[block];
	}
	return best;
}

int32_t shape_rating(const shape *s, int32_t node)
{
	if (node < 0 || (uint32_t)node >= s->n_nodes)
		return FIT_NO_NODE;
	return s->tags ? fit_settle(s->need, s->ratings[node], s->tags[node]) : s->ratings[node];
}

const int32_t *shape_ratings(const shape *s, uint32_t *ret_n)
{
	*ret_n = s->tags ? 0 : s->n_nodes;
	return s->tags ? NULL : s->ratings;
}

const int32_t *shape_misses(const shape *s)
{
	return s->misses;
}

static void lacks_find(const shape *s, const fleet *f, const fit_need *need, int32_t block, lacks *l)
{
	tally_row row = {.nodes = 1};

	l->n = 0;
	for (row.node = block * FLEET_BLOCK; row.node < (block + 1) * FLEET_BLOCK; row.node++) {
		if (s->ratings[row.node] >= 0 || s->ratings[row.node] == FIT_NO_NODE)
			continue;
		fit_explain(f, need, row.node, &row.best);
		if (!tally_add(l->rows, &l->n, BLOCK_REASONS, &row)) {
			l->n = REASONS_MORE;
			return;
		}
	}
}

static const lacks *lacks_of(shape *s, const fleet *f, const fit_need *need, int32_t block)
{
	lacks *l = &s->lacks[block];

	if (l->n == REASONS_UNKNOWN)
		lacks_find(s, f, need, block, l);
	return l;
}

bool shape_tally(shape *s, const fleet *f, const fit_need *need, int32_t cluster, tally *ret)
{
	const fleet_cluster *c = &f->clusters.v[cluster];

	if (!s->lacks) {
		s->lacks = heap_new(s->n_nodes / FLEET_BLOCK + 1, sizeof *s->lacks);
		lacks_forget(s);
	}
	for (uint32_t i = 0; i < c->blocks.n; i++) {
		const lacks *l = lacks_of(s, f, need, c->blocks.v[i]);
		if (l->n == REASONS_MORE)
			return false;
		for (int32_t k = 0; k < l->n; k++)
			if (!tally_add(ret->rows, &ret->n, TALLY_ROWS_MAX, &l->rows[k]))
				return false;
	}
	return true;
}

uint64_t shapes_ratings(const shapes *all)
{
	return all->ratings;
}

uint32_t shapes_kept(const shapes *all)
{
	return all->n;
}
