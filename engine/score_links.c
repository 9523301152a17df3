#include "engine/score_links.h"

#include <string.h>

static int32_t index_of(const fleet *f, int32_t cell)
{
	return f->devices.v[f->cell_devices.v[cell]].index;
}

static void wire_pairs(score_wiring *w, const fleet *f, const fleet_view *v, const fleet_wiring *wiring)
{
	for (int32_t a = 0; a < w->t.n; a++) {
		int32_t from = index_of(f, v->first_cell + a);
		if (from < 0 || from >= wiring->n)
			continue;
		for (int32_t b = 0; b < w->t.n; b++) {
			int32_t to = index_of(f, v->first_cell + b);
			if (a != b && to >= 0 && to < wiring->n)
				w->weight[a * w->t.n + b] = wiring->weight[from * wiring->n + to];
		}
	}
}

void score_wire(score_wiring *w, const fleet *f, int32_t node, bool has_links)
{
	const fleet_view *v = &f->views.v[node];
	int32_t id = f->nodes.v[node].wiring;
	const fleet_wiring *wiring = id == FLEET_NONE ? NULL : &f->wirings.v[id];

	w->t = (topology){v->n_cells, w->weight, w->numa, w->group};
	memset(w->weight, 0, (size_t)v->n_cells * (size_t)v->n_cells * sizeof *w->weight);
	for (int32_t i = 0; i < v->n_cells; i++) {
		int32_t index = index_of(f, v->first_cell + i);
		bool is_grouped = wiring && wiring->group && index >= 0 && index < wiring->n;
		w->numa[i] = f->devices.v[f->cell_devices.v[v->first_cell + i]].numa;
		w->group[i] = is_grouped ? wiring->group[index] : LINK_NONE;
	}
	if (has_links && wiring)
		wire_pairs(w, f, v, wiring);
}

/* An average weight on a scale without an end. */
static int32_t rate(int64_t weight, int64_t pairs)
{
	int64_t average = pairs ? weight / pairs : 0;

	return (int32_t)(SCORE_MAX * average / (average + LINK_SCORE_NVLINK));
}

int32_t links_node(const score_case *c)
{
	const fleet_view *v = c->view;
	score_wiring w;
	uint64_t set = 0, others = 0;

	if (c->n_slices == 0)
		return 0;
	score_wire(&w, c->f, c->node, true);
	for (int32_t i = 0; i < c->n_slices; i++)
		set |= (uint64_t)1 << (c->slices[i].cell - v->first_cell);
	int64_t n = __builtin_popcountll(set);
	if (n > 1)
		return rate(link_weight(&w.t, set), n * (n - 1) / 2);
	for (int32_t i = 0; i < v->n_cells; i++)
		if (c->f->cells.v[v->first_cell + i].is_idle)
			others |= (uint64_t)1 << i;
	int64_t lost = link_weight(&w.t, others | set) - link_weight(&w.t, others & ~set);
	return SCORE_MAX - rate(lost, __builtin_popcountll(others & ~set));
}
