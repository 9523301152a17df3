/* Quota as the placer keeps it: limits on classes and credits as blockers, what is told of loans and conditions, and
 * totals that follow tenants. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "db/sql.h"
#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define ONE_H100 "\"devices\":[{\"classes\":[\"h100-80g\"]}]"

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

static const char *used(realm *r, const char *path)
{
	return realm_text(r,
		"SELECT coalesce(sum(device_milli), 0) FROM tenant_use u JOIN tenant t ON t.key = tenant_key WHERE path = '%s'",
		path);
}

static const char *blocker_of(realm *r, int number, const char *member)
{
	return realm_text(r, "SELECT blockers::json->0->>'%s' FROM placement WHERE id = 'plc_%d'", member, number);
}

static const struct {
	const char *rule, *name, *edit, *kind, *code, *need, *free;
} bounds[] = {
	{"a limit on a class", "q_class",
		"INSERT INTO quota (tenant_key, model, class_limit_device_milli) SELECT key, 'h100-80g', 2000 FROM tenant WHERE path = 'd'",
		"quota", "class_limit", "3000", "2000"},
	{"a limit on credits", "q_credits", "UPDATE tenant SET credits_limit = 2500000 WHERE path = 'd'", "quota",
		"credits_limit", "3000", "2500"},
};

Test(placer_quota, a_bound_is_a_blocker_with_numbers_and_unblocks)
{
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		realm r;
		open_and_start(&r, bounds[i].name);
		realm_govern(&r, bounds[i].kind, bounds[i].edit);
		int second = realm_place(&r, "d", "\"replicas\":3," ONE_H100);
		realm_settle(&r);
		cr_expect_str_eq(realm_state(&r, second), "pending", "%s", bounds[i].rule);
		cr_expect_str_eq(blocker_of(&r, second, "code"), bounds[i].code, "%s", bounds[i].rule);
		cr_expect_str_eq(blocker_of(&r, second, "scope"), "d");
		cr_expect_str_eq(blocker_of(&r, second, "class"), "h100-80g");
		cr_expect_str_eq(blocker_of(&r, second, "need"), bounds[i].need);
		cr_expect_str_eq(blocker_of(&r, second, "free"), bounds[i].free);
		cr_expect_str_eq(blocker_of(&r, second, "unblocks_when"), "use_falls");
		realm_govern(&r, "quota",
			"UPDATE tenant SET credits_limit = 3000000; UPDATE quota SET class_limit_device_milli = 3000 WHERE tenant_key = (SELECT key FROM tenant WHERE path = 'd')");
		realm_settle(&r);
		cr_expect_str_eq(realm_state(&r, second), "granted", "%s", bounds[i].rule);
		HOLDS(&r);
		realm_close(&r);
	}
}

/* Between the placer's last look and its commit: the commit refuses, the placer looks and decides again. */
Test(placer_quota, an_edit_in_between_is_seen_by_the_commit)
{
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		realm r;
		open_and_start(&r, "q_between");
		realm_do(&r, "%s", bounds[i].edit);
		int k = realm_place(&r, "d", "\"replicas\":3," ONE_H100);
		realm_settle(&r);
		cr_expect_str_eq(realm_state(&r, k), "pending", "%s", bounds[i].rule);
		cr_expect_str_eq(used(&r, "d"), "0");
		HOLDS(&r);
		realm_close(&r);
	}
}

/* The rates of one are another's: what is in use counts anew. */
Test(placer_quota, a_rate_that_changes_counts_at_once)
{
	realm r;
	open_and_start(&r, "q_rate");
	realm_govern(&r, "quota", "UPDATE tenant SET credits_limit = 2000000 WHERE path = 'd'");
	realm_place(&r, "d", ONE_H100);
	realm_settle(&r);
	realm_govern(&r, "device_class", "UPDATE device_class SET credit_rate_milli = 1500 WHERE name = 'h100-80g'");
	int more = realm_place(
		&r, "d", "\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_mib\":40780,\"compute_milli\":500}]");
	realm_tell(&r);
	cr_expect_str_eq(realm_state(&r, more), "pending");
	cr_expect_str_eq(blocker_of(&r, more, "free"), "333");
	cr_expect_eq(realm_int(&r, "SELECT credits_used(key) FROM tenant WHERE path = 'd'"), 1500000);
	realm_govern(&r, "device_class", "UPDATE device_class SET credit_rate_milli = 2500 WHERE name = 'h100-80g'");
	realm_tell(&r);
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT type FROM quota_condition c JOIN tenant t ON t.key = tenant_key WHERE path = 'd' AND model = ''"),
		"over_credits_limit");
	realm_close(&r);
}

#define LOANS                                                                                                                \
	"SELECT string_agg(coalesce(nullif(b.path, ''), 'fleet') || '<' || coalesce(nullif(e.path, ''), 'fleet') || ':' || " \
	"device_milli || '@' || via_depth, ' ' ORDER BY b.path, e.path) FROM quota_loan l JOIN tenant b ON b.key = "         \
	"l.tenant_key JOIN tenant e ON e.key = lender_key"

Test(placer_quota, loans_and_conditions_are_told_with_since_when)
{
	realm r;
	open_and_start(&r, "q_loans");
	realm_govern(&r, "quota",
		"UPDATE quota SET limit_device_milli = NULL, guaranteed_device_milli = 8000 WHERE tenant_key = (SELECT key FROM tenant WHERE path = 'a');"
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 3000 FROM tenant WHERE path IN ('a/b', 'a/c')");
	int k = realm_place(&r, "a/b", "\"replicas\":6," ONE_H100);
	realm_tell(&r);
	cr_expect_str_eq(realm_text(&r, LOANS), "a/b<a:2000@1 a/b<a/c:1000@1", "the nearest lends first");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg(path || ' ' || type, ', ' ORDER BY path, type) FROM quota_condition c JOIN tenant t ON t.key = tenant_key"),
		"a/b borrowing, a/b over_guaranteed");
	const char *since = strdup(realm_text(&r, "SELECT min(since) FROM quota_loan"));
	realm_place(&r, "a/b", ONE_H100);
	realm_tell(&r);
	cr_expect_str_eq(realm_text(&r, LOANS), "a/b<a:2000@1 a/b<a/c:2000@1");
	cr_expect_str_eq(realm_text(&r, "SELECT min(since) FROM quota_loan"), since, "since it began to borrow");
	realm_stop(&r);
	realm_start(&r);
	realm_tell(&r);
	cr_expect_str_eq(realm_text(&r, "SELECT min(since) FROM quota_loan"), since, "a start forgets nothing");
	realm_govern(&r, "quota",
		"UPDATE quota SET limit_device_milli = 4000 WHERE tenant_key = (SELECT key FROM tenant WHERE path = 'a')");
	realm_tell(&r);
	cr_expect_str_eq(
		realm_text(
			&r, "SELECT type FROM quota_condition c JOIN tenant t ON t.key = tenant_key WHERE path = 'a'"),
		"over_limit");
	realm_release(&r, k);
	realm_settle(&r);
	realm_step(&r, k, "revoked");
	realm_tell(&r);
	cr_expect_eq(
		realm_int(&r, "SELECT (SELECT count(*) FROM quota_loan) + (SELECT count(*) FROM quota_condition)"), 0);
	HOLDS(&r);
	free((char *)since);
	realm_close(&r);
}

Test(placer_quota, capacity_below_the_promises_is_told_and_ends_borrowing)
{
	realm r;
	open_and_start(&r, "q_infeasible");
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 17000 FROM tenant WHERE path = 'd'");
	realm_tell(&r);
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT string_agg(path || ' ' || type, ', ' ORDER BY path) FROM quota_condition c JOIN tenant t ON t.key = tenant_key"),
		" guarantee_infeasible, d guarantee_infeasible");
	cr_expect_eq(realm_int(&r, "SELECT device_milli FROM model_capacity WHERE model = 'h100-80g'"), 16000);
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_tell(&r);
	cr_expect_str_eq(blocker_of(&r, k, "code"), "quota_guarantee");
	cr_expect_str_eq(realm_state(&r, realm_place(&r, "d", ONE_H100)), "");
	realm_tell(&r);
	cr_expect_str_eq(used(&r, "d"), "1000", "who was promised gets it");
	HOLDS(&r);
	realm_close(&r);
}

static void move(realm *r, const char *tenant, const char *to)
{
	realm_do(r,
		"BEGIN; SELECT n FROM chain WHERE id = 'g' FOR UPDATE; PREPARE m (text, text, text, text, int8, int8) AS %s;"
		"EXECUTE m('%s', NULL, NULL, '%s', -1, 1); DEALLOCATE m; UPDATE chain SET n = n + 1 WHERE id = 'g';"
		"INSERT INTO audit SELECT n, now(), 'a', 'put', 'tenant', 'x', 1, '', 'done', '{}', '' FROM chain WHERE id = 'g'; COMMIT",
		sql_stmts[SQL_TENANT_PATCH].text, tenant, to);
}

Test(placer_quota, totals_follow_a_tenant_that_moves)
{
	realm r;
	open_and_start(&r, "q_move");
	int k = realm_place(&r, "a/b", "\"replicas\":3," ONE_H100);
	realm_place(&r, "a/c", ONE_H100);
	realm_settle(&r);
	move(&r, "a/b", "d");
	realm_tell(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM tenant_move"), 0);
	cr_expect_str_eq(used(&r, "a"), "1000");
	cr_expect_str_eq(used(&r, "d"), "3000");
	cr_expect_str_eq(used(&r, "d/b"), "3000");
	HOLDS(&r);
	/* With nobody there to follow: the books agree at the start all the same, and follow then. */
	realm_stop(&r);
	move(&r, "d", "a/c");
	HOLDS(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM tenant_move"), 1);
	realm_start(&r);
	cr_assert(placer_is_serving(r.placer));
	realm_tell(&r);
	cr_expect_str_eq(used(&r, "a/c"), "4000");
	cr_expect_str_eq(used(&r, "a/c/d/b"), "3000");
	HOLDS(&r);
	realm_release(&r, k);
	realm_settle(&r);
	realm_step(&r, k, "revoked");
	realm_tell(&r);
	cr_expect_str_eq(used(&r, "a/c"), "1000");
	HOLDS(&r);
	/* Away and back before anybody looked. */
	realm_stop(&r);
	move(&r, "a/c/d", "");
	move(&r, "d", "a/c");
	realm_start(&r);
	realm_tell(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM tenant_move"), 0);
	HOLDS(&r);
	realm_close(&r);
}

/* The oldest went last, whatever its priority. */
Test(placer_quota, use_above_a_limit_is_taken_back_of_the_lowest_priority_first)
{
	static const char *const priorities[] = {"low", "high", "normal", "low", "high"};
	realm r;

	open_and_start(&r, "q_shed_rank");
	for (size_t i = 0; i < sizeof(priorities) / sizeof(*priorities); i++) {
		char body[200];
		snprintf(body, sizeof body, "\"priority\":\"%s\"," ONE_H100, priorities[i]);
		realm_place(&r, "a/c", body);
		realm_settle(&r);
	}
	realm_govern(&r, "quota",
		"UPDATE quota SET limit_device_milli = 2000 WHERE model = 'h100-80g' AND tenant_key = (SELECT key FROM tenant WHERE path = 'a')");
	realm_tell(&r);
	realm_govern(&r, "quota", "UPDATE tenant SET reclaim_after_s = 0, reclaim_grace_s = 45 WHERE path = 'a'");
	realm_tell(&r);
	cr_expect_str_eq(
		realm_text(&r, "SELECT string_agg(id, ' ' ORDER BY seq) FROM placement WHERE state = 'revoking'"),
		"plc_1 plc_3 plc_4");
	HOLDS(&r);
	realm_close(&r);
}

/* a promises 2 of its 8 to b and nothing to c; b runs 4 and c 4 when the limit falls to 5. */
Test(placer_quota, use_above_a_limit_is_taken_back_youngest_first_and_not_below_a_guarantee)
{
	realm r;
	open_and_start(&r, "q_shed");
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, guaranteed_device_milli) SELECT key, 'h100-80g', 3000 FROM tenant WHERE path = 'a/b'");
	int b[4], c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = realm_place(&r, "a/c", ONE_H100);
		realm_settle(&r);
	}
	for (int i = 0; i < 4; i++) {
		b[i] = realm_place(&r, "a/b", ONE_H100);
		realm_settle(&r);
	}
	realm_step(&r, c[0], "running");
	realm_settle(&r);
	realm_govern(&r, "quota",
		"UPDATE quota SET limit_device_milli = 5000 WHERE model = 'h100-80g' AND tenant_key = (SELECT key FROM tenant WHERE path = 'a')");
	realm_tell(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"), 0, "a cut ends nothing");
	realm_govern(&r, "quota", "UPDATE tenant SET reclaim_after_s = 3600, reclaim_grace_s = 45 WHERE path = 'a'");
	realm_tell(&r);
	cr_expect_eq(
		realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"), 0, "not before its time");
	realm_govern(&r, "quota", "UPDATE tenant SET reclaim_after_s = 0 WHERE path = 'a'");
	realm_tell(&r);
	/* b keeps 3 of its 4: its youngest goes; then c's, the youngest first. */
	cr_expect_str_eq(
		realm_text(&r, "SELECT string_agg(id, ' ' ORDER BY seq) FROM placement WHERE state = 'revoking'"),
		"plc_3 plc_4 plc_8");
	cr_expect_str_eq(
		realm_text(
			&r, "SELECT body::json->'placement'->>'grace_s' FROM decision WHERE action = 'revoke' LIMIT 1"),
		"45");
	cr_expect_str_eq(realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_8'"),
		"reclaimed: use stands above the limit of a (h100-80g)");
	realm_run_for(&r, 1100000);
	realm_tell(&r);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement WHERE state = 'revoking'"), 3,
		"what goes already counts as gone");
	realm_step(&r, b[3], "revoked");
	realm_step(&r, c[3], "revoked");
	realm_step(&r, c[2], "revoked");
	realm_tell(&r);
	cr_expect_str_eq(used(&r, "a"), "5000");
	HOLDS(&r);
	realm_close(&r);
}
