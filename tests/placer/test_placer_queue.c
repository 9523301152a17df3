/* Who goes next, who makes room, and for whom room is kept: in a world of two clusters, through the whole placer. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)
#define H100(n)                    "\"devices\":[{\"count\":" #n ",\"classes\":[\"h100-80g\"]}]"

/* No limit of a; 4 of its 16 devices are guaranteed to d, and whatever runs has run long enough. */
static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_do(r, "DELETE FROM quota");
	realm_do(r,
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 4000 FROM tenant "
		"WHERE path = 'd'");
	realm_do(r, "UPDATE priority SET min_runtime_s = 0");
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

static void fill(realm *r, const char *tenant, const char *body, int n)
{
	for (int i = 0; i < n; i++) {
		int k = realm_place(r, tenant, body);
		realm_settle(r);
		STATE_IS(r, k, "granted");
		realm_step(r, k, "running");
	}
	realm_settle(r);
}

static int64_t count(realm *r, const char *state)
{
	return realm_int(r, "SELECT count(*) FROM placement WHERE state = '%s'", state);
}

/* Every placement that is being revoked goes. */
static void agents_obey(realm *r)
{
	for (int k = 1; k <= r->placed; k++)
		if (strcmp(realm_state(r, k), "revoking") == 0)
			realm_step(r, k, "revoked");
	realm_settle(r);
}

Test(placer_queue, a_guarantee_is_taken_back_from_who_borrows)
{
	realm r;
	open_and_start(&r, "reclaim");
	fill(&r, "a/b", H100(2), 8);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	STATE_IS(&r, due, "pending");
	cr_expect_eq(count(&r, "revoking"), 2, "no more goes than is needed");
	cr_expect_str_eq(
		realm_text(&r, "SELECT DISTINCT reason FROM placement WHERE state = 'revoking'"), "preempted by plc_9");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT DISTINCT body::json->'placement'->>'grace_s' FROM decision WHERE action = 'revoke'"),
		"30");
	cr_expect_str_eq(realm_text(&r, "SELECT kind FROM queue_hold"), "reclaim");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM eviction WHERE by_placement_id = 'plc_%d'", due), 2);
	HOLDS(&r);
	/* What the first leaves goes to nobody else, and the pre-emptor does not go on evicting. */
	int late = realm_place(&r, "a/c", H100(1));
	realm_settle(&r);
	STATE_IS(&r, late, "pending");
	agents_obey(&r);
	STATE_IS(&r, due, "granted");
	STATE_IS(&r, late, "pending");
	cr_expect_eq(count(&r, "pending"), 3, "the victims wait again");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'pending' AND fence_no = 2"), 2);
	cr_expect_eq(
		realm_int(&r, "SELECT count(*) FROM queue_hold") + realm_int(&r, "SELECT count(*) FROM eviction"), 0);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM segment WHERE ended_at IS NOT NULL"), 2);
	HOLDS(&r);
	/* They come back when there is room, at their new fence. */
	realm_release(&r, due);
	realm_settle(&r);
	agents_obey(&r);
	cr_expect_eq(count(&r, "pending"), 1);
	HOLDS(&r);
	realm_close(&r);
}

static int64_t loans_of(realm *r, const char *tenant)
{
	realm_tell(r);
	return realm_int(r,
		"SELECT coalesce(sum(device_milli), 0) FROM quota_loan l JOIN tenant t ON t.key = l.tenant_key WHERE t.path = '%s'",
		tenant);
}

/* It was told of who gave up until some other work of the model moved. */
Test(placer_queue, what_is_charged_for_who_waits_is_told_as_long_as_it_is)
{
	realm r;
	open_and_start(&r, "reclaim_told");
	fill(&r, "a/b", H100(2), 8);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	cr_assert_eq(count(&r, "revoking"), 2);
	int gone = 1;
	while (strcmp(realm_state(&r, gone), "revoking") != 0)
		gone++;
	realm_step(&r, gone, "revoked");
	realm_settle(&r);
	realm_release(&r, gone);
	cr_expect_eq(loans_of(&r, "d"), 0, "what it has is its own");
	realm_govern(&r, "quota",
		"UPDATE quota SET guaranteed_device_milli = 500 WHERE tenant_key = (SELECT key FROM tenant WHERE path = 'd')");
	cr_expect_eq(loans_of(&r, "d"), 1500, "of two devices that are kept for it");
	realm_release(&r, due);
	realm_settle(&r);
	cr_expect_eq(loans_of(&r, "d"), 0, "it gave up");
	HOLDS(&r);
	realm_close(&r);
}

/* What ran for the shortest time went, of whatever priority. */
Test(placer_queue, a_guarantee_is_taken_back_from_the_lowest_priority_first)
{
	realm r;
	open_and_start(&r, "reclaim_rank");
	fill(&r, "a/b", "\"node_policy\":\"binpack\",\"priority\":\"low\"," H100(2), 2);
	fill(&r, "a/b", "\"node_policy\":\"binpack\"," H100(2), 4);
	fill(&r, "a/b", "\"node_policy\":\"binpack\",\"priority\":\"high\"," H100(2), 2);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	STATE_IS(&r, due, "pending");
	cr_expect_str_eq(
		realm_text(&r, "SELECT string_agg(id, ' ' ORDER BY id) FROM placement WHERE state = 'revoking'"),
		"plc_1 plc_2");
	agents_obey(&r);
	STATE_IS(&r, due, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* Who asked while all others were in their minimum waited until something else happened, whatever that was. */
Test(placer_queue, who_waits_for_a_minimum_to_pass_is_remembered)
{
	realm r;
	open_and_start(&r, "reclaim_minimum");
	realm_govern(&r, "priority", "UPDATE priority SET min_runtime_s = 2");
	fill(&r, "a/b", H100(4), 4);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	STATE_IS(&r, due, "pending");
	cr_expect_eq(count(&r, "revoking"), 0, "all are in their minimum");
	for (int i = 0; i < 60 && count(&r, "revoking") == 0; i++) {
		realm_run_for(&r, 250000);
		realm_settle(&r);
	}
	cr_expect_eq(count(&r, "revoking"), 1);
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_queue, what_is_guaranteed_or_may_not_be_evicted_stays)
{
	realm r;
	open_and_start(&r, "stays");
	fill(&r, "d", H100(4), 1);
	fill(&r, "a/b", "\"preemptible\":false," H100(4), 2);
	fill(&r, "a/b", H100(4), 1);
	int high = realm_place(&r, "a/c", "\"priority\":\"high\"," H100(4));
	int more = realm_place(&r, "a/c", "\"priority\":\"high\"," H100(4));
	int equal = realm_place(&r, "a/c", H100(4));
	realm_settle(&r);
	cr_expect_eq(count(&r, "revoking"), 1, "one of lower priority that is borrowed");
	STATE_IS(&r, 4, "revoking");
	agents_obey(&r);
	STATE_IS(&r, high, "granted");
	STATE_IS(&r, more, "pending");
	STATE_IS(&r, equal, "pending");
	STATE_IS(&r, 1, "running");
	HOLDS(&r);
	realm_close(&r);
}

/* Two whole nodes are needed; the victims are four placements of half a node. Nothing starts before all are gone. */
Test(placer_queue, a_gang_waits_for_all_its_victims)
{
	realm r;
	open_and_start(&r, "gang");
	realm_govern(&r, "quota", "UPDATE quota SET guaranteed_device_milli = 8000");
	realm_settle(&r);
	fill(&r, "a/b", H100(2), 8);
	int gang = realm_place(&r, "d", "\"replicas\":2," H100(4));
	realm_settle(&r);
	cr_expect_eq(count(&r, "revoking"), 4);
	int first = (int)realm_int(
		&r, "SELECT substr(id, 5)::int FROM placement WHERE state = 'revoking' ORDER BY id LIMIT 1");
	realm_step(&r, first, "revoked");
	realm_settle(&r);
	STATE_IS(&r, gang, "pending");
	STATE_IS(&r, first, "pending");
	HOLDS(&r);
	agents_obey(&r);
	STATE_IS(&r, gang, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* A new placer finds the room held and the victims on their way: it goes on, and evicts nobody anew. */
Test(placer_queue, room_is_held_over_a_restart)
{
	realm r;
	open_and_start(&r, "restart");
	fill(&r, "a/b", H100(2), 8);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	cr_expect_eq(count(&r, "revoking"), 2);
	realm_start(&r); /* the one before is gone without a word */
	realm_settle(&r);
	int late = realm_place(&r, "a/c", H100(1));
	realm_settle(&r);
	cr_expect_eq(count(&r, "revoking"), 2);
	agents_obey(&r);
	STATE_IS(&r, due, "granted");
	STATE_IS(&r, late, "pending");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM decision WHERE action = 'revoke'"), 2);
	HOLDS(&r);
	realm_close(&r);
}

/* The pre-emptor gives up: what was held is free, and its victims, who are on their way out, wait again. */
Test(placer_queue, a_pre_emptor_that_gives_up_leaves_nothing)
{
	realm r;
	open_and_start(&r, "gives_up");
	fill(&r, "a/b", H100(2), 8);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	realm_release(&r, due);
	realm_settle(&r);
	STATE_IS(&r, due, "revoked");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM queue_hold"), 0);
	agents_obey(&r);
	cr_expect_eq(count(&r, "granted"), 2);
	HOLDS(&r);
	realm_close(&r);
}

/* Whoever releases a victim means it. */
Test(placer_queue, a_victim_that_is_released_does_not_come_back)
{
	realm r;
	open_and_start(&r, "released");
	fill(&r, "a/b", H100(4), 4);
	int due = realm_place(&r, "d", H100(4));
	realm_settle(&r);
	int victim = (int)realm_int(&r, "SELECT substr(id, 5)::int FROM placement WHERE state = 'revoking'");
	realm_release(&r, victim);
	realm_settle(&r);
	agents_obey(&r);
	STATE_IS(&r, victim, "revoked");
	STATE_IS(&r, due, "granted");
	HOLDS(&r);
	realm_close(&r);
}

/* Tiers first, then who has had least; a tenant's burst does not get everything that frees. */
Test(placer_queue, the_next_unit_goes_by_tier_and_share)
{
	realm r;
	open_and_start(&r, "order");
	realm_govern(&r, "quota", "DELETE FROM quota");
	realm_settle(&r);
	fill(&r, "a/b", H100(4), 4);
	int burst[3], other, low, high;
	low = realm_place(&r, "d", "\"priority\":\"low\"," H100(4));
	for (int i = 0; i < 3; i++)
		burst[i] = realm_place(&r, "a/c", H100(4));
	other = realm_place(&r, "d", H100(4));
	high = realm_place(&r, "a/c", "\"priority\":\"high\",\"preemptible\":false," H100(4));
	realm_settle(&r);
	/* One makes room for the high one; then each that ends. */
	cr_expect_eq(count(&r, "revoking"), 1);
	int victim = (int)realm_int(&r, "SELECT substr(id, 5)::int FROM placement WHERE state = 'revoking'");
	agents_obey(&r);
	STATE_IS(&r, high, "granted");
	/* d has nothing; then a/c has less than a/b, and then a/b has. */
	const int want[] = {other, burst[0], victim};
	for (size_t i = 0; i < 3; i++) {
		int k = (int)realm_int(
			&r, "SELECT substr(id, 5)::int FROM placement WHERE state = 'running' ORDER BY id LIMIT 1");
		realm_step(&r, k, "done");
		realm_settle(&r);
		STATE_IS(&r, want[i], "granted");
	}
	STATE_IS(&r, low, "pending");
	HOLDS(&r);
	realm_close(&r);
}

/* Whoever says so evicts nobody, by priority or for a guarantee; it keeps its tier, and comes when there is room. */
Test(placer_queue, nobody_goes_for_a_request_that_does_not_want_it)
{
	realm r;
	open_and_start(&r, "meek");
	fill(&r, "a/b", "\"priority\":\"low\"," H100(4), 4);
	int meek = realm_place(&r, "a/b", "\"priority\":\"high\",\"may_preempt\":false," H100(4));
	int guaranteed = realm_place(&r, "d", "\"may_preempt\":false," H100(4));
	realm_settle(&r);
	realm_run_for(&r, 2500000);
	realm_settle(&r);
	STATE_IS(&r, meek, "pending");
	STATE_IS(&r, guaranteed, "pending");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'running'"), 4);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM queue_hold"), 0);
	/* To whom it was left to say, the same is given. */
	int other = realm_place(&r, "a/b", "\"priority\":\"high\",\"may_preempt\":true," H100(4));
	realm_settle(&r);
	realm_run_for(&r, 2500000);
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'running'"), 3);
	STATE_IS(&r, other, "pending");
	HOLDS(&r);
	realm_close(&r);
}

/* The large one has waited past its time: room is kept for when the first nodes will be free, and only what ends before
 * that passes. */
Test(placer_queue, room_is_kept_and_shorter_work_passes)
{
	realm r;
	open_and_start(&r, "backfill");
	realm_do(&r, "UPDATE priority SET reserve_after_s = 0");
	realm_govern(&r, "priority", "UPDATE priority SET may_preempt = false");
	realm_govern(&r, "quota", "DELETE FROM quota");
	realm_settle(&r);
	fill(&r, "a/b", "\"max_runtime_s\":3600," H100(4), 3);
	int large = realm_place(&r, "d", "\"replicas\":4," H100(4));
	realm_settle(&r);
	realm_run_for(&r, 2500000);
	realm_settle(&r);
	STATE_IS(&r, large, "pending");
	cr_expect_str_eq(realm_text(&r, "SELECT kind FROM queue_hold"), "reserve");
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM queue_hold WHERE from_at > now() + interval '50 minutes' AND from_at < "
			"now() + interval '61 minutes'"),
		1);
	int longer = realm_place(&r, "a/c", H100(2));
	int shorter = realm_place(&r, "a/c", "\"max_runtime_s\":600," H100(2));
	realm_settle(&r);
	STATE_IS(&r, longer, "pending");
	STATE_IS(&r, shorter, "granted");
	HOLDS(&r);
	realm_step(&r, shorter, "done");
	for (int k = 1; k <= 3; k++)
		realm_step(&r, k, "done");
	realm_settle(&r);
	STATE_IS(&r, large, "granted");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM queue_hold WHERE placement_id = 'plc_%d'", large), 0);
	HOLDS(&r);
	realm_close(&r);
}

/* What stands in the way is told level by level, and what would help was tried. */
Test(placer_queue, those_that_wait_are_told_what_would_help)
{
	realm r;
	open_and_start(&r, "hints");
	realm_govern(&r, "quota",
		"DELETE FROM quota; INSERT INTO quota (tenant_key, model, limit_device_milli) SELECT key, 'h100-80g', 3000 FROM tenant WHERE path = 'a'");
	realm_settle(&r);
	fill(&r, "a/b", H100(2), 1);
	int first = realm_place(&r, "a/c", H100(2)), second = realm_place(&r, "a/c", H100(3));
	realm_settle(&r);
	realm_run_for(&r, 2500000);
	realm_settle(&r);
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT position || ' ' || ahead_own || ' ' || ahead_others FROM advice WHERE placement_id = 'plc_%d'",
			second),
		"2 [\"plc_2\"] 0");
	cr_expect_str_eq(realm_text(&r, "SELECT quota FROM advice WHERE placement_id = 'plc_%d'", first),
		"[{\"tenant\":\"a/c\",\"model\":\"h100-80g\",\"need\":2000,\"free\":1000},"
		"{\"tenant\":\"a\",\"model\":\"h100-80g\",\"need\":2000,\"free\":1000},"
		"{\"tenant\":\"\",\"model\":\"h100-80g\",\"need\":2000,\"free\":14000}]");
	cr_expect_eq(
		realm_int(&r,
			"SELECT count(*) FROM advice, json_array_elements(changes::json) c WHERE placement_id = 'plc_%d' AND c->>'change' = 'count' "
			"AND c->>'most' = '1'",
			first),
		1);
	realm_step(&r, 1, "done");
	realm_settle(&r);
	STATE_IS(&r, first, "granted");
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM advice WHERE placement_id = 'plc_%d'", first), 0);
	HOLDS(&r);
	realm_close(&r);
}

/* What was used is the same whether it was followed or added up anew. */
Test(placer_queue, use_is_the_same_after_a_restart)
{
	realm r;
	open_and_start(&r, "history");
	realm_govern(&r, "quota", "DELETE FROM quota");
	realm_settle(&r);
	fill(&r, "a/b", H100(4), 2);
	fill(&r, "d", H100(4), 1);
	realm_step(&r, 1, "done");
	realm_settle(&r);
	int64_t at_us = 4102444800000000, use[2][3];
	static const char *const paths[] = {"", "a", "d"};
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			use[round][i] = placer_use_at(r.placer,
				(int32_t)realm_int(&r, "SELECT key FROM tenant WHERE path = '%s'", paths[i]), at_us);
		realm_start(&r);
		realm_settle(&r);
	}
	for (int i = 0; i < 3; i++)
		cr_expect_eq(use[0][i], use[1][i], "%s: %ld %ld", paths[i], use[0][i], use[1][i]);
	cr_expect_gt(use[0][2], 0);
	cr_expect_leq(llabs(use[0][0] - use[0][1] - use[0][2]), 2, "each is rounded down");
	HOLDS(&r);
	realm_close(&r);
}
