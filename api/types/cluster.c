#include "api/types/cluster.h"
#include "api/types/label.h"

#define F(...) JS_FIELD(cluster, __VA_ARGS__)
static const js_field cluster_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: cls_ and a ULID."),
	F(name, JS_REQUIRED, "Unique in the fleet.", .form = JS_NAME, JS_LEN(1, 63)),
	F(state, JS_READ_ONLY, "pending until an agent joined and was accepted, then ready; lost when declared so."),
	F(is_cordoned, JS_READ_ONLY, "Takes no new work.", .always = true),
	F(is_frozen, JS_READ_ONLY, "Takes no new work and loses none: nothing is evicted either.", .always = true),
	F(is_draining, JS_READ_ONLY, "Takes no new work, and what runs there is asked to end.", .always = true),
	F(accept, JS_OPTIONAL, "Accept whoever joins with the token at once, without :accept.", .asked_only = true),
	F(default_tenant, JS_OPTIONAL, "Tenant of pods whose namespace is not mapped.", .form = JS_TENANT_REF),
	F(labels, JS_OPTIONAL, "Object of texts.", LABELS),
	F(join_token_ttl_s, JS_OPTIONAL, "How long the join token may be used.", JS_RANGE(60, 86400), JS_INITIAL(3600),
		.asked_only = true),
	F(join_token, JS_SECRET, "Shown once, in the answer that made it."),
	F(join_token_expires_at, JS_READ_ONLY, "When the join token ends."),
	F(nodes, JS_READ_ONLY, "Nodes the agent reports.", .always = true),
	F(devices, JS_READ_ONLY, "Devices the agent reports.", .always = true),
	F(stream_rev, JS_READ_ONLY, "Revision of the cluster's desired state.", .always = true),
	F(seen_at, JS_READ_ONLY, "When the agent was last heard."),
	F(agent_version, JS_READ_ONLY, "What the agent says it is."),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(created_at, JS_READ_ONLY, "When it was made."),
};
#undef F
JS_TYPE(cluster, "A Kubernetes cluster that an agent joined, or will join.");

#define F(...) JS_FIELD(cluster_patch, __VA_ARGS__)
static const js_field cluster_patch_fields[] = {
	F(default_tenant, JS_OPTIONAL, "Tenant of pods whose namespace is not mapped.", .form = JS_TENANT_REF,
		.nullable = true),
	F(labels, JS_OPTIONAL, "Object of texts; replaces the whole.", LABELS, .nullable = true),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_PATCH(cluster_patch, "Changes of a cluster as a merge patch.");

#define F(...) JS_FIELD(action_reason, __VA_ARGS__)
static const js_field action_reason_fields[] = {
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(action_reason, "Why an action is taken.");

#define F(...) JS_FIELD(cluster_drain, __VA_ARGS__)
static const js_field cluster_drain_fields[] = {
	F(grace_s, JS_OPTIONAL, "How long work has to end, in seconds.", JS_RANGE(0, 86400), JS_INITIAL(30)),
	F(requeue, JS_OPTIONAL,
		"Work waits anew then and may start elsewhere; false: it ends as revoked. Pods of users end.",
		JS_INITIAL(1)),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(cluster_drain, "How a cluster is emptied.");

#define F(...) JS_FIELD(cluster_loss, __VA_ARGS__)
static const js_field cluster_loss_fields[] = {
	F(requeue, JS_OPTIONAL,
		"What ran there may start elsewhere, whatever may still run on the lost cluster; false: it has failed.",
		JS_INITIAL(0)),
	F(reason, JS_REQUIRED, "Why; kept in the audit record.", JS_LEN(1, 500)),
};
#undef F
JS_TYPE(cluster_loss, "That a cluster will not come back, and what becomes of its work.");
