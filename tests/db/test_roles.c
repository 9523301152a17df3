/* Who runs what: each statement once as each role that runs it, so that a GRANT that is missing shows here and not on
 * the day the statement is first needed. A statement that nobody is said to run fails too. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "db/params.h"
#include "pg/pg.h"

enum { ARGS_BYTES = 2048 };

#define NO_PRIVILEGE "42501"

/* Names of statements, each with a blank before and behind it. What begins and ends transactions needs no right. */
static const struct {
	const char *role, *scope, *statements;
} runs[] = {
	{"reeve_edge", "{1}",
		" chain_lock chain_record op_key_find op_key_add audit_add chain_move scope_set"
		" cluster_get cluster_list namespace_list namespace_get audit_list node_list node_get device_list device_get class_list class_get priority_list priority_get"
		" decision_list audit_record decision_record checkpoint_list checkpoint_over checkpoint_two"
		" inbox_store inbox_place inbox_release placement_get placement_list placements_of tenant_keys_of"
		" budget_list budget_get budget_create budget_patch budget_delete quota_get quota_list quota_put loan_list tenant_get tenant_list tenant_keys_under tenant_create tenant_patch tenant_delete"
		" token_get token_list token_create token_revoke usage_list"
		" binding_get binding_list binding_create binding_delete trust_get trust_list trust_create trust_delete policy_get policy_list policy_create policy_apply"
		" ask_add ask_find plan_store plan_get plan_text plan_list plan_work plan_tenants plan_quotas plan_managed plan_uses"
		" plan_models plan_history plan_live plan_keys plan_apply plan_tenant_remove plan_tenant_add plan_tenant_move plan_tenant_set"
		" plan_quota_clear plan_quota_add plan_quota_mark plan_quota_check plan_raises plan_request_add plan_manage plan_unmanage"
		" reservation_list reservation_get reservation_create reservation_delete plan_bindings plan_budgets plan_binding_put plan_binding_drop plan_budget_put plan_budget_drop"
		" raise_get raise_list raise_create raise_read raise_move raise_policy_get raise_policy_put "},
	{"reeve_platform", "",
		" chain_lock chain_record op_key_find op_key_add audit_add chain_move"
		" decision_list audit_span audit_record decision_record chain_heads checkpoint_list checkpoint_range checkpoint_over checkpoint_two tile_read"
		" inbox_report inbox_ahead stream_next stream_head agent_config lease_offers lease_moves drift_of stream_heads"
		" cluster_get cluster_list cluster_create cluster_change cluster_revoke_agent cluster_delete join_token_find cluster_join"
		" certificate_renew certificate_find cordon_put namespace_list namespace_get namespace_put namespace_delete"
		" feed_decisions feed_audit feed_heads audit_list audit_range decision_range"
		" node_list node_get device_list device_get class_list class_get class_put priority_list priority_get priority_put priority_names placement_explain"
		" books_tenants books_inventory books_streams"
		" inbox_store inbox_place inbox_release placement_get placement_list placements_of tenant_keys_of"
		" budget_list budget_get budget_create budget_patch budget_delete quota_get quota_list quota_put loan_list tenant_get tenant_list tenant_keys_under tenant_keys_below tenant_names tenant_create tenant_patch tenant_delete"
		" token_chain token_get token_list own_token_get own_token_list token_create token_revoke token_touch usage_list"
		" bindings_of binding_get binding_list binding_create binding_delete trust_get trust_list trust_create trust_delete policy_get policy_list policy_create policy_apply policy_effective"
		" raise_get raise_list raise_create raise_read raise_move raise_policy_get raise_policy_put"
		" trust_of_issuer identity_was_used ci_token_create ci_token_grants session_create session_find session_list session_touch session_end session_end_of plan_scope"
		" ask_add ask_find plan_store plan_get plan_text plan_list plan_work plan_tenants plan_quotas plan_managed plan_uses"
		" plan_models plan_history plan_live plan_keys plan_apply plan_tenant_remove plan_tenant_add plan_tenant_move plan_tenant_set"
		" plan_quota_clear plan_quota_add plan_quota_mark plan_quota_check plan_raises plan_request_add plan_manage plan_unmanage"
		" reservation_list reservation_get reservation_create reservation_delete plan_bindings plan_budgets plan_binding_put plan_binding_drop plan_budget_put plan_budget_drop "},
	{"reeve_placer", "",
		" leader_take leader_advance leader_again leader_beat incarnation_check feed_heads feed_audit"
		" load_tenants load_quotas load_policies load_conditions condition_begin condition_end loan_end loan_put load_loans escrow_add load_escrow_off capacity_put tenant_moved load_budgets budget_mark_put load_classes load_priorities load_clusters load_cordons load_nodes load_devices load_placements load_uses load_history load_holds load_evictions load_leases load_pods lease_put cluster_drift_put pod_put pod_forget placement_began hold_put hold_drop advice_put advice_drop eviction_put eviction_drop load_reservations reservation_hold_put reservation_hold_drop"
		" inbox_next inbox_consume inbox_put_aside placement_insert placement_update placement_step placement_retell device_use node_use tenant_use_add"
		" cluster_stream_advance cluster_learning_add cluster_learned cluster_hold decision_insert segment_open segment_close node_put device_put inventory_mark node_gone"
		" device_gone inventory_keys "},
	{"reeve_jobs", "",
		" op_key_purge usage_purge identity_purge ask_claim ask_done ask_purge plan_purge books_tenants books_inventory books_streams books_usage usage_roll usage_summarize token_count raise_over raise_due policy_head policy_sweep"
		" follow_heads follow_changed follow_placements policy_terms load_tenants load_quotas load_policies load_conditions load_budgets load_classes load_priorities load_clusters load_cordons load_nodes load_devices load_placements load_history load_holds load_evictions load_reservations"
		" audit_prune decision_note checkpoint_due audit_leaves decision_leaves checkpoint_add "},
};
enum { ROLES = sizeof(runs) / sizeof(*runs) };

static const char of_nobody[] = " tx_begin tx_commit tx_rollback ";

/* Whoever runs a list sorts it, and counts it. */
static bool is_named(const char *names, const sql_stmt *s)
{
	str name = str_from(s->name), suffixes[] = {S("_list_sorted"), S("_list_count")};
	char text[128];
	for (int i = 0; i < 2; i++)
		if (str_ends(name, suffixes[i]))
			name = str_cut(name, 0, name.n - suffixes[i].n + 5);
	snprintf(text, sizeof(text), " " STR_FMT " ", STR_ARG(name));
	return strstr(names, text) != NULL;
}

/* Rights are asked for before the first row, so parameters that match nothing do. */
static const char *nothing_of(pg_type t)
{
	switch (t) {
	case PG_INT8:
	case PG_INT4:
		return "0";
	case PG_BOOL:
		return "false";
	case PG_TIME:
		return "now()";
	case PG_TEXT:
	case PG_JSON:
	case PG_BYTEA:
		return "''";
	default:
		return "'{}'";
	}
}

static void runs_as(PGconn *pg, sql_id s, const char *role)
{
	char args[ARGS_BYTES] = "";
	size_t at = 0;
	for (int i = 0; i < sql_stmts[s].in_n; i++)
		at += (size_t)snprintf(
			args + at, sizeof(args) - at, "%s%s", i ? ", " : "", nothing_of(sql_stmts[s].in[i].type));
	ask_do(pg, "BEGIN");
	PGresult *res = ask(pg, s, args);
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	cr_expect(!state || strcmp(state, NO_PRIVILEGE) != 0, "%s as %s: %s", sql_stmts[s].name, role,
		PQresultErrorMessage(res));
	PQclear(res);
	ask_do(pg, "ROLLBACK");
}

Test(roles, each_may_run_what_it_runs)
{
	const char *dsn = pg_database("roles");
	for (size_t r = 0; r < ROLES; r++) {
		PGconn *pg = PQconnectdb(dsn);
		ask_as(pg, runs[r].role, runs[r].scope);
		for (int s = 1; s < sql_stmts_n; s++) {
			if (is_named(runs[r].statements, &sql_stmts[s]))
				runs_as(pg, s, runs[r].role);
		}
		PQfinish(pg);
	}
}

Test(roles, every_statement_has_somebody_who_runs_it)
{
	for (int s = 1; s < sql_stmts_n; s++) {
		bool has_role = is_named(of_nobody, &sql_stmts[s]);
		for (size_t r = 0; r < ROLES; r++)
			has_role |= is_named(runs[r].statements, &sql_stmts[s]);
		cr_expect(has_role, "%s: say here which role runs it", sql_stmts[s].name);
	}
}

/* And no more than that: what one role may not do must not become possible unseen. */
Test(roles, nobody_writes_what_is_anothers)
{
	static const struct {
		const char *role, *sql;
	} rows[] = {
		{"reeve_edge", "DELETE FROM placement"},
		{"reeve_edge", "UPDATE tenant_use SET device_milli = 0"},
		{"reeve_edge", "INSERT INTO decision SELECT * FROM decision"},
		{"reeve_edge", "DELETE FROM audit"},
		{"reeve_edge", "UPDATE cluster SET name = name"},
		{"reeve_platform", "UPDATE placement SET state = state"},
		{"reeve_platform", "UPDATE audit SET n = n"},
		{"reeve_placer", "UPDATE quota SET model = model"},
		{"reeve_placer", "UPDATE decision SET n = n"},
		{"reeve_placer", "DELETE FROM decision"},
		{"reeve_jobs", "DELETE FROM inbox"},
		{"reeve_jobs", "UPDATE tenant SET name = name"},
	};
	const char *dsn = pg_database("walls");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		PGconn *pg = PQconnectdb(dsn);
		ask_as(pg, rows[i].role, "");
		PGresult *res = PQexec(pg, rows[i].sql);
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		cr_expect(state && strcmp(state, NO_PRIVILEGE) == 0, "%s may: %s", rows[i].role, rows[i].sql);
		PQclear(res);
		PQfinish(pg);
	}
}
