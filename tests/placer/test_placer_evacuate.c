/* Clusters that are emptied: drained, where agents say when work has left, and declared lost, where nobody will. */
#include <criterion/criterion.h>

#include "realm.h"

#define ANY     "\"devices\":[{\"count\":1,\"memory_mib\":1000}]"
#define NO_WAIT "\"queue\":false," ANY
enum { GRACE_S = 7 };

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

static int runs(realm *r, const char *body)
{
	int k = realm_place(r, "d", body);

	realm_settle(r);
	cr_assert_str_eq(realm_state(r, k), "granted");
	realm_step(r, k, "running");
	realm_settle(r);
	cr_assert_str_eq(realm_state(r, k), "running");
	return k;
}

static void cluster_set(realm *r, int number, const char *what)
{
	char sql[300];

	snprintf(sql, sizeof sql,
		"UPDATE cluster SET %s WHERE key = (SELECT cluster_key FROM placement WHERE id = 'plc_%d')", what,
		number);
	realm_govern(r, "cluster", sql);
	realm_settle(r);
}

/* What its first cluster was told of it, in order. */
static const char *told(realm *r, int number, const char *cluster)
{
	return realm_text(r,
		"SELECT coalesce(string_agg(action, ' ' ORDER BY cluster_rev), '') FROM decision WHERE placement_id = 'plc_%d'"
		" AND cluster_rev IS NOT NULL AND cluster_key = (SELECT key FROM cluster WHERE name = '%s')",
		number, cluster);
}

static void begin(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	realm_settle(r);
}

static void end(realm *r)
{
	const char *why = realm_check(r);

	cr_expect(!why, "%s", why);
	realm_close(r);
}

Test(placer_evacuate, what_runs_on_a_drained_cluster_ends_there_and_starts_elsewhere)
{
	realm r;
	char first[64];

	begin(&r, "evacuate_drain");
	int k = runs(&r, ANY);
	snprintf(first, sizeof first, "%s", cluster_of(&r, k));
	cluster_set(&r, k, "is_cordoned = true, drain_grace_s = 7, requeues = true");
	cr_expect_str_eq(
		realm_state(&r, k), "revoking", "until its agent says that it has left it holds what it holds");
	cr_expect_str_eq(cluster_of(&r, k), first);
	cr_expect_eq(
		realm_int(&r,
			"SELECT (d.body::json->'placement'->>'grace_s')::int FROM decision d WHERE placement_id = 'plc_%d' AND action = 'revoke'",
			k),
		GRACE_S);
	realm_stop(&r);
	realm_start(&r);
	realm_settle(&r);
	realm_step(&r, k, "revoked");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "granted", "a restart forgets nothing");
	cr_expect_str_neq(cluster_of(&r, k), first);
	cr_expect_eq(fence_of(&r, k), 2);
	end(&r);
}

Test(placer_evacuate, what_may_not_wait_anew_is_revoked)
{
	static const struct {
		const char *body, *drain;
	} cases[] = {
		{NO_WAIT, "is_cordoned = true, drain_grace_s = 0, requeues = true"},
		{ANY, "is_cordoned = true, drain_grace_s = 0, requeues = false"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		realm r;
		begin(&r, "evacuate_revoke");
		int k = runs(&r, cases[i].body);
		cluster_set(&r, k, cases[i].drain);
		realm_step(&r, k, "revoked");
		realm_settle(&r);
		cr_expect_str_eq(realm_state(&r, k), "revoked");
		cr_expect(strstr(realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_%d'", k), "is drained"));
		end(&r);
	}
}

Test(placer_evacuate, a_frozen_cluster_is_left_alone)
{
	realm r;

	begin(&r, "evacuate_frozen");
	int k = runs(&r, ANY);
	cluster_set(&r, k, "is_frozen = true, is_cordoned = true, drain_grace_s = 0");
	realm_run_for(&r, 1200000);
	cr_expect_str_eq(realm_state(&r, k), "running");
	cluster_set(&r, k, "is_frozen = false");
	cr_expect_str_eq(realm_state(&r, k), "revoking");
	end(&r);
}

Test(placer_evacuate, a_lost_cluster_s_work_starts_elsewhere_on_a_person_s_word_alone)
{
	realm r;
	char first[64];

	begin(&r, "evacuate_lost");
	int k = runs(&r, ANY), other = runs(&r, ANY);
	snprintf(first, sizeof first, "%s", cluster_of(&r, k));
	realm_run_for(&r, 1200000);
	cr_expect_str_eq(realm_state(&r, k), "running", "silence is no word");
	cluster_set(&r, k, "state = 'lost', requeues = true");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "granted");
	cr_expect_str_neq(cluster_of(&r, k), first);
	cr_expect_eq(fence_of(&r, k), 2);
	cr_expect_str_eq(told(&r, k, first), "grant revoke", "an agent that comes back after all ends it: %s",
		told(&r, k, first));
	if (strcmp(cluster_of(&r, other), first) != 0 && fence_of(&r, other) == 1)
		cr_expect_str_eq(realm_state(&r, other), "running", "what was elsewhere is not touched");
	end(&r);
}

Test(placer_evacuate, a_lost_cluster_s_work_has_failed_where_it_is_not_to_start_anew)
{
	realm r;

	begin(&r, "evacuate_failed");
	int k = runs(&r, ANY);
	cluster_set(&r, k, "state = 'lost', requeues = false");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k), "failed");
	cr_expect(strstr(realm_text(&r, "SELECT reason FROM placement WHERE id = 'plc_%d'", k), "was declared lost"));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM segment WHERE ended_at IS NULL"), 0);
	cr_expect_eq(realm_int(&r, "SELECT coalesce(sum(used_memory_mib), 0) FROM device"), 0);
	end(&r);
}
