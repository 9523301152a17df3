#include "api/types/policy.h"

#include "api/types/placement.h"

const char *const sharing_lease_modes[] = {"hold", "soft", "self-fence", NULL};

#define F(...) JS_FIELD(policy_placement, __VA_ARGS__)
static const js_field policy_placement_fields[] = {
	F(node_policy, JS_OPTIONAL, "How nodes are chosen; absent: fragmentation.", JS_VALUES(placement_policies)),
	F(node_weights, JS_OPTIONAL, "Several policies for nodes together, as in a request; instead of node_policy.",
		JS_OF(policy_weight), JS_ITEMS(0, 4)),
	F(device_policy, JS_OPTIONAL, "How devices of a node are chosen; absent: fragmentation.",
		JS_VALUES(placement_policies)),
	F(cluster_policy, JS_OPTIONAL, "Which of several clusters is tried first; absent: order.",
		JS_VALUES(placement_cluster_policies)),
};
#undef F
JS_TYPE(policy_placement, "Where the work goes of a request that does not say.");

#define F(...) JS_FIELD(policy_sharing, __VA_ARGS__)
static const js_field policy_sharing_fields[] = {
	F(priority, JS_OPTIONAL, "One of /v1/priorities; absent: normal.", .form = JS_NAME, JS_LEN(1, 63)),
	F(preemptible, JS_OPTIONAL, "Whether it may be evicted, where it is borrowed; absent: as its priority says.",
		.may_miss = true),
	F(lease_percent, JS_OPTIONAL,
		"So much of what the tenant itself is guaranteed is lent to its clusters ahead, so that they start pods while "
		"the server is away.",
		JS_RANGE(0, 100)),
	F(lease_mode, JS_OPTIONAL, "What comes when a cluster is not heard of any more; absent: hold.",
		JS_VALUES(sharing_lease_modes)),
	F(lease_offline_s, JS_OPTIONAL,
		"How long a cluster goes on by itself; absent: 86,400, or 600 unless it is hold.",
		JS_RANGE(60, 31536000), .may_miss = true),
	F(when_lost, JS_OPTIONAL,
		"What becomes of work whose cluster is not heard of any more, as in a request; absent: keep.",
		JS_VALUES(placement_when_lost)),
	F(lost_after_s, JS_OPTIONAL, "After how long; absent: 900.", JS_RANGE(10, 31536000), .may_miss = true),
};
#undef F
JS_TYPE_GIVEN(policy_sharing, "What a request is among others that does not say.");

#define F(...) JS_FIELD(policy, __VA_ARGS__)
static const js_field policy_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: pol_ and a ULID."),
	F(tenant, JS_OPTIONAL, "Whose, and of all below that have none applied; absent: the whole fleet.",
		.form = JS_TENANT_REF),
	F(number, JS_READ_ONLY, "Counts the tenant's revisions, from 1.", .may_miss = true),
	F(placement, JS_OPTIONAL, "Where the work goes of a request that does not say.", JS_OF(policy_placement)),
	F(sharing, JS_OPTIONAL, "What a request is among others that does not say.", JS_OF(policy_sharing)),
	F(reason, JS_OPTIONAL, "Why; kept with the revision and in the audit record.", JS_LEN(0, 500)),
	F(is_applied, JS_READ_ONLY, "Whether it is the one that counts at its tenant.", .always = true),
	F(applied_by, JS_READ_ONLY, "Who applied it, while it is."),
	F(applied_at, JS_READ_ONLY, "When it was applied, while it is."),
	F(created_by, JS_READ_ONLY, "Who made it."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(outside, JS_READ_ONLY,
		"Of what runs in the caller's sight, how much it would place otherwise: found a few seconds after it was applied.",
		.may_miss = true),
	F(revision, JS_READ_ONLY,
		"Rises whenever one of the tenant's policies is applied, 0 before the first; the ETag that :apply asks for."),
};
#undef F
JS_TYPE(policy, "A policy of a tenant: one revision, which never changes.");
