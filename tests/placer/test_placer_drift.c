/* What an agent sums up and these books: equal while all is well; where they differ the agent is asked for that part
 * alone, and what it does not run there is lost.
 */
#include <criterion/criterion.h>

#include "engine/digest.h"
#include "realm.h"

#define ONE "\"devices\":[{\"classes\":[\"h100-80g\"]}]"

static void sum_tell(realm *r, const int *numbers, int n)
{
	char item[DIGEST_BUCKETS * DIGEST_BUCKET_HEX + 64], id[32];
	digest sum = {0};
	buf text;

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof id, "plc_%d", numbers[i]);
		digest_toggle(&sum, str_from(id), 1, 1);
	}
	buf_init(&text, 1 << 16);
	digest_write(&sum, &text);
	snprintf(item, sizeof item, "{\"kind\":\"digest\",\"digest\":\"%.*s\"}", (int)text.n, text.p);
	buf_done(&text);
	realm_report(r, "c1", item);
}

static void sums_up(realm *r, const int *numbers, int n)
{
	sum_tell(r, numbers, n);
	realm_settle(r);
}

static int64_t asked(realm *r)
{
	return realm_int(r, "SELECT coalesce(max(n), 0) FROM cluster_drift");
}

static void tells(realm *r, int64_t bucket, const char *placements)
{
	char item[400];

	snprintf(item, sizeof item, "{\"kind\":\"running\",\"buckets\":[%lld],\"placements\":[%s]}", (long long)bucket,
		placements);
	realm_report(r, "c1", item);
	realm_settle(r);
}

Test(placer_drift, only_a_part_that_differs_is_asked_for_and_what_is_not_there_is_lost)
{
	realm r;
	char id[32];

	realm_open(&r, "placer_drift", NULL);
	realm_start(&r);
	realm_settle(&r);
	int k[3];
	for (int i = 0; i < 3; i++)
		k[i] = realm_place(&r, "d", ONE);
	realm_settle(&r);
	for (int i = 0; i < 3; i++)
		realm_step(&r, k[i], "running");
	realm_settle(&r);
	sums_up(&r, k, 3);
	cr_expect_eq(asked(&r), 0, "all is well");
	realm_start(&r);
	realm_settle(&r);
	sums_up(&r, k, 3);
	cr_expect_eq(asked(&r), 0, "after a restart as well");
	sums_up(&r, k, 2);
	cr_expect_eq(asked(&r), 1);
	snprintf(id, sizeof id, "plc_%d", k[2]);
	int64_t bucket = digest_bucket(str_from(id));
	cr_expect_eq(realm_int(&r, "SELECT buckets[1] FROM cluster_drift WHERE array_length(buckets, 1) = 1"), bucket);
	cr_assert_str_eq(realm_state(&r, k[2]), "running", "nothing is done on a sum");
	tells(&r, bucket, "");
	cr_expect_str_eq(realm_state(&r, k[2]), "failed");
	cr_expect_str_eq(realm_state(&r, k[0]), "running");
	sums_up(&r, k, 2);
	cr_expect_eq(asked(&r), 1, "both mean the same again");
	const char *why = realm_check(&r);
	cr_expect(!why, "%s", why);
	realm_close(&r);
}

/* The books know at the end of a turn what came behind the sum: it is not held against it. */
Test(placer_drift, a_sum_is_not_compared_with_what_its_agent_told_after_it)
{
	realm r;

	realm_open(&r, "placer_drift_order", NULL);
	realm_start(&r);
	realm_settle(&r);
	int k[2] = {realm_place(&r, "d", ONE), realm_place(&r, "d", ONE)};
	realm_settle(&r);
	for (int i = 0; i < 2; i++)
		realm_step(&r, k[i], "running");
	realm_settle(&r);
	sum_tell(&r, k, 2);
	realm_step(&r, k[0], "done");
	realm_settle(&r);
	cr_expect_str_eq(realm_state(&r, k[0]), "done");
	cr_expect_eq(asked(&r), 0);
	sums_up(&r, k, 2);
	cr_expect_eq(asked(&r), 1, "a sum of later says what it says");
	realm_close(&r);
}
