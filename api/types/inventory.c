#include "api/types/inventory.h"

#define F(...) JS_FIELD(node, __VA_ARGS__)
static const js_field node_fields[] = {
	F(id, JS_READ_ONLY, "nod_ and a ULID."),
	F(cluster, JS_READ_ONLY, "Name of its cluster."),
	F(name, JS_READ_ONLY, "Its name inside the cluster."),
	F(health, JS_READ_ONLY, "ok, or what the agent reports."),
	F(is_cordoned, JS_READ_ONLY, "Takes no new work.", .always = true),
	F(cpu_milli, JS_READ_ONLY, "Thousandths of a core.", .always = true),
	F(memory_mib, JS_READ_ONLY, "MiB of host memory.", .always = true),
	F(pods, JS_READ_ONLY, "How many pods it takes.", .always = true),
	F(used_cpu_milli, JS_READ_ONLY, "Booked by placements.", .always = true),
	F(used_memory_mib, JS_READ_ONLY, "Booked by placements.", .always = true),
	F(used_pods, JS_READ_ONLY, "Booked by placements.", .always = true),
	F(devices, JS_READ_ONLY, "Devices on it.", .always = true),
	F(labels, JS_READ_ONLY, "Labels the cluster gives it."),
	F(taints, JS_READ_ONLY, "Taints the cluster gives it: lists of key, value and effect."),
	F(links, JS_READ_ONLY, "How its devices are linked, as its agent reports it: weights of pairs, and groups."),
	F(seen_at, JS_READ_ONLY, "When the agent last reported it."),
};
#undef F
JS_TYPE(node, "A node of a cluster.");

#define F(...) JS_FIELD(device, __VA_ARGS__)
static const js_field device_fields[] = {
	F(id, JS_READ_ONLY, "dev_ and a ULID."),
	F(cluster, JS_READ_ONLY, "Name of its cluster."),
	F(node, JS_READ_ONLY, "Name of its node."),
	F(uuid, JS_READ_ONLY, "What the vendor calls this one."),
	F(index, JS_READ_ONLY, "Its place on the node, from 0.", .always = true),
	F(class, JS_READ_ONLY, "Its device class; unclassified when no class knows the product."),
	F(product, JS_READ_ONLY, "What the vendor calls its kind."),
	F(health, JS_READ_ONLY, "ok, or what the agent reports."),
	F(is_cordoned, JS_READ_ONLY, "Takes no new work.", .always = true),
	F(memory_mib, JS_READ_ONLY, "Its whole memory.", .always = true),
	F(compute_milli, JS_READ_ONLY, "1000 times the overcommit of its class.", .always = true),
	F(slots, JS_READ_ONLY, "How many may share it.", .always = true),
	F(used_memory_mib, JS_READ_ONLY, "Booked.", .always = true),
	F(used_compute_milli, JS_READ_ONLY, "Booked.", .always = true),
	F(used_slots, JS_READ_ONLY, "Booked.", .always = true),
	F(numa, JS_READ_ONLY, "The NUMA node it is on; absent: not known.", .may_miss = true),
	F(share_mode, JS_READ_ONLY, "shares: given out by memory and compute; instances: cut by its geometry."),
	F(geometry, JS_READ_ONLY, "How it is cut into instances; absent: it is not."),
	F(conditions, JS_READ_ONLY,
		"device_over: the cluster runs more on it than it has; geometry_differs: it is cut into instances, but not as its class says, and takes no new work."),
	F(seen_at, JS_READ_ONLY, "When the agent last reported it."),
};
#undef F
JS_TYPE(device, "A device of a node.");
