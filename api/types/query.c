#include "api/types/query.h"
#include "api/types/placement.h"

#define TREE_FIELDS                                                                                                    \
	F(tenant, JS_OPTIONAL, "Only this tenant, by path or id; one that is not in sight is not_found.",              \
		.form = JS_TENANT_REF),                                                                                \
		F(subtree, JS_OPTIONAL, "The tenants below it too.")

#define CHAIN_FIELD F(chain, JS_OPTIONAL, "g: governance; p: placements. Absent: g.", JS_VALUES(chain_letters))

static const char *const chain_letters[] = {"g", "p", NULL};

static const char *const tenant_sorts[] = {
	SORT("path"), SORT("name"), SORT("depth"), SORT("created_at"), SORT("revision"), NULL};
static const char *const budget_sorts[] = {
	SORT("tenant"), SORT("period"), SORT("amount"), SORT("action"), SORT("created_at"), NULL};
static const char *const loan_sorts[] = {
	SORT("borrower"), SORT("lender"), SORT("model"), SORT("device_milli"), SORT("since"), NULL};
static const char *const node_sorts[] = {
	SORT("cluster"), SORT("name"), SORT("health"), SORT("devices"), SORT("seen_at"), NULL};
static const char *const device_sorts[] = {SORT("cluster"), SORT("node"), SORT("class"), SORT("product"),
	SORT("health"), SORT("memory_mib"), SORT("used_memory_mib"), SORT("used_compute_milli"), SORT("seen_at"), NULL};
static const char *const placement_sorts[] = {SORT("created_at"), NULL};
static const char *const usage_sorts[] = {
	SORT("tenant"), SORT("class"), SORT("day"), SORT("gpu_milli_seconds"), SORT("memory_mib_seconds"), NULL};
static const char *const policy_sorts[] = {
	SORT("tenant"), SORT("number"), SORT("created_at"), SORT("applied_at"), NULL};
static const char *const cluster_sorts[] = {
	SORT("name"), SORT("state"), SORT("nodes"), SORT("devices"), SORT("seen_at"), SORT("created_at"), NULL};
static const char *const class_sorts[] = {
	SORT("name"), SORT("model"), SORT("vendor"), SORT("memory_mib"), SORT("credit_rate_milli"), NULL};
static const char *const priority_sorts[] = {SORT("name"), SORT("value"), NULL};
static const char *const plan_sorts[] = {SORT("manager"), SORT("state"), SORT("result"), SORT("created_at"),
	SORT("expires_at"), SORT("applied_at"), NULL};
static const char *const trust_sorts[] = {
	SORT("name"), SORT("issuer"), SORT("tenant"), SORT("created_at"), SORT("last_used_at"), NULL};
static const char *const reservation_sorts[] = {SORT("tenant"), SORT("starts_at"), SORT("ends_at"), SORT("state"),
	SORT("class"), SORT("count"), SORT("created_at"), NULL};

#define F(...) JS_FIELD(cluster_query, __VA_ARGS__)
static const js_field cluster_query_fields[] = {SORT_FIELD(cluster_sorts), PAGE_FIELDS};
#undef F
JS_TYPE_GIVEN(cluster_query, "Which clusters.");

#define F(...) JS_FIELD(class_query, __VA_ARGS__)
static const js_field class_query_fields[] = {SORT_FIELD(class_sorts), PAGE_FIELDS};
#undef F
JS_TYPE_GIVEN(class_query, "Which classes.");

#define F(...) JS_FIELD(priority_query, __VA_ARGS__)
static const js_field priority_query_fields[] = {SORT_FIELD(priority_sorts), PAGE_FIELDS};
#undef F
JS_TYPE_GIVEN(priority_query, "Which priorities.");

#define F(...) JS_FIELD(plan_query, __VA_ARGS__)
static const js_field plan_query_fields[] = {SORT_FIELD(plan_sorts), PAGE_FIELDS};
#undef F
JS_TYPE_GIVEN(plan_query, "Which plans.");

#define F(...) JS_FIELD(trust_query, __VA_ARGS__)
static const js_field trust_query_fields[] = {SORT_FIELD(trust_sorts), PAGE_FIELDS};
#undef F
JS_TYPE_GIVEN(trust_query, "Which trusts.");

#define F(...) JS_FIELD(tenant_query, __VA_ARGS__)
static const js_field tenant_query_fields[] = {
	F(under, JS_OPTIONAL, "Only this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "The tenants below it too."),
	SORT_FIELD(tenant_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(tenant_query, "Which tenants.");

#define F(...) JS_FIELD(budget_query, __VA_ARGS__)
static const js_field budget_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only of this tenant, by path or id.", .form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "Of the tenants below it too."),
	SORT_FIELD(budget_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(budget_query, "Whose.");

#define F(...) JS_FIELD(reservation_query, __VA_ARGS__)
static const js_field reservation_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only of this tenant, by path or id.", .form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "Of the tenants below it too."),
	SORT_FIELD(reservation_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(reservation_query, "Whose.");

#define F(...) JS_FIELD(loan_query, __VA_ARGS__)
static const js_field loan_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only loans of this tenant, to it or by it; by path or id.", .form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "The tenants below it too."),
	F(model, JS_OPTIONAL, "Only of this model."),
	SORT_FIELD(loan_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(loan_query, "Which loans.");

#define F(...) JS_FIELD(node_query, __VA_ARGS__)
static const js_field node_query_fields[] = {
	F(cluster, JS_OPTIONAL, "Name or id of a cluster; nothing stands in one that is unknown."),
	F(node, JS_OPTIONAL, "Name or id of a node."),
	F(class, JS_OPTIONAL, "With a device of this class."),
	F(model, JS_OPTIONAL, "With a device of this model, whatever its share mode."),
	F(health, JS_OPTIONAL, "ok, or what an agent reports."),
	F(free_memory_mib_gte, JS_OPTIONAL, "With a device of which at least so much memory is free.",
		JS_RANGE(0, 100000000)),
	SORT_FIELD(node_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(node_query, "Which nodes.");

#define F(...) JS_FIELD(device_query, __VA_ARGS__)
static const js_field device_query_fields[] = {
	F(cluster, JS_OPTIONAL, "Name or id of a cluster; nothing stands in one that is unknown."),
	F(node, JS_OPTIONAL, "Name or id of a node."),
	F(class, JS_OPTIONAL, "Device class."),
	F(model, JS_OPTIONAL, "Model, whatever its share mode."),
	F(health, JS_OPTIONAL, "ok, or what an agent reports."),
	F(free_memory_mib_gte, JS_OPTIONAL, "At least so much memory is free.", JS_RANGE(0, 100000000)),
	SORT_FIELD(device_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(device_query, "Which devices.");

#define F(...) JS_FIELD(placement_query, __VA_ARGS__)
static const js_field placement_query_fields[] = {
	TREE_FIELDS,
	F(state, JS_OPTIONAL, "States, joined by commas.", JS_ITEMS(0, 16), JS_VALUES(placement_states)),
	F(cluster, JS_OPTIONAL, "Name or id of a cluster; nothing stands in one that is unknown."),
	SORT_FIELD(placement_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(placement_query, "Which placements.");

#define F(...) JS_FIELD(wait_query, __VA_ARGS__)
static const js_field wait_query_fields[] = {
	F(wait, JS_OPTIONAL, "Hold the answer until it is decided, at most so long: 500ms, 5s; up to 30s.",
		JS_LEN(1, 16)),
};
#undef F
JS_TYPE_GIVEN(wait_query, "How long to wait for the decision.");

#define F(...) JS_FIELD(usage_query, __VA_ARGS__)
static const js_field usage_query_fields[] = {
	TREE_FIELDS,
	F(from, JS_OPTIONAL, "Begin of the window; absent: 30 days ago."),
	F(until, JS_OPTIONAL, "End of the window; absent: now."),
	SORT_FIELD(usage_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(usage_query, "Whose use, and when.");

#define F(...) JS_FIELD(audit_query, __VA_ARGS__)
static const js_field audit_query_fields[] = {
	CHAIN_FIELD,
	TREE_FIELDS,
	F(actor, JS_OPTIONAL, "Only what this actor did: the id of a token, a cluster or a job."),
	F(action, JS_OPTIONAL, "Only this action: tenant.create, quota.update, grant, ..."),
	F(object, JS_OPTIONAL, "Only what was done to this object, by its id, or to objects of this kind."),
	F(outcome, JS_OPTIONAL, "Only what ended so: done, refused, or the code of a refusal."),
	F(from, JS_OPTIONAL, "Begin of the window; absent: the chain's."),
	F(until, JS_OPTIONAL, "End of the window; absent: now."),
	F(after, JS_OPTIONAL, "Only records behind this number.", JS_RANGE(0, JS_INT_MAX)),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(audit_query, "Which records.");

#define F(...) JS_FIELD(checkpoint_query, __VA_ARGS__)
static const js_field checkpoint_query_fields[] = {
	CHAIN_FIELD,
	F(after, JS_OPTIONAL, "Only checkpoints larger than this.", JS_RANGE(0, JS_INT_MAX)),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(checkpoint_query, "Of which chain.");

#define F(...) JS_FIELD(proof_query, __VA_ARGS__)
static const js_field proof_query_fields[] = {
	CHAIN_FIELD,
	F(size, JS_OPTIONAL, "Size of the checkpoint to prove it by; absent: the first that covers the record.",
		JS_RANGE(1, JS_INT_MAX)),
};
#undef F
JS_TYPE_GIVEN(proof_query, "By which checkpoint.");

#define F(...) JS_FIELD(growth_query, __VA_ARGS__)
static const js_field growth_query_fields[] = {
	CHAIN_FIELD,
	F(from, JS_REQUIRED, "Size of the older checkpoint.", JS_RANGE(1, JS_INT_MAX)),
	F(to, JS_REQUIRED, "Size of the newer one.", JS_RANGE(1, JS_INT_MAX)),
};
#undef F
JS_TYPE_GIVEN(growth_query, "Which two checkpoints.");

#define F(...) JS_FIELD(watch_query, __VA_ARGS__)
static const js_field watch_query_fields[] = {
	F(kinds, JS_OPTIONAL,
		"tenant, quota, budget, cluster, device_class, token, binding, placement, reservation, quota_request, policy, priority, trust; joined by commas. Absent: all in sight.",
		JS_ITEMS(0, 16)),
	TREE_FIELDS,
	F(since, JS_OPTIONAL, "Cursor g<n>.p<n>: what came after it. Absent: from now on.", JS_LEN(1, 64)),
	F(snapshot, JS_OPTIONAL,
		"First the present state, then initial-end, then changes. Events before initial-end have no cursor: whoever loses the stream there begins anew."),
};
#undef F
JS_TYPE_GIVEN(watch_query, "What to follow.");

#define F(...) JS_FIELD(ready_query, __VA_ARGS__)
static const js_field ready_query_fields[] = {
	F(verbose, JS_OPTIONAL, "One line per check."),
};
#undef F
JS_TYPE_GIVEN(ready_query, "How much to say.");

#define F(...) JS_FIELD(policy_query, __VA_ARGS__)
static const js_field policy_query_fields[] = {
	TREE_FIELDS,
	F(applied, JS_OPTIONAL, "Only those that are applied."),
	SORT_FIELD(policy_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(policy_query, "Which policies.");
