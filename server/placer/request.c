#include "server/placer/request.h"

#include "engine/charge.h"
#include "engine/fleet.h"
#include "engine/score.h"
#include "server/placer/build.h"
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

static int32_t profile_find(const books *b, int32_t class_id, str profile)
{
	const geometry *g = b->fleet.classes.v[class_id].cut.geometry;

	return g ? geometry_profile_find(g, profile) : GEOMETRY_NONE;
}

/* The class of a name that may be one of its share modes: then the entry asks for its profile. FLEET_NONE: neither is
 * known, or the entry asks for another profile already. */
static int32_t class_named(const books *b, str name, ask_entry *e)
{
	int32_t number = charge_find(&b->fleet, name);

	if (number == FLEET_NONE || !charge_is_mode(number))
		return number;
	int32_t class_id = number % FLEET_CLASSES_MAX;
	str profile = b->fleet.classes.v[class_id].cut.geometry->profiles[number / FLEET_CLASSES_MAX - 1].name;
	if (e->profile.n && !str_eq(e->profile, profile))
		return FLEET_NONE;
	e->profile = profile;
	return class_id;
}

/* Whether any class that the entry may have has the profile it asks for, or it asks for none. */
static bool has_profile(const books *b, const ask_entry *e)
{
	bool found = !e->profile.n;

	for (int32_t i = 0; i < e->n_classes && !found; i++)
		found = profile_find(b, e->classes[i], e->profile) != GEOMETRY_NONE;
	for (uint32_t i = 0; e->n_classes == 0 && i < b->fleet.classes.n && !found; i++)
		found = profile_find(b, (int32_t)i, e->profile) != GEOMETRY_NONE;
	return found;
}

static int32_t *classes_excluded_of(const books *b, strs names, arena *a, int32_t *ret_n)
{
	int32_t *found = ARENA_ARRAY(a, int32_t, names.n);

	for (uint32_t i = 0; i < names.n; i++) {
		int32_t handle = fleet_class_find(&b->fleet, names.v[i]);
		if (handle != FLEET_NONE)
			found[(*ret_n)++] = handle;
	}
	return found;
}

/* The classes of an entry that are known. False: some were named, and none is. */
static bool classes_of(const books *b, const device_ask *d, arena *a, ask_entry *e, reasons *r)
{
	int32_t *found = ARENA_ARRAY(a, int32_t, d->classes.n);

	for (uint32_t i = 0; i < d->classes.n; i++) {
		int32_t handle = class_named(b, d->classes.v[i], e);
		if (handle != FLEET_NONE)
			found[e->n_classes++] = handle;
	}
	e->classes = found;
	if (!has_profile(b, e))
		refuse(r, WHY_NO_SUCH_CLASS, e->profile, d->count * SHARE_WHOLE_MILLI, 0);
	else if (d->classes.n && !e->n_classes)
		refuse(r, WHY_NO_SUCH_CLASS, d->classes.v[0], d->count * SHARE_WHOLE_MILLI, 0);
	else if (d->count > ASK_COUNT_MAX)
		refuse(r, WHY_TOO_LARGE, STR_NONE, d->count * SHARE_WHOLE_MILLI,
			(int64_t)ASK_COUNT_MAX * SHARE_WHOLE_MILLI);
	else
		return true;
	return false;
}

static ask_topology topology_of(str name)
{
	for (int i = 0; placement_topologies[i]; i++)
		if (str_eq(name, str_from(placement_topologies[i])))
			return (ask_topology)i;
	return TOPOLOGY_NONE;
}

static int32_t priority_of(const books *b, str name)
{
	const rank *r = books_rank(b, name.n ? name : RANK_USUAL);

	return r ? r->value : 0;
}

/* The names are in the order of ask_clusters. */
static ask_clusters clusters_by(str name)
{
	for (int i = 0; placement_cluster_policies[i]; i++)
		if (str_eq(name, str_from(placement_cluster_policies[i])))
			return (ask_clusters)i;
	return CLUSTERS_ORDER;
}

/* A profile is called as in its geometry; "mig-3g.40gb", as it stands in the names of share modes, is 3g.40gb. */
static str profile_of(str name)
{
	return str_starts(name, S("mig-")) ? str_cut(name, 4, name.n) : name;
}

static bool entry_of(const books *b, const device_ask *d, ask_topology links, arena *a, ask_entry *e, reasons *r)
{
	bool is_set = d->count > 1; /* one device alone is linked to none */

	*e = (ask_entry){.count = (int32_t)d->count,
		.memory_mib = js_given(&device_ask_type, d, "memory_mib") ? d->memory_mib : 0,
		.memory_percent = js_given(&device_ask_type, d, "memory_percent") ? (int32_t)d->memory_percent : 0,
		.compute_milli =
			js_given(&device_ask_type, d, "compute_milli") ? (int32_t)d->compute_milli : ASK_ABSENT,
		.uuids = d->uuids,
		.uuids_excluded = d->uuids_excluded,
		.profile = profile_of(d->mig_profile),
		.topology = is_set ? links : TOPOLOGY_NONE,
		.numa_bind = is_set && d->numa_bind};
	if (d->classes_excluded.n)
		e->classes_excluded = classes_excluded_of(b, d->classes_excluded, a, &e->n_classes_excluded);
	return classes_of(b, d, a, e, r);
}

static trait_term *selector_of(const books *b, str json, arena *a, int32_t *ret_n)
{
	build_pair *pairs = build_pairs(json, a, ret_n);
	trait_term *terms = ARENA_ARRAY(a, trait_term, *ret_n);
	int32_t *values = ARENA_ARRAY(a, int32_t, *ret_n);

	for (int32_t i = 0; i < *ret_n; i++) {
		values[i] = fleet_text_find(&b->fleet, pairs[i].value);
		terms[i] = (trait_term){fleet_text_find(&b->fleet, pairs[i].key), LABEL_IN, &values[i], 1};
	}
	return terms;
}

static trait_toleration *tolerations_of(const books *b, const js_list *asked, arena *a)
{
	trait_toleration *list = ARENA_ARRAY(a, trait_toleration, asked->n);
	const toleration *t = asked->v;

	for (uint32_t i = 0; i < asked->n; i++) {
		list[i].key = t[i].key.n ? fleet_text_find(&b->fleet, t[i].key) : TRAIT_ANY;
		list[i].value = t[i].value.p ? fleet_text_find(&b->fleet, t[i].value) : TRAIT_ANY;
		list[i].effects = t[i].effect.n ? build_effect(t[i].effect) : 0;
	}
	return list;
}

static bool group_of(const books *b, const group_ask *g, ask_topology links, arena *a, ask_group *ret, reasons *r)
{
	ask_entry *entries = ARENA_ARRAY(a, ask_entry, g->devices.n);
	const device_ask *d = g->devices.v;

	for (uint32_t i = 0; i < g->devices.n; i++)
		if (!entry_of(b, &d[i], links, a, &entries[i], r))
			return false;
	*ret = (ask_group){.replicas = (int32_t)g->replicas,
		.min_replicas = (int32_t)(g->min_replicas ? g->min_replicas : g->replicas),
		.entries = entries,
		.n_entries = (int32_t)g->devices.n,
		.cpu_milli = g->host.cpu_milli,
		.memory_mib = g->host.memory_mib,
		.n_tolerations = (int32_t)g->tolerations.n};
	if (g->node_selector.json.n)
		ret->selector = selector_of(b, g->node_selector.json, a, &ret->n_selector);
	if (g->tolerations.n)
		ret->tolerations = tolerations_of(b, &g->tolerations, a);
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

static void weights_of(ask *k, const js_list *list)
{
	const policy_weight *w = list->v;

	for (uint32_t i = 0; i < list->n && k->n_weights < ASK_WEIGHTS_MAX; i++)
		k->weights[k->n_weights++] = (ask_weight){policy_of(w[i].policy), (int32_t)w[i].weight};
}

static bool groups_of(const books *b, request_ask *w, ask_topology links, arena *a, reasons *r)
{
	ask_group *groups = ARENA_ARRAY(a, ask_group, w->groups.n);
	const group_ask *g = w->groups.v;
	int64_t pods = 0;

	for (uint32_t i = 0; i < w->groups.n; i++) {
		pods += g[i].replicas;
		if (!group_of(b, &g[i], links, a, &groups[i], r))
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
	weights_of(k, &q->node_weights);
	k->clusters_by = clusters_by(q->cluster_policy);
	k->priority = priority_of(b, q->priority);
	k->max_runtime_s = q->max_runtime_s;
	k->clusters = clusters_of(b, q->clusters, a, &k->n_clusters);
	k->clusters_excluded = clusters_of(b, q->clusters_excluded, a, &k->n_clusters_excluded);
	if (q->clusters.n && !k->n_clusters) {
		refuse(r, WHY_NO_SUCH_CLUSTER, q->clusters.v[0], 1, 0);
		return false;
	}
	return groups_of(b, ret, topology_of(q->topology), a, r);
}
