#include "api/types/agent.h"

#include "api/types/policy.h"

const char *const report_share_modes[] = {"shares", "instances", NULL};
static const char *const item_kinds[] = {
	"inventory", "step", "usage", "running", "lease", "admitted", "want", "withdrawn", "digest", NULL};

#define F(...) JS_FIELD(join_request, __VA_ARGS__)
static const js_field join_request_fields[] = {
	F(token, JS_REQUIRED, "The join token.", JS_LEN(1, 200)),
	F(csr, JS_REQUIRED, "PKCS #10 request for the agent's own key, PEM.", JS_LEN(1, 16384)),
	F(cluster_uid, JS_REQUIRED, "What makes this cluster itself.", JS_LEN(1, 200)),
	F(agent_id, JS_REQUIRED, "Random, made once by the agent.", JS_LEN(1, 200)),
	F(version, JS_OPTIONAL, "The agent's version.", JS_LEN(0, 100)),
};
#undef F
JS_TYPE(join_request, "An agent joins its cluster.");

#define F(...) JS_FIELD(renew_request, __VA_ARGS__)
static const js_field renew_request_fields[] = {
	F(csr, JS_REQUIRED, "PKCS #10 request for the agent's key, PEM.", JS_LEN(1, 16384)),
};
#undef F
JS_TYPE(renew_request, "An agent renews its certificate.");

#define F(...) JS_FIELD(join_answer, __VA_ARGS__)
static const js_field join_answer_fields[] = {
	F(state, JS_READ_ONLY, "ready or pending."),
	F(cluster_id, JS_READ_ONLY, "The cluster's id."),
	F(cluster, JS_READ_ONLY, "The cluster's name."),
	F(certificate, JS_READ_ONLY, "The agent's certificate, PEM.", JS_LEN(0, 65536)),
	F(ca, JS_READ_ONLY, "Who signs servers and agents, PEM.", JS_LEN(0, 65536)),
	F(expires_at, JS_READ_ONLY, "When the certificate ends."),
};
#undef F
JS_TYPE(join_answer, "What a joining agent gets.");

#define F(...) JS_FIELD(sync_request, __VA_ARGS__)
static const js_field sync_request_fields[] = {
	F(session, JS_REQUIRED, "New at each start of the agent.", JS_LEN(1, 100)),
	F(applied_rev, JS_REQUIRED, "The last revision the agent has applied.", JS_RANGE(0, JS_INT_MAX)),
	F(incarnation, JS_OPTIONAL, "The last the agent saw.", JS_RANGE(0, JS_INT_MAX)),
	F(wait_ms, JS_OPTIONAL, "How long to hold the call.", JS_RANGE(0, 25000), JS_INITIAL(25000)),
	F(lease_rev, JS_OPTIONAL, "The offers of leases taken in this session; absent: none.", JS_RANGE(0, JS_INT_MAX),
		.may_miss = true),
	F(drift_n, JS_OPTIONAL, "The last of the server's questions what runs that was answered.",
		JS_RANGE(0, JS_INT_MAX), .may_miss = true),
	F(asks_config, JS_OPTIONAL, "Answer at once, with what the agent must know of its cluster."),
};
#undef F
JS_TYPE_GIVEN(sync_request, "An agent asks what is new.");

#define F(...) JS_FIELD(sync_change, __VA_ARGS__)
static const js_field sync_change_fields[] = {
	F(rev, JS_REQUIRED, "Its place in the cluster's stream, without gaps.", JS_RANGE(1, JS_INT_MAX)),
	F(action, JS_REQUIRED, "grant, revoke or forget.", JS_LEN(1, 63)),
	F(placement, JS_REQUIRED, "The placement as it now stands.", JS_LEN(0, 4194304)),
};
#undef F
JS_TYPE(sync_change, "One change of a cluster's desired state.");

#define F(...) JS_FIELD(sync_lease, __VA_ARGS__)
static const js_field sync_lease_fields[] = {
	F(lease, JS_REQUIRED, "What it is called in words about it.", JS_LEN(1, 100)),
	F(tenant, JS_REQUIRED, "Whose quota it is.", JS_LEN(1, 600)),
	F(model, JS_REQUIRED, "Of which model.", JS_LEN(1, 63)),
	F(mode, JS_REQUIRED, "What comes when the server is not heard of.", JS_VALUES(sharing_lease_modes)),
	F(offline_s, JS_REQUIRED, "How long the cluster goes on by itself.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(seq, JS_REQUIRED, "Counts its offers.", JS_RANGE(1, JS_INT_MAX)),
	F(device_milli, JS_OPTIONAL, "At most in use there, by pods that the cluster let in.", JS_RANGE(0, JS_INT_MAX),
		.always = true),
	F(memory_mib, JS_OPTIONAL, "The same.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(compute_milli, JS_OPTIONAL, "The same.", JS_RANGE(0, JS_INT_MAX), .always = true),
};
#undef F
JS_TYPE(sync_lease, "Quota lent to a cluster, for pods that it lets in by itself.");

#define F(...) JS_FIELD(sync_leases, __VA_ARGS__)
static const js_field sync_leases_fields[] = {
	F(session, JS_REQUIRED, "Whom it is said to.", JS_LEN(1, 100)),
	F(rev, JS_REQUIRED, "All offers up to here were said now or before.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(items, JS_OPTIONAL, "The offers since the last.", JS_OF(sync_lease), JS_ITEMS(0, 100000), .always = true),
};
#undef F
JS_TYPE(sync_leases, "Offers of quota to a cluster.");

#define F(...) JS_FIELD(sync_drift, __VA_ARGS__)
static const js_field sync_drift_fields[] = {
	F(n, JS_REQUIRED, "Counts these questions.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(buckets, JS_OPTIONAL, "The parts, from 0 to 255.", JS_ITEMS(0, 256), .always = true),
};
#undef F
JS_TYPE(sync_drift, "Where the server means something else by what runs there.");

#define F(...) JS_FIELD(sync_class, __VA_ARGS__)
static const js_field sync_class_fields[] = {
	F(product, JS_REQUIRED, "What the vendor calls it.", JS_LEN(0, 128)),
	F(class, JS_REQUIRED, "The device class it is of.", JS_LEN(0, 63)),
};
#undef F
JS_TYPE(sync_class, "A product of the cluster's devices.");

#define F(...) JS_FIELD(sync_space, __VA_ARGS__)
static const js_field sync_space_fields[] = {
	F(namespace, JS_REQUIRED, "Its name, or the labels that all such have.", JS_LEN(1, 1000)),
	F(tenant, JS_REQUIRED, "Path of whose its pods are.", JS_LEN(1, 600)),
};
#undef F
JS_TYPE(sync_space, "Namespaces of the cluster.");

#define F(...) JS_FIELD(sync_config, __VA_ARGS__)
static const js_field sync_config_fields[] = {
	F(classes, JS_OPTIONAL, "Products whose class is known.", JS_OF(sync_class), JS_ITEMS(0, 1000)),
	F(namespaces, JS_OPTIONAL,
		"Namespaces of which the platform says whose they are, whatever they say themselves.",
		JS_OF(sync_space), JS_ITEMS(0, SYNC_SPACES_MAX)),
	F(selectors, JS_OPTIONAL,
		"The same by labels: of others that have all of them. What names the most of a namespace's labels counts.",
		JS_OF(sync_space), JS_ITEMS(0, SYNC_SELECTORS_MAX)),
	F(default_tenant, JS_OPTIONAL, "Tenant of pods whose namespace is not mapped.", JS_LEN(0, 600)),
};
#undef F
JS_TYPE(sync_config, "What an agent must know of its cluster.");

#define F(...) JS_FIELD(sync_answer, __VA_ARGS__)
static const js_field sync_answer_fields[] = {
	F(term, JS_REQUIRED, "The placer's term.", .always = true),
	F(incarnation, JS_REQUIRED, "Which database this is.", .always = true),
	F(rev, JS_REQUIRED, "The head of the stream.", .always = true),
	F(changes, JS_OPTIONAL, "In order; may be a part, then ask again.", JS_OF(sync_change), .always = true),
	F(leases, JS_OPTIONAL, "Quota lent to the cluster; absent: as before.", JS_OF(sync_leases)),
	F(drift, JS_OPTIONAL, "What the agent is to tell again; absent: nothing.", JS_OF(sync_drift)),
	F(config, JS_OPTIONAL, "What the agent asked to know of its cluster.", JS_OF(sync_config)),
	F(config_rev, JS_OPTIONAL, "Revision of the agent's configuration.", .always = true),
};
#undef F
JS_TYPE_GIVEN(sync_answer, "What is new for a cluster.");

#define F(...) JS_FIELD(report_device, __VA_ARGS__)
static const js_field report_device_fields[] = {
	F(uuid, JS_REQUIRED, "What the vendor calls this one.", JS_LEN(1, 128)),
	F(index, JS_REQUIRED, "Its place on the node, from 0.", JS_RANGE(0, 1023), .always = true),
	F(product, JS_REQUIRED, "What the vendor calls its kind.", JS_LEN(0, 128)),
	F(class, JS_OPTIONAL, "Its class, when the agent knows it.", JS_LEN(0, 63)),
	F(memory_mib, JS_REQUIRED, "Its whole memory.", JS_RANGE(0, 100000000), .always = true),
	F(slots, JS_OPTIONAL, "How many may share it; 0: as its class says.", JS_RANGE(0, 1000)),
	F(numa, JS_OPTIONAL, "The NUMA node it is on; -1: not known.", JS_RANGE(-1, 63), JS_INITIAL(-1)),
	F(share_mode, JS_OPTIONAL,
		"shares: by memory and compute; instances: cut by its geometry (MIG, vNPU), which must be told then. Absent: shares.",
		JS_VALUES(report_share_modes)),
	F(geometry, JS_OPTIONAL, "How it is cut into instances: mig-h100-80g, vnpu-910b3, ...", JS_LEN(0, 63)),
	F(health, JS_OPTIONAL, "ok or a reason.", JS_LEN(0, 200)),
};
#undef F
JS_TYPE(report_device, "A device as an agent sees it.");

#define F(...) JS_FIELD(report_taint, __VA_ARGS__)
static const js_field report_taint_fields[] = {
	F(key, JS_REQUIRED, "Its key.", JS_LEN(0, TAINT_KEY_BYTES)),
	F(value, JS_OPTIONAL, "Its value.", JS_LEN(0, TAINT_VALUE_BYTES)),
	F(effect, JS_REQUIRED, "What it does to pods that do not tolerate it.", JS_VALUES(taint_effects)),
};
#undef F
JS_TYPE(report_taint, "A taint of a node.");

#define F(...) JS_FIELD(report_links, __VA_ARGS__)
static const js_field report_links_fields[] = {
	F(weights, JS_OPTIONAL,
		"For each pair of devices, by index, (1,0), (2,0), (2,1), (3,0) and so on, what it is linked by, summed: 10 across CPUs, 20 same CPU, 30 host bridge, 40 several switches, 50 one switch, 60 same board, 100 each NVLink.",
		JS_ITEMS(0, 2016)),
	F(groups, JS_OPTIONAL, "For each device, by index, the group it belongs to (module, wing); -1: none.",
		JS_ITEMS(0, 64)),
};
#undef F
JS_TYPE(report_links, "How the devices of a node are linked.");

#define F(...) JS_FIELD(report_node, __VA_ARGS__)
static const js_field report_node_fields[] = {
	F(name, JS_REQUIRED, "Its name in the cluster.", JS_LEN(1, 253)),
	F(cpu_milli, JS_REQUIRED, "Thousandths of a core.", JS_RANGE(0, 100000000), .always = true),
	F(memory_mib, JS_REQUIRED, "MiB of host memory.", JS_RANGE(0, 1000000000), .always = true),
	F(pods, JS_OPTIONAL, "How many pods it takes.", JS_RANGE(0, 100000), JS_INITIAL(110)),
	F(rank, JS_OPTIONAL, "Order among equals; 0: by arrival.", JS_RANGE(0, 1000000000)),
	F(health, JS_OPTIONAL, "ok or a reason.", JS_LEN(0, 200)),
	F(labels, JS_OPTIONAL, "Free-form object of texts.", JS_LEN(0, 65536)),
	F(taints, JS_OPTIONAL, "What keeps pods off it.", JS_OF(report_taint), JS_ITEMS(0, 64)),
	F(links, JS_OPTIONAL, "How its devices are linked.", JS_OF(report_links)),
	F(devices, JS_OPTIONAL, "Its devices.", JS_OF(report_device), JS_ITEMS(0, 1024)),
};
#undef F
JS_TYPE(report_node, "A node as an agent sees it.");

#define F(...) JS_FIELD(report_lease, __VA_ARGS__)
static const js_field report_lease_fields[] = {
	F(lease, JS_REQUIRED, "Which.", JS_LEN(1, 100)),
	F(seq, JS_REQUIRED, "The last offer taken; 0: none of this database.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(device_milli, JS_OPTIONAL, "What the cluster holds: no less than what is used of it.",
		JS_RANGE(0, JS_INT_MAX), .always = true),
	F(memory_mib, JS_OPTIONAL, "The same.", JS_RANGE(0, JS_INT_MAX), .always = true),
	F(compute_milli, JS_OPTIONAL, "The same.", JS_RANGE(0, JS_INT_MAX), .always = true),
};
#undef F
JS_TYPE(report_lease, "What a cluster holds of a lease.");

#define F(...) JS_FIELD(report_item, __VA_ARGS__)
static const js_field report_item_fields[] = {
	F(kind, JS_REQUIRED, "What it tells.", JS_VALUES(item_kinds)),
	F(is_whole, JS_OPTIONAL, "Nothing else of this kind exists in the cluster."),
	F(nodes, JS_OPTIONAL, "inventory: nodes that are new or changed.", JS_OF(report_node), JS_ITEMS(0, 5000)),
	F(nodes_gone, JS_OPTIONAL, "inventory: nodes that left.", JS_ITEMS(0, 5000)),
	F(placement, JS_OPTIONAL, "step, usage: which placement.", JS_LEN(0, 63)),
	F(fence, JS_OPTIONAL, "step, usage: which attempt of it.", JS_LEN(0, 63)),
	F(state, JS_OPTIONAL, "step: where it has come to.", JS_LEN(0, 63)),
	F(reason, JS_OPTIONAL, "step: why, for refused and failed.", JS_LEN(0, 500)),
	F(at, JS_OPTIONAL, "step: when, by the agent's clock; usage: end of the window."),
	F(window_ms, JS_OPTIONAL, "usage: length of the window.", JS_RANGE(0, 86400000)),
	F(source, JS_OPTIONAL,
		"usage: which part of the placement, by a number of the cluster's own; 0: all of it. Of one part each moment counts once, however often it is told.",
		JS_RANGE(0, JS_INT_MAX)),
	F(memory_mib_avg, JS_OPTIONAL, "usage: over its devices together.", JS_RANGE(0, 1000000000)),
	F(memory_mib_max, JS_OPTIONAL, "usage: the peak.", JS_RANGE(0, 1000000000)),
	F(compute_milli_avg, JS_OPTIONAL, "usage: over its devices together.", JS_RANGE(0, 100000000)),
	F(placements, JS_OPTIONAL,
		"running: 'id fence' of every placement that holds devices; withdrawn: ids of wants whose pods are gone.",
		JS_ITEMS(0, 100000)),
	F(digest, JS_OPTIONAL, "digest: what the agent holds, hashed.", JS_LEN(0, 65536)),
	F(buckets, JS_OPTIONAL, "running: all that runs in these parts of the digest.", JS_ITEMS(0, 256)),
	F(incarnation, JS_OPTIONAL, "lease: which database the agent knows.", JS_RANGE(0, JS_INT_MAX)),
	F(leases, JS_OPTIONAL, "lease: what the cluster holds.", JS_OF(report_lease), JS_ITEMS(0, 100000)),
	F(tenant, JS_OPTIONAL, "admitted, want: whose pod.", JS_LEN(0, 600)),
	F(request, JS_OPTIONAL, "admitted, want: what it asks for, as a placement request.", JS_LEN(0, 65536)),
	F(placed, JS_OPTIONAL, "admitted: where it stands, as a placement says it.", JS_LEN(0, 4194304)),
};
#undef F
JS_TYPE_GIVEN(report_item, "One thing an agent tells.");

#define F(...) JS_FIELD(report, __VA_ARGS__)
static const js_field report_fields[] = {
	F(session, JS_REQUIRED, "New at each start of the agent.", JS_LEN(1, 100)),
	F(seq, JS_REQUIRED, "1, 2, ... within the session.", JS_RANGE(1, JS_INT_MAX)),
	F(version, JS_OPTIONAL, "The agent's version.", JS_LEN(0, 100)),
	F(items, JS_REQUIRED, "In the order they happened.", JS_OF(report_item), JS_ITEMS(0, 10000), .always = true),
};
#undef F
JS_TYPE(report, "What an agent tells the server.");

#define F(...) JS_FIELD(report_answer, __VA_ARGS__)
static const js_field report_answer_fields[] = {
	F(acked_seq, JS_REQUIRED, "Stored up to here.", .always = true),
	F(want_snapshot, JS_OPTIONAL, "Begin a session anew: inventory and running, whole."),
};
#undef F
JS_TYPE(report_answer, "How far a session's reports are stored.");
