/* Policies as the placer keeps them: the nearest applied one fills what a request leaves open, and only that. */
#include <criterion/criterion.h>

#include "realm.h"

#define HALF "\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_mib\":20000,\"compute_milli\":250}]"

static void make(realm *r, const char *path, const char *id, const char *placement)
{
	realm_do(r,
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) SELECT '%s', key, (SELECT count(*) + 1 FROM policy p WHERE p.tenant_key = tenant.key), '%s', '{}', 'x' FROM tenant WHERE path = '%s'",
		id, placement, path);
}

static void point(realm *r, const char *path, const char *id)
{
	char sql[400];

	snprintf(sql, sizeof sql,
		"INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) SELECT key, '%s', 'x', 1 FROM tenant WHERE path = '%s' "
		"ON CONFLICT (tenant_key) DO UPDATE SET policy_id = excluded.policy_id",
		id, path);
	realm_govern(r, "policy", sql);
	/* A look at the inbox that is under way may find what comes next, and not yet this. */
	realm_settle(r);
}

/* On how many nodes its two placements stand. */
static int64_t nodes_of(realm *r, const char *tenant, const char *more)
{
	char body[400];

	snprintf(body, sizeof body, "%s%s", HALF, more);
	int first = realm_place(r, tenant, body);
	int second = realm_place(r, tenant, body);
	realm_settle(r);
	cr_assert_str_eq(realm_state(r, second), "granted");
	int64_t n = realm_int(r,
		"SELECT count(DISTINCT (placed::json->0->>'node')) FROM placement WHERE id IN ('plc_%d', 'plc_%d')",
		first, second);
	for (int k = first; k <= second; k++) {
		realm_release(r, k);
		realm_settle(r);
		realm_step(r, k, "revoked");
	}
	realm_settle(r);
	return n;
}

Test(placer_policy, the_nearest_applied_one_fills_what_a_request_leaves_open)
{
	realm r;

	realm_open(&r, "placer_policy", NULL);
	realm_start(&r);
	realm_settle(&r);
	make(&r, "a", "pol_spread", "{\"node_policy\":\"spread\"}");
	make(&r, "a", "pol_pack", "{\"node_policy\":\"binpack\"}");
	make(&r, "a/c", "pol_c", "{\"node_policy\":\"binpack\"}");
	make(&r, "", "pol_fleet", "{\"node_policy\":\"binpack\"}");
	point(&r, "", "pol_fleet");
	cr_expect_eq(nodes_of(&r, "a/b", ""), 1, "what is made counts for nothing yet");
	point(&r, "a", "pol_spread");
	cr_expect_eq(nodes_of(&r, "a/b", ""), 2, "that of the tenant above counts");
	cr_expect_eq(nodes_of(&r, "d", ""), 1, "not beside it");
	cr_expect_eq(nodes_of(&r, "a/b", ",\"node_policy\":\"binpack\""), 1, "a request that says so goes first");
	point(&r, "a/c", "pol_c");
	cr_expect_eq(nodes_of(&r, "a/c", ""), 1, "one's own is nearer");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_eq(nodes_of(&r, "a/b", ""), 2, "a placer that starts anew knows it");
	point(&r, "a", "pol_pack");
	cr_expect_eq(nodes_of(&r, "a/b", ""), 1, "and back");
	realm_close(&r);
}

/* What ran went on by the old policy's word until the placer started anew, and by the new one's from then on. */
Test(placer_policy, what_runs_may_be_evicted_as_the_policy_of_now_says)
{
	realm r;

	realm_open(&r, "placer_policy_runs", NULL);
	realm_do(&r, "DELETE FROM quota");
	realm_do(&r, "UPDATE priority SET min_runtime_s = 0");
	realm_do(&r,
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 4000 FROM tenant WHERE path = 'd'");
	realm_start(&r);
	realm_settle(&r);
	realm_do(&r,
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) SELECT x.id, key, x.n, '{}', x.sharing, 'x' FROM tenant, "
		"(VALUES ('pol_keep', 1, '{\"preemptible\":false}'), ('pol_yield', 2, '{\"preemptible\":true}')) x(id, n, sharing) WHERE path = 'a'");
	point(&r, "a", "pol_keep");
	for (int i = 1; i <= 4; i++) {
		realm_place(&r, "a/b", "\"devices\":[{\"count\":4,\"classes\":[\"h100-80g\"]}]");
		realm_settle(&r);
		realm_step(&r, i, "running");
	}
	int due = realm_place(&r, "d", "\"devices\":[{\"count\":4,\"classes\":[\"h100-80g\"]}]");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, due), "pending", "%s",
		realm_text(&r,
			"SELECT string_agg(id || ' ' || state || ' ' || blockers || ' ' || request, '; ') FROM placement"));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"), 0);
	point(&r, "a", "pol_yield");
	/* Nobody is looked for twice within some seconds: then it is, though nothing else has happened. */
	for (int i = 0; i < 60 && !realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"); i++) {
		realm_run_for(&r, 250000);
		realm_settle(&r);
	}
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"), 1, "one makes room");
	realm_close(&r);
}

/* Which cluster one more small request goes to, of any class. */
static const char *cluster_of(realm *r, const char *more)
{
	char body[400];

	snprintf(body, sizeof body, "\"devices\":[{\"memory_mib\":20000,\"compute_milli\":250}]%s", more);
	int k = realm_place(r, "a/b", body);
	realm_settle(r);
	cr_assert_str_eq(realm_state(r, k), "granted");
	return realm_text(
		r, "SELECT c.name FROM placement p JOIN cluster c ON c.key = p.cluster_key WHERE p.id = 'plc_%d'", k);
}

Test(placer_policy, of_several_clusters_the_one_with_most_or_least_free_as_it_says)
{
	realm r;

	realm_open(&r, "placer_policy_clusters", NULL);
	realm_start(&r);
	realm_settle(&r);
	cr_expect_str_eq(cluster_of(&r, ",\"clusters\":[\"c1\"]"), "c1");
	cr_expect_str_eq(cluster_of(&r, ",\"clusters\":[\"c2\"],\"cluster_policy\":\"order\""), "c2",
		"a quarter of one of 4 is more than of one of 16");
	cr_expect_str_eq(cluster_of(&r, ",\"cluster_policy\":\"spread\""), "c1");
	cr_expect_str_eq(cluster_of(&r, ",\"cluster_policy\":\"pack\""), "c2");
	cr_expect_str_eq(cluster_of(&r, ",\"cluster_policy\":\"order\",\"clusters\":[\"c2\",\"c1\"]"), "c2");
	make(&r, "a", "pol_spread", "{\"cluster_policy\":\"spread\"}");
	make(&r, "a", "pol_pack", "{\"cluster_policy\":\"pack\"}");
	point(&r, "a", "pol_spread");
	cr_expect_str_eq(cluster_of(&r, ""), "c1", "the tenant's policy fills it");
	point(&r, "a", "pol_pack");
	cr_expect_str_eq(cluster_of(&r, ""), "c2", "and another one otherwise");
	cr_expect_str_eq(cluster_of(&r, ",\"cluster_policy\":\"spread\""), "c1", "what a request says goes first");
	realm_close(&r);
}

Test(placer_policy, cost_takes_the_class_that_counts_least_in_credits)
{
	realm r;

	realm_open(&r, "placer_policy_cost", NULL);
	realm_do(&r, "UPDATE device_class SET credit_rate_milli = CASE name WHEN 'l40s' THEN 300 ELSE 1000 END");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_str_eq(cluster_of(&r, ",\"node_policy\":\"cost\""), "c2");
	realm_govern(&r, "device_class",
		"UPDATE device_class SET credit_rate_milli = CASE name WHEN 'l40s' THEN 3000 ELSE 1000 END");
	realm_settle(&r);
	cr_expect_str_eq(cluster_of(&r, ",\"node_policy\":\"cost\""), "c1", "rates that changed count from then on");
	realm_close(&r);
}

Test(placer_policy, several_policies_together_choose_by_their_weights)
{
	realm r;

	realm_open(&r, "placer_policy_weights", NULL);
	realm_do(&r, "UPDATE device_class SET credit_rate_milli = CASE name WHEN 'l40s' THEN 300 ELSE 1000 END");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_str_eq(
		cluster_of(&r,
			",\"node_weights\":[{\"policy\":\"spread\",\"weight\":1},{\"policy\":\"cost\",\"weight\":100}]"),
		"c2", "cheaper, and that counts a hundred times");
	cr_expect_str_eq(
		cluster_of(&r,
			",\"node_weights\":[{\"policy\":\"spread\",\"weight\":100},{\"policy\":\"cost\",\"weight\":1}]"),
		"c1", "emptier, and that counts a hundred times");
	make(&r, "a", "pol_cheap",
		"{\"node_weights\":[{\"policy\":\"spread\",\"weight\":1},{\"policy\":\"cost\",\"weight\":1000}]}");
	point(&r, "a", "pol_cheap");
	cr_expect_str_eq(cluster_of(&r, ""), "c2", "the tenant's policy fills them");
	cr_expect_str_eq(cluster_of(&r, ",\"node_policy\":\"spread\""), "c1", "what a request says goes first");
	realm_close(&r);
}

/* Two of 600 thousandths each on the one device that both ask for. */
Test(placer_policy, compute_is_promised_twice_to_those_priorities_alone_that_the_class_names)
{
	static const char ask[] =
		"\"devices\":[{\"uuids\":[\"c2-n1-g0\"],\"memory_mib\":1000,\"compute_milli\":600}],\"priority\":\"%s\"";
	char low[200], high[200];
	realm r;

	snprintf(low, sizeof low, ask, "low");
	snprintf(high, sizeof high, ask, "high");
	realm_open(&r, "placer_policy_overcommit", NULL);
	realm_do(&r,
		"UPDATE device_class SET compute_overcommit_ppm = 2000000, overcommit_priority_max = -1 WHERE name = 'l40s'");
	realm_start(&r);
	realm_settle(&r);
	int first = realm_place(&r, "a/b", low), second = realm_place(&r, "a/b", low),
	    third = realm_place(&r, "a/b", high);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, first), "granted");
	cr_expect_str_eq(realm_state(&r, second), "granted");
	cr_expect_str_eq(realm_state(&r, third), "pending", "high work counts on the device itself");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT blockers::json->0->>'axis' || ' ' || (blockers::json->0->>'free') FROM placement WHERE id = 'plc_%d'",
			third),
		"compute_milli 0");
	cr_expect_eq(
		realm_int(&r,
			"SELECT (placed::json->0->'devices'->0->>'compute_overcommit_ppm')::int8 FROM placement WHERE id = 'plc_%d'",
			second),
		2000000, "the agent is told");
	realm_govern(
		&r, "device_class", "UPDATE device_class SET overcommit_priority_max = 1000000 WHERE name = 'l40s'");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, third), "granted", "1,800 of 2,000");
	realm_close(&r);
}
