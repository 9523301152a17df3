/* Quota lent to a cluster, as the placer keeps it: who lends how much, what is charged, and what becomes of it when the
 * cluster lets pods in, gives back, falls silent or faces an older database. Tenant d is guaranteed 8 devices of
 * h100-80g and lends half of what it is guaranteed; cluster c1 alone has such devices.
 */
#include <criterion/criterion.h>

#include "realm.h"

enum { CARD_MIB = 81559, WAITS = 400, WAIT_US = 20000 };

static void until(realm *r, const char *sql)
{
	for (int i = 0; i < WAITS; i++) {
		if (realm_int(r, "%s", sql) == 1)
			return;
		realm_run_for(r, WAIT_US);
	}
	cr_assert_fail("never: %s (%s)", sql,
		realm_text(r, "SELECT string_agg(concat_ws(' ', seq, granted_device_milli, reserved_device_milli, "
			      "headroom_device_milli), '; ') FROM lease"));
}

/* c1 speaks all the time. */
static void heard_until(realm *r, const char *sql)
{
	for (int i = 0; i < WAITS; i++) {
		if (realm_int(r, "%s", sql) == 1)
			return;
		realm_report(r, "c1", "{\"kind\":\"running\",\"is_whole\":false,\"placements\":[]}");
		realm_run_for(r, WAIT_US);
	}
	cr_assert_fail("never: %s", sql);
}

static void lends_as(realm *r, int percent, const char *more)
{
	char sql[700];

	snprintf(sql, sizeof sql,
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) SELECT 'pol_%d', key, %d + 1, '{}', '{\"lease_percent\":%d%s}', 'x' FROM tenant WHERE path = 'd';"
		"INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) SELECT key, 'pol_%d', 'x', 1 FROM tenant WHERE path = 'd' "
		"ON CONFLICT (tenant_key) DO UPDATE SET policy_id = excluded.policy_id",
		percent, percent, percent, more, percent);
	realm_govern(r, "policy", sql);
}

static void lends(realm *r, int percent)
{
	lends_as(r, percent, "");
}

static void open_lending(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	realm_settle(r);
	realm_govern(r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 8000 FROM tenant WHERE path = 'd'");
	lends(r, 50);
	until(r, "SELECT count(*) FROM lease WHERE granted_device_milli = 4000");
}

static int64_t used(realm *r, const char *tenant)
{
	return realm_int(r,
		"SELECT coalesce(sum(device_milli), 0) FROM tenant_use JOIN tenant t ON t.key = tenant_key WHERE path = '%s'",
		tenant);
}

static int64_t lease_int(realm *r, const char *column)
{
	return realm_int(r, "SELECT %s FROM lease", column);
}

/* What c1 says it holds, as of the offer with this number. */
static void say(realm *r, int64_t incarnation, int64_t seq, int64_t milli, const char *more)
{
	char item[700];

	snprintf(item, sizeof item,
		"{\"kind\":\"lease\",%s\"incarnation\":%lld,\"leases\":[{\"lease\":\"%lld.h100-80g\",\"seq\":%lld,\"device_milli\":%lld,\"memory_mib\":%lld,\"compute_milli\":%lld}]}",
		more, (long long)incarnation, (long long)realm_int(r, "SELECT key FROM tenant WHERE path = 'd'"),
		(long long)seq, (long long)milli, (long long)(milli / 1000 * CARD_MIB), (long long)milli);
	realm_report(r, "c1", item);
	realm_settle(r);
}

/* c1 lets a pod of d in, on one device. */
static void admitted(realm *r, const char *name, int node, const char *state)
{
	char items[900];

	snprintf(items, sizeof items,
		"{\"kind\":\"admitted\",\"placement\":\"plc_%s\",\"fence\":\"1.1\",\"tenant\":\"d\",\"request\":{\"tenant\":\"d\",\"devices\":[{\"classes\":[\"h100-80g\"]}]},"
		"\"placed\":[{\"group\":\"main\",\"index\":0,\"node\":\"c1-n%d\",\"devices\":[{\"uuid\":\"c1-n%d-g0\",\"memory_mib\":%d,\"compute_milli\":1000}]}]},"
		"{\"kind\":\"step\",\"placement\":\"plc_%s\",\"fence\":\"1.1\",\"state\":\"%s\"}",
		name, node, node, CARD_MIB, name, state);
	realm_report(r, "c1", items);
	realm_settle(r);
}

static void step(realm *r, const char *name, const char *state)
{
	char item[300];

	snprintf(item, sizeof item, "{\"kind\":\"step\",\"placement\":\"plc_%s\",\"fence\":\"1.1\",\"state\":\"%s\"}",
		name, state);
	realm_report(r, "c1", item);
	realm_settle(r);
}

static void books_hold(realm *r)
{
	const char *why = realm_check(r);

	cr_assert(!why, "%s", why);
}

Test(placer_lease, what_is_lent_is_charged_and_the_tenant_cannot_use_it_elsewhere)
{
	realm r;

	open_lending(&r, "placer_lease_charge");
	cr_expect_eq(lease_int(&r, "headroom_device_milli"), 4000);
	cr_expect_eq(lease_int(&r, "headroom_memory_mib"), 4 * CARD_MIB);
	cr_expect_eq(used(&r, "d"), 4000);
	cr_expect_eq(used(&r, ""), 4000);
	books_hold(&r);
	/* a restart reads the same */
	realm_start(&r);
	realm_settle(&r);
	cr_expect_eq(used(&r, "d"), 4000);
	/* of 16 devices 4 are lent: 13 more do not fit beside them */
	int fits = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"h100-80g\"],\"count\":4}],\"replicas\":2");
	int beyond = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"h100-80g\"],\"count\":4}],\"replicas\":2");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, fits), "granted");
	cr_expect_str_eq(realm_state(&r, beyond), "pending");
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, settling_what_a_cluster_let_in_changes_no_total)
{
	realm r;

	open_lending(&r, "placer_lease_settle");
	admitted(&r, "one", 1, "running");
	cr_expect_eq(used(&r, "d"), 4000);
	cr_expect_eq(lease_int(&r, "headroom_device_milli"), 3000);
	cr_expect_str_eq(
		realm_text(&r, "SELECT origin || ' ' || state FROM placement WHERE id = 'plc_one'"), "pod running");
	books_hold(&r);
	admitted(&r, "one", 1, "running");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement"), 1, "told again it is the same");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_eq(used(&r, "d"), 4000, "a restart knows which were let in");
	cr_expect_eq(lease_int(&r, "headroom_device_milli"), 3000);
	step(&r, "one", "done");
	cr_expect_eq(used(&r, "d"), 4000, "the cluster may use it again");
	cr_expect_eq(lease_int(&r, "headroom_device_milli"), 4000);
	admitted(&r, "one", 1, "done");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement"), 1, "what is over is not begun again");
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, what_a_cluster_let_in_and_ended_while_away_is_billed_and_leaves_nothing)
{
	realm r;

	open_lending(&r, "placer_lease_away");
	admitted(&r, "short", 1,
		"running\"},{\"kind\":\"step\",\"placement\":\"plc_short\",\"fence\":\"1.1\",\"state\":\"done");
	cr_expect_str_eq(realm_text(&r, "SELECT state FROM placement WHERE id = 'plc_short'"), "done");
	cr_expect_eq(
		realm_int(&r, "SELECT count(*) FROM segment WHERE placement_id = 'plc_short' AND ended_at IS NOT NULL"),
		1);
	cr_expect_eq(used(&r, "d"), 4000);
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, it_falls_with_the_ack_of_the_latest_offer_alone)
{
	realm r;

	open_lending(&r, "placer_lease_shrink");
	say(&r, 1, 1, 4000, "");
	lends(&r, 0);
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 0");
	cr_expect_eq(used(&r, "d"), 4000, "asked is not given");
	say(&r, 1, 1, 0, "");
	cr_expect_eq(used(&r, "d"), 4000, "an ack of the offer before counts for nothing");
	say(&r, 1, 2, 1000, "");
	cr_expect_eq(used(&r, "d"), 1000, "a pod is in use there");
	say(&r, 1, 2, 0, "");
	cr_expect_eq(used(&r, "d"), 0);
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, a_silent_cluster_keeps_what_it_was_lent)
{
	realm r;

	open_lending(&r, "placer_lease_hold");
	lends(&r, 0);
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 0");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_eq(used(&r, "d"), 4000);
	realm_close(&r);
}

Test(placer_lease, nothing_is_lent_beyond_what_is_guaranteed_to_the_tenant_itself)
{
	realm r;

	realm_open(&r, "placer_lease_own", NULL);
	realm_start(&r);
	realm_settle(&r);
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 4000 FROM tenant WHERE path = 'd'");
	int id = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"h100-80g\"],\"count\":3}]");
	realm_settle(&r);
	cr_assert_str_eq(realm_state(&r, id), "granted");
	lends(&r, 100);
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 1000");
	cr_expect_eq(used(&r, "d"), 4000);
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, a_pod_that_found_nothing_lent_is_decided_here_for_its_cluster_alone)
{
	realm r;

	open_lending(&r, "placer_lease_want");
	realm_report(&r, "c2",
		"{\"kind\":\"want\",\"placement\":\"plc_far\",\"tenant\":\"d\",\"request\":{\"tenant\":\"d\",\"devices\":[{\"classes\":[\"h100-80g\"]}]}},"
		"{\"kind\":\"want\",\"placement\":\"plc_near\",\"tenant\":\"d\",\"request\":{\"tenant\":\"d\",\"devices\":[{\"classes\":[\"l40s\"]}]}}");
	realm_settle(&r);
	cr_expect_str_eq(
		realm_text(&r, "SELECT origin || ' ' || state FROM placement WHERE id = 'plc_near'"), "pod granted");
	cr_expect_str_eq(
		realm_text(&r, "SELECT origin || ' ' || state FROM placement WHERE id = 'plc_far'"), "pod pending");
	cr_expect_eq(used(&r, "d"), 5000, "what the server grants is charged beside what is lent");
	books_hold(&r);
	realm_close(&r);
}

/* c1 lets one in, or wants one, whose pod names that PriorityClass. */
static void pod_comes(realm *r, const char *kind, const char *name, const char *class, int node)
{
	char item[900];

	snprintf(item, sizeof item,
		"{\"kind\":\"%s\",\"placement\":\"plc_%s\",\"fence\":\"1.1\",\"tenant\":\"d\",\"request\":{\"tenant\":\"d\",\"priority\":\"%s\","
		"\"devices\":[{\"classes\":[\"h100-80g\"]}]},\"placed\":[{\"group\":\"main\",\"index\":0,\"node\":\"c1-n%d\",\"devices\":["
		"{\"uuid\":\"c1-n%d-g0\",\"memory_mib\":%d,\"compute_milli\":1000}]}]}",
		kind, name, class, node, node, CARD_MIB);
	realm_report(r, "c1", item);
	if (strcmp(kind, "admitted") == 0) {
		snprintf(item, sizeof item,
			"{\"kind\":\"step\",\"placement\":\"plc_%s\",\"fence\":\"1.1\",\"state\":\"running\"}", name);
		realm_report(r, "c1", item);
	}
	realm_settle(r);
}

static const char *pod_says(realm *r, const char *name)
{
	return realm_text(r,
		"SELECT state || ' ' || coalesce(request::json ->> 'priority', '-') FROM placement WHERE id = 'plc_%s'",
		name);
}

/* Every pod was as important as any other: one of high priority waited behind the low ones that used up the quota. */
Test(placer_lease, a_pod_is_as_important_as_its_priority_class_says)
{
	realm r;

	realm_open(&r, "placer_lease_priority", NULL);
	realm_do(&r, "UPDATE priority SET min_runtime_s = 0");
	realm_start(&r);
	realm_settle(&r);
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, limit_device_milli) SELECT key, 'h100-80g', 2000 FROM tenant WHERE path = 'd'");
	pod_comes(&r, "admitted", "low", "reeve-low", 1);
	pod_comes(&r, "admitted", "plain", "somebodys-own", 2);
	cr_expect_str_eq(pod_says(&r, "low"), "running low");
	cr_expect_str_eq(pod_says(&r, "plain"), "running -");
	pod_comes(&r, "want", "lower", "low", 3);
	cr_expect_str_eq(pod_says(&r, "lower"), "pending low");
	cr_expect_str_eq(pod_says(&r, "low"), "running low", "nobody goes for its like");
	pod_comes(&r, "want", "high", "reeve-high", 3);
	cr_expect_str_eq(pod_says(&r, "high"), "pending high");
	cr_expect_str_eq(pod_says(&r, "low"), "revoking low");
	cr_expect_str_eq(pod_says(&r, "plain"), "running -");
	step(&r, "low", "revoked");
	cr_expect_str_eq(pod_says(&r, "high"), "granted high");
	cr_expect_str_eq(pod_says(&r, "low"), "revoked low",
		"its pod is gone: for none that comes it would wait, and others go");
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, after_a_restore_nothing_is_lent_before_all_have_told)
{
	realm r;

	open_lending(&r, "placer_lease_restore");
	say(&r, 1, 1, 4000, "");
	realm_stop(&r);
	/* the backup knows of nothing lent; another timeline says that it is one */
	realm_do(&r,
		"DELETE FROM lease; UPDATE tenant_use SET device_milli = 0, memory_mib = 0, compute_milli = 0; UPDATE incarnation SET timeline = timeline + 7");
	realm_start(&r);
	realm_run_for(&r, 1500000);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM lease"), 0, "it learns first");
	int64_t number = realm_int(&r, "SELECT number FROM incarnation");
	say(&r, 1, 1, 0, "\"is_whole\":true,");
	cr_expect_eq(used(&r, "d"), 0);
	say(&r, number, 0, 4000, "\"is_whole\":true,");
	cr_expect_eq(used(&r, "d"), 4000, "what the cluster holds is charged, whoever lent it");
	realm_report(&r, "c1", "{\"kind\":\"running\",\"is_whole\":true,\"placements\":[]}");
	realm_report(&r, "c2", "{\"kind\":\"running\",\"is_whole\":true,\"placements\":[]}");
	realm_settle(&r);
	lends(&r, 75);
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 6000");
	cr_expect_eq(used(&r, "d"), 6000);
	books_hold(&r);
	realm_close(&r);
}

Test(placer_lease, soft_lends_beyond_the_guarantee_and_takes_back_from_who_is_silent)
{
	realm r;

	realm_open(&r, "placer_lease_soft", NULL);
	realm_start(&r);
	realm_settle(&r);
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 4000 FROM tenant WHERE path = 'd'");
	int id = realm_place(&r, "d", "\"devices\":[{\"classes\":[\"h100-80g\"],\"count\":3}]");
	realm_settle(&r);
	cr_assert_str_eq(realm_state(&r, id), "granted");
	lends_as(&r, 100, ",\"lease_mode\":\"soft\",\"lease_offline_s\":1");
	heard_until(
		&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 4000 AND headroom_device_milli = 4000");
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 0 AND headroom_device_milli = 0");
	cr_expect_eq(used(&r, "d"), 3000, "it is lent anew");
	heard_until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 4000");
	books_hold(&r);
	realm_close(&r);
}
