/* What statements mean where that is easily lost: each test is named after what went wrong once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "db/sql.h"
#include "pg/pg.h"

enum { SQL_BYTES = 2048 };

static PGconn *connect_to(const char *name)
{
	PGconn *pg = PQconnectdb(pg_database(name));
	ask_do(pg,
		"SET client_min_messages = error; SET plan_cache_mode = force_generic_plan; SET jit = off; SET timezone = UTC");
	return pg;
}

static void tenants_make(PGconn *pg)
{
	ask_do(pg,
		"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_a', 1, 'a', 'a', 1, 'quo_a');"
		"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_b', 3, 'b', 'a/b', 2, 'quo_b')");
}

/* The placer looked, the cap was cut to 1000, then it commits: what it gave back in the same batch is no room for more.
 */
Test(queries, a_batch_that_falls_in_sum_does_not_grow_under_a_cut_cap)
{
	static const struct {
		int used, net, grown;
		const char *answer, *now;
	} rows[] = {
		{3000, -100, 900, "! over_cap", "3000 3000"},
		{3000, 0, 1000, "! over_cap", "3000 3000"},
		{3000, -1000, 0, "t", "2000 2000"},
		{3000, -2000, 1, "t", "1000 1000"},
		{900, 100, 100, "t", "1000 1000"},
		{900, 101, 101, "! over_cap", "900 1000"},
		{900, -400, 100, "t", "500 1000"},
		{900, -900, 0, "t", "0 1000"},
	};
	PGconn *pg = connect_to("growth");
	tenants_make(pg);
	ask_do(pg, "INSERT INTO quota (tenant_key, model, limit_device_milli) VALUES (3, 'm', 1000)");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char sql[SQL_BYTES];
		snprintf(sql, sizeof(sql),
			"DELETE FROM tenant_use; INSERT INTO tenant_use VALUES (3, 'm', %d, 0, 0, greatest(1000, %d))",
			rows[i].used, rows[i].used);
		ask_do(pg, sql);
		snprintf(sql, sizeof(sql), "'{3}', '{m}', '{%d}', '{0}', '{0}', '{%d}', '{0}', '{0}', 1", rows[i].net,
			rows[i].grown);
		cr_expect_str_eq(ask_text(pg, SQL_TENANT_USE_ADD, sql, "ok"), rows[i].answer, "row %zu", i);
		PGresult *res = PQexec(pg, "SELECT device_milli || ' ' || ceiling_device_milli FROM tenant_use");
		cr_expect_str_eq(PQgetvalue(res, 0, 0), rows[i].now, "row %zu", i);
		PQclear(res);
	}
	PQfinish(pg);
}

static const char cluster[] =
	"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'pending');"
	"INSERT INTO join_token (id, cluster_key, hash, accepts, expires_at) VALUES ('jtk_1', 1, 'h', true, now() + interval '1 hour')";

#define JOIN(pg, uid) ask_text(pg, SQL_CLUSTER_JOIN, "'jtk_1', '" uid "', 's' || random(), now(), 1", "outcome")
#define REFUSED       "refused:join_refused"

/* The same uid could come back for a certificate with a token that had expired long ago. */
Test(queries, a_used_join_token_is_no_credential_for_ever)
{
	PGconn *pg = connect_to("join");
	ask_do(pg, cluster);
	cr_expect_str_eq(JOIN(pg, "u1"), "done");
	cr_expect_str_eq(JOIN(pg, "u1"), "done", "the answer was lost on the way");
	cr_expect_str_eq(JOIN(pg, "u2"), REFUSED);
	ask_do(pg, "UPDATE join_token SET expires_at = now() - interval '1 s'");
	cr_expect_str_eq(JOIN(pg, "u1"), "done", "just used");
	cr_expect_str_eq(JOIN(pg, "u2"), REFUSED);
	cr_expect_str_eq(ask_text(pg, SQL_JOIN_TOKEN_FIND, "'jtk_1'", "is_open"), "t");
	ask_do(pg, "UPDATE join_token SET used_at = now() - join_repeat_window() - interval '1 s'");
	cr_expect_str_eq(JOIN(pg, "u1"), REFUSED);
	cr_expect_str_eq(ask_text(pg, SQL_JOIN_TOKEN_FIND, "'jtk_1'", "is_open"), "f");
	PQfinish(pg);
}

/* Whoever waits to be accepted may wait longer than the token lives; being accepted opens it once more, for that one.
 */
Test(queries, a_cluster_accepted_late_still_gets_its_certificate)
{
	PGconn *pg = connect_to("accepted");
	ask_do(pg, cluster);
	ask_do(pg, "UPDATE join_token SET accepts = false");
	cr_expect_str_eq(JOIN(pg, "u1"), "done");
	ask_do(pg, "UPDATE join_token SET expires_at = now() - interval '1 day', used_at = now() - interval '1 day'");
	cr_expect_str_eq(JOIN(pg, "u1"), REFUSED);
	cr_expect_str_eq(
		ask_text(pg, SQL_CLUSTER_CHANGE, "'c1', 'ready', NULL, NULL, NULL, NULL, -1, 1, NULL, NULL", "outcome"),
		"done");
	cr_expect_str_eq(JOIN(pg, "u2"), REFUSED);
	cr_expect_str_eq(JOIN(pg, "u1"), "done");
	ask_do(pg, "UPDATE join_token SET expires_at = now() - interval '1 s', used_at = now() - interval '1 day'");
	cr_expect_str_eq(
		ask_text(pg, SQL_CLUSTER_CHANGE, "'c1', 'ready', NULL, NULL, NULL, NULL, -1, 1, NULL, NULL", "outcome"),
		"done");
	cr_expect_str_eq(JOIN(pg, "u1"), REFUSED, "it was accepted before");
	PQfinish(pg);
}

/* A tenant's scope shows its children before it may change them: that is not found, and no revision is told. */
Test(queries, what_one_sees_but_may_not_change_is_not_found)
{
	static const struct {
		sql_id stmt;
		const char *args, *outcome;
	} rows[] = {
		{SQL_TENANT_PATCH, "'a', 'x', NULL, NULL, -1, 1", "done"},
		{SQL_TENANT_PATCH, "'a', 'x', NULL, NULL, 12345, 1", "refused:etag_mismatch"},
		{SQL_TENANT_PATCH, "'a/b', 'x', NULL, NULL, -1, 1", "refused:not_found"},
		{SQL_TENANT_DELETE, "'a/b', -1, 1", "refused:not_found"},
		{SQL_TENANT_CREATE, "'tnt_n', 'quo_n', 'a', 'n', '', '{}', 1", "done"},
		{SQL_TENANT_CREATE, "'tnt_m', 'quo_m', 'a/b', 'm', '', '{}', 1", "refused:unknown_tenant"},
		{SQL_TOKEN_CREATE,
			"'tok_1', 'n', 'h', 'viewer', 'a/b', 'service:ci', '{}', '{}', NULL, NULL, 0, 60, 'me', 1",
			"refused:unknown_tenant"},
		{SQL_QUOTA_PUT,
			"'a/b', '{h100-80g}', '{0}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', 1000, NULL, NULL, NULL, -1, 1",
			"refused:not_found"},
	};
	PGconn *pg = connect_to("seen");
	tenants_make(pg);
	ask_as(pg, "reeve_edge", "{3}");
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_GET, "'a/b'", "path"), "a/b");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_str_eq(ask_text(pg, rows[i].stmt, rows[i].args, "outcome"), rows[i].outcome, "row %zu: %s", i,
			rows[i].args);
	PQfinish(pg);
}

/* One statement for all that was old ran into its timeout and deleted nothing, ever. */
Test(queries, a_purge_deletes_a_slice_and_says_so)
{
	PGconn *pg = connect_to("purge");
	ask_do(pg,
		"INSERT INTO op_key SELECT 'a', g::text, '', 200, '', now() - interval '1 hour' * g FROM generate_series(0, 24) g;"
		"INSERT INTO usage_window SELECT now() - interval '1 hour' * g, 1, 1, 'p', 1, 1, 1, 1 FROM generate_series(0, 24) g");
	static const char *const args = "5 * 3600 - 1, 8", *const left[] = {"8", "8", "4", "0"};
	for (size_t i = 0; i < 4; i++) {
		cr_expect_str_eq(ask_text(pg, SQL_OP_KEY_PURGE, args, "deleted"), left[i]);
		cr_expect_str_eq(ask_text(pg, SQL_USAGE_PURGE, args, "deleted"), left[i]);
	}
	PQfinish(pg);
}

/* Also the stream that has no decision at all, and the decision whose stream has no head. */
Test(queries, a_gap_in_a_stream_is_found)
{
	static const struct {
		const char *sql, *gaps;
	} rows[] = {
		{"SELECT 1", "0"},
		{"UPDATE cluster_stream SET rev = 4 WHERE cluster_key = 1", "1"},
		{"DELETE FROM decision WHERE cluster_rev = 2", "1"},
		{"DELETE FROM decision", "1"},
		{"DELETE FROM cluster_stream", "1"},
		{"UPDATE decision SET cluster_rev = 9 WHERE cluster_rev = 3", "1"},
	};
	PGconn *pg = connect_to("streams");
	ask_do(pg,
		"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready'), ('cls_2', 'c2', 'ready');"
		"INSERT INTO cluster_stream VALUES (1, 3), (2, 0);"
		"INSERT INTO decision SELECT g, 1, now(), 1, 'p', CASE WHEN g < 4 THEN 1 END, CASE WHEN g < 4 THEN g END, 'grant', '{}', '' "
		"FROM generate_series(1, 5) g");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_do(pg, "BEGIN");
		ask_do(pg, rows[i].sql);
		cr_expect_str_eq(ask_text(pg, SQL_BOOKS_STREAMS, "", "stream_gaps"), rows[i].gaps, "%s", rows[i].sql);
		ask_do(pg, "ROLLBACK");
	}
	PQfinish(pg);
}

/* Nothing named, of a quota of one model with so many guaranteed device_milli. */
#define PUT_GUARANTEED(path, milli)                                                                                    \
	"'" path "', '{l40s}', '{" milli                                                                               \
	"}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', '{-1}', "                         \
	"'{-1}', '{-1}', '{-1}', '{-1}', 1000, NULL, NULL, NULL, -1, 1"

static PGconn *family_make(const char *name)
{
	PGconn *pg = connect_to(name);
	tenants_make(pg);
	ask_do(pg,
		"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_c', 3, 'c', 'a/c', 2, 'quo_c');"
		"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_z', 1, 'z', 'z', 1, 'quo_z');"
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) VALUES (3, 'l40s', 1000), (5, 'l40s', 900)");
	return pg;
}

/* A tenant was made beside, and given a guarantee, after the caller's scope was read: row-level security left it out of
 * the sum, and the parent's promise was given twice. */
Test(queries, a_guarantee_is_not_given_past_siblings_out_of_sight)
{
	PGconn *pg = family_make("sight_quota");

	ask_as(pg, "reeve_edge", "{3,4}");
	cr_expect_str_eq(ask_text(pg, SQL_QUOTA_PUT, PUT_GUARANTEED("a/b", "1000"), "outcome"), "refused:scope_moved");
	ask_as(pg, "reeve_edge", "{3,4,5}");
	cr_expect_str_eq(
		ask_text(pg, SQL_QUOTA_PUT, PUT_GUARANTEED("a/b", "1000"), "outcome"), "refused:quota_exceeds_parent");
	cr_expect_str_eq(ask_text(pg, SQL_QUOTA_PUT, PUT_GUARANTEED("a/b", "100"), "outcome"), "done");
	PQfinish(pg);
}

/* A tenant below, made meanwhile, kept its path and depth when its parent was moved away. */
Test(queries, a_subtree_moves_with_all_that_hangs_below)
{
	PGconn *pg = family_make("sight_move");

	ask_as(pg, "reeve_edge", "{1,3,4,6}");
	cr_expect_str_eq(
		ask_text(pg, SQL_TENANT_PATCH, "'a', NULL, NULL, 'z', -1, 1", "outcome"), "refused:scope_moved");
	ask_as(pg, "reeve_edge", "{1,3,4,5,6}");
	/* The new parent has no guarantee. */
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_PATCH, "'a', NULL, NULL, 'z', -1, 1", "outcome"),
		"refused:quota_exceeds_parent");
	ask_as(pg, "reeve_platform", "");
	ask_do(pg, "INSERT INTO quota (tenant_key, model, guaranteed_device_milli) VALUES (6, 'l40s', 1000)");
	ask_as(pg, "reeve_edge", "{1,3,4,5,6}");
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_PATCH, "'a', NULL, NULL, 'z', -1, 1", "outcome"), "done");
	PQfinish(pg);
}

/* Its child, made meanwhile, was left without a parent. */
Test(queries, a_tenant_with_children_out_of_sight_is_not_deleted)
{
	PGconn *pg = family_make("sight_delete");

	ask_as(pg, "reeve_edge", "{3}");
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_DELETE, "'a', -1, 1", "outcome"), "refused:state_transition");
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_DELETE, "'a', -1, 1", "detail"),
		"it has 2 tenants below it, 0 live placements and 0 reservations");
	ask_as(pg, "reeve_edge", "{4}");
	cr_expect_str_eq(ask_text(pg, SQL_TENANT_DELETE, "'a/b', -1, 1", "outcome"), "done");
	PQfinish(pg);
}

/* Those who watch the clock look at every open one, every second. */
Test(queries, a_tenant_has_a_hundred_open_raises_at_most)
{
	static const char args[] =
		"'rse_x', 'a', 'l40s', 0, 0, 0, 1, 0, 0, 'why', '', NULL, now() + interval '1 day', 'user:a', 'tok', '{}', 1";
	PGconn *pg = family_make("raises_open");

	ask_do(pg, "UPDATE quota SET limit_device_milli = 5 WHERE tenant_key = 3");
	ask_do(pg,
		"INSERT INTO quota_raise (id, tenant_key, model, reason, requester, requester_credential, requester_marks, state) "
		"SELECT 'rse_' || i, 3, 'l40s', 'why', 'user:a', 'tok', '{}', CASE WHEN i < 50 THEN 'pending' WHEN i < 100 THEN 'approved' "
		"ELSE 'expired' END FROM generate_series(0, 150) i");
	cr_expect_str_eq(ask_text(pg, SQL_RAISE_CREATE, args, "outcome"), "refused:too_many_items");
	ask_do(pg, "UPDATE quota_raise SET state = 'denied' WHERE id = 'rse_7'");
	cr_expect_str_eq(ask_text(pg, SQL_RAISE_CREATE, args, "outcome"), "done");
	PQfinish(pg);
}

/* A policy was applied, and nobody saw that half of what ran stood against it. */
Test(queries, what_runs_outside_the_policy_of_now_is_noted_and_nothing_else)
{
	PGconn *pg = connect_to("policy_sweep");
	tenants_make(pg);
	ask_do(pg,
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) VALUES ('pol_1', 3, 1, '{\"node_policy\":\"spread\"}', "
		"'{}', 'x'), ('pol_2', 3, 2, '{\"node_policy\":\"binpack\"}', '{}', 'x')");
	ask_do(pg,
		"INSERT INTO policy_past VALUES (3, 'pol_1', now() - interval '2 hours', now() - interval '1 hour'), (3, 'pol_2', now() - interval '1 hour', NULL)");
	ask_do(pg,
		"INSERT INTO placement (id, tenant_key, name, origin, state, fence_incarnation, fence_no, request, created_by, created_at, granted_at, seq, rev) "
		"SELECT x.id, 4, '', 'api', x.state, 1, 1, x.request, 't', now(), now() - x.ago, x.n, 0 FROM (VALUES ('plc_1', 'running', '{}', interval '90 minutes', 1), "
		"('plc_2', 'running', '{\"node_policy\":\"spread\"}', interval '90 minutes', 2), ('plc_3', 'running', '{}', interval '1 minute', 3), "
		"('plc_4', 'running', '{}', interval '3 hours', 4), ('plc_5', 'running', '{\"node_weights\":[{\"policy\":\"cost\",\"weight\":1}]}', interval '90 minutes', 5)) x(id, state, request, ago, n)");
	cr_expect_str_eq(ask_text(pg, SQL_POLICY_SWEEP, "'', 3", "last"), "plc_3");
	cr_expect_str_eq(ask_text(pg, SQL_POLICY_SWEEP, "'plc_3', 3", "seen"), "2");
	PGresult *res = PQexec(pg,
		"SELECT string_agg(placement_id || ' ' || policy_id || ' ' || (fields::json->'node_policy'->>'placed_by'), ', ' ORDER BY placement_id) FROM placement_condition");
	cr_expect_str_eq(PQgetvalue(res, 0, 0), "plc_1 pol_2 spread, plc_4 pol_2 fragmentation");
	PQclear(res);
	cr_expect(strstr(ask_text(pg, SQL_PLACEMENT_GET, "'plc_1'", "conditions"), "outside_policy"));
	cr_expect_str_eq(ask_text(pg, SQL_PLACEMENT_GET, "'plc_2'", "conditions"), "");
	ask_as(pg, "reeve_edge", "{4}");
	cr_expect(strstr(ask_text(pg, SQL_PLACEMENT_GET, "'plc_1'", "conditions"), "outside_policy"));
	/* Placed anew it is right; what ended is forgotten. */
	ask_as(pg, NULL, "");
	ask_do(pg,
		"UPDATE placement SET granted_at = now() WHERE id = 'plc_1'; UPDATE placement SET ended_at = now() WHERE id = 'plc_4'");
	cr_expect_str_eq(ask_text(pg, SQL_POLICY_SWEEP, "'', 100", "found"), "0");
	res = PQexec(pg, "SELECT count(*) FROM placement_condition");
	cr_expect_str_eq(PQgetvalue(res, 0, 0), "0");
	PQclear(res);
	PQfinish(pg);
}
