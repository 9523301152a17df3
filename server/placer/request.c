#include "server/placer/request.h"

#include "engine/fleet.h"
#include "engine/score.h"
#include "server/placer/policy.h"

err request_read(const books *b, int32_t tenant_key, str body, arena *a, placement_request *ret, fault *f)
{
	err e = js_read(&placement_request_type, body, a, ret, f);

	if (e || (e = placement_request_check(ret, f)))
		return e;
	policy_complete(b, tenant_key, ret);
	return ERR_OK;
}

static void refuse(reasons *r, why_code code, str unknown, int64_t need, int64_t most)
{
	blocker b = blocker_of(code);

	b.need = need;
	b.free = most;
	r->unknown = unknown;
	why_add(&r->why, b);
}

/* The classes of an entry that are known. False: some were named, and none is. */
static bool classes_of(const books *b, const device_ask *d, arena *a, ask_entry *e, reasons *r)
{
	int32_t *found = ARENA_ARRAY(a, int32_t, d->classes.n);

	for (uint32_t i = 0; i < d->classes.n; i++) {
		int32_t handle = fleet_class_find(&b->fleet, d->classes.v[i]);
		if (handle != FLEET_NONE)
			found[e->n_classes++] = handle;
	}
	e->classes = found;
	if (d->mig_profile.n)
		refuse(r, WHY_NO_SUCH_CLASS, d->mig_profile, d->count * SHARE_WHOLE_MILLI, 0);
	else if (d->classes.n && !e->n_classes)
		refuse(r, WHY_NO_SUCH_CLASS, d->classes.v[0], d->count * SHARE_WHOLE_MILLI, 0);
	else if (d->count > ASK_COUNT_MAX)
		refuse(r, WHY_TOO_LARGE, STR_NONE, d->count * SHARE_WHOLE_MILLI,
			(int64_t)ASK_COUNT_MAX * SHARE_WHOLE_MILLI);
	else
		return true;
	return false;
}

static bool entry_of(const books *b, const device_ask *d, arena *a, ask_entry *e, reasons *r)
{
	*e = (ask_entry){.count = (int32_t)d->count,
		.memory_mib = js_given(&device_ask_type, d, "memory_mib") ? d->memory_mib : 0,
		.memory_percent = js_given(&device_ask_type, d, "memory_percent") ? (int32_t)d->memory_percent : 0,
		.compute_milli =
			js_given(&device_ask_type, d, "compute_milli") ? (int32_t)d->compute_milli : ASK_ABSENT,
		.uuids = d->uuids,
		.uuids_excluded = d->uuids_excluded};
	return classes_of(b, d, a, e, r);
}

static bool group_of(const books *b, const group_ask *g, arena *a, ask_group *ret, reasons *r)
{
	ask_entry *entries = ARENA_ARRAY(a, ask_entry, g->devices.n);
	const device_ask *d = g->devices.v;

	for (uint32_t i = 0; i < g->devices.n; i++)
		if (!entry_of(b, &d[i], a, &entries[i], r))
			return false;
	*ret = (ask_group){.replicas = (int32_t)g->replicas,
		.min_replicas = (int32_t)(g->min_replicas ? g->min_replicas : g->replicas),
		.entries = entries,
		.n_entries = (int32_t)g->devices.n,
		.cpu_milli = g->host.cpu_milli,
		.memory_mib = g->host.memory_mib};
	return true;
}

static int32_t *clusters_of(const books *b, strs names, arena *a, int32_t *ret_n)
{
	int32_t *found = ARENA_ARRAY(a, int32_t, names.n);

	for (uint32_t i = 0; i < names.n; i++) {
		int32_t handle = fleet_cluster_find(&b->fleet, names.v[i]);
		if (handle != FLEET_NONE)
			found[(*ret_n)++] = handle;
	}
	return found;
}

static ask_policy policy_of(str name)
{
	ask_policy p = score_policy_named(name);

	return p == POLICY_COUNT ? POLICY_FRAGMENTATION : p;
}

static bool groups_of(const books *b, request_ask *w, arena *a, reasons *r)
{
	ask_group *groups = ARENA_ARRAY(a, ask_group, w->groups.n);
	const group_ask *g = w->groups.v;
	int64_t pods = 0;

	for (uint32_t i = 0; i < w->groups.n; i++) {
		pods += g[i].replicas;
		if (!group_of(b, &g[i], a, &groups[i], r))
			return false;
	}
	w->ask.groups = groups;
	w->ask.n_groups = (int32_t)w->groups.n;
	if (pods > ASK_PODS_MAX)
		refuse(r, WHY_TOO_LARGE, STR_NONE, pods, ASK_PODS_MAX);
	return pods <= ASK_PODS_MAX;
}

bool request_to_ask(const books *b, const placement_request *q, arena *a, request_ask *ret, reasons *r)
{
	*r = (reasons){0};
	*ret = (request_ask){.may_wait = q->queue, .groups = placement_groups(q, a)};
	ask *k = &ret->ask;
	k->node_policy = policy_of(q->node_policy);
	k->device_policy = policy_of(q->device_policy);
	k->max_runtime_s = q->max_runtime_s;
	k->clusters = clusters_of(b, q->clusters, a, &k->n_clusters);
	k->clusters_excluded = clusters_of(b, q->clusters_excluded, a, &k->n_clusters_excluded);
	if (q->clusters.n && !k->n_clusters) {
		refuse(r, WHY_NO_SUCH_CLUSTER, q->clusters.v[0], 1, 0);
		return false;
	}
	return groups_of(b, ret, a, r);
}
