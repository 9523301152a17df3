#include "engine/place.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/shape.h"
#include "engine/tally.h"

enum { KINDS_MAX = 16 };

/* One cluster to try, with where its first pod would go. */
typedef struct attempt {
	int32_t cluster, node, rating;
	bool is_closed, is_tried;
	int32_t group, placed; /* where it failed, and how many pods had a place by then */
	bool is_tallied;
	tally misses; /* of the pod that found no node, as the fleet was then */
} attempt;

struct place {
	vec(attempt) attempts;
	shapes *shapes;
	const score_tables *tables;
	fit_blocked blocked;
	why_code reason;
	/* The decision at hand. */
	fleet *f;
	quota *q;
	int32_t tenant;
	const ask *a;
	plan *p;
	why *reasons;
};

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

/* How much a reason says. Nodes of other classes say nothing while a node of the class is there, and nodes that are too
 * small anyway say nothing while a node is there that will do when something ends or opens. Quota has blockers of its
 * own. */
static int32_t weight_of(why_code code)
{
	if (why_is_quota(code))
		return 0;
	if (code == WHY_NO_SUCH_CLASS)
		return 1;
	return why_unblocks(code) == WHEN_INVENTORY ? 2 : 3;
}

/* The heaviest reason, of equals the one that most nodes give. */
static void reason_note(place *w, const int32_t *misses)
{
	w->reason = WHY_NO_SUCH_CLASS;
	for (why_code code = 1; code < WHY_COUNT; code++) {
		int32_t more = weight_of(code) - weight_of(w->reason);
		if (misses[code] > 0 && (more > 0 || (more == 0 && misses[code] > misses[w->reason])))
			w->reason = code;
	}
}

/* What every node of the cluster lacks. */
static void tally_nodes(place *w, attempt *at, const fit_need *need)
{
	const fleet_cluster *c = &w->f->clusters.v[at->cluster];
	shape *s = shapes_rate(w->shapes, w->f, need);
	tally_row row = {.nodes = 1};

	at->is_tallied = true;
	at->misses.n = 0;
	if (s && shape_tally(s, w->f, need, at->cluster, &at->misses))
		return;
	at->misses.n = 0;
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		row.node = c->nodes.v[i];
		if (fit_rate(w->f, need, row.node) >= 0)
			continue;
		fit_explain(w->f, need, row.node, &row.best);
		(void)tally_add(at->misses.rows, &at->misses.n, TALLY_ROWS_MAX, &row);
	}
}

/* Untouched nodes that are built alike rate alike: of each kind the walk looks at the first. */
typedef struct kinds {
	int32_t n;
	fleet_view v[KINDS_MAX];
} kinds;

static bool is_alike(const fleet_view *a, const fleet_view *b)
{
	return a->class_id == b->class_id && a->n_cells == b->n_cells && a->min_memory_mib == b->min_memory_mib &&
	       a->free_cpu_milli == b->free_cpu_milli && a->free_memory_mib == b->free_memory_mib &&
	       a->max_free_compute_milli == b->max_free_compute_milli && a->free_device_milli == b->free_device_milli &&
	       a->max_free_memory_mib == b->max_free_memory_mib;
}

static bool was_seen(kinds *k, const fleet_view *v)
{
	for (int32_t i = 0; i < k->n; i++)
		if (is_alike(&k->v[i], v))
			return true;
	if (k->n < KINDS_MAX)
		k->v[k->n++] = *v;
	return false;
}

/* Where no shape is kept: every node by rising rank. */
static int32_t walk(place *w, const attempt *at, const fit_need *need, int32_t *ret_rating)
{
	const fleet_cluster *c = &w->f->clusters.v[at->cluster];
	int32_t best = FLEET_NONE, misses[WHY_COUNT] = {0};
	kinds seen = {.n = 0};

	*ret_rating = -1;
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		const fleet_view *v = &w->f->views.v[c->nodes.v[i]];
		if (v->is_pristine && need->is_common && was_seen(&seen, v))
			continue;
		int32_t rating = fit_rate(w->f, need, c->nodes.v[i]);
		if (rating < 0)
			misses[fit_rate_code(rating)]++;
		if (rating <= *ret_rating || rating < 0)
			continue;
		*ret_rating = rating;
		best = c->nodes.v[i];
	}
	if (best == FLEET_NONE)
		reason_note(w, misses);
	return best;
}

/* The best node for the pod: first choice of class, then score, then rank. */
static int32_t scan(place *w, attempt *at, const fit_need *need)
{
	shape *s = shapes_rate(w->shapes, w->f, need);

	if (!s)
		return walk(w, at, need, &at->rating);
	int32_t node = shape_best(s, w->f, at->cluster, &at->rating);
	if (node == FLEET_NONE)
		reason_note(w, shape_misses(s));
	return node;
}

static void give_slices(quota *q, const fleet *f, int32_t tenant, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const plan_device *s = &p->devices.v[i];
		quota_give(q, tenant, f->devices.v[s->device].class_id, s->charge);
	}
}

/* Charges the last pod of the plan. False: nothing is charged, and *ret_model is the one in the way. */
static bool charge_pod(place *w, int32_t *ret_model)
{
	const plan_pod *pod = &w->p->pods.v[w->p->pods.n - 1];
	blocker refusal;

	if (!w->q)
		return true;
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &w->p->devices.v[i];
		int32_t model = w->f->devices.v[s->device].class_id;
		if (!quota_check(w->q, w->tenant, model, s->charge, &refusal)) {
			*ret_model = model;
			give_slices(w->q, w->f, w->tenant, w->p, pod->first, i);
			return false;
		}
		quota_take(w->q, w->tenant, model, s->charge);
	}
	return true;
}

amounts plan_charge(const fleet *f, const plan *p, int32_t model)
{
	amounts sum = {0};

	for (uint32_t i = 0; i < p->devices.n; i++)
		if (f->devices.v[p->devices.v[i].device].class_id == model)
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

/* Says what quota lacks for all pods of the group's minimum, not just for the slice that met the bound. The plan holds
 * the pods so far, which are charged, and last the one that was refused. */
static void refuse_model(place *w, int32_t group, int32_t index, int32_t model)
{
	const plan_pod *pod = &w->p->pods.v[w->p->pods.n - 1];
	int32_t missing = w->a->groups[group].min_replicas - index;
	amounts one = {0}, so_far;
	blocker b;

	for (uint32_t i = pod->first; i < pod->first + pod->n; i++)
		if (w->f->devices.v[w->p->devices.v[i].device].class_id == model)
			one = amounts_add(one, w->p->devices.v[i].charge);
	so_far = amounts_sub(plan_charge(w->f, w->p, model), one);
	bool is_free = quota_check(w->q, w->tenant, model, one, &b);
	assert(!is_free);
	b.group = group;
	b.need = so_far.v[b.axis] + amounts_times(one, missing > 1 ? missing : 1).v[b.axis];
	b.free += so_far.v[b.axis];
	refusal_add(w->reasons, &b);
}

/* Finds a node for one replica, books and charges it. `known` is a node that a scan has already found best. */
static bool place_pod(place *w, attempt *at, int32_t group, int32_t index, int32_t known)
{
	fit_need need;
	int32_t model;

	fit_prepare(&need, w->a, &w->a->groups[group], w->tables);
	need.blocked = &w->blocked;
	if (w->blocked.n)
		memset(&w->blocked, 0, sizeof w->blocked);
	for (;;) {
		int32_t node = known != FLEET_NONE ? known : scan(w, at, &need);
		if (node == FLEET_NONE) {
			if (w->reasons)
				tally_nodes(w, at, &need);
			return false;
		}
		fit_pick(w->f, &need, node, group, index, w->p);
		uint32_t last = w->p->pods.n - 1;
		if (charge_pod(w, &model)) {
			fleet_book_range(w->f, w->p, last, last + 1);
			return true;
		}
		w->reason = WHY_QUOTA_LIMIT;
		if (w->reasons)
			refuse_model(w, group, index, model);
		fit_block(&w->blocked, model);
		plan_cut(w->p, last);
		known = FLEET_NONE;
	}
}

void place_take(fleet *f, quota *q, int32_t tenant, const plan *p)
{
	fleet_book(f, p);
	for (uint32_t i = 0; q && i < p->devices.n; i++)
		quota_take(q, tenant, f->devices.v[p->devices.v[i].device].class_id, p->devices.v[i].charge);
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

/* The next cluster to try: in the order asked; else the best of those where the first pod finds a node. */
static attempt *next_attempt(place *w, bool is_ranked)
{
	attempt *best = NULL;

	vec_each (at, &w->attempts) {
		if (at->is_closed || at->is_tried || (is_ranked && at->node == FLEET_NONE))
			continue;
		if (!best || (is_ranked && at->rating > best->rating))
			best = at;
		if (!is_ranked)
			break;
	}
	if (best)
		best->is_tried = true;
	return best;
}

static void rank_attempts(place *w)
{
	fit_need need;

	fit_prepare(&need, w->a, &w->a->groups[0], w->tables);
	vec_each (at, &w->attempts)
		if (!at->is_closed)
			at->node = scan(w, at, &need);
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

static int32_t minimum_of(const ask *a)
{
	int32_t pods = 0;

	for (int32_t g = 0; g < a->n_groups; g++)
		pods += a->groups[g].min_replicas;
	return pods;
}

/* Where only quota keeps nodes of the class away, the class is there: that it is not elsewhere is no reason. */
static int32_t heaviest(const tally *t)
{
	int32_t weight = 1;

	for (int32_t i = 0; i < t->n; i++) {
		why_code code = t->rows[i].best.code;
		int32_t here = why_is_quota(code) ? 2 : weight_of(code);
		if (here > weight)
			weight = here;
	}
	return weight;
}

static bool is_about_devices(why_code code)
{
	switch (code) {
	case WHY_NO_FITTING_DEVICE:
	case WHY_PROFILE:
	case WHY_NUMA:
	case WHY_TOPOLOGY:
	case WHY_TOO_LARGE:
	case WHY_CLASS_RULE:
	case WHY_NO_SUCH_CLASS:
		return true;
	default:
		return false;
	}
}

static void explain_row(place *w, const attempt *at, const tally_row *row)
{
	blocker b = blocker_of(row->best.code);

	b.cluster = at->cluster;
	b.group = at->group;
	b.class_id = row->best.class_id;
	b.node = row->node;
	b.nodes = row->nodes;
	b.axis = row->best.axis;
	b.has_axis = is_about_devices(row->best.code);
	b.need = row->best.need;
	b.free = row->best.free;
	why_add(w->reasons, b);
}

static void explain_closed(place *w, const attempt *at)
{
	blocker b = blocker_of(WHY_CLUSTER_CLOSED);

	b.cluster = at->cluster;
	b.nodes = (int64_t)w->f->clusters.v[at->cluster].nodes.n;
	b.need = 1;
	why_add(w->reasons, b);
}

/* A cluster without nodes. */
static void explain_empty(place *w, const attempt *at)
{
	const ask_group *g = &w->a->groups[at->group];
	blocker b = blocker_of(g->n_entries ? WHY_NO_SUCH_CLASS : WHY_NODE_CPU_TOTAL);

	b.cluster = at->cluster;
	b.group = at->group;
	b.need = g->n_entries ? (int64_t)g->entries[0].count * SHARE_WHOLE_MILLI : g->cpu_milli;
	if (g->n_entries && g->entries[0].n_classes)
		b.class_id = g->entries[0].classes[0];
	why_add(w->reasons, b);
}

static void explain_cluster(place *w, const attempt *at)
{
	const tally *t = &at->misses;
	int32_t weight = heaviest(t);

	if (at->is_closed) {
		explain_closed(w, at);
		return;
	}
	if (w->f->clusters.v[at->cluster].nodes.n == 0)
		explain_empty(w, at);
	if (at->placed > 0) {
		blocker b = blocker_of(WHY_GANG_INCOMPLETE);
		b.cluster = at->cluster;
		b.group = at->group;
		b.need = minimum_of(w->a);
		b.free = at->placed;
		why_add(w->reasons, b);
	}
	for (int32_t i = 0; i < t->n; i++)
		if (weight_of(t->rows[i].best.code) == weight)
			explain_row(w, at, &t->rows[i]);
}

static void explain(place *w)
{
	fit_need need;

	fit_prepare(&need, w->a, &w->a->groups[0], w->tables);
	for (uint32_t i = 0; i < w->attempts.n; i++) {
		attempt *at = &w->attempts.v[i];
		if (!at->is_tallied && !at->is_closed)
			tally_nodes(w, at, &need);
		explain_cluster(w, at);
	}
	if (w->attempts.n == 0) {
		blocker b = blocker_of(WHY_NO_SUCH_CLUSTER);
		b.need = 1;
		why_add(w->reasons, b);
	}
	assert(w->reasons->n > 0);
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
	bool is_ranked = a->n_clusters == 0 && w->attempts.n > 1;
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
		explain(w);
	return false;
}
