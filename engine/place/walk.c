#include "engine/alike.h"
#include "engine/place/inside.h"

/* Where no shape is kept: every node by rising rank. */
static int32_t walk(place *w, const attempt *at, const fit_need *need, int32_t *ret_rating)
{
	const fleet_cluster *c = &w->f->clusters.v[at->cluster];
	int32_t best = FLEET_NONE, misses[WHY_COUNT] = {0};
	fit_memo memo = {.class_id = FLEET_NONE};
	alike seen;

	seen.n = 0;
	*ret_rating = -1;
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		const fleet_view *v = &w->f->views.v[c->nodes.v[i]];
		if (v->is_pristine && need->is_common && alike_first(&seen, v, c->nodes.v[i]) != FLEET_NONE)
			continue;
		if (best != FLEET_NONE && !fit_may_beat(w->f, need, c->nodes.v[i], *ret_rating, &memo))
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
