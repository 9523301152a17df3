/* What becomes of work when its cluster is not heard of, by what was said beforehand; and pods that were wanted and are
 * not any more. Tenant d's policy says what is to come after LOST_S of silence, which is shorter than a request may ask
 * for.
 */
#include <criterion/criterion.h>

#include "realm.h"

#define ANY "\"devices\":[{\"count\":1,\"memory_mib\":1000}]"
enum { LOST_S = 1, BEAT_US = 100000, BEATS = 300, CALM_BEATS = 48 };

static void policy(realm *r, const char *when_lost)
{
	char sql[700];

	snprintf(sql, sizeof sql,
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) SELECT 'pol_1', key, 1, '{}', '{\"when_lost\":\"%s\",\"lost_after_s\":%d}', 'x' FROM tenant WHERE path = 'd';"
		"INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) SELECT key, 'pol_1', 'x', 1 FROM tenant WHERE path = 'd'",
		when_lost, LOST_S);
	realm_govern(r, "policy", sql);
	realm_settle(r);
}

static void begin(realm *r, const char *name, const char *when_lost)
{
	realm_open(r, name, NULL);
	realm_start(r);
	realm_settle(r);
	policy(r, when_lost);
}

static void end(realm *r)
{
	const char *why = realm_check(r);

	cr_expect(!why, "%s", why);
	realm_close(r);
}

static const char *cluster_of(realm *r, int number)
{
	return realm_text(r,
		"SELECT coalesce((SELECT c.name FROM cluster c WHERE c.key = p.cluster_key), '') FROM placement p WHERE id = 'plc_%d'",
		number);
}

static int64_t fence_of(realm *r, int number)
{
	return realm_int(r, "SELECT fence_no FROM placement WHERE id = 'plc_%d'", number);
}

static const char *reason_of(realm *r, int number)
{
	return realm_text(r, "SELECT reason FROM placement WHERE id = 'plc_%d'", number);
}

static const char *told(realm *r, const char *id, const char *cluster)
{
	return realm_text(r,
		"SELECT coalesce(string_agg(action, ' ' ORDER BY cluster_rev), '') FROM decision WHERE placement_id = '%s'"
		" AND cluster_rev IS NOT NULL AND cluster_key = (SELECT key FROM cluster WHERE name = '%s')",
		id, cluster);
}

static void speak(realm *r, const char *cluster)
{
	realm_report(r, cluster, "{\"kind\":\"running\",\"placements\":[]}");
}

/* Until it is at that attempt; these clusters are heard meanwhile. */
static void until_fence(realm *r, int k, int64_t fence, const char *one, const char *two)
{
	for (int i = 0; i < BEATS && fence_of(r, k) != fence; i++) {
		if (one)
			speak(r, one);
		if (two)
			speak(r, two);
		realm_run_for(r, BEAT_US);
	}
	realm_settle(r);
	cr_assert_eq(fence_of(r, k), fence);
}

static void beats(realm *r, const char *one, const char *two)
{
	for (int i = 0; i < CALM_BEATS; i++) {
		if (one)
			speak(r, one);
		if (two)
			speak(r, two);
		realm_run_for(r, BEAT_US);
	}
	realm_settle(r);
}

/* Runs on c1. */
static int runs(realm *r, const char *body)
{
	int k = realm_place(r, "d", body);

	realm_settle(r);
	realm_step(r, k, "running");
	realm_settle(r);
	cr_assert_str_eq(realm_state(r, k), "running");
	return k;
}

static const char *other_of(realm *r, int k)
{
	return strcmp(cluster_of(r, k), "c1") == 0 ? "c2" : "c1";
}

Test(placer_failover, work_starts_elsewhere_when_its_cluster_is_silent_for_as_long_as_was_said)
{
	char first[64], id[32];
	realm r;

	begin(&r, "failover_restart", "restart_after");
	int k = runs(&r, ANY);
	snprintf(first, sizeof first, "%s", cluster_of(&r, k));
	snprintf(id, sizeof id, "plc_%d", k);
	const char *other = other_of(&r, k);
	beats(&r, first, other);
	cr_expect_eq(fence_of(&r, k), 1, "both are heard");
	until_fence(&r, k, 2, other, NULL);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect_str_eq(cluster_of(&r, k), other);
	cr_expect(strstr(reason_of(&r, k), "was not heard of"), "%s", reason_of(&r, k));
	cr_expect(!strstr(reason_of(&r, k), "may still run"), "%s", reason_of(&r, k));
	cr_expect_str_eq(told(&r, id, first), "grant revoke", "an agent that comes back ends what it has: %s",
		told(&r, id, first));
	cr_expect_eq(
		realm_int(&r, "SELECT count(*) FROM segment WHERE ended_at IS NULL"), 0, "nothing runs that is billed");
	realm_step(&r, k, "running");
	realm_report(&r, first,
		"{\"kind\":\"step\",\"placement\":\"plc_1\",\"fence\":\"1.1\",\"state\":\"running\"},{\"kind\":\"step\",\"placement\":\"plc_1\",\"fence\":\"1.1\",\"state\":\"revoked\"}");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "running", "the old attempt's word says nothing of the new one");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM segment WHERE ended_at IS NULL"), 1, "one is billed");
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM segment a JOIN segment b ON b.placement_id = a.placement_id AND b.fence_no > a.fence_no AND b.started_at < a.ended_at"),
		0, "never both");
	end(&r);
}

Test(placer_failover, a_duplicate_says_that_it_may_be_one)
{
	realm r;

	begin(&r, "failover_duplicate", "best_effort_duplicate");
	int k = runs(&r, ANY);
	until_fence(&r, k, 2, other_of(&r, k), NULL);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect(strstr(reason_of(&r, k), "an attempt may still run there"), "%s", reason_of(&r, k));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM decision WHERE body::text LIKE '%%self_fence_s%%'"), 0,
		"its agent does not end it");
	end(&r);
}

Test(placer_failover, what_keeps_its_place_and_what_may_not_wait_stay_where_they_are)
{
	realm r;

	begin(&r, "failover_keep", "restart_after");
	int keeps = runs(&r, "\"when_lost\":\"keep\"," ANY), at_once = runs(&r, "\"queue\":false," ANY);
	beats(&r, NULL, NULL);
	cr_expect_str_eq(realm_state(&r, keeps), "running");
	cr_expect_str_eq(realm_state(&r, at_once), "running");
	end(&r);
}

Test(placer_failover, a_cluster_that_was_given_up_gets_nothing_new_before_it_is_heard)
{
	char first[64];
	realm r;

	begin(&r, "failover_closed", "restart_after");
	int k = runs(&r, "\"devices\":[{\"count\":1,\"classes\":[\"l40s\"]}]");
	snprintf(first, sizeof first, "%s", cluster_of(&r, k));
	until_fence(&r, k, 2, other_of(&r, k), NULL);
	cr_expect_str_eq(realm_state(&r, k), "pending", "only the silent cluster has such devices");
	speak(&r, first);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect_str_eq(cluster_of(&r, k), first);
	cr_expect_eq(fence_of(&r, k), 2);
	end(&r);
}

Test(placer_failover, a_cluster_that_had_nothing_to_say_is_given_the_whole_time_for_what_it_gets)
{
	realm r;

	begin(&r, "failover_idle", "best_effort_duplicate");
	beats(&r, NULL, NULL);
	int k = realm_place(&r, "d", ANY);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect_eq(fence_of(&r, k), 1, "not taken away again at once");
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM decision WHERE action = 'grant' AND body::json->'placement'->>'speak_s' = '1'"),
		1, "and is to speak often");
	end(&r);
}

Test(placer_failover, what_an_agent_ended_because_it_was_cut_off_waits_anew)
{
	realm r;

	begin(&r, "failover_fenced", "restart_after");
	int k = runs(&r, ANY);
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM decision WHERE action = 'grant' AND body::json->'placement'->>'self_fence_s' = '1'"),
		1, "its agent was told to");
	realm_step(&r, k, "revoked");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect_eq(fence_of(&r, k), 2);
	end(&r);
}

#define WANT(id)                                                                                                       \
	"{\"kind\":\"want\",\"placement\":\"" id                                                                       \
	"\",\"tenant\":\"d\",\"request\":{\"tenant\":\"d\",\"devices\":[{\"classes\":[\"h100-80g\"]}]}}"

static const char *state_of(realm *r, const char *id)
{
	return realm_text(r, "SELECT state || ' ' || reason FROM placement WHERE id = '%s'", id);
}

Test(placer_failover, a_want_ends_with_its_pod_and_at_the_word_of_its_own_cluster_alone)
{
	realm r;

	begin(&r, "failover_want", "keep");
	realm_report(&r, "c2", WANT("plc_far"));
	realm_settle(&r);
	cr_assert_str_eq(state_of(&r, "plc_far"), "pending ");
	realm_report(&r, "c1", "{\"kind\":\"withdrawn\",\"placements\":[\"plc_far\",\"plc_none\"]}");
	realm_settle(&r);
	cr_expect_str_eq(state_of(&r, "plc_far"), "pending ", "another cluster's word");
	realm_report(&r, "c2", "{\"kind\":\"withdrawn\",\"placements\":[\"plc_far\"]}");
	realm_settle(&r);
	cr_expect_str_eq(state_of(&r, "plc_far"), "revoked its pod is gone");
	realm_report(&r, "c2", WANT("plc_far"));
	realm_settle(&r);
	cr_expect_str_eq(state_of(&r, "plc_far"), "revoked its pod is gone", "and does not come back");
	end(&r);
}

Test(placer_failover, a_want_that_is_cancelled_is_told_to_its_cluster)
{
	realm r;

	begin(&r, "failover_cancel", "keep");
	realm_report(&r, "c2", WANT("plc_far"));
	realm_settle(&r);
	realm_do(&r,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'release', 'plc_far', key, 'ann', '', 'not needed' FROM tenant WHERE path = 'd'");
	realm_settle(&r);
	cr_expect_str_eq(state_of(&r, "plc_far"), "revoked not needed");
	cr_expect_str_eq(told(&r, "plc_far", "c2"), "forget");
	end(&r);
}
