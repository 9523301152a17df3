#include <string.h>

#include "engine/defrag/inside.h"

enum { FIND_LOOKS = 64 }; /* that one search by the finder counts as */

void avoid_clear(defrag *w)
{
	vec_clear(&w->avoid);
	vec_clear(&w->avoid_uuids);
	w->avoid_node = FLEET_NONE;
}

void avoid_device(defrag *w, int32_t device)
{
	vec_push(&w->avoid, device);
	vec_push(&w->avoid_uuids, w->f->device_uuids.v[device]);
}

void avoid_devices_of(defrag *w, int32_t at)
{
	const plan_pod *pod = pod_at(w, at);

	for (uint32_t i = pod->first; i < pod->first + pod->n; i++)
		avoid_device(w, plan_at(w, at)->devices.v[i].device);
}

static bool is_avoided(const defrag *w, int32_t device)
{
	for (uint32_t i = 0; i < w->avoid.n; i++)
		if (w->avoid.v[i] == device)
			return true;
	return false;
}

/* What a glance at the node can rule out. */
static bool view_allows(const fleet_view *v, const shape *s)
{
	const ask_entry *e = &s->entries[0];

	if (v->is_closed || v->is_crowded || v->n_open < e->count)
		return false;
	if (v->class_id != FLEET_NONE && v->class_id != s->classes[0])
		return false;
	if (v->free_cpu_milli < s->group.cpu_milli || v->free_memory_mib < s->group.memory_mib)
		return false;
	if (e->compute_milli >= SHARE_WHOLE_MILLI)
		return v->n_idle >= e->count;
	return v->max_free_memory_mib >= e->memory_mib && v->max_free_compute_milli >= e->compute_milli;
}

#define OPENS_IDLE ((int64_t)1 << 40)

/* How well a node suits, lower is better: a device that is shared already before an idle one, then what is left there.
 * INT64_MAX: it does not fit. */
static int64_t single_fits(defrag *w, const fleet_view *v, const shape *s)
{
	const ask_entry *e = &s->entries[0];
	int64_t best = INT64_MAX, compute = e->compute_milli > 0 ? e->compute_milli : 1;

	w->looks -= v->n_cells;
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *c = &w->f->cells.v[i];
		if (!c->has_slot || c->class_id != s->classes[0] || c->free_memory_mib < e->memory_mib)
			continue;
		if (compute >= SHARE_WHOLE_MILLI ? !c->is_idle : c->free_compute_milli < compute)
			continue;
		w->is_hopeless = false;
		int64_t rank = c->free_milli + (c->is_idle ? OPENS_IDLE : 0);
		if (rank < best && !is_avoided(w, w->f->cell_devices.v[i]))
			best = rank;
	}
	return best;
}

static int64_t node_fits(defrag *w, const fit_need *need, int32_t node)
{
	const fleet_view *v = &w->f->views.v[node];
	why_code code;

	w->looks -= v->n_cells;
	if (!fit_choose(w->f, need, node, &w->choice, &code))
		return INT64_MAX;
	return v->free_device_milli + (v->n_idle == v->n_open ? OPENS_IDLE : 0);
}

/* Also tells whether the shape has no place at all, with nothing avoided. */
static int32_t target_find(defrag *w, const shape *s, const fit_need *need, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];
	bool is_single = s->group.n_entries == 1 && s->entries[0].count == 1;
	int64_t best = INT64_MAX;
	int32_t found = FLEET_NONE;

	w->is_hopeless = is_single || (w->avoid.n == 0 && w->avoid_node == FLEET_NONE);
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		int32_t node = c->nodes.v[i];
		const fleet_view *v = &w->f->views.v[node];
		if (!view_allows(v, s))
			continue;
		int64_t rank = is_single ? single_fits(w, v, s) : node_fits(w, need, node);
		if (rank >= best || node == w->avoid_node)
			continue;
		best = rank;
		found = node;
	}
	w->looks -= (int64_t)c->nodes.n / 8;
	return found;
}

/* Charges would differ on a device of another size. */
static bool is_charged_alike(const defrag *w, int32_t at, const plan *to, uint32_t pod)
{
	const plan_pod *a = pod_at(w, at), *b = &to->pods.v[pod];

	for (uint32_t i = 0; i < a->n; i++)
		if (!amounts_eq(plan_at(w, at)->devices.v[a->first + i].charge, to->devices.v[b->first + i].charge))
			return false;
	return a->n == b->n;
}

static bool is_known_failure(const defrag *w, const shape *s)
{
	for (uint32_t i = 0; i < w->failed.n; i++) {
		const shape *f = &w->failed.v[i];
		if (f->group.n_entries == 1 && s->group.n_entries == 1 && f->classes[0] == s->classes[0] &&
			f->entries[0].count <= s->entries[0].count &&
			f->entries[0].memory_mib <= s->entries[0].memory_mib &&
			f->entries[0].compute_milli <= s->entries[0].compute_milli &&
			f->group.cpu_milli <= s->group.cpu_milli && f->group.memory_mib <= s->group.memory_mib)
			return true;
	}
	return false;
}

static int64_t idle_worth(const defrag *w, int32_t node, int64_t node_gain_milli)
{
	const fleet_view *v = &w->f->views.v[node];
	int64_t worth = (int64_t)v->n_idle * SHARE_WHOLE_MILLI;

	return worth + (v->n_cells > 0 && v->n_idle == v->n_cells ? v->n_cells * node_gain_milli : 0);
}

static void move_record(defrag *w, int32_t at)
{
	const running_pod *pod = &w->r->pods.v[at];

	vec_push(&w->ret->moves, ((defrag_move){pod->run, pod->pod}));
	w->ret->cost += w->r->runs.v[pod->run].terms.move_cost;
	w->moved.v[at] = 1;
}

void moves_cut(defrag *w, uint32_t keep)
{
	while (w->ret->moves.n > keep) {
		defrag_move m = vec_pop(&w->ret->moves);
		const running_row *row = &w->r->runs.v[m.run];
		w->ret->cost -= row->terms.move_cost;
		for (int32_t at = row->first_pod; at != FLEET_NONE; at = w->r->pods.v[at].sibling)
			if (w->r->pods.v[at].pod == m.pod)
				w->moved.v[at] = 0;
	}
	plan_cut(&w->ret->places, keep);
}

/* The pod's slices as fit_pick laid them may stand in another order of entries than in its plan: entries are numbered
 * anew, so that whoever reads the plan finds the entry that asked. */
static void renumber(const defrag *w, int32_t at, plan *to, uint32_t pod)
{
	const plan_pod *a = pod_at(w, at), *b = &to->pods.v[pod];

	for (uint32_t i = 0; i < b->n; i++)
		to->devices.v[b->first + i].entry = plan_at(w, at)->devices.v[a->first + i].entry;
}

static bool target_take(defrag *w, int32_t at, const fit_need *need, int32_t target)
{
	const plan_pod *pod = pod_at(w, at);
	plan *to = &w->ret->places;
	uint32_t n = to->pods.n;

	to->cluster = plan_at(w, at)->cluster;
	fit_pick(w->f, need, target, pod->group, pod->index, to);
	if (!is_charged_alike(w, at, to, n)) {
		plan_cut(to, n);
		return false;
	}
	renumber(w, at, to, n);
	return true;
}

/* The node, or else the devices, that the pod is to leave. */
static void avoid_close(defrag *w, bool on)
{
	if (w->avoid_node != FLEET_NONE) {
		fleet_node_flag(w->f, w->avoid_node, FLEET_CLOSED, on);
		return;
	}
	for (uint32_t i = 0; i < w->avoid.n; i++)
		fleet_device_flag(w->f, w->avoid.v[i], FLEET_CLOSED, on);
}

/* What the pod had asked for, as one pod of its cluster. */
static ask asked_of(const defrag *w, int32_t at, ask_group *ret_group)
{
	ask a = *w->terms->asked(w->terms->asked_arg, w->r->pods.v[at].run);

	*ret_group = a.groups[pod_at(w, at)->group];
	ret_group->replicas = ret_group->min_replicas = 1;
	a.groups = ret_group;
	a.n_groups = 1;
	a.clusters = &plan_at(w, at)->cluster;
	a.n_clusters = 1;
	if (!w->is_sweep)
		return a;
	a.n_weights = 0;
	a.node_policy = POLICY_BINPACK;
	if (a.device_policy != POLICY_HAMI_CHAIN)
		a.device_policy = POLICY_BINPACK;
	return a;
}

static bool is_alike(const defrag *w, int32_t at)
{
	const plan_device *before = &plan_at(w, at)->devices.v[pod_at(w, at)->first];

	for (uint32_t i = 0; i < w->found.devices.n; i++)
		if (w->f->devices.v[before[i].device].class_id !=
				w->f->devices.v[w->found.devices.v[i].device].class_id ||
			before[i].profile != w->found.devices.v[i].profile)
			return false;
	return is_charged_alike(w, at, &w->found, 0);
}

/* Where the finder places what was asked, off what is avoided. */
static bool target_by_finder(defrag *w, int32_t at)
{
	const plan_pod *pod = pod_at(w, at);
	ask_group g;
	ask a = asked_of(w, at, &g);
	plan *to = &w->ret->places;

	w->looks -= w->is_sweep ? FIND_LOOKS : 0;
	avoid_close(w, true);
	bool is_found = place_find(w->terms->finder, w->f, NULL, FLEET_NONE, &a, &w->found, NULL);
	if (is_found)
		fleet_unbook(w->f, &w->found);
	avoid_close(w, false);
	if (!is_found || w->found.devices.n != pod->n || (w->is_sweep && !is_alike(w, at)))
		return false;
	const plan_pod *found = &w->found.pods.v[0];
	to->cluster = plan_at(w, at)->cluster;
	plan_add_pod(to, pod->group, pod->index, found->node, found->cpu_milli, found->memory_mib);
	for (uint32_t i = 0; i < found->n; i++)
		plan_add_device(to, w->found.devices.v[i]);
	return true;
}

/* Where least is left for the pod as it stands. */
static bool target_by_search(defrag *w, int32_t at, shape *s)
{
	fit_need need;

	s->group.entries = s->entries;
	for (int32_t i = 0; i < s->group.n_entries; i++) {
		s->entries[i].classes = &s->classes[i];
		s->entries[i].uuids_excluded = (strs){w->avoid_uuids.v, w->avoid_uuids.n};
	}
	ask a = {.groups = &s->group, .n_groups = 1, .node_policy = POLICY_BINPACK, .device_policy = POLICY_BINPACK};
	fit_prepare(&need, &a, &s->group, NULL);
	int32_t target = target_find(w, s, &need, plan_at(w, at)->cluster);
	if (target == FLEET_NONE && w->is_hopeless)
		vec_push(&w->failed, *s);
	return target != FLEET_NONE && target_take(w, at, &need, target);
}

bool pod_move(defrag *w, int32_t at, int64_t node_gain_milli, int64_t *ret_gain)
{
	bool has_finder = w->terms->finder && (w->avoid_node != FLEET_NONE || w->is_sweep);
	int32_t source = pod_at(w, at)->node;
	shape s;

	if (!has_finder && (!shape_of(w, at, &s) || is_known_failure(w, &s)))
		return false;
	if (w->tries-- <= 0 || w->looks <= 0) {
		w->is_cut = true;
		return false;
	}
	if (has_finder ? !target_by_finder(w, at) : !target_by_search(w, at, &s))
		return false;
	uint32_t pod = w->ret->places.pods.n - 1;
	int32_t target = w->ret->places.pods.v[pod].node;
	int64_t before = idle_worth(w, source, node_gain_milli);
	if (target != source)
		before += idle_worth(w, target, node_gain_milli);
	fleet_book_range(w->f, &w->ret->places, pod, pod + 1);
	fleet_unbook_range(w->f, plan_at(w, at), w->r->pods.v[at].pod, w->r->pods.v[at].pod + 1);
	*ret_gain += idle_worth(w, source, node_gain_milli) - before;
	if (target != source)
		*ret_gain += idle_worth(w, target, node_gain_milli);
	move_record(w, at);
	return true;
}
