#include "engine/place.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/charge.h"
#include "engine/place/inside.h"

place *place_new(void)
{
	place *w = heap_new(1, sizeof *w);

	w->shapes = shapes_new();
	return w;
}

void place_free(place *w)
{
	if (!w)
		return;
	vec_done(&w->attempts);
	vec_done(&w->hopes);
	vec_done(&w->named);
	lanes_done(&w->lanes);
	shapes_free(w->shapes);
	free(w);
}

void place_use(place *w, const score_tables *tables)
{
	w->tables = tables;
}

why_code place_reason(const place *w)
{
	return w->reason;
}

static void give_slices(quota *q, const fleet *f, int32_t tenant, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		charge_give(q, f, tenant, &p->devices.v[i]);
}

/* Charges the last pod of the plan. False: nothing is charged, and *ret_model is the model, *ret_number its number or
 * that of its share mode, in the way. */
static bool charge_pod(place *w, int32_t *ret_model, int32_t *ret_number)
{
	const plan_pod *pod = &w->p->pods.v[w->p->pods.n - 1];
	blocker refusal;

	if (!w->q)
		return true;
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &w->p->devices.v[i];
		if (!charge_check(w->q, w->f, w->tenant, s, &refusal)) {
			*ret_model = w->f->devices.v[s->device].class_id;
			*ret_number = refusal.class_id;
			give_slices(w->q, w->f, w->tenant, w->p, pod->first, i);
			return false;
		}
		charge_take(w->q, w->f, w->tenant, s);
	}
	return true;
}

amounts plan_charge(const fleet *f, const plan *p, int32_t model)
{
	amounts sum = {0};

	for (uint32_t i = 0; i < p->devices.n; i++)
		if (charge_counts(f, &p->devices.v[i], model))
			sum = amounts_add(sum, p->devices.v[i].charge);
	return sum;
}

/* The same refusal comes from every cluster: it stands once, with the largest need. */
static void refusal_add(why *reasons, const blocker *b)
{
	for (int32_t i = 0; i < reasons->n; i++) {
		blocker *known = &reasons->v[i];
		if (known->code != b->code || known->tenant != b->tenant || known->class_id != b->class_id)
			continue;
		if (b->need > known->need)
			*known = *b;
		return;
	}
	why_add(reasons, *b);
}

/* The pod's slices that do not count there: credits may be short because of them alone. */
static void others_charge(place *w, const plan_pod *pod, int32_t model, bool takes)
{
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &w->p->devices.v[i];
		if (charge_counts(w->f, s, model))
			continue;
		if (takes)
			charge_take(w->q, w->f, w->tenant, s);
		else
			charge_give(w->q, w->f, w->tenant, s);
	}
}

/* Says what quota lacks for all pods of the group's minimum, not just for the slice that met the bound. The plan holds
 * the pods so far, which are charged, and last the one that was refused. */
static void refuse_model(place *w, int32_t group, int32_t index, int32_t model)
{
	const plan_pod *pod = &w->p->pods.v[w->p->pods.n - 1];
	int32_t missing = w->a->groups[group].min_replicas - index;
	amounts one = {0}, so_far;
	blocker b;

	for (uint32_t i = pod->first; i < pod->first + pod->n; i++)
		if (charge_counts(w->f, &w->p->devices.v[i], model))
			one = amounts_add(one, w->p->devices.v[i].charge);
	so_far = amounts_sub(plan_charge(w->f, w->p, model), one);
	others_charge(w, pod, model, true);
	bool is_free = quota_check(w->q, w->tenant, model, one, &b);
	assert(!is_free);
	others_charge(w, pod, model, false);
	b.group = group;
	b.need = so_far.v[b.axis] + amounts_times(one, missing > 1 ? missing : 1).v[b.axis];
	b.free += so_far.v[b.axis];
	refusal_add(w->reasons, &b);
}

/* Finds a node for one replica, books and charges it. `known` is a node that a scan has already found best. */
static bool place_pod(place *w, attempt *at, int32_t group, int32_t index, int32_t known)
{
	fit_need need;
	int32_t model, number;

	fit_prepare(&need, w->a, &w->a->groups[group], w->tables);
	need.blocked = &w->blocked;
	if (w->blocked.n)
		memset(&w->blocked, 0, sizeof w->blocked);
	for (;;) {
		int32_t node = known != FLEET_NONE ? known : place_scan(w, at, &need);
		if (node == FLEET_NONE) {
			if (w->reasons)
				place_tally(w, at, &need);
			return false;
		}
		fit_pick(w->f, &need, node, group, index, w->p);
		uint32_t last = w->p->pods.n - 1;
		if (charge_pod(w, &model, &number)) {
			fleet_book_range(w->f, w->p, last, last + 1);
			return true;
		}
		w->reason = WHY_QUOTA_LIMIT;
		if (w->reasons)
			refuse_model(w, group, index, number);
		fit_block(&w->blocked, model);
		plan_cut(w->p, last);
		known = FLEET_NONE;
	}
}

void place_take(fleet *f, quota *q, int32_t tenant, const plan *p)
{
	fleet_book(f, p);
	for (uint32_t i = 0; q && i < p->devices.n; i++)
		charge_take(q, f, tenant, &p->devices.v[i]);
}

void place_give(fleet *f, quota *q, int32_t tenant, const plan *p)
{
	if (q)
		give_slices(q, f, tenant, p, 0, p->devices.n);
	fleet_unbook(f, p);
}

static bool place_minimum(place *w, attempt *at)
{
	for (int32_t g = 0; g < w->a->n_groups; g++) {
		for (int32_t i = 0; i < w->a->groups[g].min_replicas; i++) {
			if (place_pod(w, at, g, i, w->p->pods.n ? FLEET_NONE : at->node))
				continue;
			at->group = g;
			at->placed = (int32_t)w->p->pods.n;
			return false;
		}
	}
	return true;
}

static void place_extra(place *w, attempt *at)
{
	for (int32_t g = 0; g < w->a->n_groups; g++)
		for (int32_t i = w->a->groups[g].min_replicas; i < w->a->groups[g].replicas; i++)
			if (!place_pod(w, at, g, i, FLEET_NONE))
				break;
}

static bool try_cluster(place *w, attempt *at)
{
	plan_clear(w->p);
	w->p->cluster = at->cluster;
	if (place_minimum(w, at)) {
		place_extra(w, at);
		return true;
	}
	place_give(w->f, w->q, w->tenant, w->p);
	plan_clear(w->p);
	return false;
}

static bool names_cluster(const int32_t *clusters, int32_t n, int32_t cluster)
{
	for (int32_t i = 0; i < n; i++)
		if (clusters[i] == cluster)
			return true;
	return false;
}

static void attempt_add(place *w, int32_t cluster)
{
	assert(cluster >= 0 && (uint32_t)cluster < w->f->clusters.n);
	const fleet_cluster *c = &w->f->clusters.v[cluster];

	if (!c->is_live || names_cluster(w->a->clusters_excluded, w->a->n_clusters_excluded, cluster))
		return;
	vec_reserve(&w->attempts, w->attempts.n + 1);
	attempt *at = &w->attempts.v[w->attempts.n++];
	at->cluster = cluster;
	at->node = FLEET_NONE;
	at->rating = -1;
	at->wish = 0;
	at->is_closed = c->flags != 0;
	at->is_tried = at->is_tallied = false;
	at->group = at->placed = 0;
	at->misses.n = 0;
}

static void list_attempts(place *w)
{
	vec_clear(&w->attempts);
	for (int32_t i = 0; i < w->a->n_clusters; i++)
		attempt_add(w, w->a->clusters[i]);
	for (uint32_t c = 0; w->a->n_clusters == 0 && c < w->f->clusters.n; c++)
		attempt_add(w, (int32_t)c);
}

static bool is_better(const attempt *a, const attempt *b)
{
	return a->wish != b->wish ? a->wish > b->wish : a->rating > b->rating;
}

/* The next cluster to try: in the order asked; else the best of those where the first pod finds a node. */
static attempt *next_attempt(place *w, bool is_ranked)
{
	attempt *best = NULL;

	vec_each (at, &w->attempts) {
		if (at->is_closed || at->is_tried || (is_ranked && at->node == FLEET_NONE))
			continue;
		if (!best || (is_ranked && is_better(at, best)))
			best = at;
		if (!is_ranked)
			break;
	}
	if (best)
		best->is_tried = true;
	return best;
}

static bool serves(const fleet_view *v, const ask_group *g)
{
	for (int32_t e = 0; e < g->n_entries; e++)
		for (int32_t i = 0; i < g->entries[e].n_classes; i++)
			if (g->entries[e].classes[i] == v->class_id)
				return true;
	return g->n_entries == 0 || g->entries[0].n_classes == 0 || v->class_id == FLEET_NONE;
}

/* The free part, in millionths, of the cluster's open devices of the classes that the first group asks. */
static int64_t headroom_ppm(const fleet *f, int32_t cluster, const ask_group *g)
{
	const fleet_cluster *c = &f->clusters.v[cluster];
	int64_t free = 0, all = 0;

	for (uint32_t i = 0; i < c->nodes.n; i++) {
		const fleet_view *v = &f->views.v[c->nodes.v[i]];
		if (v->is_closed || !serves(v, g))
			continue;
		free += v->free_device_milli;
		all += (int64_t)v->n_open * SHARE_WHOLE_MILLI;
	}
	return all ? free * 1000000 / all : 0;
}

static void rank_attempts(place *w)
{
	fit_need need;

	fit_prepare(&need, w->a, &w->a->groups[0], w->tables);
	vec_each (at, &w->attempts) {
		if (at->is_closed)
			continue;
		at->node = place_scan(w, at, &need);
		if (at->node != FLEET_NONE && w->a->clusters_by != CLUSTERS_ORDER)
			at->wish = headroom_ppm(w->f, at->cluster, &w->a->groups[0]);
		if (w->a->clusters_by == CLUSTERS_PACK)
			at->wish = -at->wish;
	}
}

static void check_ask(const ask *a)
{
	int64_t pods = 0;

	assert(a->n_groups >= 1 && a->n_groups <= ASK_GROUPS_MAX);
	for (int32_t g = 0; g < a->n_groups; g++) {
		assert(a->groups[g].min_replicas >= 1 && a->groups[g].min_replicas <= a->groups[g].replicas);
		pods += a->groups[g].replicas;
	}
	assert(pods <= ASK_PODS_MAX);
}

bool place_find(place *w, fleet *f, quota *q, int32_t tenant, const ask *a, plan *p, why *ret_why)
{
	check_ask(a);
	w->f = f;
	w->q = q;
	w->tenant = tenant;
	w->a = a;
	w->p = p;
	w->reasons = ret_why;
	w->reason = WHY_NONE;
	if (ret_why)
		*ret_why = (why){0};
	list_attempts(w);
	bool is_ranked = w->attempts.n > 1 && (a->n_clusters == 0 || a->clusters_by != CLUSTERS_ORDER);
	if (is_ranked)
		rank_attempts(w);
	for (attempt *at; (at = next_attempt(w, is_ranked));)
		if (try_cluster(w, at)) {
			if (ret_why)
				*ret_why = (why){0};
			return true;
		}
	plan_clear(p);
	if (ret_why)
		place_explain(w);
	return false;
}
