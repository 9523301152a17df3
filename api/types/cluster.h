/* cluster: a Kubernetes cluster that an agent joined, or will join. */
#pragma once
#include "json/js.h"

typedef struct cluster {
	str id;
	str name;
	str state;
	bool is_cordoned;
	bool is_frozen;
	bool is_draining;
	bool accept;
	str default_tenant;
	js_raw labels;
	int64_t join_token_ttl_s;
	str join_token;
	js_time join_token_expires_at;
	int64_t nodes;
	int64_t devices;
	int64_t stream_rev;
	js_time seen_at;
	str agent_version;
	int64_t revision;
	js_time created_at;
} cluster;
JS_DECLARE(cluster);

typedef struct cluster_patch {
	uint64_t given, nulled;
	str default_tenant;
	js_raw labels;
	str reason;
} cluster_patch;
JS_DECLARE(cluster_patch);

/* Body of :accept, :cordon, :uncordon, :freeze and their kin; all of it may be left out. */
typedef struct action_reason {
	str reason;
} action_reason;
JS_DECLARE(action_reason);

/* Body of :drain. */
typedef struct cluster_drain {
	int64_t grace_s;
	bool requeue;
	str reason;
} cluster_drain;
JS_DECLARE(cluster_drain);

/* Body of :declare-lost. */
typedef struct cluster_loss {
	bool requeue;
	str reason;
} cluster_loss;
JS_DECLARE(cluster_loss);
