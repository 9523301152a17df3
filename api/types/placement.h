/* placement: a request for devices, and what became of it.
 *
 * placement_request is the body of POST; placement is the answer, the object in the watch stream and what an agent
 * receives: one shape everywhere.
 */
#pragma once
#include "json/js.h"

enum { TAINT_KEY_BYTES = 317, TAINT_VALUE_BYTES = 253 };

/* One line of devices: `count` devices of one class each, with amounts per device. */
typedef struct device_ask {
	uint64_t given;
	int64_t count;
	strs classes;           /* ordered; empty: any */
	int64_t memory_mib;     /* of each device */
	int64_t memory_percent; /* instead of memory_mib */
	int64_t compute_milli;
	strs uuids;
	strs uuids_excluded;
	strs classes_excluded;
	str mig_profile; /* instead of memory and compute */
	bool numa_bind;
	str container;
	str kind;
} device_ask;
JS_DECLARE(device_ask);

/* A taint that a pod may stand on; what is absent matches all. */
typedef struct toleration {
	str key, value, effect;
} toleration;
JS_DECLARE(toleration);

typedef struct host_ask {
	int64_t cpu_milli;
	int64_t memory_mib;
} host_ask;
JS_DECLARE(host_ask);

typedef struct group_ask {
	uint64_t given;
	str name;
	int64_t replicas;
	int64_t min_replicas; /* absent: replicas */
	js_list devices;      /* of device_ask */
	host_ask host;
	js_raw node_selector; /* object of texts: labels that a node must have */
	js_list tolerations;  /* of toleration */
} group_ask;
JS_DECLARE(group_ask);

/* One of several policies that choose nodes together. */
typedef struct policy_weight {
	str policy;
	int64_t weight;
} policy_weight;
JS_DECLARE(policy_weight);

typedef struct placement_request {
	uint64_t given;
	str tenant;
	str name;
	str priority;
	bool preemptible;
	bool may_preempt;
	bool queue;
	js_list groups; /* of group_ask; or one group written flat: */
	int64_t replicas;
	bool gang;
	js_list devices; /* of device_ask */
	host_ask host;
	js_raw node_selector;
	js_list tolerations;
	strs clusters;
	strs clusters_excluded;
	str node_policy;
	js_list node_weights; /* of policy_weight, instead of node_policy */
	str device_policy;
	str cluster_policy;
	str topology;
	int64_t max_runtime_s;
	str when_lost; /* its cluster is not heard of any more */
	int64_t lost_after_s;
	str device_priority;
	str reservation;
	js_raw labels;
} placement_request;
JS_DECLARE(placement_request);

/* POST /v1/placements:batch */
typedef struct placement_batch {
	str order;     /* strict: decided in list order */
	js_list items; /* of placement_request */
} placement_batch;
JS_DECLARE(placement_batch);

/* Where one pod stands and what it holds. */
typedef struct placed_device {
	uint64_t given;
	str uuid;
	str class;
	int64_t index;
	int64_t memory_mib;
	int64_t compute_milli;
	str mig_profile;                /* of an instance; absent: a share */
	int64_t start;                  /* given for an instance */
	int64_t compute_overcommit_ppm; /* 0: its compute is promised once */
} placed_device;
JS_DECLARE(placed_device);

/* How far the device's compute may be promised; within what classes may say, whatever was read. */
int64_t placed_overcommit_ppm(const placed_device *d);

typedef struct placed_pod {
	str group;
	int64_t index;
	str node;
	int64_t cpu_milli, memory_mib; /* of the host */
	js_list devices;               /* of placed_device */
} placed_pod;
JS_DECLARE(placed_pod);

/* Why a placement waits: always with a number and a scope. */
typedef struct placement_blocker {
	str code;  /* quota_limit, quota_guarantee, no_fitting_device, ... */
	str scope; /* tenant path or cluster name */
	str class; /* model or device class */
	str axis;
	int64_t need, free;
	int64_t nodes; /* how many nodes fail for this */
	str unblocks_when;
} placement_blocker;
JS_DECLARE(placement_blocker);

/* What holds of a placement that goes on. */
typedef struct placement_condition {
	str type, policy;
	js_raw fields;
	js_time since;
} placement_condition;
JS_DECLARE(placement_condition);

typedef struct placement {
	str id;
	str tenant;
	str name;
	str origin;
	str state;
	str fence;
	str cluster;
	str revision;     /* p<n> */
	js_list placed;   /* of placed_pod */
	js_list blockers; /* of placement_blocker */
	int64_t position;
	int64_t grace_s;
	int64_t self_fence_s, speak_s; /* for its agent (when_lost); 0: never, as usual */
	str reason;
	js_list conditions; /* of placement_condition */
	js_raw request;
	js_time created_at, granted_at, running_at, ended_at;
} placement;
JS_DECLARE(placement);

/* The closed sets of texts above, NULL-terminated. */
extern const char *const placement_states[];           /* engine/lifecycle.h */
extern const char *const placement_policies[];         /* by the names of engine/score.h */
extern const char *const placement_cluster_policies[]; /* by the names of engine/ask.h */
extern const char *const placement_topologies[];
extern const char *const placement_device_priorities[];
extern const char *const placement_when_lost[];
extern const char *const placement_orders[];
extern const char *const taint_effects[]; /* as Kubernetes has them, and engine/traits.h in the same order */

/* Rules across fields that no single row can state: groups or the flat form, not both; memory_mib or memory_percent,
 * not both, and neither of them nor compute_milli beside mig_profile; min_replicas <= replicas; node_policy or
 * node_weights, not both. The pointer of the fault is relative to the request. */
err placement_request_check(const placement_request *q, fault *f) MUST_CHECK;
/* Of a request or a policy: no node_policy beside the weights, and none of them twice. */
err policy_weights_check(str node_policy, const js_list *node_weights, fault *f) MUST_CHECK;
/* The request's groups; the flat form becomes one group called "main". Spans are shared with q, the array is in a. */
js_list placement_groups(const placement_request *q, arena *a);
