#include "engine/fit/inside.h"

/* What the entry would take of a device of this class and size. */
static void memo_fill(fit_memo *m, const fleet *f, const fit_need *need, const fleet_view *v)
{
	const ask_entry *e = &need->group->entries[0];
	fleet_cell cell = {.class_id = v->class_id, .memory_mib = v->min_memory_mib};
	score_slice slice = fit_slice_of(f, e, &cell);

	m->class_id = v->class_id;
	m->memory_mib = v->min_memory_mib;
	m->most_milli = slice.milli * e->count;
	/* A larger device of the class would give an amount of memory for a smaller share. */
	m->least_milli =
		e->memory_mib && slice.compute_milli < slice.milli ? slice.compute_milli * e->count : m->most_milli;
	m->rank = fit_rank_of(e, v->class_id);
}

/* The most that the node can rate; below 0: the pod does not fit. */
static int32_t bound_of(const fleet *f, const fit_need *need, int32_t node, int32_t beat, const fit_memo *m)
{
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;
	bool has_rank = g->n_entries && !g->entries[0].classes_equal;
	score_case c = {.f = f,
		.tables = need->tables,
		.a = need->a,
		.group = g,
		.view = v,
		.node = node,
		.device_milli = m->most_milli};

	if (v->free_cpu_milli < g->cpu_milli || v->free_memory_mib < g->memory_mib)
		return -1;
	if (g->n_entries && (m->rank < 0 || fit_is_hopeless(f, v, &g->entries[0])))
		return -1;
	int32_t above = fit_rating(0, has_rank ? m->rank : 0);
	return above + score_policies[need->node_policy].bound(&c, m->least_milli, beat - above);
}

bool fit_may_beat(const fleet *f, const fit_need *need, int32_t node, int32_t beat, fit_memo *m)
{
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;

	if (!score_policies[need->node_policy].bound || need->a->n_weights || v->class_id == FLEET_NONE)
		return true;
	if (g->n_entries > 1 || (g->n_entries && !fit_is_plain(v, need)))
		return true;
	if (g->n_entries && (m->class_id != v->class_id || m->memory_mib != v->min_memory_mib))
		memo_fill(m, f, need, v);
	return bound_of(f, need, node, beat, m) > beat;
}
