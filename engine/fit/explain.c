#include <assert.h>

#include "engine/fit/inside.h"
#include "engine/score_hami.h"

static bool fail(fit_miss *miss, why_code code, int32_t class_id, axis a, int64_t need, int64_t free)
{
	*miss = (fit_miss){code, class_id, a, need, free};
	return false;
}

static bool traits_fit(const fleet_node *n, const ask_group *g, fit_miss *miss)
{
	why_code code = fit_traits_code(n, g);

	return !code || fail(miss, code, FLEET_NONE, AXIS_DEVICE_MILLI, 1, 0);
}

static bool host_fits(const fleet_node *n, const ask_group *g, fit_miss *miss)
{
	int64_t free_cpu = n->cpu_milli - n->used_cpu_milli, free_memory = n->memory_mib - n->used_memory_mib;

	if (n->flags)
		return fail(miss, WHY_NODE_CLOSED, FLEET_NONE, AXIS_DEVICE_MILLI, 1, 0);
	if (n->pods >= n->pods_max)
		return fail(miss, WHY_NODE_PODS, FLEET_NONE, AXIS_DEVICE_MILLI, 1, 0);
	if (free_cpu < g->cpu_milli && g->cpu_milli > 0) {
		why_code code = n->cpu_milli < g->cpu_milli ? WHY_NODE_CPU_TOTAL : WHY_NODE_CPU;
		return fail(miss, code, FLEET_NONE, AXIS_COMPUTE_MILLI, g->cpu_milli, free_cpu > 0 ? free_cpu : 0);
	}
	if (free_memory < g->memory_mib && g->memory_mib > 0) {
		why_code code = n->memory_mib < g->memory_mib ? WHY_NODE_MEMORY_TOTAL : WHY_NODE_MEMORY;
		return fail(miss, code, FLEET_NONE, AXIS_MEMORY_MIB, g->memory_mib, free_memory > 0 ? free_memory : 0);
	}
	return true;
}

static int32_t first_class(const ask_entry *e)
{
	return e->n_classes ? e->classes[0] : FLEET_NONE;
}

/* What the devices of one node offer to one entry. */
typedef struct offer {
	int32_t n_class, n_blocked, n_open, n_large,
		n_fit;                               /* devices: wanted, ... of those open, ... big enough, ... free */
	int32_t n_ruled;                             /* wanted, but the class is not given in this number or form */
	int32_t n_cut;                               /* open and cut into instances */
	int32_t count;                               /* devices that would be given */
	int64_t free_memory_mib, free_compute_milli; /* the most on one */
	int64_t need_memory_mib, need_compute_milli;
	int64_t largest_mib; /* capacity of the largest, open or not */
	int32_t scope;       /* the class that is looked at; FLEET_NONE: devices of several together */
	int32_t class_id;
} offer;

/* The largest instance that has a place on d. */
static int64_t largest_place(const fleet_device *d)
{
	int64_t most = 0;

	for (int32_t p = 0; p < d->geometry->n_profiles; p++)
		if (d->geometry->profiles[p].memory_mib > most && geometry_starts(d->geometry, &d->state, p))
			most = d->geometry->profiles[p].memory_mib;
	return most;
}

/* What the entry needs of an empty device: false when that has no form for it. */
static bool offer_need(offer *o, const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d,
	const fleet_cell *cell)
{
	if (!cell->is_cut) {
		score_slice s = fit_slice_of(f, e, cell);
		o->need_memory_mib = s.memory_mib == INT32_MAX ? fit_memory_mib(e, d->memory_mib) : s.memory_mib;
		o->need_compute_milli = s.compute_milli;
		return !e->profile.n;
	}
	int32_t profile = fit_profile_of(f, need, e, d, NULL);
	o->n_cut++;
	o->need_memory_mib = fit_memory_mib(e, d->memory_mib);
	o->need_compute_milli = fit_compute_milli(e, &f->classes.v[d->class_id]);
	if (profile == GEOMETRY_NONE)
		return !e->profile.n;
	o->need_memory_mib = d->geometry->profiles[profile].memory_mib;
	o->need_compute_milli = geometry_compute_milli(d->geometry, profile);
	return true;
}

static void offer_free(offer *o, const fleet_device *d, const fleet_cell *cell, int64_t compute_milli)
{
	int64_t memory_mib = cell->is_cut ? largest_place(d) : fleet_free_memory_mib(d);

	if (d->sharers >= d->slots || (cell->is_cut && !cell->has_slot))
		return;
	if (memory_mib > o->free_memory_mib)
		o->free_memory_mib = memory_mib;
	if (compute_milli > o->free_compute_milli)
		o->free_compute_milli = compute_milli;
}

static void offer_add(offer *o, const fleet *f, const fit_need *need, const ask_entry *e, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];
	int32_t count = fit_count(f, e, d->class_id, d->memory_mib);
	bool is_alone = o->scope == FLEET_NONE && fit_stands_alone(f, e, d->class_id, d->memory_mib);
	fleet_cell cell = f->cells.v[d->cell];
	score_slice s;

	if (fit_rank_of(e, d->class_id) < 0 || d->flags & FLEET_GONE || !fit_may_use(f, e, device) || is_alone)
		return;
	if (o->scope != FLEET_NONE && o->scope != d->class_id)
		return;
	o->n_class++;
	o->class_id = d->class_id;
	o->n_blocked += fit_is_blocked(need, d->class_id);
	if (d->memory_mib > o->largest_mib)
		o->largest_mib = d->memory_mib;
	bool has_form = offer_need(o, f, need, e, d, &cell);
	o->n_ruled += count == 0 || !has_form;
	o->count = count > o->count ? count : o->count;
	if (fit_is_blocked(need, d->class_id) || d->flags)
		return;
	o->n_open++;
	bool is_served = !cell.is_cut || e->profile.n || fit_profile_of(f, need, e, d, NULL) != GEOMETRY_NONE;
	int64_t withheld_milli = fleet_withheld_milli(&f->classes.v[d->class_id], need->a->priority);
	o->n_large += is_served && o->need_memory_mib <= d->memory_mib &&
		      o->need_compute_milli <= d->compute_milli - withheld_milli;
	bool may_join = cell.is_idle || !hami_has(need->a, need->device_policy, HAMI_MUTEX);
	o->n_fit += may_join && fit_offer(f, need, e, d, &cell, &s);
	offer_free(o, d, &cell, fleet_free_compute_milli(d) - withheld_milli);
}

/* What is missing where enough devices have room, but must belong together. False: nothing of the kind. */
static bool miss_set(const fleet *f, const fit_need *need, int32_t entry, int32_t node, const offer *o, fit_miss *miss)
{
	static const class_cut no_rules;
	const ask_entry *e = &need->group->entries[entry];
	const class_cut *cut = o->scope == FLEET_NONE ? &no_rules : &f->classes.v[o->scope].cut;
	fit_choice none = {.n = 0};
	fit_candidates c;
	uint64_t set;
	int32_t most = o->count;

	if (!fit_wants_set(need, e, cut, need->device_policy))
		return false;
	fit_gather(f, need, entry, o->scope, node, need->device_policy, &none, &c);
	while (most > 0 && !fit_choose_set(f, need, e, cut, need->device_policy, &c, most, &set))
		most--;
	if (most == o->count)
		return false;
	fail(miss, e->numa_bind ? WHY_NUMA : WHY_TOPOLOGY, o->class_id, AXIS_DEVICE_MILLI,
		(int64_t)o->count * SHARE_WHOLE_MILLI, (int64_t)most * SHARE_WHOLE_MILLI);
	return true;
}

/* What is missing where devices are open and large enough. */
static void miss_free(const fleet *f, const fit_need *need, int32_t entry, int32_t node, const offer *o, fit_miss *miss)
{
	bool is_cut = o->n_cut && o->n_cut >= o->n_open;
	bool is_shared = is_cut || o->need_compute_milli < SHARE_WHOLE_MILLI;
	why_code code = is_cut ? WHY_PROFILE : WHY_NO_FITTING_DEVICE;

	if (o->n_fit >= o->count && miss_set(f, need, entry, node, o, miss))
		return;
	if (is_shared && o->n_fit == 0 && o->free_memory_mib < o->need_memory_mib)
		fail(miss, code, o->class_id, AXIS_MEMORY_MIB, o->need_memory_mib, o->free_memory_mib);
	else if (is_shared && o->n_fit == 0 && o->free_compute_milli < o->need_compute_milli)
		fail(miss, code, o->class_id, AXIS_COMPUTE_MILLI, o->need_compute_milli, o->free_compute_milli);
	else
		fail(miss, code, o->class_id, AXIS_DEVICE_MILLI, (int64_t)o->count * SHARE_WHOLE_MILLI,
			(int64_t)o->n_fit * SHARE_WHOLE_MILLI);
}

/* Why an entry found no devices on a node that holds its class or does not. */
static bool miss_scope(const fleet *f, const fit_need *need, int32_t entry, int32_t node, int32_t scope, fit_miss *miss)
{
	const ask_entry *e = &need->group->entries[entry];
	offer o = {.class_id = FLEET_NONE, .scope = scope};

	fleet_each_device(d, f, node) offer_add(&o, f, need, e, d);
	o.count = o.count ? o.count : e->count;
	int64_t need_milli = (int64_t)o.count * SHARE_WHOLE_MILLI;
	if (o.n_class == 0)
		return fail(miss, WHY_NO_SUCH_CLASS, first_class(e), AXIS_DEVICE_MILLI, need_milli, 0);
	if (o.n_blocked == o.n_class)
		return fail(miss, WHY_QUOTA_LIMIT, o.class_id, AXIS_DEVICE_MILLI, need_milli, 0);
	if (o.n_class - o.n_ruled < e->count && o.n_ruled)
		return fail(miss, WHY_CLASS_RULE, o.class_id, AXIS_DEVICE_MILLI, need_milli, 0);
	if (o.n_class < o.count)
		return fail(miss, WHY_TOO_LARGE, o.class_id, AXIS_DEVICE_MILLI, need_milli,
			(int64_t)o.n_class * SHARE_WHOLE_MILLI);
	if (o.n_open >= o.count && o.n_large < o.count && o.largest_mib >= o.need_memory_mib)
		return fail(miss, WHY_TOO_LARGE, o.class_id, AXIS_DEVICE_MILLI, need_milli,
			(int64_t)o.n_large * SHARE_WHOLE_MILLI);
	if (o.n_open >= o.count && o.n_large < o.count)
		return fail(miss, WHY_TOO_LARGE, o.class_id, AXIS_MEMORY_MIB, o.need_memory_mib, o.largest_mib);
	if (o.n_open < o.count)
		return fail(miss, WHY_NODE_CLOSED, o.class_id, AXIS_DEVICE_MILLI, need_milli,
			(int64_t)o.n_open * SHARE_WHOLE_MILLI);
	miss_free(f, need, entry, node, &o, miss);
	return false;
}

/* How near a miss is to a fit. */
static int32_t nearness(why_code code)
{
	switch (code) {
	case WHY_NO_SUCH_CLASS:
		return 0;
	case WHY_CLASS_RULE:
		return 1;
	case WHY_TOO_LARGE:
		return 2;
	case WHY_NODE_CLOSED:
	case WHY_QUOTA_LIMIT:
		return 3;
	default:
		return 4;
	}
}

/* On a node of several classes the nearest miss of them, of equals the first; devices of one entry are of one class
 * where it lists classes, or where a class has rules. */
static void miss_devices(const fleet *f, const fit_need *need, int32_t entry, int32_t node, fit_miss *miss)
{
	const ask_entry *e = &need->group->entries[entry];
	const fleet_view *v = &f->views.v[node];
	uint64_t seen[FLEET_CLASSES_MAX / 64] = {0};
	fit_miss other;

	if (v->class_id != FLEET_NONE || (e->n_classes == 0 && !v->is_ruled)) {
		(void)miss_scope(f, need, entry, node, v->class_id, miss);
		return;
	}
	(void)fail(
		miss, WHY_NO_SUCH_CLASS, first_class(e), AXIS_DEVICE_MILLI, (int64_t)e->count * SHARE_WHOLE_MILLI, 0);
	if (e->n_classes == 0)
		(void)miss_scope(f, need, entry, node, FLEET_NONE, miss);
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		int32_t class_id = f->cells.v[i].class_id;
		bool is_seen = seen[class_id / 64] >> class_id % 64 & 1;
		seen[class_id / 64] |= (uint64_t)1 << class_id % 64;
		if (is_seen || (e->n_classes == 0 && !f->classes.v[class_id].is_ruled))
			continue;
		(void)miss_scope(f, need, entry, node, class_id, &other);
		if (nearness(other.code) > nearness(miss->code))
			*miss = other;
	}
}

/* A node without any device that could serve is told apart from a full one: more CPU there would not help. */
static void miss_elsewhere(const fleet *f, int32_t node, const ask_group *g, fit_miss *miss)
{
	for (int32_t i = 0; i < g->n_entries; i++) {
		const ask_entry *e = &g->entries[i];
		if (!fit_is_elsewhere(f, e, node))
			continue;
		fail(miss, WHY_NO_SUCH_CLASS, first_class(e), AXIS_DEVICE_MILLI, (int64_t)e->count * SHARE_WHOLE_MILLI,
			0);
		return;
	}
}

void fit_explain(const fleet *f, const fit_need *need, int32_t node, fit_miss *ret_miss)
{
	const ask_group *g = need->group;
	fit_choice chosen;
	int32_t entry;

	if (!traits_fit(&f->nodes.v[node], g, ret_miss) || !host_fits(&f->nodes.v[node], g, ret_miss)) {
		miss_elsewhere(f, node, g, ret_miss);
		return;
	}
	bool fits = fit_serve(f, need, node, &chosen, &entry);
	assert(!fits && g->n_entries > 0);
	miss_devices(f, need, entry, node, ret_miss);
}

static bool refuse(blocker *ret, const fit_miss *miss, int32_t cluster, int32_t node)
{
	*ret = blocker_of(miss->code);
	ret->cluster = cluster;
	ret->node = node;
	ret->class_id = miss->class_id;
	ret->axis = miss->axis;
	ret->has_axis = miss->code == WHY_NO_FITTING_DEVICE || miss->code == WHY_PROFILE;
	ret->nodes = 1;
	ret->need = miss->need;
	ret->free = miss->free;
	return false;
}

/* Instances go where they were planned, and shares where there are none. */
static bool has_place(const fleet_device *d, const plan_device *s)
{
	if (!s->profile || !d->geometry)
		return !s->profile == !d->geometry;
	return s->profile <= d->geometry->n_profiles && geometry_may(d->geometry, &d->state, s->profile - 1, s->start);
}

/* A device that has moved to another node is closed to this plan. */
static bool slice_fits(const fleet_device *d, const plan_device *s, int32_t node, fit_miss *miss)
{
	int64_t free_memory = fleet_free_memory_mib(d), free_compute = fleet_free_compute_milli(d);

	if (d->flags || d->node != node)
		return fail(miss, WHY_NODE_CLOSED, d->class_id, AXIS_DEVICE_MILLI, 1, 0);
	fleet_cell cell = fleet_cell_of(d);
	score_slice slice = {.memory_mib = (int32_t)s->memory_mib, .compute_milli = (int32_t)s->compute_milli};
	if (!has_place(d, s))
		return fail(miss, WHY_PROFILE, d->class_id, AXIS_MEMORY_MIB, s->memory_mib,
			d->geometry ? largest_place(d) : 0);
	/* A plan from elsewhere may name amounts that no slice can hold. */
	bool is_possible = s->memory_mib <= d->memory_mib && s->compute_milli <= d->compute_milli;
	if (is_possible && fit_has_room(&cell, &slice))
		return true;
	if (free_memory < s->memory_mib)
		return fail(miss, WHY_NO_FITTING_DEVICE, d->class_id, AXIS_MEMORY_MIB, s->memory_mib, free_memory);
	if (free_compute < s->compute_milli)
		return fail(
			miss, WHY_NO_FITTING_DEVICE, d->class_id, AXIS_COMPUTE_MILLI, s->compute_milli, free_compute);
	return fail(miss, WHY_NO_FITTING_DEVICE, d->class_id, AXIS_DEVICE_MILLI, SHARE_WHOLE_MILLI, 0);
}

static bool pod_fits(const fleet *f, const plan *p, const plan_pod *pod, fit_miss *miss)
{
	ask_group host = {.replicas = 1, .cpu_milli = pod->cpu_milli, .memory_mib = pod->memory_mib};
	fit_choice chosen;

	if (!host_fits(&f->nodes.v[pod->node], &host, miss))
		return false;
	assert(pod->n <= FIT_SLICES_MAX);
	chosen.n = 0;
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &p->devices.v[i];
		fleet_device d = fit_device_with(f, s->device, chosen.v, chosen.n);
		if (!slice_fits(&d, s, pod->node, miss))
			return false;
		chosen.v[chosen.n++] = (score_slice){
			.cell = f->devices.v[s->device].cell,
			.entry = (int8_t)s->entry,
			.memory_mib = (int32_t)s->memory_mib,
			.compute_milli = (int32_t)s->compute_milli,
			.profile = (int8_t)s->profile,
			.start = (int8_t)s->start,
		};
	}
	return true;
}

bool fit_plan(fleet *f, const plan *p, blocker *ret_blocker)
{
	fit_miss miss;
	uint32_t i = 0;

	if (!f->clusters.v[p->cluster].is_live || f->clusters.v[p->cluster].flags) {
		fail(&miss, WHY_CLUSTER_CLOSED, FLEET_NONE, AXIS_DEVICE_MILLI, 1, 0);
		return refuse(ret_blocker, &miss, p->cluster, FLEET_NONE);
	}
	while (i < p->pods.n && pod_fits(f, p, &p->pods.v[i], &miss)) {
		fleet_book_range(f, p, i, i + 1);
		i++;
	}
	fleet_unbook_range(f, p, 0, i);
	return i == p->pods.n || refuse(ret_blocker, &miss, p->cluster, p->pods.v[i].node);
}
