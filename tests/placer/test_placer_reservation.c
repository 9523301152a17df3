/* Reservations through the whole placer: what is promised, who gets it, when it ends, and after a restart. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)
#define IS(r, name, state)         cr_expect_str_eq(state_of(r, name), state, "%s: %s", name, blockers_of(r, name))
#define H100(n)                    "\"devices\":[{\"count\":" #n ",\"classes\":[\"h100-80g\"]}]"
#define IN(name)                   "\"reservation\":\"" name "\","

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_do(r, "DELETE FROM quota");
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

/* From and until are intervals from now on; more: of the row's columns, in their order behind the class. */
static void reserve(
	realm *r, const char *name, const char *tenant, const char *from, const char *until, const char *more)
{
	char sql[1200];

	snprintf(sql, sizeof sql,
		"INSERT INTO reservation (id, tenant_key, starts_at, ends_at, class, count, per_node, memory_mib, compute_milli, uuids) "
		"SELECT '%s', key, now() + interval '%s', now() + interval '%s', %s FROM tenant WHERE path = '%s'",
		name, from, until, more, tenant);
	realm_govern(r, "reservation", sql);
	realm_settle(r);
}

static const char *state_of(realm *r, const char *name)
{
	return realm_text(r, "SELECT state FROM reservation_hold WHERE reservation_id = '%s'", name);
}

static const char *blockers_of(realm *r, const char *name)
{
	return realm_text(r, "SELECT blockers FROM reservation_hold WHERE reservation_id = '%s'", name);
}

static int64_t devices_of(realm *r, const char *name)
{
	return realm_int(r,
		"SELECT count(*) FROM reservation_hold, json_array_elements(placed::json) p, json_array_elements(p->'devices') "
		"WHERE reservation_id = '%s'",
		name);
}

static int64_t unused(realm *r, const char *name)
{
	return realm_int(r, "SELECT unused_device_milli FROM reservation_hold WHERE reservation_id = '%s'", name);
}

static int place(realm *r, const char *tenant, const char *body)
{
	int k = realm_place(r, tenant, body);

	realm_settle(r);
	return k;
}

/* So many seconds later, without the wait for them. */
static void windows_move(realm *r, int seconds)
{
	char sql[300];

	realm_stop(r);
	snprintf(sql, sizeof sql,
		"UPDATE reservation SET starts_at = starts_at - interval '%d s', ends_at = ends_at - interval '%d s'",
		seconds, seconds);
	realm_do(r, "%s", sql);
	realm_start(r);
	realm_settle(r);
}

Test(placer_reservation, what_runs_on_when_the_window_begins_goes_elsewhere)
{
	realm r;
	open_and_start(&r, "rsv_ahead");
	reserve(&r, "rsv_1", "a", "1 hour", "2 hours", "'h100-80g', 12, 4, NULL, NULL, '{}'");
	IS(&r, "rsv_1", "held");
	cr_expect_eq(devices_of(&r, "rsv_1"), 12);
	int open_end = place(&r, "d", H100(4));
	STATE_IS(&r, open_end, "granted");
	int too_many = place(&r, "d", H100(1));
	STATE_IS(&r, too_many, "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT (blockers::json->0->>'code') || ' ' || (blockers::json->0->>'scope') || ' ' || (blockers::json->0->>'unblocks_when') "
			"FROM placement WHERE id = 'plc_%d'",
			too_many),
		"reserved rsv_1 capacity_frees");
	int in_time = place(&r, "d", "\"max_runtime_s\":1800," H100(4));
	STATE_IS(&r, in_time, "granted");
	int too_long = place(&r, "d", "\"max_runtime_s\":7300," H100(1));
	STATE_IS(&r, too_long, "pending");
	int too_soon = place(&r, "a/b", IN("rsv_1") H100(1));
	STATE_IS(&r, too_soon, "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT (blockers::json->0->>'code') || ' ' || (blockers::json->0->>'scope') FROM placement WHERE id = 'plc_%d'",
			too_soon),
		"reservation_ahead rsv_1");
	HOLDS(&r);
	/* It is deleted: what it kept is there for all, and who waited for it waits for nothing. */
	realm_govern(&r, "reservation", "UPDATE reservation SET deleted_at = now()");
	realm_settle(&r);
	STATE_IS(&r, too_many, "granted");
	STATE_IS(&r, too_long, "granted");
	STATE_IS(&r, too_soon, "revoked");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM reservation_hold"), 0);
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, in_its_window_it_is_its_tenants_and_of_those_below_who_name_it)
{
	realm r;
	open_and_start(&r, "rsv_window");
	reserve(&r, "rsv_1", "a", "-1 second", "1 hour", "'h100-80g', 12, 4, NULL, NULL, '{}'");
	IS(&r, "rsv_1", "active");
	cr_expect_eq(unused(&r, "rsv_1"), 12000);
	int own = place(&r, "a", IN("rsv_1") H100(2)), below = place(&r, "a/b", IN("rsv_1") H100(4));
	STATE_IS(&r, own, "granted");
	STATE_IS(&r, below, "granted");
	cr_expect_eq(unused(&r, "rsv_1"), 6000);
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM placement p, json_array_elements(p.placed::json) n, json_array_elements(n->'devices') d "
			"WHERE d->>'uuid' NOT IN (SELECT e->>'uuid' FROM reservation_hold, json_array_elements(placed::json) g, json_array_elements(g->'devices') e)"),
		0, "on its devices and nowhere else");
	char beside[300];
	snprintf(beside, sizeof beside,
		"\"queue\":false," IN("rsv_1") "\"devices\":[{\"classes\":[\"h100-80g\"],\"uuids\":[\"%s\"]}]",
		realm_text(&r,
			"SELECT uuid FROM device WHERE class = 'h100-80g' AND uuid NOT IN (SELECT e->>'uuid' FROM reservation_hold, "
			"json_array_elements(placed::json) g, json_array_elements(g->'devices') e) LIMIT 1"));
	STATE_IS(&r, place(&r, "a", beside), "rejected");
	int stranger = place(&r, "d", "\"queue\":false," IN("rsv_1") H100(1));
	STATE_IS(&r, stranger, "rejected");
	cr_expect_str_eq(
		realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_%d'", stranger), "no_such_reservation");
	int silent = place(&r, "a/b", H100(4)), crowded_out = place(&r, "a/b", "\"queue\":false," H100(1));
	STATE_IS(&r, silent, "granted");
	STATE_IS(&r, crowded_out, "rejected");
	cr_expect_str_eq(realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_%d'", crowded_out), "reserved",
		"who does not name it goes elsewhere");
	int rest = place(&r, "a", IN("rsv_1") "\"replicas\":3," H100(2));
	STATE_IS(&r, rest, "granted");
	cr_expect_eq(unused(&r, "rsv_1"), 0);
	int full = place(&r, "a", IN("rsv_1") H100(1));
	STATE_IS(&r, full, "pending");
	HOLDS(&r);
	/* What one gives back is its tenant's again: the one that waits for it has it. */
	realm_release(&r, own);
	realm_settle(&r);
	realm_step(&r, own, "revoked");
	realm_settle(&r);
	STATE_IS(&r, full, "granted");
	cr_expect_eq(unused(&r, "rsv_1"), 1000);
	int other = place(&r, "d", "\"queue\":false," H100(1));
	STATE_IS(&r, other, "rejected");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, it_ends_by_itself_and_with_it_what_runs_in_it)
{
	realm r;
	open_and_start(&r, "rsv_end");
	reserve(&r, "rsv_1", "a", "-1 second", "1 hour", "'h100-80g', 16, 4, NULL, NULL, '{}'");
	int in = place(&r, "a", IN("rsv_1") H100(4));
	realm_step(&r, in, "running");
	int late = place(&r, "a", IN("rsv_1") "\"replicas\":4," H100(4)), other = place(&r, "d", H100(4));
	STATE_IS(&r, in, "running");
	STATE_IS(&r, late, "pending");
	STATE_IS(&r, other, "pending");
	windows_move(&r, 3599);
	STATE_IS(&r, in, "running");
	STATE_IS(&r, other, "pending");
	realm_run_for(&r, 1200000);
	realm_settle(&r);
	IS(&r, "rsv_1", "ended");
	STATE_IS(&r, in, "revoking");
	cr_expect_str_eq(
		realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_%d'", in), "its reservation is over");
	STATE_IS(&r, late, "revoked");
	STATE_IS(&r, other, "granted");
	cr_expect_str_eq(
		realm_text(&r, "SELECT string_agg(action, ' ' ORDER BY n) FROM decision WHERE placement_id = 'rsv_1'"),
		"reservation.active reservation.ended");
	HOLDS(&r);
	realm_step(&r, in, "revoked");
	realm_settle(&r);
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, the_next_placer_holds_the_same_devices)
{
	realm r;
	char before[4000];

	open_and_start(&r, "rsv_restart");
	reserve(&r, "rsv_1", "a", "-1 second", "1 hour", "'h100-80g', 8, 2, NULL, NULL, '{}'");
	reserve(&r, "rsv_2", "d", "30 minutes", "1 hour", "NULL, 2, 1, 20000, 250, '{c2-n1-g0,c2-n2-g1}'");
	IS(&r, "rsv_2", "held");
	int in = place(&r, "a/c", IN("rsv_1") H100(2));
	snprintf(before, sizeof before, "%s",
		realm_text(&r, "SELECT string_agg(h::text, ' ' ORDER BY reservation_id) FROM reservation_hold h"));
	realm_start(&r);
	realm_settle(&r);
	cr_expect(placer_is_serving(r.placer));
	cr_expect_str_eq(
		realm_text(&r, "SELECT string_agg(h::text, ' ' ORDER BY reservation_id) FROM reservation_hold h"),
		before);
	int more = place(&r, "a", IN("rsv_1") "\"replicas\":3," H100(2));
	STATE_IS(&r, more, "granted");
	cr_expect_eq(unused(&r, "rsv_1"), 0);
	int other = place(&r, "d", "\"queue\":false,\"replicas\":3," H100(4));
	STATE_IS(&r, other, "rejected");
	/* 20,000 MiB of 46,068 are kept of the two that are named. */
	int beside = place(&r, "a",
		"\"queue\":false,\"devices\":[{\"classes\":[\"l40s\"],\"uuids\":[\"c2-n1-g0\"],\"memory_mib\":26068,\"compute_milli\":100}]");
	int above = place(&r, "a",
		"\"queue\":false,\"devices\":[{\"classes\":[\"l40s\"],\"uuids\":[\"c2-n2-g1\"],\"memory_mib\":26069,\"compute_milli\":100}]");
	STATE_IS(&r, beside, "granted");
	STATE_IS(&r, above, "rejected");
	realm_release(&r, in);
	realm_settle(&r);
	realm_step(&r, in, "revoked");
	realm_settle(&r);
	cr_expect_eq(unused(&r, "rsv_1"), 2000);
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, no_more_is_promised_than_nobody_else_was_guaranteed)
{
	realm r;
	realm_open(&r, "rsv_promise", NULL);
	realm_do(&r, "DELETE FROM quota");
	realm_do(&r,
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 6000 FROM tenant WHERE path = 'd'");
	realm_start(&r);
	realm_settle(&r);
	reserve(&r, "rsv_1", "a/b", "1 hour", "3 hours", "'h100-80g', 11, 1, NULL, NULL, '{}'");
	IS(&r, "rsv_1", "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT (blockers::json->0->>'code') || ' ' || (blockers::json->0->>'need') || ' ' || (blockers::json->0->>'free') "
			"FROM reservation_hold WHERE reservation_id = 'rsv_1'"),
		"quota_guarantee 11000 10000");
	reserve(&r, "rsv_2", "a/c", "1 hour", "2 hours", "'h100-80g', 8, 4, NULL, NULL, '{}'");
	IS(&r, "rsv_2", "held");
	reserve(&r, "rsv_3", "a", "90 minutes", "150 minutes", "'h100-80g', 3, 1, NULL, NULL, '{}'");
	IS(&r, "rsv_3", "pending");
	reserve(&r, "rsv_4", "a", "2 hours", "150 minutes", "'h100-80g', 10, 1, NULL, NULL, '{}'");
	IS(&r, "rsv_4", "held");
	reserve(&r, "rsv_5", "d", "1 hour", "2 hours", "'h100-80g', 6, 1, NULL, NULL, '{}'");
	IS(&r, "rsv_5", "held");
	/* Less is guaranteed: what waited for that is promised. */
	realm_govern(&r, "quota", "DELETE FROM quota; UPDATE reservation SET deleted_at = now() WHERE id <> 'rsv_1'");
	realm_govern(&r, "reservation", "SELECT 1");
	realm_settle(&r);
	realm_run_for(&r, 1200000);
	realm_settle(&r);
	IS(&r, "rsv_1", "held");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, what_of_it_nobody_uses_is_charged_to_its_tenant)
{
	realm r;
	realm_open(&r, "rsv_charge", NULL);
	realm_do(&r, "DELETE FROM quota");
	realm_do(&r,
		"INSERT INTO quota (tenant_key, model, limit_device_milli) SELECT key, 'h100-80g', 8000 FROM tenant WHERE path = 'a'");
	realm_start(&r);
	realm_settle(&r);
	reserve(&r, "rsv_1", "a", "-1 second", "1 hour", "'h100-80g', 6, 2, NULL, NULL, '{}'");
	int beside = place(&r, "a/b", H100(2)), above = place(&r, "a/b", "\"queue\":false," H100(1));
	STATE_IS(&r, beside, "granted");
	STATE_IS(&r, above, "rejected");
	/* In it nothing more is charged than was. */
	int in = place(&r, "a/c", IN("rsv_1") H100(2));
	STATE_IS(&r, in, "granted");
	above = place(&r, "a/b", "\"queue\":false," H100(1));
	STATE_IS(&r, above, "rejected");
	HOLDS(&r);
	/* A tenant that moves takes what its placements use with it, and no more. */
	realm_govern(&r, "tenant",
		"UPDATE tenant SET parent_key = (SELECT key FROM tenant WHERE path = 'd'), path = 'd/a', depth = 2 WHERE path = 'a'; "
		"UPDATE tenant SET path = 'd/' || path, depth = 3 WHERE path IN ('a/b', 'a/c'); "
		"INSERT INTO tenant_move (tenant_key, from_key) SELECT key, 1 FROM tenant WHERE path = 'd/a'");
	realm_settle(&r);
	HOLDS(&r);
	cr_expect_eq(
		realm_int(&r,
			"SELECT device_milli FROM tenant_use u JOIN tenant t ON t.key = u.tenant_key WHERE path = 'd' AND model = 'h100-80g'"),
		4000);
	realm_govern(&r, "reservation", "UPDATE reservation SET deleted_at = now()");
	realm_settle(&r);
	STATE_IS(&r, in, "revoking");
	int now = place(&r, "d/a/b", "\"queue\":false," H100(4));
	STATE_IS(&r, now, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* A whole inventory of c1 without one node. */
static void node_leaves(realm *r, int node)
{
	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body)"
		" SELECT 'report', 's:9', 1, c.key, 'agent', '', json_build_object('session', 's', 'seq', 9, 'items', json_build_array("
		" json_build_object('kind', 'inventory', 'is_whole', true, 'nodes', (SELECT json_agg(json_build_object('name', c.name || '-n' || n,"
		" 'cpu_milli', 64000, 'memory_mib', 262144, 'devices', (SELECT json_agg(json_build_object('uuid', c.name || '-n' || n || '-g' || g, 'index', g,"
		" 'product', 'NVIDIA H100 80GB HBM3', 'memory_mib', 81559)) FROM generate_series(0, 3) g)))"
		" FROM generate_series(1, 4) n WHERE n <> %d)), json_build_object('kind', 'running', 'is_whole', true, 'placements', '[]'::json)))::text"
		" FROM cluster c WHERE name = 'c1'",
		node);
	realm_settle(r);
}

Test(placer_reservation, another_is_held_for_a_device_that_leaves)
{
	realm r;
	open_and_start(&r, "rsv_leaves");
	reserve(&r, "rsv_1", "a", "1 hour", "2 hours", "'h100-80g', 8, 4, NULL, NULL, '{}'");
	int node = (int)realm_int(&r, "SELECT right(placed::json->0->>'node', 1)::int FROM reservation_hold");
	node_leaves(&r, node);
	IS(&r, "rsv_1", "held");
	cr_expect_eq(devices_of(&r, "rsv_1"), 8);
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM reservation_hold, json_array_elements(placed::json) p WHERE p->>'node' = 'c1-n%d'",
			node),
		0);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node WHERE name = 'c1-n%d'", node), 0, "nothing keeps it");
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_reservation, it_outlives_the_cluster_that_it_was_held_in)
{
	realm r;
	open_and_start(&r, "rsv_cluster");
	reserve(&r, "rsv_1", "a", "-1 second", "2 hours", "'l40s', 4, 2, NULL, NULL, '{}'");
	IS(&r, "rsv_1", "active");
	realm_govern(&r, "cluster", "UPDATE cluster SET deleted_at = now() WHERE name = 'c2'");
	realm_settle(&r);
	IS(&r, "rsv_1", "pending");
	cr_expect_eq(unused(&r, "rsv_1"), 0);
	cr_expect_eq(realm_int(&r,
			     "SELECT count(*) FROM node n JOIN cluster c ON c.key = n.cluster_key WHERE c.name = 'c2'"),
		0);
	HOLDS(&r);
	realm_start(&r);
	realm_settle(&r);
	cr_expect(placer_is_serving(r.placer));
	IS(&r, "rsv_1", "pending");
	int on = place(&r, "a", H100(4));
	STATE_IS(&r, on, "granted");
	HOLDS(&r);
	realm_close(&r);
}
