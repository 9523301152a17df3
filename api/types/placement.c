#include "api/types/placement.h"
#include "api/types/device_class.h"
#include "api/types/label.h"

#include <stdio.h>

const char *const placement_policies[] = {
	"fragmentation", "binpack", "spread", "topology", "cost", "hami-binpack", "hami-spread", NULL};
const char *const placement_cluster_policies[] = {"order", "spread", "pack", NULL};
const char *const placement_topologies[] = {"none", "best_effort", "required", NULL};
const char *const placement_device_priorities[] = {"high", "low", NULL};
const char *const placement_when_lost[] = {"keep", "restart_after", "best_effort_duplicate", NULL};
const char *const placement_orders[] = {"fair", "strict", NULL};
const char *const placement_states[] = {"pending", "granted", "delivered", "accepted", "bound", "running", "done",
	"refused", "rejected", "revoking", "revoked", "failed", NULL};
const char *const taint_effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
static const char *const container_kinds[] = {"app", "init", "sidecar", NULL};

#define F(...) JS_FIELD(device_ask, __VA_ARGS__)
static const js_field device_ask_fields[] = {
	F(count, JS_OPTIONAL, "How many devices.", JS_RANGE(1, 1024), JS_INITIAL(1)),
	F(classes, JS_OPTIONAL,
		"Device classes in order of preference; empty: any. A share mode (h100-80g.mig-3g.40gb) asks for its profile too; all listed ones must then be of one profile.",
		JS_ITEMS(0, 16), .form = JS_CLASS_NAME),
	F(classes_excluded, JS_OPTIONAL, "Not these device classes.", JS_ITEMS(0, 16), .form = JS_CLASS_NAME),
	F(memory_mib, JS_OPTIONAL, "MiB of each device; absent: its whole memory.", JS_RANGE(1, 100000000)),
	F(memory_percent, JS_OPTIONAL, "Percent of each device's memory, rounded down to MiB; instead of memory_mib.",
		JS_RANGE(1, 100)),
	F(compute_milli, JS_OPTIONAL,
		"Thousandths of each device's compute; 0: no reservation and no cap; 1000: all of it. Absent: 1000 with whole memory, else the class default.",
		JS_RANGE(0, 1000)),
	F(uuids, JS_OPTIONAL, "Only these devices.", JS_ITEMS(0, 64), .form = JS_FREE_TEXT),
	F(uuids_excluded, JS_OPTIONAL, "Not these devices.", JS_ITEMS(0, 64), .form = JS_FREE_TEXT),
	F(mig_profile, JS_OPTIONAL,
		"A MIG profile or vNPU template (3g.40gb, vir05), instead of memory and compute: each device is an instance of it.",
		JS_LEN(0, 63), .nullable = true),
	F(numa_bind, JS_OPTIONAL, "All devices of this line on one NUMA node."),
	F(container, JS_OPTIONAL, "The container that holds them. Kept and shown; not acted on yet.", JS_LEN(0, 63)),
	F(kind, JS_OPTIONAL, "What kind of container that is. Kept and shown; not acted on yet.",
		JS_VALUES(container_kinds)),
};
#undef F
JS_TYPE_GIVEN(device_ask, "A line of devices; amounts are per device.");

#define F(...) JS_FIELD(toleration, __VA_ARGS__)
static const js_field toleration_fields[] = {
	F(key, JS_OPTIONAL, "Key of the taint; absent or empty: every key.", JS_LEN(0, TAINT_KEY_BYTES)),
	F(value, JS_OPTIONAL, "Its value; absent: any.", JS_LEN(0, TAINT_VALUE_BYTES)),
	F(effect, JS_OPTIONAL, "Its effect; absent: all.", JS_VALUES(taint_effects)),
};
#undef F
JS_TYPE(toleration, "Taints of nodes that a pod may stand on.");

/* Of the groups and of the flat form. */
#define SELECTOR                                                                                                       \
	F(node_selector, JS_OPTIONAL, "Labels that a node must have, with these values.", LABELS),                     \
		F(tolerations, JS_OPTIONAL, "Tainted nodes that may serve too.", JS_OF(toleration), JS_ITEMS(0, 64))

#define F(...) JS_FIELD(host_ask, __VA_ARGS__)
static const js_field host_ask_fields[] = {
	F(cpu_milli, JS_OPTIONAL, "Thousandths of a core.", JS_RANGE(0, 100000000)),
	F(memory_mib, JS_OPTIONAL, "MiB of host memory.", JS_RANGE(0, 1000000000)),
};
#undef F
JS_TYPE(host_ask, "What one replica needs of its node besides devices.");

#define F(...) JS_FIELD(group_ask, __VA_ARGS__)
static const js_field group_ask_fields[] = {
	F(name, JS_REQUIRED, "Unique within the placement.", .form = JS_NAME, JS_LEN(1, 63)),
	F(replicas, JS_OPTIONAL, "How many pods.", JS_RANGE(1, 1024), JS_INITIAL(1)),
	F(min_replicas, JS_OPTIONAL, "Start with so many at least; absent: all.", JS_RANGE(1, 1024)),
	F(devices, JS_OPTIONAL, "Devices of one replica; empty: host resources only.", JS_OF(device_ask),
		JS_ITEMS(0, 16)),
	F(host, JS_OPTIONAL, "Host resources of one replica.", JS_OF(host_ask)),
	SELECTOR,
};
#undef F
JS_TYPE_GIVEN(group_ask, "Pods of one shape.");

#define F(...) JS_FIELD(policy_weight, __VA_ARGS__)
static const js_field policy_weight_fields[] = {
	F(policy, JS_REQUIRED, "A policy for nodes, as in node_policy.", JS_VALUES(placement_policies)),
	F(weight, JS_REQUIRED, "How much it counts beside the others.", JS_RANGE(1, 1000)),
};
#undef F
JS_TYPE(policy_weight, "A policy for nodes and how much it counts.");

#define F(...) JS_FIELD(placement_request, __VA_ARGS__)
static const js_field placement_request_fields[] = {
	F(tenant, JS_REQUIRED, "Path or id of the tenant that is charged.", .form = JS_TENANT_REF),
	F(name, JS_OPTIONAL, "For people.", .form = JS_NAME, JS_LEN(1, 63)),
	F(priority, JS_OPTIONAL, "One of /v1/priorities: its tier in the queue; absent: normal.", .form = JS_NAME,
		JS_LEN(1, 63)),
	F(preemptible, JS_OPTIONAL,
		"May be evicted, where it uses more than it was guaranteed; absent: as its priority says."),
	F(may_preempt, JS_OPTIONAL,
		"Whether others may be evicted for it, where its priority lets them be; false: it waits until there is room. Absent: as its priority says."),
	F(queue, JS_OPTIONAL, "Wait when it does not fit now; false: decided at once, rejected when it does not fit.",
		JS_INITIAL(1)),
	F(groups, JS_OPTIONAL, "Groups that start together or not at all.", JS_OF(group_ask), JS_ITEMS(0, 16)),
	F(replicas, JS_OPTIONAL, "Of the flat form.", JS_RANGE(1, 1024), JS_INITIAL(1)),
	F(gang, JS_OPTIONAL, "Of the flat form: all replicas or none.", JS_INITIAL(1)),
	F(devices, JS_OPTIONAL, "Of the flat form.", JS_OF(device_ask), JS_ITEMS(0, 16)),
	F(host, JS_OPTIONAL, "Of the flat form.", JS_OF(host_ask)),
	SELECTOR,
	F(clusters, JS_OPTIONAL, "Only these clusters, in order of preference; empty: any.", JS_ITEMS(0, 64),
		.form = JS_NAME),
	F(clusters_excluded, JS_OPTIONAL, "Not these clusters.", JS_ITEMS(0, 64), .form = JS_NAME),
	F(node_policy, JS_OPTIONAL,
		"How nodes are chosen; absent: fragmentation, which keeps free what others will ask for.",
		JS_VALUES(placement_policies)),
	F(node_weights, JS_OPTIONAL,
		"Several policies for nodes together, instead of node_policy: each says how good a node is, from 0 to 100, and the weighted sum counts; equals go to the first node.",
		JS_OF(policy_weight), JS_ITEMS(0, 4)),
	F(device_policy, JS_OPTIONAL, "How devices of a node are chosen; absent: fragmentation.",
		JS_VALUES(placement_policies)),
	F(cluster_policy, JS_OPTIONAL,
		"Which of several clusters is tried first. order: as listed in clusters, or without a list where the best node is; spread: most of the devices asked for free; pack: least of them free. Absent: order.",
		JS_VALUES(placement_cluster_policies)),
	F(topology, JS_OPTIONAL,
		"How much links between the devices of a pod matter. best_effort: the best linked set that the node has free; required: each pair by NVLink or as good, or not at all. Absent: not at all.",
		JS_VALUES(placement_topologies)),
	F(max_runtime_s, JS_OPTIONAL, "Ends by then; 0 or absent: open.", JS_RANGE(0, 31622400)),
	F(when_lost, JS_OPTIONAL,
		"What becomes of it when its cluster is not heard of for lost_after_s. keep: nothing; restart_after: it is ended there, by its agent, and starts elsewhere; best_effort_duplicate: it starts elsewhere, and may run twice until the cluster is heard of. Absent: as the tenant's policy says, else keep. Of requests that may wait.",
		JS_VALUES(placement_when_lost)),
	F(lost_after_s, JS_OPTIONAL, "How long that is; absent: as the tenant's policy says, else 900.",
		JS_RANGE(10, 31536000)),
	F(device_priority, JS_OPTIONAL,
		"Priority on the device itself, where slices compete: for the node, which learns it with the placement. Where it stands plays no part in that.",
		JS_VALUES(placement_device_priorities)),
	F(reservation, JS_OPTIONAL,
		"Id of a reservation of the tenant, or of one above it: on its devices and nowhere else, while its window runs.",
		JS_LEN(1, 63)),
	F(labels, JS_OPTIONAL, "Object of texts.", LABELS),
};
#undef F
JS_TYPE_GIVEN(placement_request, "A request for devices.");

#define F(...) JS_FIELD(placement_batch, __VA_ARGS__)
static const js_field placement_batch_fields[] = {
	F(order, JS_OPTIONAL, "strict: decided in list order.", JS_VALUES(placement_orders)),
	F(items, JS_REQUIRED, "The requests.", JS_OF(placement_request), JS_ITEMS(1, 1000)),
};
#undef F
JS_TYPE(placement_batch, "Many requests at once.");

#define F(...) JS_FIELD(placed_device, __VA_ARGS__)
static const js_field placed_device_fields[] = {
	F(uuid, JS_READ_ONLY, "What the vendor calls this one."),
	F(class, JS_READ_ONLY, "Its device class."),
	F(index, JS_READ_ONLY, "Its place on the node, from 0.", .always = true),
	F(memory_mib, JS_READ_ONLY, "Booked of its memory.", .always = true),
	F(compute_milli, JS_READ_ONLY, "Booked of its compute.", .always = true),
	F(mig_profile, JS_READ_ONLY, "The MIG profile or vNPU template of an instance; absent: a share."),
	F(start, JS_OPTIONAL, "The slot of the device at which the instance begins, from 0; of an instance alone.",
		JS_RANGE(0, 15)),
	F(compute_overcommit_ppm, JS_READ_ONLY,
		"How far its compute may be promised to this and to what stands beside it; absent: once."),
};
#undef F
JS_TYPE_GIVEN(placed_device, "A slice of a device.");

int64_t placed_overcommit_ppm(const placed_device *d)
{
	int64_t ppm = d->compute_overcommit_ppm;

	if (ppm < COMPUTE_ONCE_PPM)
		return COMPUTE_ONCE_PPM;
	return ppm < COMPUTE_OVERCOMMIT_MAX_PPM ? ppm : COMPUTE_OVERCOMMIT_MAX_PPM;
}

#define F(...) JS_FIELD(placed_pod, __VA_ARGS__)
static const js_field placed_pod_fields[] = {
	F(group, JS_READ_ONLY, "Its group."),
	F(index, JS_READ_ONLY, "Its number in the group, from 0.", .always = true),
	F(node, JS_READ_ONLY, "The node it stands on."),
	F(cpu_milli, JS_READ_ONLY, "Booked of the node.", .always = true),
	F(memory_mib, JS_READ_ONLY, "Booked of the node.", .always = true),
	F(devices, JS_READ_ONLY, "Its slices.", JS_OF(placed_device), .always = true),
};
#undef F
JS_TYPE(placed_pod, "Where one pod stands and what it holds.");

#define F(...) JS_FIELD(placement_blocker, __VA_ARGS__)
static const js_field placement_blocker_fields[] = {
	F(code, JS_READ_ONLY,
		"quota_limit, quota_guarantee, no_fitting_device, no_such_class, node_cpu, node_memory, cluster_closed, reserved, ..."),
	F(scope, JS_READ_ONLY, "The tenant, cluster or reservation it is about."),
	F(class, JS_READ_ONLY, "The model or device class it is about."),
	F(axis, JS_READ_ONLY, "device_milli, memory_mib, compute_milli, cpu_milli, ..."),
	F(need, JS_READ_ONLY, "What the placement needs.", .always = true),
	F(free, JS_READ_ONLY, "The most there is.", .always = true),
	F(nodes, JS_READ_ONLY, "Nodes that fail for this.", .always = true),
	F(unblocks_when, JS_READ_ONLY, "The smallest change that would let it through."),
};
#undef F
JS_TYPE(placement_blocker, "Why a placement waits.");

static const char *const placement_conditions[] = {"outside_policy", NULL};
#define F(...) JS_FIELD(placement_condition, __VA_ARGS__)
static const js_field placement_condition_fields[] = {
	F(type, JS_READ_ONLY, "outside_policy: a policy applied since would place it otherwise.",
		JS_VALUES(placement_conditions)),
	F(policy, JS_READ_ONLY, "The policy that counts now."),
	F(fields, JS_READ_ONLY, "What the request left open, by what it was placed, and what the policy says now."),
	F(since, JS_READ_ONLY, "When that policy was applied."),
};
#undef F
JS_TYPE(placement_condition, "What holds of a placement that goes on.");

#define F(...) JS_FIELD(placement, __VA_ARGS__)
static const js_field placement_fields[] = {
	F(id, JS_READ_ONLY, "plc_ and a ULID."),
	F(tenant, JS_READ_ONLY, "Path of the tenant that is charged."),
	F(name, JS_READ_ONLY, "For people."),
	F(origin, JS_READ_ONLY, "api: asked for here; pod: seen in a cluster."),
	F(state, JS_READ_ONLY,
		"pending, granted, delivered, accepted, bound, running, done, refused, rejected, revoking, revoked, failed."),
	F(fence, JS_READ_ONLY, "incarnation.number: which attempt this is."),
	F(cluster, JS_READ_ONLY, "Where it stands."),
	F(revision, JS_READ_ONLY, "Number of its last decision in the placements chain."),
	F(placed, JS_READ_ONLY, "Its pods.", JS_OF(placed_pod), .always = true, JS_ITEMS(0, 100000)),
	F(blockers, JS_READ_ONLY, "Why it waits, the first being the nearest.", JS_OF(placement_blocker),
		.always = true),
	F(position, JS_READ_ONLY,
		"Place in the queue, among those of its tier that want the same model, from 1, when it was last decided about; absent when it does not wait.",
		.may_miss = true),
	F(grace_s, JS_READ_ONLY, "How long it may take to end; only where it is told to make room for another.",
		.may_miss = true),
	F(self_fence_s, JS_READ_ONLY,
		"For its cluster's agent: it ends it when it was not heard for so long. Absent: it goes on.",
		.may_miss = true),
	F(speak_s, JS_READ_ONLY,
		"For its cluster's agent: it reports so often at least, so that its silence is noticed. Absent: as usual.",
		.may_miss = true),
	F(reason, JS_READ_ONLY, "Why it was refused, rejected, revoked or failed."),
	F(conditions, JS_READ_ONLY, "What holds of it, where it is read by itself; absent: nothing.",
		JS_OF(placement_condition)),
	F(request, JS_READ_ONLY, "The request as taken."),
	F(created_at, JS_READ_ONLY, "When it was asked for."),
	F(granted_at, JS_READ_ONLY, "When it was last granted."),
	F(running_at, JS_READ_ONLY, "When it began to run."),
	F(ended_at, JS_READ_ONLY, "When it ended."),
};
#undef F
JS_TYPE(placement, "A placement.");

static err device_ask_check(const device_ask *d, fault *f)
{
	bool has_memory = js_given(&device_ask_type, d, "memory_mib");

	if (has_memory && js_given(&device_ask_type, d, "memory_percent"))
		return fault_set(f, ERR_BAD_FIELD, "#/memory_percent", "give memory_mib or memory_percent, not both");
	if (d->mig_profile.n && (has_memory || js_given(&device_ask_type, d, "memory_percent") ||
					js_given(&device_ask_type, d, "compute_milli")))
		return fault_set(f, ERR_BAD_FIELD, "#/mig_profile", "a profile stands instead of memory and compute");
	return ERR_OK;
}

static err devices_check(const js_list *list, fault *f)
{
	const device_ask *d = list->v;
	char at[16];

	for (uint32_t i = 0; i < list->n; i++) {
		err e = device_ask_check(&d[i], f);
		if (e) {
			int n = snprintf(at, sizeof(at), "%u", i);
			fault_prefix(f, str_of(at, (size_t)n));
			fault_prefix(f, S("devices"));
			return e;
		}
	}
	return ERR_OK;
}

/* Reports and explanations name a group: no two may have one name. */
static err group_name_check(const group_ask *groups, uint32_t i, fault *f)
{
	for (uint32_t k = 0; k < i; k++)
		if (str_eq(groups[k].name, groups[i].name))
			return fault_set(f, ERR_BAD_FIELD, "#/name", "group %u has the same name", k);
	return ERR_OK;
}

static err group_check(const group_ask *groups, uint32_t i, fault *f)
{
	const group_ask *g = &groups[i];
	err e = group_name_check(groups, i, f);

	if (e)
		return e;
	if (js_given(&group_ask_type, g, "min_replicas") && g->min_replicas > g->replicas)
		return fault_set(
			f, ERR_BAD_FIELD, "#/min_replicas", "must not be above replicas, %lld", (long long)g->replicas);
	return devices_check(&g->devices, f);
}

err policy_weights_check(str node_policy, const js_list *node_weights, fault *f)
{
	const policy_weight *w = node_weights->v;
	char at[64];

	if (node_weights->n && node_policy.n)
		return fault_set(f, ERR_BAD_FIELD, "#/node_weights", "give node_policy or node_weights, not both");
	for (uint32_t i = 0; i < node_weights->n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(w[i].policy, w[k].policy)) {
				snprintf(at, sizeof(at), "#/node_weights/%u/policy", i);
				return fault_set(f, ERR_BAD_FIELD, at, "weight %u is of the same policy", k);
			}
	return ERR_OK;
}

err placement_request_check(const placement_request *q, fault *f)
{
	static const char *const flat[] = {"replicas", "gang", "devices", "host", "node_selector", "tolerations"};
	const group_ask *g = q->groups.v;
	char at[16];
	err weighed = policy_weights_check(q->node_policy, &q->node_weights, f);

	if (weighed)
		return weighed;
	for (size_t i = 0; q->groups.n && i < sizeof(flat) / sizeof(*flat); i++)
		if (js_given(&placement_request_type, q, flat[i]))
			return fault_set(
				f, ERR_BAD_FIELD, "#/groups", "give groups or the flat form (%s), not both", flat[i]);
	for (uint32_t i = 0; i < q->groups.n; i++) {
		err e = group_check(g, i, f);
		if (e) {
			int n = snprintf(at, sizeof(at), "%u", i);
			fault_prefix(f, str_of(at, (size_t)n));
			fault_prefix(f, S("groups"));
			return e;
		}
	}
	return devices_check(&q->devices, f);
}

js_list placement_groups(const placement_request *q, arena *a)
{
	group_ask *g;

	if (q->groups.n)
		return q->groups;
	g = ARENA_NEW(a, group_ask);
	g->name = S("main");
	g->replicas = q->replicas;
	g->min_replicas = q->gang ? q->replicas : 1;
	g->devices = q->devices;
	g->host = q->host;
	g->node_selector = q->node_selector;
	g->tolerations = q->tolerations;
	return (js_list){g, 1};
}
