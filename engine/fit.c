#include "engine/fit.h"

#include "engine/score.h"

#include <assert.h>
#include <string.h>

/* One device chosen for one entry of the pod at hand. */
typedef struct pick {
	int32_t device, entry;
	int64_t memory_mib, compute_milli;
} pick;

typedef struct picks {
	int32_t n;
	pick v[FIT_PICKS_MAX];
} picks;

/* What one entry asks of the devices of one class. */
typedef struct slice {
	const ask_entry *entry;
	int32_t class_id;      /* FLEET_NONE: any */
	int64_t compute_milli; /* ASK_ABSENT: by the device's class */
} slice;

static bool is_whole(const ask_entry *e)
{
	return e->memory_mib == 0 && (e->memory_percent == 0 || e->memory_percent == 100);
}

int64_t fit_memory_mib(const ask_entry *e, const fleet_device *d)
{
	if (e->memory_mib)
		return e->memory_mib;
	return share_memory_mib(e->memory_percent ? e->memory_percent : 100, d->memory_mib);
}

int64_t fit_compute_milli(const ask_entry *e, const fleet_class *c)
{
	if (e->compute_milli != ASK_ABSENT)
		return e->compute_milli;
	return is_whole(e) ? SHARE_WHOLE_MILLI : c->compute_default_milli;
}

void fit_block(fit_blocked *b, int32_t class_id)
{
	b->bits[class_id / 64] |= (uint64_t)1 << class_id % 64;
	b->n++;
}

static bool is_blocked(const fit_need *need, int32_t class_id)
{
	return need->blocked && need->blocked->bits[class_id / 64] >> class_id % 64 & 1;
}

static int64_t hardness(const ask_entry *e)
{
	int64_t compute = e->compute_milli == ASK_ABSENT && is_whole(e) ? SHARE_WHOLE_MILLI : e->compute_milli;
	int64_t memory = is_whole(e) ? FLEET_AMOUNT_MAX : e->memory_mib + e->memory_percent;

	/* Entries tied to devices or classes have fewer ways out than any amount leaves. */
	return (e->uuids.n ? (int64_t)4 << 52 : 0) + (e->n_classes ? (int64_t)2 << 52 : 0) +
	       (compute >= SHARE_WHOLE_MILLI ? (int64_t)1 << 52 : 0) + memory;
}

void fit_prepare(fit_need *need, const ask_group *g, ask_policy device_policy)
{
	assert(g->n_entries >= 0 && g->n_entries <= ASK_ENTRIES_MAX);
	need->group = g;
	need->device_policy = device_policy;
	need->blocked = NULL;
	for (int32_t e = 0; e < g->n_entries; e++) {
		assert(g->entries[e].count >= 1 && g->entries[e].count <= ASK_COUNT_MAX);
		int32_t at = e;
		for (; at > 0 && hardness(&g->entries[need->order[at - 1]]) < hardness(&g->entries[e]); at--)
			need->order[at] = need->order[at - 1];
		need->order[at] = e;
	}
}

static bool names_device(const strs *uuids, str uuid)
{
	for (uint32_t i = 0; i < uuids->n; i++)
		if (str_eq(uuids->v[i], uuid))
			return true;
	return false;
}

static bool may_use_device(const fleet *f, const ask_entry *e, int32_t device)
{
	if (e->uuids.n && !names_device(&e->uuids, f->device_uuids.v[device]))
		return false;
	return !e->uuids_excluded.n || !names_device(&e->uuids_excluded, f->device_uuids.v[device]);
}

/* The device as it stands with the picks of this pod on it. */
static fleet_device device_with(const fleet *f, int32_t device, const picks *chosen)
{
	fleet_device d = f->devices.v[device];

	for (int32_t i = 0; chosen && i < chosen->n; i++) {
		const pick *p = &chosen->v[i];
		if (p->device != device)
			continue;
		d.used_memory_mib += p->memory_mib;
		d.used_compute_milli += p->compute_milli;
		d.sharers++;
		d.exclusive += p->compute_milli >= SHARE_WHOLE_MILLI;
	}
	return d;
}

/* A slice without a reservation still needs some compute that nobody has reserved: else it would never run. */
static bool has_room(const fleet_device *d, int64_t memory_mib, int64_t compute_milli)
{
	if (compute_milli >= SHARE_WHOLE_MILLI && d->sharers > 0)
		return false;
	return d->sharers < d->slots && fleet_free_memory_mib(d) >= memory_mib &&
	       fleet_free_compute_milli(d) >= (compute_milli > 0 ? compute_milli : 1);
}

static int64_t slice_compute(const fleet *f, const slice *s, const fleet_device *d)
{
	return s->compute_milli != ASK_ABSENT ? s->compute_milli
					      : fit_compute_milli(s->entry, &f->classes.v[d->class_id]);
}

static bool is_candidate(const fleet *f, const fit_need *need, const slice *s, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	if (d->flags || (s->class_id != FLEET_NONE && d->class_id != s->class_id) || is_blocked(need, d->class_id))
		return false;
	return may_use_device(f, s->entry, device);
}

/* The best devices of the node for s, as many as it asks, appended to chosen. */
static bool choose(const fleet *f, const fit_need *need, const slice *s, int32_t node, ask_policy policy, picks *chosen)
{
	int64_t scores[ASK_COUNT_MAX];
	pick best[ASK_COUNT_MAX];
	int32_t n = 0, count = s->entry->count;

	fleet_each_device(id, f, node)
	{
		if (!is_candidate(f, need, s, id))
			continue;
		fleet_device d = device_with(f, id, chosen);
		pick p = {id, (int32_t)(s->entry - need->group->entries), fit_memory_mib(s->entry, &d),
			slice_compute(f, s, &d)};
		if (!has_room(&d, p.memory_mib, p.compute_milli))
			continue;
		int64_t score = score_device(&d, fleet_free_memory_mib(&d), fleet_free_compute_milli(&d), policy);
		int32_t at = n < count ? n++ : count;
		for (; at > 0 && scores[at - 1] < score; at--) {
			if (at < count) {
				scores[at] = scores[at - 1];
				best[at] = best[at - 1];
			}
		}
		if (at < count) {
			scores[at] = score;
			best[at] = p;
		}
	}
	if (n < count)
		return false;
	assert(chosen->n + n <= FIT_PICKS_MAX);
	memcpy(chosen->v + chosen->n, best, (size_t)n * sizeof *best);
	chosen->n += n;
	return true;
}

/* Serves one entry by the first class of its list that can. */
static bool serve(const fleet *f, const fit_need *need, int32_t entry, int32_t node, ask_policy policy, picks *chosen,
	int32_t *ret_rank)
{
	const ask_entry *e = &need->group->entries[entry];
	slice s = {e, FLEET_NONE, e->compute_milli};

	*ret_rank = 0;
	if (e->n_classes == 0)
		return choose(f, need, &s, node, policy, chosen);
	for (int32_t i = 0; i < e->n_classes; i++) {
		s.class_id = e->classes[i];
		*ret_rank = e->classes_equal ? 0 : i;
		if (choose(f, need, &s, node, policy, chosen))
			return true;
	}
	return false;
}

/* Serves all entries; the one that finds no devices is told. */
static bool serve_all(const fleet *f, const fit_need *need, int32_t node, ask_policy policy, picks *chosen,
	int32_t *ret_rank, int32_t *ret_entry)
{
	int32_t rank;

	chosen->n = 0;
	*ret_rank = 0;
	for (int32_t i = 0; i < need->group->n_entries; i++) {
		if (!serve(f, need, need->order[i], node, policy, chosen, &rank)) {
			*ret_entry = need->order[i];
			return false;
		}
		*ret_rank += rank;
	}
	return true;
}

static bool serve_by_policy(
	const fleet *f, const fit_need *need, int32_t node, picks *chosen, int32_t *ret_rank, int32_t *ret_entry)
{
	if (serve_all(f, need, node, need->device_policy, chosen, ret_rank, ret_entry))
		return true;
	if (need->group->n_entries < 2 || need->device_policy == POLICY_BINPACK)
		return false;
	return serve_all(f, need, node, POLICY_BINPACK, chosen, ret_rank, ret_entry);
}

static bool fail(fit_miss *miss, why_code code, int32_t class_id, axis a, int64_t need, int64_t free)
{
	*miss = (fit_miss){code, class_id, a, need, free};
	return false;
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

/* Position of a class in the entry's list; -1: not in it. */
static int32_t rank_of(const ask_entry *e, int32_t class_id)
{
	for (int32_t i = 0; i < e->n_classes; i++)
		if (e->classes[i] == class_id)
			return i;
	return e->n_classes ? -1 : 0;
}

static int32_t first_class(const ask_entry *e)
{
	return e->n_classes ? e->classes[0] : FLEET_NONE;
}

/* What the devices of one node offer to one entry. */
typedef struct offer {
	int32_t n_class, n_blocked, n_open, n_large,
		n_fit;                               /* devices: wanted, ... of those open, ... big enough, ... free */
	int64_t free_memory_mib, free_compute_milli; /* the most on one */
	int64_t need_memory_mib, need_compute_milli;
	int64_t largest_mib; /* capacity of the largest, open or not */
	int32_t class_id;
} offer;

static void offer_add(offer *o, const fleet *f, const fit_need *need, const ask_entry *e, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	if (rank_of(e, d->class_id) < 0 || d->flags & FLEET_GONE || !may_use_device(f, e, device))
		return;
	o->n_class++;
	o->class_id = d->class_id;
	o->n_blocked += is_blocked(need, d->class_id);
	if (d->memory_mib > o->largest_mib)
		o->largest_mib = d->memory_mib;
	if (is_blocked(need, d->class_id) || d->flags)
		return;
	o->n_open++;
	o->need_memory_mib = fit_memory_mib(e, d);
	o->need_compute_milli = fit_compute_milli(e, &f->classes.v[d->class_id]);
	o->n_large += o->need_memory_mib <= d->memory_mib && o->need_compute_milli <= d->compute_milli;
	o->n_fit += has_room(d, o->need_memory_mib, o->need_compute_milli);
	if (d->sharers >= d->slots)
		return;
	if (fleet_free_memory_mib(d) > o->free_memory_mib)
		o->free_memory_mib = fleet_free_memory_mib(d);
	if (fleet_free_compute_milli(d) > o->free_compute_milli)
		o->free_compute_milli = fleet_free_compute_milli(d);
}

/* Why an entry found no devices on a node that holds its class or does not. */
static bool miss_devices(const fleet *f, const fit_need *need, int32_t entry, int32_t node, fit_miss *miss)
{
	const ask_entry *e = &need->group->entries[entry];
	offer o = {.class_id = FLEET_NONE};
	int64_t need_milli = (int64_t)e->count * SHARE_WHOLE_MILLI;

	fleet_each_device(d, f, node) offer_add(&o, f, need, e, d);
	if (o.n_class == 0)
		return fail(miss, WHY_NO_SUCH_CLASS, first_class(e), AXIS_DEVICE_MILLI, need_milli, 0);
	if (o.n_blocked == o.n_class)
		return fail(miss, WHY_QUOTA_LIMIT, o.class_id, AXIS_DEVICE_MILLI, need_milli, 0);
	if (o.n_class < e->count)
		return fail(miss, WHY_TOO_LARGE, o.class_id, AXIS_DEVICE_MILLI, need_milli,
			(int64_t)o.n_class * SHARE_WHOLE_MILLI);
	if (o.n_open >= e->count && o.n_large < e->count)
		return fail(miss, WHY_TOO_LARGE, o.class_id, AXIS_MEMORY_MIB, o.need_memory_mib, o.largest_mib);
	if (o.n_open < e->count)
		return fail(miss, WHY_NODE_CLOSED, o.class_id, AXIS_DEVICE_MILLI, need_milli,
			(int64_t)o.n_open * SHARE_WHOLE_MILLI);
	if (o.n_fit == 0 && o.free_memory_mib < o.need_memory_mib)
		return fail(
			miss, WHY_NO_FITTING_DEVICE, o.class_id, AXIS_MEMORY_MIB, o.need_memory_mib, o.free_memory_mib);
	if (o.n_fit == 0 && o.free_compute_milli < o.need_compute_milli)
		return fail(miss, WHY_NO_FITTING_DEVICE, o.class_id, AXIS_COMPUTE_MILLI, o.need_compute_milli,
			o.free_compute_milli);
	return fail(miss, WHY_NO_FITTING_DEVICE, o.class_id, AXIS_DEVICE_MILLI, need_milli,
		(int64_t)o.n_fit * SHARE_WHOLE_MILLI);
}

/* Whether the best free amounts of a node of one class could hold the slice: no look at its devices if not. */
static bool summary_allows(
	const fleet_view *n, const ask_entry *e, int64_t memory_mib, int64_t compute_milli, fit_miss *miss)
{
	if (compute_milli >= SHARE_WHOLE_MILLI)
		return fail(miss, WHY_NO_FITTING_DEVICE, n->class_id, AXIS_DEVICE_MILLI,
			(int64_t)e->count * SHARE_WHOLE_MILLI, (int64_t)n->n_idle * SHARE_WHOLE_MILLI);
	if (memory_mib > n->max_free_memory_mib)
		return fail(
			miss, WHY_NO_FITTING_DEVICE, n->class_id, AXIS_MEMORY_MIB, memory_mib, n->max_free_memory_mib);
	if (compute_milli > n->max_free_compute_milli)
		return fail(miss, WHY_NO_FITTING_DEVICE, n->class_id, AXIS_COMPUTE_MILLI, compute_milli,
			n->max_free_compute_milli);
	return true;
}

/* Whether a node of one class has the devices free; the choice among them is made later, on the chosen node alone. */
static bool has_devices(const fleet *f, const fleet_view *n, const ask_entry *e, int64_t compute_milli)
{
	int32_t found = 0;

	for (int32_t i = n->first_cell; i < n->first_cell + n->n_cells; i++) {
		const fleet_device *d = &f->devices.v[f->cell_devices.v[i]];
		if (!d->flags && has_room(d, fit_memory_mib(e, d), compute_milli) && ++found == e->count)
			return true;
	}
	return false;
}

/* What a glance at the node can tell about one entry: most nodes are of one class, and most requests name no device. */
typedef enum glance { GLANCE_LOOK, GLANCE_FITS, GLANCE_MISS } glance;

static glance glance_at(const fleet *f, const fit_need *need, const ask_entry *e, const fleet_view *n,
	int32_t *ret_rank, int64_t *ret_milli, fit_miss *miss)
{
	if (n->class_id == FLEET_NONE || n->n_open < e->count || e->uuids.n || e->uuids_excluded.n)
		return GLANCE_LOOK;
	*ret_rank = rank_of(e, n->class_id);
	if (*ret_rank < 0 || is_blocked(need, n->class_id)) {
		why_code code = *ret_rank < 0 ? WHY_NO_SUCH_CLASS : WHY_QUOTA_LIMIT;
		fail(miss, code, first_class(e), AXIS_DEVICE_MILLI, (int64_t)e->count * SHARE_WHOLE_MILLI, 0);
		return GLANCE_MISS;
	}
	if (e->classes_equal)
		*ret_rank = 0;
	int64_t memory_mib = e->memory_mib;
	if (!memory_mib)
		memory_mib = share_memory_mib(e->memory_percent ? e->memory_percent : 100, n->min_memory_mib);
	int64_t compute_milli = fit_compute_milli(e, &f->classes.v[n->class_id]);
	if (memory_mib > n->min_memory_mib)
		return GLANCE_LOOK;
	if (n->n_idle < e->count && !summary_allows(n, e, memory_mib, compute_milli, miss))
		return GLANCE_MISS;
	if (n->n_idle < e->count && !has_devices(f, n, e, compute_milli))
		return GLANCE_LOOK;
	*ret_milli = share_of_slice(memory_mib, compute_milli, n->min_memory_mib, e->count).v[AXIS_DEVICE_MILLI];
	return GLANCE_FITS;
}

static int64_t picks_milli(const fleet *f, const picks *chosen)
{
	int64_t milli = 0;

	for (int32_t i = 0; i < chosen->n; i++) {
		const pick *p = &chosen->v[i];
		int64_t device_mib = f->devices.v[p->device].memory_mib;
		milli += share_of_slice(p->memory_mib, p->compute_milli, device_mib, 1).v[AXIS_DEVICE_MILLI];
	}
	return milli;
}

/* A node without any device of the classes asked is told apart from a full one: more CPU there would not help. */
static void miss_other_class(const fleet_view *n, const ask_group *g, fit_miss *miss)
{
	for (int32_t i = 0; i < g->n_entries; i++) {
		const ask_entry *e = &g->entries[i];
		bool is_mixed = n->n_cells > 0 && n->class_id == FLEET_NONE;
		bool has_class = n->n_cells > 0 && rank_of(e, n->class_id) >= 0;
		if (is_mixed || has_class)
			continue;
		fail(miss, WHY_NO_SUCH_CLASS, first_class(e), AXIS_DEVICE_MILLI, (int64_t)e->count * SHARE_WHOLE_MILLI,
			0);
		return;
	}
}

bool fit_node(const fleet *f, const fit_need *need, int32_t node, int32_t *ret_class_rank, int64_t *ret_milli,
	fit_miss *ret_miss)
{
	const fleet_node *n = &f->nodes.v[node];
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;
	int32_t entry = 0;

	*ret_class_rank = 0;
	*ret_milli = 0;
	if (!host_fits(n, g, ret_miss)) {
		miss_other_class(v, g, ret_miss);
		return false;
	}
	if (g->n_entries == 0)
		return true;
	if (g->n_entries == 1) {
		glance seen = glance_at(f, need, &g->entries[0], v, ret_class_rank, ret_milli, ret_miss);
		if (seen != GLANCE_LOOK)
			return seen == GLANCE_FITS;
	}
	picks chosen;
	if (!serve_by_policy(f, need, node, &chosen, ret_class_rank, &entry))
		return miss_devices(f, need, entry, node, ret_miss);
	*ret_milli = picks_milli(f, &chosen);
	return true;
}

void fit_pick(const fleet *f, const fit_need *need, int32_t node, int32_t group, int32_t index, plan *p)
{
	picks chosen;
	int32_t rank, entry;
	bool fits = serve_by_policy(f, need, node, &chosen, &rank, &entry);

	assert(fits);
	plan_add_pod(p, group, index, node, need->group->cpu_milli, need->group->memory_mib);
	for (int32_t i = 0; i < chosen.n; i++) {
		const pick *c = &chosen.v[i];
		int64_t device_mib = f->devices.v[c->device].memory_mib;
		plan_add_device(p, (plan_device){
					   .device = c->device,
					   .entry = c->entry,
					   .memory_mib = c->memory_mib,
					   .compute_milli = c->compute_milli,
					   .charge = share_of_slice(c->memory_mib, c->compute_milli, device_mib, 1),
				   });
	}
}

static bool refuse(blocker *ret, const fit_miss *miss, int32_t cluster, int32_t node)
{
	*ret = blocker_of(miss->code);
	ret->cluster = cluster;
	ret->node = node;
	ret->class_id = miss->class_id;
	ret->axis = miss->axis;
	ret->has_axis = miss->code == WHY_NO_FITTING_DEVICE;
	ret->nodes = 1;
	ret->need = miss->need;
	ret->free = miss->free;
	return false;
}

/* A device that has moved to another node is closed to this plan. */
static bool slice_fits(const fleet_device *d, const plan_device *s, int32_t node, fit_miss *miss)
{
	int64_t free_memory = fleet_free_memory_mib(d), free_compute = fleet_free_compute_milli(d);

	if (d->flags || d->node != node)
		return fail(miss, WHY_NODE_CLOSED, d->class_id, AXIS_DEVICE_MILLI, 1, 0);
	if (has_room(d, s->memory_mib, s->compute_milli))
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
	picks chosen;

	if (!host_fits(&f->nodes.v[pod->node], &host, miss))
		return false;
	assert(pod->n <= FIT_PICKS_MAX);
	chosen.n = 0;
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &p->devices.v[i];
		fleet_device d = device_with(f, s->device, &chosen);
		if (!slice_fits(&d, s, pod->node, miss))
			return false;
		chosen.v[chosen.n++] = (pick){s->device, s->entry, s->memory_mib, s->compute_milli};
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
