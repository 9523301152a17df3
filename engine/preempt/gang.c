#include "engine/charge.h"
#include "engine/preempt/inside.h"

bool pod_charge(preempt *w, const plan *p, uint32_t pod)
{
	const plan_pod *one = &p->pods.v[pod];
	blocker refusal;

	for (uint32_t i = one->first; w->q && i < one->first + one->n; i++) {
		const plan_device *s = &p->devices.v[i];
		if (charge_check(w->q, w->f, w->in->tenant, s, &refusal)) {
			charge_take(w->q, w->f, w->in->tenant, s);
			continue;
		}
		for (; i > one->first; i--)
			charge_give(w->q, w->f, w->in->tenant, &p->devices.v[i - 1]);
		return false;
	}
	return true;
}

void pod_uncharge(preempt *w, const plan *p, uint32_t pod)
{
	const plan_pod *one = &p->pods.v[pod];

	for (uint32_t i = one->first; w->q && i < one->first + one->n; i++)
		charge_give(w->q, w->f, w->in->tenant, &p->devices.v[i]);
}

/* The model's slices of a victim are charged where it helps: more is left for the asker once it is gone. */
static bool takes_helpfully(preempt *w, const victim *v, int32_t model, axis a)
{
	int64_t before = quota_left(w->q, w->in->tenant, model).v[a];

	victim_take(w, v);
	if (quota_left(w->q, w->in->tenant, model).v[a] > before && victims_are_legal(w))
		return true;
	victim_return(w, w->out.n - 1);
	return false;
}

bool quota_clear(preempt *w, const blocker *b)
{
	vec_clear(&w->queue);
	for (uint32_t i = 0; i < w->r->runs.n; i++)
		if (victim_run_may_go(w, (int32_t)i) && plan_charge(w->f, w->r->runs.v[i].p, b->class_id).v[b->axis])
			queue_push(w, (ranked){w->r->runs.v[i].terms.cost, (int32_t)i});
	while (w->queue.n && quota_left(w->q, w->in->tenant, b->class_id).v[b->axis] < b->need) {
		if (w->looks-- <= 0) {
			w->is_cut = true;
			return false;
		}
		victim v = victim_whole(w, queue_pop(w).id);
		if (victim_may_go(w, &v))
			takes_helpfully(w, &v, b->class_id, b->axis);
	}
	return quota_left(w->q, w->in->tenant, b->class_id).v[b->axis] >= b->need;
}

/* The last pod of `from` as replica `index` of `group`. */
static void placed_add(preempt *w, const plan *from, int32_t group, int32_t index)
{
	const plan_pod *pod = &from->pods.v[0];

	w->placed.cluster = from->cluster;
	plan_add_pod(&w->placed, group, index, pod->node, pod->cpu_milli, pod->memory_mib);
	for (uint32_t i = 0; i < pod->n; i++)
		plan_add_device(&w->placed, from->devices.v[pod->first + i]);
	w->needed_milli += running_pod_milli(&w->placed, w->placed.pods.n - 1);
}

static bool find_one(preempt *w)
{
	if (w->finds <= 0) {
		w->is_cut = true;
		return false;
	}
	w->finds--;
	return place_find(w->finder, w->f, w->q, w->in->tenant, &w->one.a, &w->scratch, w->q ? &w->reasons : NULL);
}

/* Where quota is in the way, victims whose quota helps go first: they may be on any node. */
static bool find_one_within_quota(preempt *w)
{
	if (find_one(w))
		return true;
	for (int32_t i = 0; i < w->reasons.n && w->q; i++) {
		blocker b = w->reasons.v[i];
		if (!why_is_quota(b.code))
			continue;
		w->is_best = false;
		if (quota_clear(w, &b) && find_one(w))
			return true;
	}
	return false;
}

/* One replica gets its place, on room that is free or that victims leave. */
static bool pod_clear(preempt *w, int32_t cluster, int32_t group, int32_t index, bool may_split)
{
	int32_t node;

	if (find_one_within_quota(w)) {
		placed_add(w, &w->scratch, group, index);
		return true;
	}
	if (w->is_cut || !node_clear(w, cluster, may_split, &node))
		return false;
	plan_clear(&w->scratch);
	w->scratch.cluster = cluster;
	fit_pick(w->f, &w->need, node, 0, 0, &w->scratch);
	if (!pod_charge(w, &w->scratch, 0))
		return false;
	fleet_book(w->f, &w->scratch);
	placed_add(w, &w->scratch, group, index);
	return true;
}

static void one_prepare(preempt *w, int32_t cluster, int32_t group)
{
	w->one.group = w->in->a->groups[group];
	w->one.group.replicas = w->one.group.min_replicas = 1;
	w->one.cluster = cluster;
	w->one.a = *w->in->a;
	w->one.a.groups = &w->one.group;
	w->one.a.n_groups = 1;
	w->one.a.clusters = &w->one.cluster;
	w->one.a.n_clusters = 1;
	w->one.tight = w->one.a;
	w->one.tight.node_policy = w->one.tight.device_policy = POLICY_BINPACK;
	fit_prepare(&w->need, &w->one.tight, &w->one.group, NULL);
}

bool gang_clear(preempt *w, int32_t cluster, bool may_split)
{
	bool is_clear = true;

	plan_clear(&w->placed);
	w->placed.cluster = cluster;
	w->needed_milli = 0;
	for (int32_t g = 0; g < w->in->a->n_groups && is_clear; g++) {
		one_prepare(w, cluster, g);
		for (int32_t i = 0; i < w->in->a->groups[g].min_replicas && is_clear; i++)
			is_clear = pod_clear(w, cluster, g, i, may_split);
	}
	place_give(w->f, w->q, w->in->tenant, &w->placed);
	return is_clear;
}
