/* The placer's whole way: what stands in the inbox becomes decisions, rows and totals that agree. */
#include <criterion/criterion.h>

#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)
#define ONE_H100                   "\"devices\":[{\"classes\":[\"h100-80g\"]}]"

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

Test(placer, inventory_becomes_rows)
{
	realm r;
	open_and_start(&r, "inventory");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node"), 6);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM device WHERE class = 'h100-80g' AND health = 'ok'"), 16);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM device WHERE class = 'l40s'"), 4);
	/* A census that leaves a node out takes it away; one device fewer takes that. */
	realm_report(&r, "c2",
		"{\"kind\":\"inventory\",\"is_whole\":true,\"nodes\":[{\"name\":\"c2-n1\",\"cpu_milli\":1,\"memory_mib\":1,"
		"\"devices\":[{\"uuid\":\"c2-n2-g0\",\"index\":0,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068}]}]},"
		"{\"kind\":\"running\",\"is_whole\":true}");
	realm_settle(&r);
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg(uuid || '@' || n.name, ' ') FROM device d JOIN node n ON n.key = node_key WHERE class = 'l40s'"),
		"c2-n2-g0@c2-n1");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer, a_placement_lives)
{
	static const char *const steps[] = {"delivered", "accepted", "bound", "running", "done"};
	realm r;
	open_and_start(&r, "lives");
	int k = realm_place(&r, "a/b",
		"\"name\":\"train\",\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}],\"host\":{\"cpu_milli\":1000,\"memory_mib\":512}");
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT body::json->'placement'->'placed'->0->'devices'->1->>'uuid' FROM decision WHERE placement_id = 'plc_%d'",
			k),
		"c1-n1-g1");
	cr_expect_str_eq(realm_text(&r, "SELECT action || cluster_rev FROM decision WHERE placement_id = 'plc_%d'", k),
		"grant1");
	cr_expect_eq(
		realm_int(&r,
			"SELECT device_milli FROM tenant_use u JOIN tenant t ON t.key = tenant_key WHERE path = 'a'"),
		2000);
	for (size_t i = 0; i < 5; i++) {
		realm_step(&r, k, steps[i]);
		realm_settle(&r);
		STATE_IS(&r, k, steps[i]);
		HOLDS(&r);
	}
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM segment WHERE ended_at IS NOT NULL AND devices = 2 AND device_milli = 2000"),
		1);
	cr_expect_eq(realm_int(&r, "SELECT sum(device_milli) FROM tenant_use"), 0);
	cr_expect_eq(realm_int(&r, "SELECT sum(used_slots) FROM device"), 0);
	realm_close(&r);
}

/* Its agent kept every placement it ever had, for nobody told it that one was over. */
Test(placer, an_end_is_told_to_the_cluster_that_had_it)
{
	static const char *const ends[] = {"done", "failed", "revoked"};
	realm r;
	open_and_start(&r, "forget");
	for (size_t i = 0; i < 3; i++) {
		int k = realm_place(&r, "d", ONE_H100);
		realm_settle(&r);
		realm_step(&r, k, "running");
		realm_settle(&r);
		if (i == 2)
			realm_release(&r, k);
		realm_settle(&r);
		realm_step(&r, k, ends[i]);
		realm_settle(&r);
		STATE_IS(&r, k, ends[i]);
		cr_expect_str_eq(
			realm_text(&r,
				"SELECT action || ' ' || c.name || ' ' || (body::json->'placement'->>'fence') FROM decision d "
				"JOIN cluster c ON c.key = cluster_key WHERE placement_id = 'plc_%d' ORDER BY n DESC LIMIT 1",
				k),
			"forget c1 1.1");
	}
	/* Refused by the only cluster it may stand on, and not to wait: over in the same turn. */
	int refused = realm_place(&r, "d", "\"queue\":false," ONE_H100 ",\"replicas\":16");
	realm_settle(&r);
	STATE_IS(&r, refused, "granted");
	realm_step(&r, refused, "refused");
	realm_settle(&r);
	STATE_IS(&r, refused, "rejected");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT action || cluster_key FROM decision WHERE placement_id = 'plc_%d' ORDER BY n DESC LIMIT 1",
			refused),
		"forget1");
	/* No cluster ever had these. */
	int waits = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"b300\"]}]");
	int never = realm_place(&r, "d", "\"queue\":false,\"devices\":[{\"classes\":[\"b300\"]}]");
	realm_settle(&r);
	realm_release(&r, waits);
	realm_settle(&r);
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg(action, ' ' ORDER BY n) FROM decision WHERE placement_id IN ('plc_%d', 'plc_%d') AND cluster_key IS NULL",
			waits, never),
		"wait reject end");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer, what_does_not_fit_waits_and_goes_on)
{
	realm r;
	open_and_start(&r, "waits");
	int first = realm_place(&r, "a/b", "\"replicas\":12," ONE_H100);
	int over_quota = realm_place(&r, "a/c", ONE_H100);
	int not_queued = realm_place(&r, "a/c", "\"queue\":false," ONE_H100);
	int no_class = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"b300\"]}]");
	int too_big = realm_place(&r, "d", "\"devices\":[{\"count\":5,\"classes\":[\"h100-80g\"]}]");
	realm_settle(&r);
	STATE_IS(&r, first, "granted");
	STATE_IS(&r, over_quota, "pending");
	STATE_IS(&r, not_queued, "rejected");
	STATE_IS(&r, no_class, "pending");
	STATE_IS(&r, too_big, "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT (b->>'code') || ' ' || (b->>'scope') || ' ' || (b->>'need') || ' ' || (b->>'free') FROM placement, json_array_elements(blockers::json) b WHERE id = 'plc_%d'",
			over_quota),
		"quota_limit a 1000 0");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT (blockers::json->0->>'code') || ' ' || (blockers::json->0->>'class') FROM placement WHERE id = 'plc_%d'",
			no_class),
		"no_such_class b300");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT body::json->'placement'->>'position' FROM decision WHERE placement_id = 'plc_%d'",
			too_big),
		"1");
	/* It waits behind nobody: its tenant has nothing, the other one has twelve. */
	HOLDS(&r);
	/* A release of what waits ends it at once; of what is granted, when the agent says so. */
	realm_release(&r, too_big);
	realm_release(&r, first);
	realm_settle(&r);
	STATE_IS(&r, too_big, "revoked");
	STATE_IS(&r, first, "revoking");
	STATE_IS(&r, over_quota, "pending");
	realm_step(&r, first, "revoked");
	realm_settle(&r);
	STATE_IS(&r, first, "revoked");
	STATE_IS(&r, over_quota, "granted");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg(action, ' ' ORDER BY cluster_rev) FROM decision WHERE cluster_key IS NOT NULL"),
		"grant revoke forget grant");
	HOLDS(&r);
	realm_close(&r);
}

/* A release that stands right behind its request in the inbox is not lost. */
Test(placer, released_in_the_same_breath)
{
	realm r;
	open_and_start(&r, "breath");
	int fits = realm_place(&r, "d", ONE_H100),
	    waits = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"b300\"]}]");
	realm_release(&r, fits);
	realm_release(&r, waits);
	realm_settle(&r);
	STATE_IS(&r, fits, "revoking");
	STATE_IS(&r, waits, "revoked");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer, a_refused_plan_goes_elsewhere)
{
	realm r;
	open_and_start(&r, "refused");
	int k = realm_place(&r, "d", ONE_H100);
	realm_settle(&r);
	realm_step(&r, k, "refused");
	realm_step(&r, k, "refused"); /* the same again: of a fence that is past */
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	cr_expect_str_eq(
		realm_text(&r, "SELECT fence_no || ' ' || (placed::json->0->>'node') FROM placement"), "2 c1-n2");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer, a_whole_list_ends_what_is_not_in_it)
{
	realm r;
	open_and_start(&r, "census");
	int runs = realm_place(&r, "d", ONE_H100), lost = realm_place(&r, "d", ONE_H100),
	    fresh = realm_place(&r, "d", ONE_H100);
	realm_settle(&r);
	realm_step(&r, runs, "running");
	realm_step(&r, lost, "running");
	realm_report(
		&r, "c1", "{\"kind\":\"running\",\"is_whole\":true,\"placements\":[\"plc_1 1.1\",\"plc_77 1.1\"]}");
	realm_settle(&r);
	STATE_IS(&r, runs, "running");
	STATE_IS(&r, lost, "failed");
	STATE_IS(&r, fresh, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* A node that leaves while something stands on it is kept until that ends. */
Test(placer, gone_while_booked)
{
	realm r;
	open_and_start(&r, "gone");
	int k = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"l40s\"]}]");
	realm_settle(&r);
	realm_step(&r, k, "running");
	realm_report(&r, "c2", "{\"kind\":\"inventory\",\"nodes_gone\":[\"c2-n1\"]}");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node WHERE name = 'c2-n1' AND health = 'gone'"), 1);
	HOLDS(&r);
	realm_start(&r);
	cr_assert(placer_is_serving(r.placer), "status %d", r.status);
	realm_step(&r, k, "done");
	realm_settle(&r);
	STATE_IS(&r, k, "done");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node WHERE name = 'c2-n1'"), 0);
	HOLDS(&r);
	realm_close(&r);
}

/* A node that is gone ends with the last thing on it and comes back, all in one report: it keeps its row. */
Test(placer, gone_and_back_at_once)
{
	realm r;
	open_and_start(&r, "back");
	int k = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"l40s\"]}]");
	realm_settle(&r);
	int64_t key = realm_int(&r, "SELECT key FROM node WHERE name = 'c2-n1'");
	realm_report(&r, "c2", "{\"kind\":\"inventory\",\"nodes_gone\":[\"c2-n1\"]}");
	realm_settle(&r);
	realm_report(&r, "c2",
		"{\"kind\":\"step\",\"placement\":\"plc_1\",\"fence\":\"1.1\",\"state\":\"running\"},"
		"{\"kind\":\"step\",\"placement\":\"plc_1\",\"fence\":\"1.1\",\"state\":\"done\"},"
		"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"c2-n1\",\"cpu_milli\":64000,\"memory_mib\":262144,\"devices\":["
		"{\"uuid\":\"c2-n1-g0\",\"index\":0,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068}]}]}");
	realm_settle(&r);
	STATE_IS(&r, k, "done");
	cr_expect_eq(realm_int(&r, "SELECT key FROM node WHERE name = 'c2-n1' AND health = 'ok'"), key);
	cr_expect_eq(placer_term(r.placer), 1);
	HOLDS(&r);
	realm_close(&r);
}

/* The cap is cut between the placer's look and its commit: nothing goes over it, nothing is lost. */
Test(placer, caps_that_moved)
{
	realm r;
	open_and_start(&r, "caps");
	realm_do(&r, "UPDATE quota SET limit_device_milli = 3000");
	for (int i = 0; i < 5; i++)
		(void)realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'granted'"), 3);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'pending'"), 2);
	cr_expect_eq(placer_term(r.placer), 1);
	HOLDS(&r);
	realm_govern(&r, "quota", "UPDATE quota SET limit_device_milli = 4000");
	realm_settle(&r);
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'granted'"), 4);
	/* A cut below what is used is legal, and lets falls through. */
	realm_govern(&r, "quota", "UPDATE quota SET limit_device_milli = 1000");
	realm_release(&r, 1);
	realm_settle(&r);
	realm_step(&r, 1, "revoked");
	realm_settle(&r);
	STATE_IS(&r, 1, "revoked");
	cr_expect_eq(
		realm_int(&r,
			"SELECT ceiling_device_milli FROM tenant_use u JOIN tenant t ON t.key = tenant_key WHERE path = 'a'"),
		3000);
	HOLDS(&r);
	realm_close(&r);
}

/* The cut is not seen yet, and the batch gives back as much as it takes: that is no room. */
Test(placer, a_cut_cap_is_not_filled_by_what_falls)
{
	realm r;
	open_and_start(&r, "falls");
	for (int i = 0; i < 3; i++)
		(void)realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	realm_release(&r, 1);
	realm_settle(&r);
	realm_do(&r, "UPDATE quota SET limit_device_milli = 1000");
	realm_step(&r, 1, "revoked");
	int k = realm_place(&r, "a/c", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, 1, "revoked");
	STATE_IS(&r, k, "pending");
	cr_expect_eq(
		realm_int(&r,
			"SELECT device_milli FROM tenant_use u JOIN tenant t ON t.key = tenant_key WHERE path = 'a'"),
		2000);
	cr_expect_eq(placer_term(r.placer), 1);
	HOLDS(&r);
	realm_close(&r);
}

/* The order of nodes is part of every decision: the books, built anew, must decide as before. */
Test(placer, equal_nodes_keep_their_order_over_a_restart)
{
	static const char whole_node[] = "\"devices\":[{\"count\":4,\"classes\":[\"h100-80g\"]}]";
	static const char *const order[] = {"c1-n1", "c1-n2", "c1-n9", "c1-n3", "c1-n4"};
	realm r;
	open_and_start(&r, "order");
	realm_report(&r, "c1",
		"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"c1-n9\",\"rank\":1,\"cpu_milli\":64000,\"memory_mib\":262144,"
		"\"devices\":[{\"uuid\":\"x0\",\"index\":0,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559},"
		"{\"uuid\":\"x1\",\"index\":1,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559},"
		"{\"uuid\":\"x2\",\"index\":2,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559},"
		"{\"uuid\":\"x3\",\"index\":3,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559}]}]}");
	realm_settle(&r);
	for (size_t i = 0; i < 5; i++) {
		int k = realm_place(&r, "d", whole_node);
		realm_settle(&r);
		cr_expect_str_eq(
			realm_text(&r, "SELECT placed::json->0->>'node' FROM placement WHERE id = 'plc_%d'", k),
			order[i]);
		if (i < 3) {
			realm_stop(&r);
			realm_start(&r);
			realm_settle(&r);
		}
	}
	HOLDS(&r);
	realm_close(&r);
}

/* Tenants and clusters that are newer than the placer's last look are looked up before it decides. */
Test(placer, newcomers)
{
	realm r;
	open_and_start(&r, "newcomers");
	realm_do(&r,
		"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_e', 1, 'e', 'e', 1, 'quo_e')");
	int k = realm_place(&r, "e", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	realm_govern(&r, "cluster", "UPDATE cluster SET is_cordoned = true WHERE name = 'c1'");
	k = realm_place(&r, "e", ONE_H100);
	realm_settle(&r);
	realm_govern(&r, "cluster", "UPDATE cluster SET is_cordoned = false WHERE name = 'c1'");
	realm_settle(&r);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* Only one leads; the other takes over when the first is gone, and what the first has in hand is fenced off. */
Test(placer, only_one_leads)
{
	realm r;
	open_and_start(&r, "leads");
	placer *second = placer_new(r.l, &r.options);
	realm_run_for(&r, 1300000);
	cr_expect(!placer_is_serving(second));
	realm_do(&r, "UPDATE leader SET term = term + 1");
	int k = realm_place(&r, "d", ONE_H100);
	placer *first = r.placer;
	realm_run_for(&r, 1500000);
	cr_expect_eq(placer_is_serving(first) + placer_is_serving(second), 1);
	r.placer = placer_is_serving(first) ? first : second;
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	/* Term 2 was never anybody's, so nothing stands under it or under the one before. */
	cr_expect_gt(realm_int(&r, "SELECT min(term) FROM decision"), 2);
	HOLDS(&r);
	placer_free(r.placer == first ? second : first);
	realm_close(&r);
}

/* Totals that the placements do not explain: the placer does not serve. */
static void differs(const char *name, const char *planted)
{
	realm r;
	open_and_start(&r, name);
	(void)realm_place(&r, "d", ONE_H100);
	realm_settle(&r);
	realm_stop(&r);
	cr_expect_eq(r.status, 0);
	realm_do(&r, "%s", planted);
	realm_start(&r);
	cr_expect(r.has_ended);
	cr_expect_eq(r.status, PLACER_STATUS_MISMATCH, "%s", planted);
	realm_close(&r);
}

Test(placer, books_that_differ)
{
	differs("differ", "UPDATE device SET used_memory_mib = used_memory_mib + 1 WHERE uuid = 'c1-n1-g0'");
}

Test(placer, escrow_that_no_placement_explains)
{
	differs("differ_escrow", "UPDATE escrow SET compute_milli = compute_milli + 1");
	differs("differ_gone", "DELETE FROM escrow");
}
