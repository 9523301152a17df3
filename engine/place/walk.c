#include "engine/place/inside.h"

enum { KINDS_MAX = 16 };

/* Untouched nodes that are built alike rate alike: of each kind the walk looks at the first. */
typedef struct kinds {
	int32_t n;
	fleet_view v[KINDS_MAX];
} kinds;

static bool is_alike(const fleet_view *a, const fleet_view *b)
{
	return a->class_id == b->class_id && a->n_cells == b->n_cells && a->min_memory_mib == b->min_memory_mib &&
	       a->free_cpu_milli == b->free_cpu_milli && a->free_memory_mib == b->free_memory_mib &&
	       a->max_free_compute_milli == b->max_free_compute_milli && a->free_device_milli == b->free_device_milli &&
	       a->max_free_memory_mib == b->max_free_memory_mib;
}

static bool was_seen(kinds *k, const fleet_view *v)
{
	for (int32_t i = 0; i < k->n; i++)
		if (is_alike(&k->v[i], v))
			return true;
	if (k->n < KINDS_MAX)
		k->v[k->n++] = *v;
	return false;
}

/* Where no shape is kept: every node by rising rank. */
static int32_t walk(place *w, const attempt *at, const fit_need *need, int32_t *ret_rating)
{
	const fleet_cluster *c = &w->f->clusters.v[at->cluster];
	int32_t best = FLEET_NONE, misses[WHY_COUNT] = {0};
	kinds seen = {.n = 0};

	*ret_rating = -1;
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		const fleet_view *v = &w->f->views.v[c->nodes.v[i]];
		if (v->is_pristine && need->is_common && was_seen(&seen, v))
			continue;
		int32_t rating = fit_rate(w->f, need, c->nodes.v[i]);
		if (rating < 0)
			misses[fit_rate_code(rating)]++;
		if (rating <= *ret_rating || rating < 0)
			continue;
		*ret_rating = rating;
		best = c->nodes.v[i];
	}
	if (best == FLEET_NONE)
		place_note(w, misses);
	return best;
}

/* The best node for the pod: first choice of class, then score, then rank. */
int32_t place_scan(place *w, attempt *at, const fit_need *need)
{
	shape *s = shapes_rate(w->shapes, w->f, need);

	if (!s)
		return walk(w, at, need, &at->rating);
	int32_t node = shape_best(s, w->f, at->cluster, &at->rating);
	if (node == FLEET_NONE)
		place_note(w, shape_misses(s));
	return node;
}
