#include <assert.h>

#include "engine/defrag/inside.h"

enum { CANDIDATES = 32, FOUND_MAX = 256 };

/* The ask at hand, on one node after the other. */
typedef struct refused {
	const ask *a;
	ask tight;
	fit_need need;
	int32_t node;
	int32_t n_fit; /* devices that would do as they are */
	bool fits_now;
	int32_t n_found, n_moves;
} refused;

static int32_t class_rank(const ask_entry *e, int32_t class_id)
{
	for (int32_t i = 0; i < e->n_classes; i++)
		if (e->classes[i] == class_id)
			return i;
	return e->n_classes ? -1 : 0;
}

static bool device_fits(const defrag *w, const ask_entry *e, const fleet_cell *c)
{
	int64_t compute = fit_compute_milli(e, &w->f->classes.v[c->class_id]);

	if (!c->has_slot || class_rank(e, c->class_id) < 0 || c->free_memory_mib < fit_memory_mib(e, c->memory_mib))
		return false;
	return compute >= SHARE_WHOLE_MILLI ? c->is_idle : c->free_compute_milli >= (compute > 0 ? compute : 1);
}

static void slices_leave(const defrag *w, int32_t at, int32_t device, fleet_device *d)
{
	const plan_pod *pod = pod_at(w, at);

	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &plan_at(w, at)->devices.v[i];
		if (s->device != device)
			continue;
		d->used_memory_mib -= s->memory_mib;
		d->used_compute_milli -= s->compute_milli;
		d->sharers--;
		d->exclusive -= s->compute_milli >= SHARE_WHOLE_MILLI;
	}
}

/* Whether the device would do without the pods, and does not with them. */
static bool is_gained(defrag *w, const ask_entry *e, int32_t device, const int32_t pods[2])
{
	fleet_device d = w->f->devices.v[device];
	fleet_cell now = w->f->cells.v[d.cell];

	w->looks--;
	if (!now.is_open || class_rank(e, now.class_id) < 0 || device_fits(w, e, &now))
		return false;
	slices_leave(w, pods[0], device, &d);
	if (pods[1] != FLEET_NONE)
		slices_leave(w, pods[1], device, &d);
	now = fleet_cell_of(&d);
	return device_fits(w, e, &now);
}

static bool uses_device(const defrag *w, int32_t at, uint32_t before, int32_t device)
{
	const plan_pod *pod = pod_at(w, at);

	for (uint32_t i = pod->first; i < pod->first + (before < pod->n ? before : pod->n); i++)
		if (plan_at(w, at)->devices.v[i].device == device)
			return true;
	return false;
}

static int32_t devices_gained(defrag *w, const ask_entry *e, const int32_t pods[2])
{
	int32_t n = 0;

	for (int k = 0; k < 2 && pods[k] != FLEET_NONE; k++) {
		const plan_pod *pod = pod_at(w, pods[k]);
		for (uint32_t i = 0; i < pod->n; i++) {
			int32_t device = plan_at(w, pods[k])->devices.v[pod->first + i].device;
			bool is_seen = uses_device(w, pods[k], i, device) ||
				       (k && uses_device(w, pods[0], UINT32_MAX, device));
			n += !is_seen && is_gained(w, e, device, pods);
		}
	}
	return n;
}

static bool host_fits(const defrag *w, const refused *x, const int32_t pods[2])
{
	const fleet_view *v = &w->f->views.v[x->node];
	int64_t cpu = v->free_cpu_milli, memory = v->free_memory_mib;

	for (int k = 0; k < 2 && pods[k] != FLEET_NONE; k++) {
		cpu += pod_at(w, pods[k])->cpu_milli;
		memory += pod_at(w, pods[k])->memory_mib;
	}
	return cpu >= x->need.group->cpu_milli && memory >= x->need.group->memory_mib;
}

/* Whether the ask would fit the node without the pods: at a glance for one entry that names no device, else by trial.
 */
static bool fits_without(defrag *w, refused *x, const int32_t pods[2])
{
	const ask_group *g = x->need.group;
	why_code code;

	if (!host_fits(w, x, pods))
		return false;
	if (g->n_entries == 1 && !g->entries[0].uuids.n && !g->entries[0].uuids_excluded.n)
		return x->n_fit + devices_gained(w, &g->entries[0], pods) >= g->entries[0].count;
	w->looks -= 16;
	uint32_t trial = fleet_try(w->f);
	for (int k = 0; k < 2 && pods[k] != FLEET_NONE; k++)
		fleet_unbook_range(w->f, plan_at(w, pods[k]), w->r->pods.v[pods[k]].pod, w->r->pods.v[pods[k]].pod + 1);
	bool fits = fit_choose(w->f, &x->need, x->node, &w->choice, &code);
	fleet_undo(w->f, trial);
	return fits;
}

/* Whether the pods could free enough devices, whatever their sizes. */
static bool may_do(const defrag *w, const refused *x, int32_t a, int32_t b)
{
	const ask_group *g = x->need.group;
	const running_pod *one = &w->r->pods.v[a], *two = b == FLEET_NONE ? NULL : &w->r->pods.v[b];

	if (g->n_entries != 1)
		return true;
	if (x->n_fit >= g->entries[0].count)
		return true;
	if (g->entries[0].count - x->n_fit > one->n_devices + (two ? two->n_devices : 0))
		return false;
	/* Two that share no device help together only where each frees one. */
	bool is_apart = two && one->n_devices == 1 && two->n_devices == 1 && one->device != two->device;
	return !is_apart || g->entries[0].count - x->n_fit == 2;
}

static void consider(defrag *w, refused *x, int32_t a, int32_t b)
{
	int32_t pods[2] = {a, b};

	w->looks--;
	if (!may_do(w, x, a, b) || !fits_without(w, x, pods))
		return;
	x->n_found++;
	candidate c = {.node = x->node, .device = a, .pods = {a, b}};
	for (int k = 0; k < 2 && pods[k] != FLEET_NONE; k++) {
		c.cost += w->r->runs.v[w->r->pods.v[pods[k]].run].terms.move_cost;
		c.milli += running_pod_milli(plan_at(w, pods[k]), w->r->pods.v[pods[k]].pod);
	}
	candidate_keep(w, &c, CANDIDATES);
}

/* Whether the node could serve the ask at all; notes what it could as it is. */
static bool node_begin(defrag *w, refused *x, int32_t node)
{
	const fleet_view *v = &w->f->views.v[node];
	const ask_group *g = x->need.group;
	why_code code;

	assert(g);
	x->node = node;
	x->n_fit = 0;
	if (v->is_closed || w->looks <= 0)
		return false;
	if (g->n_entries != 1)
		return true;
	if (v->n_open < g->entries[0].count ||
		(v->class_id != FLEET_NONE && class_rank(&g->entries[0], v->class_id) < 0))
		return false;
	w->looks -= v->n_cells / 4;
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++)
		x->n_fit += device_fits(w, &g->entries[0], &w->f->cells.v[i]);
	if (x->n_fit >= g->entries[0].count)
		x->fits_now |= fit_choose(w->f, &x->need, node, &w->choice, &code);
	return g->entries[0].count - x->n_fit <= x->n_moves * w->r->max_devices;
}

static void scan_node(defrag *w, refused *x, int32_t node)
{
	if (!node_begin(w, x, node))
		return;
	running_each(a, w->r, node)
	{
		if (!pod_is_movable(w, a) || w->looks <= 0)
			continue;
		if (x->n_moves == 1) {
			consider(w, x, a, FLEET_NONE);
			continue;
		}
		for (int32_t b = w->r->pods.v[a].next; b != FLEET_NONE && w->looks > 0; b = w->r->pods.v[b].next)
			if (pod_is_movable(w, b))
				consider(w, x, a, b);
	}
}

static bool may_use(const defrag *w, const ask *a, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];
	bool is_named = a->n_clusters == 0;

	for (int32_t i = 0; i < a->n_clusters; i++)
		is_named |= a->clusters[i] == cluster;
	for (int32_t i = 0; i < a->n_clusters_excluded; i++)
		is_named &= a->clusters_excluded[i] != cluster;
	return c->is_live && c->flags == 0 && is_named;
}

static void scan(defrag *w, refused *x)
{
	vec_clear(&w->best);
	x->n_found = 0;
	for (int32_t c = 0; (uint32_t)c < w->f->clusters.n; c++) {
		const fleet_cluster *cluster = &w->f->clusters.v[c];
		for (uint32_t i = 0; may_use(w, x->a, c) && i < cluster->nodes.n && x->n_found < FOUND_MAX; i++)
			scan_node(w, x, cluster->nodes.v[i]);
	}
	w->is_cut |= w->looks <= 0;
}

/* Whether targets are found for the candidate's pods, off the node or on it, and the ask fits then. */
static bool candidate_works(defrag *w, refused *x, const candidate *c, int32_t avoid_node)
{
	uint32_t trial = fleet_try(w->f);
	int64_t gain = 0;
	bool works = true;
	why_code code;

	avoid_clear(w);
	w->avoid_node = avoid_node;
	for (int k = 0; k < 2 && c->pods[k] != FLEET_NONE; k++)
		avoid_devices_of(w, c->pods[k]);
	for (int k = 0; k < 2 && works && c->pods[k] != FLEET_NONE; k++)
		works = pod_move(w, c->pods[k], 0, &gain);
	works = works && fit_choose(w->f, &x->need, c->node, &w->choice, &code);
	fleet_undo(w->f, trial);
	if (works)
		w->ret->gain_milli = w->choice.device_milli;
	else
		moves_cut(w, 0);
	return works;
}

bool defrag_for_ask(defrag *w, fleet *f, const running *r, const ask *a, const defrag_terms *t, defrag_plan *ret)
{
	refused x = {.a = a, .tight = *a};
	bool is_found = false;

	defrag_begin(w, f, r, t, ret);
	if (a->n_groups != 1 || a->groups[0].min_replicas != 1)
		return false;
	w->tries = DEFRAG_TRIES;
	w->looks = t->looks_max ? t->looks_max : DEFRAG_ASK_LOOKS;
	x.tight.node_policy = x.tight.device_policy = POLICY_BINPACK;
	fit_prepare(&x.need, &x.tight, &a->groups[0], NULL);
	for (x.n_moves = 1; x.n_moves <= t->moves_max && x.n_moves <= 2 && !is_found; x.n_moves++) {
		scan(w, &x);
		if (x.fits_now)
			return true;
		for (uint32_t i = 0; i < w->best.n && !is_found && w->tries > 0; i++) {
			candidate c = w->best.v[i];
			is_found = candidate_works(w, &x, &c, c.node) || candidate_works(w, &x, &c, FLEET_NONE);
		}
	}
	ret->is_cut = w->is_cut && !is_found;
	return is_found;
}
