#include "agents/cluster/admit.h"

#include "engine/score.h"

js_list placement_groups(const placement_request *q, arena *a);

static bool entry_of(const book *b, const device_ask *d, arena *a, ask_entry *ret)
{
	int32_t *classes = ARENA_ARRAY(a, int32_t, d->classes.n + 1);

	*ret = (ask_entry){.count = (int32_t)d->count,
		.memory_mib = js_given(&device_ask_type, d, "memory_mib") ? d->memory_mib : 0,
		.memory_percent = js_given(&device_ask_type, d, "memory_percent") ? (int32_t)d->memory_percent : 0,
		.compute_milli =
			js_given(&device_ask_type, d, "compute_milli") ? (int32_t)d->compute_milli : ASK_ABSENT,
		.uuids = d->uuids,
		.uuids_excluded = d->uuids_excluded,
		.classes = classes};
	for (uint32_t i = 0; i < d->classes.n; i++) {
		int32_t handle = fleet_class_find(&b->fleet, d->classes.v[i]);
		if (handle != FLEET_NONE)
			classes[ret->n_classes++] = handle;
	}
	/* What the book cannot tell is for the server to decide. */
	bool is_plain = !d->mig_profile.n && !d->numa_bind && !d->classes_excluded.n;
	return ret->n_classes && is_plain && d->count <= ASK_COUNT_MAX;
}

static bool group_of(const book *b, const group_ask *g, arena *a, ask_group *ret)
{
	ask_entry *entries = ARENA_ARRAY(a, ask_entry, g->devices.n + 1);
	const device_ask *d = g->devices.v;

	for (uint32_t i = 0; i < g->devices.n; i++)
		if (!entry_of(b, &d[i], a, &entries[i]))
			return false;
	*ret = (ask_group){.replicas = (int32_t)g->replicas,
		.min_replicas = (int32_t)g->replicas,
		.entries = entries,
		.n_entries = (int32_t)g->devices.n,
		.cpu_milli = g->host.cpu_milli,
		.memory_mib = g->host.memory_mib};
	return g->devices.n > 0 && g->replicas <= ASK_PODS_MAX && !g->node_selector.json.n && !g->tolerations.n;
}

static ask_policy policy_of(str name)
{
	ask_policy p = score_policy_named(name);

	return p == POLICY_COUNT || p == POLICY_FRAGMENTATION ? POLICY_BINPACK : p;
}

static js_list devices_tell(const book *b, const plan *p, const plan_pod *pod, arena *a)
{
	placed_device *list = ARENA_ARRAY(a, placed_device, pod->n + 1);

	for (uint32_t i = 0; i < pod->n; i++) {
		const plan_device *d = &p->devices.v[pod->first + i];
		const fleet_device *at = &b->fleet.devices.v[d->device];
		list[i] = (placed_device){.uuid = str_dup(a, b->fleet.device_uuids.v[d->device]),
			.class = str_dup(a, b->fleet.classes.v[at->class_id].name),
			.index = at->index,
			.memory_mib = d->memory_mib,
			.compute_milli = d->compute_milli};
	}
	return (js_list){list, pod->n};
}

static js_list placed_tell(const book *b, const plan *p, arena *a)
{
	placed_pod *list = ARENA_ARRAY(a, placed_pod, p->pods.n + 1);

	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		list[i] = (placed_pod){.group = S("main"),
			.index = pod->index,
			.node = str_dup(a, b->fleet.node_names.v[pod->node]),
			.cpu_milli = pod->cpu_milli,
			.memory_mib = pod->memory_mib,
			.devices = devices_tell(b, p, pod, a)};
	}
	return (js_list){list, p->pods.n};
}

/* What the server will charge for it. False: it is of several models. */
static bool charge_of(const book *b, admit_found *r)
{
	int32_t model = b->fleet.devices.v[r->plan.devices.v[0].device].class_id;

	r->charge = (amounts){0};
	for (uint32_t i = 0; i < r->plan.devices.n; i++) {
		const plan_device *d = &r->plan.devices.v[i];
		const fleet_device *at = &b->fleet.devices.v[d->device];
		if (at->class_id != model || d->profile)
			return false;
		r->charge = amounts_add(r->charge, share_of_slice(d->memory_mib, d->compute_milli, at->memory_mib, 1));
	}
	r->model = b->fleet.classes.v[model].name;
	return true;
}

bool admit_find(place *room, book *b, str request, arena *a, admit_found *ret)
{
	placement_request q;
	ask_group group;
	fault f;

	if (js_read_output(&placement_request_type, str_dup(a, request), a, &q, &f))
		return false;
	js_list groups = placement_groups(&q, a);
	ask k = {.groups = &group,
		.n_groups = 1,
		.node_policy = policy_of(q.node_policy),
		.device_policy = policy_of(q.device_policy),
		.max_runtime_s = q.max_runtime_s};
	if (groups.n != 1 || !group_of(b, groups.v, a, &group) ||
		!place_find(room, &b->fleet, NULL, FLEET_NONE, &k, &ret->plan, NULL))
		return false;
	place_give(&b->fleet, NULL, FLEET_NONE, &ret->plan);
	if (!charge_of(b, ret))
		return false;
	ret->placed = placed_tell(b, &ret->plan, a);
	ret->labels = q.labels;
	ret->max_runtime_s = q.max_runtime_s;
	return true;
}
