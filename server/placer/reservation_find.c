#include "engine/fleet.h"
#include "engine/quota_promise.h"
#include "server/placer/decide.h"
#include "server/placer/reservation_inside.h"

typedef vec(quota_promise) promises;

/* Holds whose time does not meet that of x: they are not in the way. Nor is its own. */
static bool is_apart(const void *of, const reserve_terms *t)
{
	const reservation *x = of;

	return t->owner == x->number || t->until_us <= x->starts_us || t->from_us >= x->ends_us;
}

/* When it is certain to be over; 0: it does not say. */
static int64_t end_of(books *b, booking *k)
{
	int64_t began_us = k->now.running_at_us ? k->now.running_at_us : k->now.granted_at_us;

	decide_terms(b, k);
	int64_t end_us = k->terms.max_runtime_s ? began_us + k->terms.max_runtime_s * 1000000 : 0;
	if (k->within && (!end_us || k->within->ends_us < end_us))
		end_us = k->within->ends_us;
	return end_us;
}

/* Takes off the fleet what is over when x begins, in the trial at hand. */
static void endings_pass(books *b, const reservation *x)
{
	int32_t left = RESERVATION_RUNS;

	for (uint32_t c = 0; c < b->held.n; c++)
		for (booking *k = b->held.v[c]; k && left > 0; k = k->held_next, left--) {
			int64_t end_us = end_of(b, k);
			if (end_us && end_us <= x->starts_us)
				fleet_unbook(&b->fleet, &k->held);
		}
}

static bool refused(reasons *r, why_code code, str unknown, int64_t need)
{
	blocker k = blocker_of(code);

	k.need = need;
	r->unknown = unknown;
	why_add(&r->why, k);
	return false;
}

/* One group of replicas with one entry; what it points to is the caller's. */
typedef struct wish {
	ask ask;
	ask_group group;
	ask_entry entry;
	int32_t class_id, cluster;
	str uuid;
} wish;

static bool wish_fill(const books *b, const reservation *x, wish *w, reasons *r)
{
	*w = (wish){.class_id = FLEET_NONE, .cluster = FLEET_NONE};
	if (x->class_name.n && (w->class_id = fleet_class_find(&b->fleet, x->class_name)) == FLEET_NONE)
		return refused(r, WHY_NO_SUCH_CLASS, x->class_name, x->count * SHARE_WHOLE_MILLI);
	if (x->cluster.n && (w->cluster = fleet_cluster_find(&b->fleet, x->cluster)) == FLEET_NONE)
		return refused(r, WHY_NO_SUCH_CLUSTER, x->cluster, 1);
	w->entry = (ask_entry){.classes = &w->class_id,
		.n_classes = w->class_id != FLEET_NONE,
		.memory_mib = x->memory_mib,
		.compute_milli = x->compute_milli < 0 ? ASK_ABSENT : (int32_t)x->compute_milli,
		.count = (int32_t)x->per_node};
	w->group = (ask_group){.replicas = (int32_t)(x->count / x->per_node), .entries = &w->entry, .n_entries = 1};
	w->group.min_replicas = w->group.replicas;
	w->ask = (ask){.groups = &w->group,
		.n_groups = 1,
		.clusters = &w->cluster,
		.n_clusters = w->cluster != FLEET_NONE,
		.node_policy = POLICY_FRAGMENTATION,
		.device_policy = POLICY_FRAGMENTATION};
	return true;
}

/* The slices of p, node by node: the hold is no pod of anybody's. */
static void plan_gather(const fleet *f, const plan *p, plan *to)
{
	to->cluster = p->cluster;
	for (uint32_t i = 0; i < p->devices.n; i++) {
		int32_t node = f->devices.v[p->devices.v[i].device].node;
		bool is_first = true;
		for (uint32_t k = 0; k < i && is_first; k++)
			is_first = f->devices.v[p->devices.v[k].device].node != node;
		if (!is_first)
			continue;
		plan_add_pod(to, 0, (int32_t)to->pods.n, node, 0, 0);
		for (uint32_t k = i; k < p->devices.n; k++)
			if (f->devices.v[p->devices.v[k].device].node == node)
				plan_add_device(to, p->devices.v[k]);
	}
}

static void plan_append(plan *to, const plan *p)
{
	to->cluster = p->cluster;
	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		plan_add_pod(to, 0, (int32_t)to->pods.n, pod->node, 0, 0);
		for (uint32_t k = 0; k < pod->n; k++)
			plan_add_device(to, p->devices.v[pod->first + k]);
	}
}

/* Each device that is named, all of them in the cluster of the first. */
static bool find_named(books *b, const reservation *x, wish *w, plan *all, reasons *r)
{
	plan one;
	bool found = true;

	plan_init(&one);
	w->group.replicas = w->group.min_replicas = 1;
	for (uint32_t i = 0; i < x->uuids.n && found; i++) {
		w->entry.count = 1;
		w->entry.uuids = (strs){&x->uuids.v[i], 1};
		plan_clear(&one);
		found = place_find(b->room, &b->fleet, NULL, QUOTA_ROOT, &w->ask, &one, &r->why);
		if (!found)
			break;
		w->cluster = one.cluster;
		w->ask.n_clusters = 1;
		plan_append(all, &one);
	}
	plan_done(&one);
	return found;
}

static bool find_there(books *b, const reservation *x, wish *w, plan *all, reasons *r)
{
	plan p;
	bool found;

	plan_init(&p);
	market_refresh(b->market, &b->fleet);
	reserve_lift_if(b->reserve, &b->fleet, b->tree, is_apart, x);
	uint32_t trial = fleet_try(&b->fleet);
	endings_pass(b, x);
	if (x->uuids.n)
		found = find_named(b, x, w, &p, r);
	else
		found = place_find(b->room, &b->fleet, NULL, QUOTA_ROOT, &w->ask, &p, &r->why);
	fleet_undo(&b->fleet, trial);
	reserve_apply(b->reserve, &b->fleet, b->tree);
	if (found)
		plan_gather(&b->fleet, &p, all);
	plan_done(&p);
	return found;
}

static bool has_model(const promises *list, uint32_t from, int32_t model)
{
	for (uint32_t i = from; i < list->n; i++)
		if (list->v[i].model == model)
			return true;
	return false;
}

/* What the plan takes of each model while x runs. */
static void promises_add(const books *b, const reservation *x, const plan *p, promises *to)
{
	uint32_t from = to->n;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		int32_t model = b->fleet.devices.v[p->devices.v[i].device].class_id;
		if (has_model(to, from, model))
			continue;
		vec_push(to, ((quota_promise){books_payer(b, x->tenant_key)->handle, model, x->starts_us, x->ends_us,
				     plan_charge(&b->fleet, p, model)}));
	}
}

/* Beside all other reservations that are held. */
static bool may_keep(const books *b, const reservation *x, const plan *p, reasons *r)
{
	promises list = {0}, mine = {0};
	blocker in_way;
	bool may = true;

	for (uint32_t i = 0; i < b->reservations.v.n; i++) {
		const reservation *other = b->reservations.v.v[i];
		if (other->number != x->number &&
			(other->state == RESERVATION_HELD || other->state == RESERVATION_ACTIVE))
			promises_add(b, other, &other->whole, &list);
	}
	promises_add(b, x, p, &mine);
	for (uint32_t i = 0; i < mine.n && may; i++)
		may = quota_may_keep(b->tree, list.v, list.n, &mine.v[i], &in_way);
	if (!may)
		why_add(&r->why, in_way);
	vec_done(&list);
	vec_done(&mine);
	return may;
}

bool reservation_find(books *b, const reservation *x, int64_t now_us, plan *p, reasons *r)
{
	reservation at = *x;
	wish w;

	*r = (reasons){0};
	if (at.starts_us < now_us)
		at.starts_us = now_us;
	if (!wish_fill(b, x, &w, r))
		return false;
	if (find_there(b, &at, &w, p, r) && may_keep(b, &at, p, r))
		return true;
	plan_clear(p);
	return false;
}
