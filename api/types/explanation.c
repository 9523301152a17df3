#include "api/types/explanation.h"

#define F(...) JS_FIELD(explained_level, __VA_ARGS__)
static const js_field explained_level_fields[] = {
	F(tenant, JS_READ_ONLY, "The level; the last is the whole fleet.", .always = true),
	F(model, JS_READ_ONLY, "The model that is asked for first."),
	F(need, JS_READ_ONLY, "Thousandths of devices that are asked for.", .may_miss = true),
	F(free, JS_READ_ONLY, "What this level and those above it still let through; absent: nothing limits it.",
		.may_miss = true),
};
#undef F
JS_TYPE(explained_level, "The quota of one level of the tree.");

#define F(...) JS_FIELD(explained_change, __VA_ARGS__)
static const js_field explained_change_fields[] = {
	F(change, JS_READ_ONLY,
		"cluster, class, memory_mib, memory_percent, compute_milli, count, host.cpu_milli, host.memory_mib, replicas: at most as much as that; quota: if it allowed it; uuids, numa_bind, topology, node_selector: without that; tolerations: with all taints tolerated."),
	F(group, JS_READ_ONLY, "The group it is about."),
	F(entry, JS_READ_ONLY, "Which of its device entries, from 0.", .may_miss = true),
	F(value, JS_READ_ONLY, "The cluster or class that would have to be allowed."),
	F(most, JS_READ_ONLY, "The largest amount with which it is placed.", .may_miss = true),
};
#undef F
JS_TYPE(explained_change, "A change with which it would be placed now, all else as asked.");

#define F(...) JS_FIELD(explained_budget, __VA_ARGS__)
static const js_field explained_budget_fields[] = {
	F(tenant, JS_READ_ONLY, "The level; empty: the whole fleet.", .always = true),
	F(period, JS_READ_ONLY, "Of the calendar in UTC."),
	F(amount, JS_READ_ONLY, "GPU hours of a period.", .always = true),
	F(left_milli, JS_READ_ONLY, "Thousandths of a GPU hour that are neither spent nor committed.", .always = true),
	F(period_end, JS_READ_ONLY, "When the next period begins."),
};
#undef F
JS_TYPE(explained_budget, "What may still be spent at one level.");

#define F(...) JS_FIELD(explained_nodes, __VA_ARGS__)
static const js_field explained_nodes_fields[] = {
	F(nodes, JS_READ_ONLY, "How many there are.", .always = true),
	F(health, JS_READ_ONLY, "Of the nodes."),
	F(devices, JS_READ_ONLY, "Such devices in order on each.", .always = true),
	F(idle_devices, JS_READ_ONLY, "Of these, used by nobody.", .always = true),
	F(free_memory_mib_most, JS_READ_ONLY, "The most that is free on one device of one of them.", .always = true),
};
#undef F
JS_TYPE(explained_nodes, "Nodes that have as many devices, and as many idle, as each other.");

#define F(...) JS_FIELD(explained_capacity, __VA_ARGS__)
static const js_field explained_capacity_fields[] = {
	F(cluster, JS_READ_ONLY, "The cluster."),
	F(class, JS_READ_ONLY, "The device class."),
	F(nodes, JS_READ_ONLY, "Nodes with such devices.", .always = true),
	F(devices, JS_READ_ONLY, "Such devices in order.", .always = true),
	F(idle_devices, JS_READ_ONLY, "Of these, used by nobody.", .always = true),
	F(free_memory_mib_most, JS_READ_ONLY, "The most that is free on one.", .always = true),
	F(alike, JS_READ_ONLY,
		"The nodes by what each has idle, the first 16 kinds, those in order and with most idle first.",
		.always = true, JS_OF(explained_nodes)),
};
#undef F
JS_TYPE(explained_capacity, "What a cluster has of a class.");

#define F(...) JS_FIELD(explained_room, __VA_ARGS__)
static const js_field explained_room_fields[] = {
	F(kind, JS_READ_ONLY, "reclaim: others make room; reserve: room is kept from a time on."),
	F(cluster, JS_READ_ONLY, "Where."),
	F(from, JS_READ_ONLY, "From when on."),
	F(until, JS_READ_ONLY, "It gives up then."),
	F(leaving, JS_READ_ONLY, "Placements that have not left yet.", .always = true),
};
#undef F
JS_TYPE(explained_room, "Room that is held for it.");

#define F(...) JS_FIELD(explanation, __VA_ARGS__)
static const js_field explanation_fields[] = {
	F(id, JS_READ_ONLY, "The placement."),
	F(tenant, JS_READ_ONLY, "Its tenant."),
	F(state, JS_READ_ONLY, "Where it stands."),
	F(reason, JS_READ_ONLY, "Why it was refused, rejected, revoked or failed."),
	F(blockers, JS_READ_ONLY, "Why it waits, the first being the nearest.", .always = true,
		JS_OF(placement_blocker)),
	F(position, JS_READ_ONLY, "Among those of its tier that want the same model, from 1.", .may_miss = true),
	F(ahead_own, JS_READ_ONLY, "The next ten of its own tenant that go before it.", .always = true),
	F(ahead_others, JS_READ_ONLY, "How many of other tenants go before it.", .may_miss = true),
	F(quota, JS_READ_ONLY, "Level by level, from its tenant to the fleet.", .always = true, JS_OF(explained_level)),
	F(budgets, JS_READ_ONLY,
		"Those of its tenant and above that keep new work out once they are spent, nearest first.",
		.always = true, JS_OF(explained_budget)),
	F(capacity, JS_READ_ONLY, "Cluster by cluster, of the classes it names.", .always = true,
		JS_OF(explained_capacity), JS_ITEMS(0, 10000)),
	F(room, JS_READ_ONLY, "Room that is held for it, if any.", .always = true, JS_OF(explained_room)),
	F(changes, JS_READ_ONLY, "What would let it through now, each found by trying.", .always = true,
		JS_OF(explained_change)),
	F(as_of, JS_READ_ONLY, "When position, quota and changes were found; absent: not yet."),
};
#undef F
JS_TYPE(explanation, "Why a placement stands where it stands.");
