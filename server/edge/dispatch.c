#include "server/edge/dispatch.h"

#include <stdio.h>
#include "db/sql.h"
#include "server/edge/bind.h"

enum { SENTENCE_MAX = 700 };

/* clang-format off */
const operation operations[OP_COUNT] = {
	[OP_LIVEZ]             = {.step = STEP_health_live},
	[OP_READYZ]            = {.step = STEP_health_ready},
	[OP_METRICS]           = {.step = STEP_health_metrics},
	[OP_OPENAPI]           = {.step = STEP_health_openapi},
	[OP_PROBLEM_GET]       = {.step = STEP_problem_page},
	[OP_WHOAMI]            = {.step = STEP_token_whoami},
	[OP_ROLE_LIST]         = {.step = STEP_token_roles},
	[OP_PERMISSION_LIST]   = {.step = STEP_permission_ask},
	[OP_PERMISSION_CHECK]  = {.step = STEP_permission_check_ask},
	[OP_BINDING_LIST]      = {.stmt = SQL_BINDING_LIST, .sorted = SQL_BINDING_LIST_SORTED, .counted = SQL_BINDING_LIST_COUNT},
	[OP_BINDING_CREATE]    = {.stmt = SQL_BINDING_CREATE, .step = STEP_binding_create, .action = "binding.create", .object_kind = "binding", .is_of_tenant = true},
	[OP_BINDING_GET]       = {.stmt = SQL_BINDING_GET},
	[OP_BINDING_DELETE]    = {.stmt = SQL_BINDING_DELETE, .action = "binding.delete", .object_kind = "binding", .is_of_tenant = true, .shown_by = OP_BINDING_GET},
	[OP_TOKEN_GET]         = {.stmt = SQL_TOKEN_GET},
	[OP_TOKEN_LIST]        = {.stmt = SQL_TOKEN_LIST, .sorted = SQL_TOKEN_LIST_SORTED, .counted = SQL_TOKEN_LIST_COUNT},
	[OP_TOKEN_CREATE]      = {.stmt = SQL_TOKEN_CREATE, .step = STEP_token_create, .action = "token.create", .object_kind = "token", .is_of_tenant = true},
	[OP_TOKEN_REVOKE]      = {.stmt = SQL_TOKEN_REVOKE, .action = "token.revoke", .object_kind = "token", .is_of_tenant = true, .shown_by = OP_TOKEN_GET},
	[OP_OWN_TOKEN_LIST]    = {.stmt = SQL_OWN_TOKEN_LIST, .step = STEP_own_token_list, .is_of_fleet = true},
	[OP_OWN_TOKEN_CREATE]  = {.stmt = SQL_TOKEN_CREATE, .step = STEP_own_token_create, .action = "token.create", .object_kind = "token", .is_of_tenant = true},
	[OP_OWN_TOKEN_GET]     = {.stmt = SQL_OWN_TOKEN_GET, .step = STEP_own_token_get},
	[OP_OWN_TOKEN_REVOKE]  = {.stmt = SQL_TOKEN_REVOKE, .step = STEP_own_token_revoke, .action = "token.revoke", .object_kind = "token", .is_of_tenant = true, .shown_by = OP_OWN_TOKEN_GET},
	[OP_SESSION_LIST]      = {.stmt = SQL_SESSION_LIST, .sorted = SQL_SESSION_LIST_SORTED, .counted = SQL_SESSION_LIST_COUNT, .step = STEP_session_list, .is_of_fleet = true},
	[OP_SESSION_END]       = {.stmt = SQL_SESSION_END, .step = STEP_session_end_ask, .action = "session.logout", .object_kind = "session"},
	[OP_TENANT_LIST]       = {.stmt = SQL_TENANT_LIST, .sorted = SQL_TENANT_LIST_SORTED, .counted = SQL_TENANT_LIST_COUNT},
	[OP_TENANT_CREATE]     = {.stmt = SQL_TENANT_CREATE, .action = "tenant.create", .object_kind = "tenant", .is_of_tenant = true, .id_prefix = "tnt"},
	[OP_TENANT_GET]        = {.stmt = SQL_TENANT_GET},
	[OP_TENANT_PATCH]      = {.stmt = SQL_TENANT_PATCH, .action = "tenant.update", .object_kind = "tenant", .is_of_tenant = true},
	[OP_TENANT_DELETE]     = {.stmt = SQL_TENANT_DELETE, .action = "tenant.delete", .object_kind = "tenant", .is_of_tenant = true},
	[OP_QUOTA_GET]         = {.stmt = SQL_QUOTA_GET},
	[OP_QUOTA_PUT]         = {.step = STEP_quota_put_ask, .action = "quota.update", .object_kind = "quota", .is_of_tenant = true},
	[OP_QUOTA_PATCH]       = {.step = STEP_quota_patch_ask, .action = "quota.update", .object_kind = "quota", .is_of_tenant = true},
	[OP_LOAN_LIST]         = {.stmt = SQL_LOAN_LIST, .sorted = SQL_LOAN_LIST_SORTED, .counted = SQL_LOAN_LIST_COUNT},
	[OP_RAISE_POLICY_GET]  = {.stmt = SQL_RAISE_POLICY_GET},
	[OP_RAISE_POLICY_PUT]  = {.stmt = SQL_RAISE_POLICY_PUT, .action = "raise_policy.put", .object_kind = "raise_policy", .is_of_tenant = true},
	[OP_RAISE_LIST]        = {.stmt = SQL_RAISE_LIST, .sorted = SQL_RAISE_LIST_SORTED, .counted = SQL_RAISE_LIST_COUNT},
	[OP_RAISE_CREATE]      = {.stmt = SQL_RAISE_CREATE, .step = STEP_raise_create, .action = "quota_request.create", .object_kind = "quota_request", .is_of_tenant = true},
	[OP_RAISE_GET]         = {.stmt = SQL_RAISE_GET},
	[OP_RAISE_APPROVE]     = {.stmt = SQL_RAISE_MOVE, .step = STEP_raise_ask, .action = "quota_request.approve", .object_kind = "quota_request", .is_of_tenant = true, .shown_by = OP_RAISE_GET},
	[OP_RAISE_DENY]        = {.stmt = SQL_RAISE_MOVE, .step = STEP_raise_ask, .action = "quota_request.deny", .object_kind = "quota_request", .is_of_tenant = true, .shown_by = OP_RAISE_GET},
	[OP_RAISE_CANCEL]      = {.stmt = SQL_RAISE_MOVE, .step = STEP_raise_ask, .action = "quota_request.cancel", .object_kind = "quota_request", .is_of_tenant = true, .shown_by = OP_RAISE_GET},
	[OP_BUDGET_LIST]       = {.stmt = SQL_BUDGET_LIST, .sorted = SQL_BUDGET_LIST_SORTED, .counted = SQL_BUDGET_LIST_COUNT},
	[OP_BUDGET_CREATE]     = {.stmt = SQL_BUDGET_CREATE, .action = "budget.create", .object_kind = "budget", .is_of_tenant = true, .id_prefix = "bgt"},
	[OP_BUDGET_GET]        = {.stmt = SQL_BUDGET_GET},
	[OP_BUDGET_PATCH]      = {.stmt = SQL_BUDGET_PATCH, .action = "budget.update", .object_kind = "budget", .is_of_tenant = true},
	[OP_BUDGET_DELETE]     = {.stmt = SQL_BUDGET_DELETE, .action = "budget.delete", .object_kind = "budget", .is_of_tenant = true, .shown_by = OP_BUDGET_GET},
	[OP_CLUSTER_LIST]      = {.stmt = SQL_CLUSTER_LIST, .sorted = SQL_CLUSTER_LIST_SORTED, .counted = SQL_CLUSTER_LIST_COUNT},
	[OP_CLUSTER_CREATE]    = {.stmt = SQL_CLUSTER_CREATE, .step = STEP_cluster_create_ask, .action = "cluster.create", .object_kind = "cluster"},
	[OP_CLUSTER_GET]       = {.stmt = SQL_CLUSTER_GET},
	[OP_CLUSTER_PATCH]     = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.update", .object_kind = "cluster"},
	[OP_CLUSTER_DELETE]    = {.stmt = SQL_CLUSTER_DELETE, .action = "cluster.delete", .object_kind = "cluster"},
	[OP_NAMESPACE_LIST]    = {.stmt = SQL_NAMESPACE_LIST, .sorted = SQL_NAMESPACE_LIST_SORTED, .counted = SQL_NAMESPACE_LIST_COUNT, .step = STEP_namespace_list},
	[OP_NAMESPACE_GET]     = {.stmt = SQL_NAMESPACE_GET, .step = STEP_namespace_get},
	[OP_NAMESPACE_PUT]     = {.stmt = SQL_NAMESPACE_PUT, .step = STEP_namespace_put_ask, .action = "namespace.put", .object_kind = "namespace", .is_of_tenant = true},
	[OP_NAMESPACE_DELETE]  = {.stmt = SQL_NAMESPACE_DELETE, .step = STEP_namespace_delete, .action = "namespace.delete", .object_kind = "namespace", .is_of_tenant = true},
	[OP_CLUSTER_ACCEPT]    = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.accept", .object_kind = "cluster"},
	[OP_CLUSTER_DEFRAGMENT] = {.step = STEP_cluster_defragment},
	[OP_CLUSTER_CORDON]    = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.cordon", .object_kind = "cluster"},
	[OP_CLUSTER_UNCORDON]  = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.uncordon", .object_kind = "cluster"},
	[OP_CLUSTER_FREEZE]    = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.freeze", .object_kind = "cluster"},
	[OP_CLUSTER_UNFREEZE]  = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.unfreeze", .object_kind = "cluster"},
	[OP_CLUSTER_DRAIN]     = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.drain", .object_kind = "cluster"},
	[OP_CLUSTER_DECLARE_LOST] = {.stmt = SQL_CLUSTER_CHANGE, .step = STEP_cluster_change_ask, .action = "cluster.declare_lost", .object_kind = "cluster"},
	[OP_CLUSTER_REVOKE_AGENT] = {.stmt = SQL_CLUSTER_REVOKE_AGENT, .step = STEP_cluster_revoke_agent_ask, .action = "cluster.revoke_agent", .object_kind = "cluster"},
	[OP_NODE_LIST]         = {.stmt = SQL_NODE_LIST, .sorted = SQL_NODE_LIST_SORTED, .counted = SQL_NODE_LIST_COUNT},
	[OP_NODE_GET]          = {.stmt = SQL_NODE_GET},
	[OP_NODE_CORDON]       = {.step = STEP_cordon_ask, .action = "node.cordon", .object_kind = "node"},
	[OP_NODE_UNCORDON]     = {.step = STEP_cordon_ask, .action = "node.uncordon", .object_kind = "node"},
	[OP_DEVICE_LIST]       = {.stmt = SQL_DEVICE_LIST, .sorted = SQL_DEVICE_LIST_SORTED, .counted = SQL_DEVICE_LIST_COUNT},
	[OP_DEVICE_GET]        = {.stmt = SQL_DEVICE_GET},
	[OP_DEVICE_CORDON]     = {.step = STEP_cordon_ask, .action = "device.cordon", .object_kind = "device"},
	[OP_DEVICE_UNCORDON]   = {.step = STEP_cordon_ask, .action = "device.uncordon", .object_kind = "device"},
	[OP_CLASS_LIST]        = {.stmt = SQL_CLASS_LIST, .sorted = SQL_CLASS_LIST_SORTED, .counted = SQL_CLASS_LIST_COUNT},
	[OP_CLASS_GET]         = {.stmt = SQL_CLASS_GET},
	[OP_CLASS_PUT]         = {.stmt = SQL_CLASS_PUT, .step = STEP_class_put_ask, .action = "device_class.put", .object_kind = "device_class"},
	[OP_PRIORITY_LIST]     = {.stmt = SQL_PRIORITY_LIST, .sorted = SQL_PRIORITY_LIST_SORTED, .counted = SQL_PRIORITY_LIST_COUNT},
	[OP_PRIORITY_GET]      = {.stmt = SQL_PRIORITY_GET},
	[OP_PRIORITY_PUT]      = {.stmt = SQL_PRIORITY_PUT, .step = STEP_priority_put_ask, .action = "priority.put", .object_kind = "priority"},
	[OP_POLICY_LIST]       = {.stmt = SQL_POLICY_LIST, .sorted = SQL_POLICY_LIST_SORTED, .counted = SQL_POLICY_LIST_COUNT},
	[OP_POLICY_CREATE]     = {.stmt = SQL_POLICY_CREATE, .step = STEP_policy_create, .action = "policy.create", .object_kind = "policy", .is_of_tenant = true},
	[OP_POLICY_GET]        = {.stmt = SQL_POLICY_GET},
	[OP_POLICY_APPLY]      = {.stmt = SQL_POLICY_APPLY, .step = STEP_policy_apply, .action = "policy.apply", .object_kind = "policy", .is_of_tenant = true, .shown_by = OP_POLICY_GET},
	[OP_POLICY_SIMULATE]   = {.step = STEP_policy_simulate},
	[OP_POLICY_EFFECTIVE]  = {.stmt = SQL_POLICY_EFFECTIVE, .step = STEP_policy_effective},
	[OP_PLACEMENT_LIST]    = {.stmt = SQL_PLACEMENT_LIST, .sorted = SQL_PLACEMENT_LIST_SORTED, .counted = SQL_PLACEMENT_LIST_COUNT},
	[OP_PLACEMENT_CREATE]  = {.step = STEP_placement_create},
	[OP_PLACEMENT_BATCH]   = {.step = STEP_placement_batch_ask},
	[OP_PLACEMENT_SIMULATE] = {.step = STEP_placement_simulate},
	[OP_PLACEMENT_GET]     = {.stmt = SQL_PLACEMENT_GET, .step = STEP_placement_get_ask},
	[OP_PLACEMENT_EXPLAIN] = {.stmt = SQL_PLACEMENT_EXPLAIN, .step = STEP_explain_ask},
	[OP_PLACEMENT_RELEASE] = {.stmt = SQL_PLACEMENT_GET, .step = STEP_placement_release, .shown_by = OP_PLACEMENT_GET},
	[OP_RESERVATION_LIST]  = {.stmt = SQL_RESERVATION_LIST, .sorted = SQL_RESERVATION_LIST_SORTED, .counted = SQL_RESERVATION_LIST_COUNT},
	[OP_RESERVATION_CREATE] = {.stmt = SQL_RESERVATION_CREATE, .step = STEP_reservation_create, .action = "reservation.create", .object_kind = "reservation", .is_of_tenant = true, .id_prefix = "rsv"},
	[OP_RESERVATION_GET]   = {.stmt = SQL_RESERVATION_GET},
	[OP_RESERVATION_DELETE] = {.stmt = SQL_RESERVATION_DELETE, .action = "reservation.delete", .object_kind = "reservation", .is_of_tenant = true, .shown_by = OP_RESERVATION_GET},
	[OP_PLAN_LIST]         = {.stmt = SQL_PLAN_LIST, .sorted = SQL_PLAN_LIST_SORTED, .counted = SQL_PLAN_LIST_COUNT},
	[OP_PLAN_CREATE]       = {.step = STEP_plan_create},
	[OP_PLAN_GET]          = {.stmt = SQL_PLAN_GET, .step = STEP_plan_show},
	[OP_PLAN_APPLY]        = {.step = STEP_plan_apply},
	[OP_EXPORT]            = {.step = STEP_plan_export},
	[OP_MANIFEST_SCHEMA]   = {.step = STEP_health_schema},
	[OP_USAGE_LIST]        = {.stmt = SQL_USAGE_LIST, .sorted = SQL_USAGE_LIST_SORTED, .counted = SQL_USAGE_LIST_COUNT, .step = STEP_usage_ask},
	[OP_AUDIT_LIST]        = {.stmt = SQL_AUDIT_LIST, .step = STEP_audit_list},
	[OP_AUDIT_PROOF]       = {.step = STEP_audit_prove},
	[OP_AUDIT_KEY]         = {.step = STEP_audit_key_show},
	[OP_CHECKPOINT_LIST]   = {.stmt = SQL_CHECKPOINT_LIST, .step = STEP_checkpoint_ask},
	[OP_CHECKPOINT_GROWTH] = {.step = STEP_growth_ask},
	[OP_AUDIT_VERIFY]      = {.step = STEP_verify_ask},
	[OP_WATCH]             = {.step = STEP_watch_open},
	[OP_TRUST_LIST]        = {.stmt = SQL_TRUST_LIST, .sorted = SQL_TRUST_LIST_SORTED, .counted = SQL_TRUST_LIST_COUNT},
	[OP_TRUST_CREATE]      = {.stmt = SQL_TRUST_CREATE, .step = STEP_trust_create, .action = "trust.create", .object_kind = "trust", .is_of_tenant = true},
	[OP_TRUST_GET]         = {.stmt = SQL_TRUST_GET},
	[OP_TRUST_DELETE]      = {.stmt = SQL_TRUST_DELETE, .action = "trust.delete", .object_kind = "trust", .is_of_tenant = true, .shown_by = OP_TRUST_GET},
	[OP_AUTH_TOKEN]        = {.step = STEP_exchange_ask},
	[OP_AUTH_GET]          = {.step = STEP_auth_info_get},
	[OP_AUTH_LOGIN]        = {.step = STEP_login_begin},
	[OP_AUTH_CALLBACK]     = {.step = STEP_login_back},
	[OP_AUTH_LOGOUT]       = {.step = STEP_logout_ask},
	[OP_AUTH_BACKCHANNEL]  = {.step = STEP_backchannel_ask},
	[OP_AGENT_JOIN]        = {.step = STEP_agent_join},
	[OP_AGENT_RENEW]       = {.step = STEP_agent_renew},
	[OP_AGENT_SYNC]        = {.step = STEP_agent_sync},
	[OP_AGENT_REPORT]      = {.step = STEP_agent_report},
};
/* clang-format on */

/* Filled once by dispatch_check; constant from then on. */
static row_plan plans[OP_COUNT];

step_id operation_step(op o)
{
	const operation *p = &operations[o];

	if (p->step)
		return p->step;
	if (!str_eq(str_from(routes[o].method), S("GET")))
		return STEP_govern_ask;
	return (routes[o].flags & ROUTE_LIST) ? STEP_list_ask : STEP_read_ask;
}

str operation_var_name(op o, uint32_t i)
{
	str rest = str_from(routes[o].path);

	for (;; i--) {
		str_split(&rest, '{');
		if (!rest.p)
			return STR_NONE;
		if (i == 0)
			return str_split(&rest, '}');
	}
}

const row_plan *operation_plan(op o)
{
	return &plans[o];
}

static const char *wrong(op o, const char *why)
{
	static char sentence[SENTENCE_MAX];

	snprintf(sentence, sizeof(sentence), "%s: %s", routes[o].operation, why);
	return sentence;
}

static const js_field *sort_field(op o)
{
	const js_type *t = routes[o].query;

	for (uint16_t i = 0; t && i < t->n; i++)
		if (t->fields[i].kind == JS_TEXTS && strcmp(t->fields[i].name, "sort") == 0)
			return &t->fields[i];
	return NULL;
}

bool operation_sort_is_own(op o, strs sort)
{
	/* Where a list is sorted by nothing but its own order, both ways. */
	bool goes_back = operations[o].sorted && !sql_param(operations[o].sorted, S("sort"));

	return sort.n == 0 || (goes_back && !str_starts(sort.v[0], S("-")));
}

/* What a list may be sorted by is a column of the statement that sorts it. */
static const char *sort_check(op o)
{
	const js_field *f = sort_field(o);
	sql_id s = operations[o].sorted;

	if (!f != !s)
		return wrong(o, "it has a parameter sort without a statement, or the other way round");
	for (uint32_t i = 0; f && f->values[i]; i++) {
		str name = str_from(f->values[i]);
		const sql_field *column = sql_column(s, str_starts(name, S("-")) ? str_cut(name, 1, name.n) : name);
		if (!column || column->type == PG_JSON)
			return wrong(o, "it is sorted by what is no column of its statement");
	}
	return NULL;
}

static bool returns_outcome(sql_id s)
{
	return sql_column(s, S("outcome")) != NULL;
}

/* A statement of the table by itself: its parameters are filled, its columns fill the answer. */
static const char *stmt_check(op o)
{
	static const char *const made[] = {"id", "quota_id", NULL};
	const operation *p = &operations[o];
	const route *t = &routes[o];
	fault f = {0};

	if (!p->step) {
		const char *why = bind_check(t, p->stmt, p->id_prefix ? made : NULL);
		if (why)
			return why;
	}
	if (operation_step(o) == STEP_govern_ask && !returns_outcome(p->stmt))
		return wrong(o, "its statement has no outcome");
	if (operation_step(o) == STEP_list_ask && !sql_column(p->stmt, S("cursor")))
		return wrong(o, "its statement has no cursor");
	if (t->answer && row_plan_make(t->answer, p->stmt, &plans[o], &f))
		return wrong(o, f.detail);
	return NULL;
}

const char *dispatch_check(void)
{
	for (op o = 0; o < OP_COUNT; o++) {
		const operation *p = &operations[o];
		bool writes = operation_step(o) == STEP_govern_ask;
		if (!p->step && !p->stmt)
			return wrong(o, "no statement and no step serves it");
		if (writes && (!p->action || !p->object_kind))
			return wrong(o, "a write needs an action and a kind for its record");
		const char *why = p->stmt ? stmt_check(o) : NULL;
		if (!why)
			why = sort_check(o);
		if (why)
			return why;
	}
	return NULL;
}

void router_fill(router *to)
{
	for (op o = 0; o < OP_COUNT; o++)
		for (web_method m = 0; m < WEB_METHODS; m++)
			if (str_eq(str_from(web_method_name(m)), str_from(routes[o].method)))
				router_add(to, m, routes[o].path, (int32_t)o);
}
