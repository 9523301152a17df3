#include <string.h>

#include "engine/defrag/inside.h"

enum { CANDIDATES = 64, WORTH_SCALE = 1024 };

/* What runs on one device, as listed. */
typedef struct tenants {
	int32_t n;
	int64_t cost, milli;
	bool is_stuck; /* one of them may not move, or has other devices too */
} tenants;

typedef struct sweep {
	const defrag_terms *terms;
	int32_t node, n_pods, moves_left;
	int64_t cost, milli;
	bool is_stuck;
	tenants by_cell[FLEET_NODE_DEVICES_MAX];
} sweep;

static void pod_count(defrag *w, sweep *s, int32_t at)
{
	const plan_pod *pod = pod_at(w, at);
	int64_t cost = w->r->runs.v[w->r->pods.v[at].run].terms.move_cost;
	bool may_move = pod_is_movable(w, at);

	s->n_pods++;
	s->cost += cost;
	s->is_stuck |= !may_move || pod->n == 0;
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *slice = &plan_at(w, at)->devices.v[i];
		tenants *t = &s->by_cell[w->f->devices.v[slice->device].cell - w->f->views.v[s->node].first_cell];
		t->n++;
		t->cost += cost;
		t->milli += slice->charge.v[AXIS_DEVICE_MILLI];
		t->is_stuck |= !may_move || pod->n > 1;
		s->milli += slice->charge.v[AXIS_DEVICE_MILLI];
	}
	w->looks -= 1 + pod->n;
}

static void offer(defrag *w, const sweep *s, int32_t device, int64_t gain, int64_t cost, int64_t milli)
{
	candidate c = {.cost = cost, .milli = milli, .node = s->node, .device = device};

	c.worth = gain * WORTH_SCALE / (cost + 1);
	if (gain >= s->terms->gain_min_milli * cost)
		candidate_keep(w, &c, CANDIDATES);
}

/* Whoever was moved here in this plan is not listed here: such a device holds more than is listed, and stays. */
static void scan_node(defrag *w, sweep *s, int32_t node)
{
	const fleet_view *v = &w->f->views.v[node];
	int32_t n_busy = 0;

	if (v->is_closed || v->n_idle == v->n_cells || w->looks <= 0)
		return;
	s->node = node;
	s->n_pods = 0;
	s->cost = s->milli = 0;
	s->is_stuck = false;
	memset(s->by_cell, 0, (size_t)v->n_cells * sizeof *s->by_cell);
	running_each(at, w->r, node) if (!w->moved.v[at]) pod_count(w, s, at);
	for (int32_t i = 0; i < v->n_cells; i++) {
		const tenants *t = &s->by_cell[i];
		int32_t device = w->f->cell_devices.v[v->first_cell + i];
		n_busy += !w->f->cells.v[v->first_cell + i].is_idle;
		if (w->f->cells.v[v->first_cell + i].is_open && t->n > 0 && t->n <= s->moves_left && !t->is_stuck &&
			t->n == w->f->devices.v[device].sharers)
			offer(w, s, device, SHARE_WHOLE_MILLI, t->cost, t->milli);
	}
	if (s->is_stuck || s->n_pods == 0 || s->n_pods > s->moves_left || s->n_pods != w->f->nodes.v[node].pods)
		return;
	if (v->is_partial)
		return;
	offer(w, s, FLEET_NONE, (int64_t)n_busy * SHARE_WHOLE_MILLI + v->n_cells * s->terms->node_gain_milli, s->cost,
		s->milli);
}

static bool is_on(const defrag *w, int32_t at, int32_t device)
{
	const plan_pod *pod = pod_at(w, at);

	for (uint32_t i = pod->first; i < pod->first + pod->n; i++)
		if (device == FLEET_NONE || plan_at(w, at)->devices.v[i].device == device)
			return true;
	return false;
}

/* The pods to move, the largest first: they have the fewest targets. False: one of them has moved already. */
static bool list_pods(defrag *w, const candidate *c)
{
	vec_clear(&w->pods);
	running_each(at, w->r, c->node)
	{
		if (!is_on(w, at, c->device))
			continue;
		if (w->moved.v[at])
			return false;
		int64_t milli = running_pod_milli(plan_at(w, at), w->r->pods.v[at].pod);
		vec_push(&w->pods, at);
		uint32_t i = w->pods.n - 1;
		for (; i > 0; i--) {
			int32_t other = w->pods.v[i - 1];
			if (running_pod_milli(plan_at(w, other), w->r->pods.v[other].pod) >= milli)
				break;
			w->pods.v[i] = other;
		}
		w->pods.v[i] = at;
	}
	return true;
}

/* Empties the device or node in a trial, and keeps it where more was won than it cost. */
static bool candidate_do(defrag *w, const sweep *s, const candidate *c)
{
	uint32_t base = w->ret->moves.n;
	int64_t gain = 0, spent = w->ret->cost;
	bool works = true;

	if (!list_pods(w, c) || (int32_t)w->pods.n > s->moves_left)
		return false;
	avoid_clear(w);
	vec_clear(&w->failed);
	if (c->device == FLEET_NONE)
		w->avoid_node = c->node;
	else
		avoid_device(w, c->device);
	uint32_t trial = fleet_try(w->f);
	for (uint32_t i = 0; i < w->pods.n && works; i++)
		works = pod_move(w, w->pods.v[i], s->terms->node_gain_milli, &gain);
	if (works && gain > 0 && gain >= s->terms->gain_min_milli * (w->ret->cost - spent)) {
		w->ret->gain_milli += gain;
		fleet_keep(w->f, trial);
		return true;
	}
	fleet_undo(w->f, trial);
	moves_cut(w, base);
	return false;
}

static bool pass(defrag *w, sweep *s, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];
	bool is_any = false;

	vec_clear(&w->best);
	for (uint32_t i = 0; i < c->nodes.n; i++)
		scan_node(w, s, c->nodes.v[i]);
	for (uint32_t i = 0; i < w->best.n; i++) {
		candidate next = w->best.v[i];
		is_any |= candidate_do(w, s, &next);
		s->moves_left = s->terms->moves_max - (int32_t)w->ret->moves.n;
	}
	return is_any;
}

void defrag_cluster(defrag *w, fleet *f, const running *r, int32_t cluster, const defrag_terms *t, defrag_plan *ret)
{
	sweep s = {.terms = t, .moves_left = t->moves_max};

	defrag_begin(w, f, r, t, ret);
	w->is_sweep = true;
	if (f->clusters.v[cluster].flags)
		return;
	uint32_t trial = fleet_try(f);
	for (int i = 0; i < DEFRAG_PASSES && s.moves_left > 0; i++)
		if (!pass(w, &s, cluster))
			break;
	fleet_undo(f, trial);
	ret->is_cut = w->is_cut || w->looks <= 0;
}
