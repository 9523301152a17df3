/* policy: what the requests of a tenant, and of those below it, get where they leave it open.
 *
 * A revision never changes. One of a tenant's revisions is applied at a time, or none: then the nearest one above
 * counts. Applying an older one is how one goes back.
 */
#pragma once
#include "json/js.h"

typedef struct policy_placement {
	str node_policy;
	js_list node_weights; /* of policy_weight (api/types/placement.h) */
	str device_policy;
	str cluster_policy;
} policy_placement;
JS_DECLARE(policy_placement);

typedef struct policy_sharing {
	uint64_t given;
	str priority;
	bool preemptible;
	int64_t lease_percent; /* 0: none is lent */
	str lease_mode;
	int64_t lease_offline_s;
	str when_lost;
	int64_t lost_after_s;
} policy_sharing;
JS_DECLARE(policy_sharing);

typedef struct policy {
	str id;
	str tenant;
	int64_t number;
	policy_placement placement;
	policy_sharing sharing;
	str reason;
	bool is_applied;
	str applied_by;
	js_time applied_at;
	str created_by;
	js_time created_at;
	int64_t outside;
	int64_t revision;
} policy;
JS_DECLARE(policy);

extern const char *const sharing_lease_modes[]; /* engine/lease.h */
