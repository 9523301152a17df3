/* Budgets as the placer keeps them: what blocks, what is told of, and a start that counts what was counted before. */
#include <criterion/criterion.h>

#include "realm.h"
#include "server/placer/placer_inside.h"

#define ONE_H100 "\"devices\":[{\"classes\":[\"h100-80g\"]}]"
#define LOOK_US  1200000

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

static void budget_put(realm *r, const char *tenant, long amount, const char *action)
{
	char sql[512];

	snprintf(sql, sizeof sql,
		"INSERT INTO budget (id, tenant_key, unit, period, amount, thresholds, action) SELECT 'bgt_' || name, key, 'gpu_hours', 'quarter', %ld, '{50,80,100}', '%s' "
		"FROM tenant WHERE path = '%s' ON CONFLICT (id) DO UPDATE SET amount = excluded.amount",
		amount, action, tenant);
	realm_govern(r, "budget", sql);
	realm_settle(r);
}

static const char *told_of(realm *r, int number, const char *member)
{
	return realm_text(r, "SELECT blockers::json->0->>'%s' FROM placement WHERE id = 'plc_%d'", member, number);
}

Test(placer_budget, what_would_pass_the_amount_waits_with_numbers)
{
	realm r;
	open_and_start(&r, "b_blocks");
	budget_put(&r, "a", 10, "block_new");
	int fits = realm_place(&r, "a/b", "\"replicas\":2,\"max_runtime_s\":14400," ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, fits), "granted", "8 of 10 GPU hours");
	int late = realm_place(&r, "a/c", "\"max_runtime_s\":10800," ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, late), "pending");
	cr_expect_str_eq(told_of(&r, late, "code"), "budget");
	cr_expect_str_eq(told_of(&r, late, "scope"), "a");
	cr_expect_str_eq(told_of(&r, late, "axis"), "gpu_milli_hours");
	cr_expect_str_eq(told_of(&r, late, "need"), "3000");
	cr_expect_str_eq(told_of(&r, late, "free"), "2000");
	cr_expect_str_eq(told_of(&r, late, "unblocks_when"), "period_begins");
	int endless = realm_place(&r, "a/c", ONE_H100);
	int others = realm_place(&r, "d", ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(
		realm_state(&r, endless), "pending", "without a stated end it counts to the end of the period");
	cr_expect_str_eq(realm_state(&r, others), "granted", "another's budget is not theirs");
	budget_put(&r, "a", 11, "block_new");
	cr_expect_str_eq(realm_state(&r, late), "granted", "it was raised");
	realm_release(&r, fits);
	realm_settle(&r);
	realm_step(&r, fits, "revoked");
	realm_settle(&r);
	int more = realm_place(&r, "a/b", "\"max_runtime_s\":28800," ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, more), "granted", "what ended early takes no more");
	const char *wrong = realm_check(&r);
	cr_expect(!wrong, "%s", wrong ? wrong : "");
	realm_close(&r);
}

static void until(realm *r, const char *sql)
{
	for (int i = 0; i < 400 && realm_int(r, "%s", sql) != 1; i++)
		realm_run_for(r, 20000);
	cr_assert_eq(realm_int(r, "%s", sql), 1, "never: %s", sql);
}

/* 8 devices are guaranteed and half of them lent, each for a day: 24 GPU hours. */
Test(placer_budget, what_is_lent_to_a_cluster_is_charged_for_as_long_as_it_goes_on_alone)
{
	realm r;
	open_and_start(&r, "b_lends");
	budget_put(&r, "d", 60, "block_new");
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 8000 FROM tenant WHERE path = 'd'");
	realm_govern(&r, "policy",
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, created_by) SELECT 'pol_1', key, 1, '{}', '{\"lease_percent\":50}', 'x' FROM tenant WHERE path = 'd';"
		"INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) SELECT key, 'pol_1', 'x', 1 FROM tenant WHERE path = 'd'");
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 2000");
	int late = realm_place(&r, "d", "\"max_runtime_s\":46800," ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, late), "pending", "12 of 60 GPU hours are left beside two devices for a day");
	cr_expect_str_eq(told_of(&r, late, "free"), "12000");
	int fits = realm_place(&r, "d", "\"max_runtime_s\":36000," ONE_H100);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, fits), "granted");
	realm_start(&r);
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, late), "pending", "a start counts the same");
	budget_put(&r, "d", 200, "block_new");
	until(&r, "SELECT count(*) FROM lease WHERE granted_device_milli = 4000");
	const char *wrong = realm_check(&r);
	cr_expect(!wrong, "%s", wrong ? wrong : "");
	realm_close(&r);
}

Test(placer_budget, a_budget_that_notifies_blocks_nothing_and_tells_once)
{
	realm r;
	open_and_start(&r, "b_tells");
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	realm_step(&r, k, "running");
	realm_settle(&r);
	/* It has run since an hour and a half, of two. */
	realm_stop(&r);
	realm_do(&r,
		"UPDATE placement SET running_at = greatest(now() - interval '90 min', date_trunc('quarter', now(), 'UTC'));"
		"UPDATE segment SET started_at = greatest(now() - interval '90 min', date_trunc('quarter', now(), 'UTC'))");
	realm_start(&r);
	budget_put(&r, "a", 2, "notify");
	for (int i = 0; i < 3; i++) {
		realm_run_for(&r, LOOK_US);
		realm_settle(&r);
	}
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg((body::json->'budget'->>'threshold') || ' ' || placement_id, ', ' ORDER BY n) FROM decision WHERE action = 'budget.threshold'"),
		"50 bgt_a");
	cr_expect_eq(realm_int(&r, "SELECT percent FROM budget_mark WHERE budget_id = 'bgt_a'"), 50);
	realm_stop(&r);
	realm_start(&r);
	realm_run_for(&r, LOOK_US);
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM decision WHERE action = 'budget.threshold'"), 1,
		"a start tells nothing again");
	cr_expect_str_eq(realm_state(&r, realm_place(&r, "a/b", ONE_H100)), "");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'granted'"), 1);
	const char *wrong = realm_check(&r);
	cr_expect(!wrong, "%s", wrong ? wrong : "");
	realm_close(&r);
}

static void sums_of(realm *r, budget_sum *ret_ended, budget_sum *ret_from, budget_sum *ret_until, uint32_t *ret_holds)
{
	const budget *b = &r->placer->books.spends.v.v[0].sums;

	*ret_ended = b->ended;
	*ret_from = b->running_from;
	*ret_until = b->ahead_until;
	*ret_holds = b->holds.n;
}

Test(placer_budget, a_start_counts_what_was_counted_before)
{
	static const char *const runtimes[] = {"", "\"max_runtime_s\":3600,", "\"max_runtime_s\":7,"};
	budget_sum ended[2], from[2], until[2];
	uint32_t holds[2];
	int k[12];
	realm r;
	char body[256];
	open_and_start(&r, "b_rebuild");
	budget_put(&r, "a", 100000, "block_new");
	for (int i = 0; i < 12; i++) {
		snprintf(body, sizeof body,
			"%s\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_mib\":%d,\"compute_milli\":100}]",
			runtimes[i % 3], 5000 + i * 777);
		k[i] = realm_place(&r, i % 2 ? "a/b" : "a/c", body);
	}
	realm_settle(&r);
	for (int i = 0; i < 9; i++)
		realm_step(&r, k[i], "running");
	realm_settle(&r);
	for (int i = 0; i < 4; i++)
		realm_step(&r, k[i], "done");
	realm_settle(&r);
	sums_of(&r, &ended[0], &from[0], &until[0], &holds[0]);
	realm_stop(&r);
	realm_start(&r);
	realm_settle(&r);
	sums_of(&r, &ended[1], &from[1], &until[1], &holds[1]);
	cr_expect(ended[0] > 0 && ended[0] == ended[1], "what ended, to the microsecond");
	cr_expect(from[0] == from[1], "what runs");
	cr_expect(until[0] == until[1], "what it will take");
	cr_expect(holds[0] == 3 && holds[1] == 3, "what is granted and does not run");
	realm_close(&r);
}
