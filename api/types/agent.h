/* agent: the messages between the server and a cluster's agent (architecture, section 6).
 *
 * The agent always dials. Down: sync, held until there is something to say. Up: report, numbered per session, stored
 * once. Every item is idempotent on (placement, fence).
 */
#pragma once
#include "api/types/placement.h"

/* POST /agent/v1/join: the only call without a certificate. */
typedef struct join_request {
	str token;
	str csr;         /* PEM */
	str cluster_uid; /* uid of the cluster's kube-system namespace, or of the simulation */
	str agent_id;
	str version;
} join_request;
JS_DECLARE(join_request);

/* POST /agent/v1/renew, with the present certificate. */
typedef struct renew_request {
	str csr;
} renew_request;
JS_DECLARE(renew_request);

typedef struct join_answer {
	str state; /* ready: certificate and ca are here; pending: ask again with the same token and key */
	str cluster_id;
	str cluster;
	str certificate; /* PEM */
	str ca;          /* PEM */
	js_time expires_at;
} join_answer;
JS_DECLARE(join_answer);

/* POST /agent/v1/sync */
typedef struct sync_request {
	uint64_t given;
	str session;
	int64_t applied_rev;
	int64_t incarnation; /* the last the agent saw; 0: none */
	int64_t wait_ms;     /* how long to hold; at most 25,000 */
	int64_t lease_rev;   /* the offers of leases that the agent has taken in this session; 0: none */
	int64_t drift_n;     /* the last question what it runs that it has answered */
	bool asks_config;    /* the answer comes at once, with the configuration */
} sync_request;
JS_DECLARE(sync_request);

typedef struct sync_change {
	int64_t rev;
	str action;       /* grant: start it; revoke: stop it; forget: it is over for the server */
	js_raw placement; /* api/types/placement.h, whole */
} sync_change;
JS_DECLARE(sync_change);

/* What a cluster may let in by itself of a tenant's pods (engine/lease.h). */
typedef struct sync_lease {
	str lease; /* what it is called in words about it */
	str tenant, model;
	str mode;
	int64_t offline_s;
	int64_t seq;
	int64_t device_milli, memory_mib, compute_milli;
} sync_lease;
JS_DECLARE(sync_lease);

typedef struct sync_leases {
	str session;   /* whom it is said to */
	int64_t rev;   /* all offers up to here are in the answer, or were in one before */
	js_list items; /* of sync_lease */
} sync_leases;
JS_DECLARE(sync_leases);

/* The agent is to tell whole what it runs in these parts (engine/digest.h). */
typedef struct sync_drift {
	int64_t n;
	i64s buckets;
} sync_drift;
JS_DECLARE(sync_drift);

/* A product of devices in the cluster and the class it is of. */
typedef struct sync_class {
	str product, class;
} sync_class;
JS_DECLARE(sync_class);

/* A namespace, or the labels of some, and whose their pods are, as the platform says. */
typedef struct sync_space {
	str namespace, tenant;
} sync_space;
JS_DECLARE(sync_space);

enum { SYNC_SPACES_MAX = 10000, SYNC_SELECTORS_MAX = 1000 };

/* What an agent needs to know of its cluster to let pods in by itself. */
typedef struct sync_config {
	js_list classes;    /* of sync_class */
	js_list namespaces; /* of sync_space */
	js_list selectors;  /* of sync_space, by labels (api/types/namespace.h): behind those that are named */
	str default_tenant; /* of pods whose namespace is not mapped; absent: nobody's */
} sync_config;
JS_DECLARE(sync_config);

typedef struct sync_answer {
	uint64_t given;
	int64_t term;
	int64_t incarnation;
	int64_t rev; /* the stream's head; after the changes below the agent has applied the last change's rev */
	js_list changes;
	sync_leases leases;
	sync_drift drift;
	sync_config config;
	int64_t config_rev;
} sync_answer;
JS_DECLARE(sync_answer);

/* POST /agent/v1/report: items by kind; members of other kinds stay absent. */
typedef struct report_device {
	str uuid;
	int64_t index;
	str product;
	str class; /* when the agent knows it */
	int64_t memory_mib;
	int64_t slots;
	int64_t numa;   /* -1: not known */
	str share_mode; /* shares or instances; absent: shares */
	str geometry;   /* of a device that can be cut into instances, by its name in engine/geometry.def */
	str health;     /* ok or a reason */
} report_device;
JS_DECLARE(report_device);

extern const char *const report_share_modes[]; /* NULL-terminated */

typedef struct report_taint {
	str key, value, effect;
} report_taint;
JS_DECLARE(report_taint);

/* How the devices of a node are linked, by their index. */
typedef struct report_links {
	i64s weights; /* of each pair: (1, 0), (2, 0), (2, 1), (3, 0), ... */
	i64s groups;  /* of each device; -1: none */
} report_links;
JS_DECLARE(report_links);

typedef struct report_node {
	str name;
	int64_t cpu_milli, memory_mib, pods;
	int64_t rank; /* order among equals; 0: by arrival */
	str health;
	js_raw labels;
	js_list taints; /* of report_taint */
	report_links links;
	js_list devices; /* of report_device */
} report_node;
JS_DECLARE(report_node);

typedef struct report_lease {
	str lease;
	int64_t seq; /* of the last offer taken; 0: none */
	int64_t device_milli, memory_mib, compute_milli;
} report_lease;
JS_DECLARE(report_lease);

typedef struct report_item {
	uint64_t given;
	str kind;      /* inventory, step, usage, running, lease, admitted, want, withdrawn, digest */
	bool is_whole; /* inventory, running: nothing else exists in the cluster */
	js_list nodes; /* inventory: of report_node */
	strs nodes_gone;
	str placement; /* step, usage */
	str fence;
	str state; /* step: delivered, accepted, refused, bound, running, done, failed, revoked */
	str reason;
	js_time at;        /* step: when, by the agent's clock; usage: end of the window */
	int64_t window_ms; /* usage */
	int64_t source;    /* usage: which part of the placement; 0: all of it */
	int64_t memory_mib_avg, memory_mib_max, compute_milli_avg;
	strs placements; /* running: "plc_... fence" of every placement that holds devices; withdrawn: ids */
	str digest;
	i64s buckets;        /* running: of all that runs in these parts */
	int64_t incarnation; /* lease: that the agent knows */
	js_list leases;      /* lease: of report_lease, what the cluster holds */
	str tenant;          /* admitted, want: whose pod */
	js_raw request;      /* admitted, want: as a placement request */
	js_raw placed;       /* admitted: list of placed_pod, as a placement has it */
} report_item;
JS_DECLARE(report_item);

typedef struct report {
	str session;
	int64_t seq; /* 1, 2, ... within the session */
	str version;
	js_list items; /* of report_item */
} report;
JS_DECLARE(report);

typedef struct report_answer {
	int64_t acked_seq;
	bool want_snapshot; /* begin a session anew: inventory and running, whole */
} report_answer;
JS_DECLARE(report_answer);
