#include <assert.h>

#include "engine/defrag/inside.h"

enum { CANDIDATES = 64, RESIDENTS_MAX = 128 };

/* A pod of the node at hand that may move, and at what cost. */
typedef struct resident {
	int64_t cost;
	int32_t at, n_devices;
} resident;

/* The ask at hand, on one node after the other. */
typedef struct refused {
	const ask *a;
	ask tight;
	fit_need need;
	int32_t node;
	int32_t n_fit;     /* devices that would do as they are */
	int64_t milli;     /* of device, that it takes */
	int64_t cost_most; /* of moves that pay here; of pairs, the cheapest found on the node */
	bool fits_now, has_pairs;
	candidate pair;
	int32_t n_residents;
	resident residents[RESIDENTS_MAX];
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
	return cpu >= x->a->groups->cpu_milli && memory >= x->a->groups->memory_mib;
}

/* Whether the ask would fit the node without the pods: at a glance for one entry that names no device, else by trial.
 */
static bool fits_without(defrag *w, refused *x, const int32_t pods[2])
{
	const ask_group *g = x->a->groups;
	why_code code;

	if (!host_fits(w, x, pods))
		return false;
	if (x->need.is_simple)
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
	const ask_group *g = x->a->groups;
	const running_pod *one = &w->r->pods.v[a], *two = b == FLEET_NONE ? NULL : &w->r->pods.v[b];

	if (!x->need.is_simple)
		return true;
	if (x->n_fit >= g->entries[0].count)
		return true;
	if (g->entries[0].count - x->n_fit > one->n_devices + (two ? two->n_devices : 0))
		return false;
	/* Two that share no device help together only where each frees one. */
	bool is_apart = two && one->n_devices == 1 && two->n_devices == 1 && one->device != two->device;
	return !is_apart || g->entries[0].count - x->n_fit == 2;
}

static int64_t moved_milli(const defrag *w, int32_t at)
{
	return running_pod_milli(plan_at(w, at), w->r->pods.v[at].pod);
}

static bool consider_one(defrag *w, refused *x, const resident *a)
{
	int32_t pods[2] = {a->at, FLEET_NONE};

	w->looks--;
	if (!may_do(w, x, a->at, FLEET_NONE) || !fits_without(w, x, pods))
		return false;
	candidate c = {.node = x->node, .device = a->at, .pods = {a->at, FLEET_NONE}, .cost = a->cost};
	c.milli = moved_milli(w, a->at);
	candidate_keep(w, &c, CANDIDATES);
	return true;
}

static void consider_pair(defrag *w, refused *x, const resident *a, const resident *b)
{
	int32_t pods[2] = {a->at, b->at};
	int64_t cost = a->cost + b->cost;

	w->looks--;
	if (cost > x->cost_most || !may_do(w, x, a->at, b->at))
		return;
	int64_t milli = moved_milli(w, a->at) + moved_milli(w, b->at);
	bool is_better = x->pair.pods[0] == FLEET_NONE || cost < x->cost_most || milli < x->pair.milli;
	if (!is_better || !fits_without(w, x, pods))
		return;
	x->cost_most = cost;
	x->pair = (candidate){.node = x->node,
		.device = a->at,
		.pods = {a->at, b->at},
		.cost = cost + w->terms->pair_cost,
		.milli = milli};
}

/* Lists who may move off the node. False: two of them cannot free enough devices, whoever they are. */
static bool residents_list(defrag *w, refused *x)
{
	int32_t most = 0, second = 0;

	x->n_residents = 0;
	running_each(at, w->r, x->node)
	{
		resident one = {w->r->runs.v[w->r->pods.v[at].run].terms.move_cost, at, w->r->pods.v[at].n_devices};
		w->looks--;
		if (one.cost > x->cost_most || x->n_residents == RESIDENTS_MAX || !pod_is_movable(w, at))
			continue;
		x->residents[x->n_residents++] = one;
		second = one.n_devices > most ? most : one.n_devices > second ? one.n_devices : second;
		most = one.n_devices > most ? one.n_devices : most;
	}
	return !x->need.is_simple || x->n_fit + most + (x->has_pairs ? second : 0) >= x->a->groups[0].entries[0].count;
}

/* What the ask would take of devices like the node's first that it may use. */
static int64_t milli_on(const defrag *w, const refused *x, const fleet_view *v)
{
	int64_t milli = 0;

	for (int32_t k = 0; k < x->a->groups[0].n_entries; k++) {
		const ask_entry *e = &x->a->groups[0].entries[k];
		int32_t i = v->first_cell, end = v->first_cell + v->n_cells;
		while (i < end && class_rank(e, w->f->cells.v[i].class_id) < 0)
			i++;
		if (i == end)
			continue;
		const fleet_cell *c = &w->f->cells.v[i];
		int64_t compute = fit_compute_milli(e, &w->f->classes.v[c->class_id]);
		milli += e->count * share_milli(fit_memory_mib(e, c->memory_mib), compute, c->memory_mib);
	}
	return milli;
}

/* Whether the node could serve the ask at all; notes what it could as it is. */
static bool node_begin(defrag *w, refused *x, int32_t node)
{
	const fleet_view *v = &w->f->views.v[node];
	const fleet_node *row = &w->f->nodes.v[node];
	const ask_group *g = x->a->groups;
	why_code code;

	assert(g);
	x->node = node;
	x->n_fit = 0;
	if (v->is_closed || w->looks <= 0 || row->cpu_milli < g->cpu_milli || row->memory_mib < g->memory_mib)
		return false;
	x->milli = milli_on(w, x, v);
	x->cost_most = w->terms->gain_min_milli > 0 ? x->milli / w->terms->gain_min_milli : INT64_MAX;
	if (!x->need.is_simple)
		return true;
	if (v->n_open < g->entries[0].count ||
		(v->class_id != FLEET_NONE && class_rank(&g->entries[0], v->class_id) < 0))
		return false;
	w->looks -= v->n_cells / 4;
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++)
		x->n_fit += device_fits(w, &g->entries[0], &w->f->cells.v[i]);
	if (x->n_fit >= g->entries[0].count)
		x->fits_now |= fit_choose(w->f, &x->need, node, &w->choice, &code);
	return true;
}

/* Pairs only where none does alone: they are dearer, and many. */
static void scan_node(defrag *w, refused *x, int32_t node)
{
	bool is_any = false;

	if (!node_begin(w, x, node) || !residents_list(w, x))
		return;
	for (int32_t i = 0; i < x->n_residents && w->looks > 0; i++)
		is_any |= consider_one(w, x, &x->residents[i]);
	if (is_any || !x->has_pairs || x->milli < w->terms->pair_ask_milli)
		return;
	x->pair.pods[0] = FLEET_NONE;
	for (int32_t i = 0; i < x->n_residents; i++)
		for (int32_t k = i + 1; k < x->n_residents && w->looks > 0; k++)
			consider_pair(w, x, &x->residents[i], &x->residents[k]);
	if (x->pair.pods[0] != FLEET_NONE)
		candidate_keep(w, &x->pair, CANDIDATES);
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
	for (int32_t c = 0; (uint32_t)c < w->f->clusters.n; c++) {
		const fleet_cluster *cluster = &w->f->clusters.v[c];
		for (uint32_t i = 0; may_use(w, x->a, c) && i < cluster->nodes.n; i++)
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
	x.tight.node_policy = POLICY_BINPACK;
	/* A chain of HAMi's may ask for idle devices or linked ones: that is no matter of taste. */
	if (a->device_policy != POLICY_HAMI_CHAIN)
		x.tight.device_policy = POLICY_BINPACK;
	fit_prepare(&x.need, &x.tight, &a->groups[0], NULL);
	x.has_pairs = t->moves_max > 1;
	if (t->moves_max > 0)
		scan(w, &x);
	if (x.fits_now)
		return true;
	for (uint32_t i = 0; i < w->best.n && !is_found && w->tries > 0; i++) {
		candidate c = w->best.v[i];
		is_found = candidate_works(w, &x, &c, c.node) || candidate_works(w, &x, &c, FLEET_NONE);
	}
	ret->is_cut = w->is_cut && !is_found;
	return is_found;
}
