/* Use that fades: equal sums in any order of events, and close to what the formula says. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/history.h"
#include "size.h"

#define DAY_US ((int64_t)86400 * 1000000)
#define NOW_US (20000 * DAY_US)

enum { EVENTS = 60, BUCKETS_MAX = 4096 };

typedef struct event {
	int64_t rate, at_us;
} event;

static uint64_t seed = 99;

static int64_t pick(int64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t)(seed % (uint64_t)n);
}

Test(history, half_is_left_after_a_half_life)
{
	history_curve c;
	history h = {0};

	history_curve_make(&c, 7 * 86400);
	history_add(&c, &h, 1000, NOW_US);
	history_add(&c, &h, -1000, NOW_US + 3600 * (int64_t)1000000);
	int64_t first = history_use(&c, &h, NOW_US + 3600 * (int64_t)1000000);
	int64_t later = history_use(&c, &h, NOW_US + 3600 * (int64_t)1000000 + 7 * DAY_US);
	cr_expect(first > 3600000 * 98 / 100 && first <= 3600000, "%ld", first);
	cr_expect(llabs(later * 2 - first) <= 2, "%ld %ld", first, later);
	cr_expect_eq(history_use(&c, &h, NOW_US + 7 * 20 * DAY_US), 0, "what is older than all epochs is forgotten");
}

Test(history, a_rate_kept_up_comes_to_the_whole)
{
	history_curve c;
	history h = {0};

	history_curve_make(&c, 86400);
	history_add(&c, &h, 1000000, NOW_US - 30 * DAY_US);
	double is = (double)history_use(&c, &h, NOW_US), whole = (double)history_whole(&c, 1000000);
	cr_expect(fabs(is / whole - 1) < 0.02, "%f of %f", is, whole);
	cr_expect(fabs(whole / (1e6 * 86400 / log(2)) - 1) < 0.02, "%f", whole);
}

/* Pairs of begin and end, by rising time. */
static int draw(event *v, int64_t span_us)
{
	int n = 0;

	for (int i = 0; i < EVENTS / 2; i++) {
		int64_t rate = 1 + pick(1000000), from = NOW_US - pick(span_us), until = from + pick(NOW_US - from + 1);
		v[n++] = (event){rate, from};
		if (pick(5))
			v[n++] = (event){-rate, until};
	}
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && v[k - 1].at_us > v[k].at_us; k--) {
			event x = v[k];
			v[k] = v[k - 1];
			v[k - 1] = x;
		}
	return n;
}

static double slow_use(const event *v, int n, double half_us)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double)v[i].rate * half_us / log(2) * (1 - pow(2, -(double)(NOW_US - v[i].at_us) / half_us)) /
		       1e6;
	return sum;
}

/* The way of a start: events summed by bucket, as the database does it. */
static void add_by_bucket(const history_curve *c, history *h, const event *v, int n)
{
	static struct {
		int64_t bucket;
		history_sum rate, rate_us;
	} sums[EVENTS];
	int m = 0;

	for (int i = 0; i < n; i++) {
		int64_t bucket = v[i].at_us / c->bucket_us;
		int at = 0;
		while (at < m && sums[at].bucket != bucket)
			at++;
		if (at == m) {
			m++;
			sums[at].bucket = bucket;
			sums[at].rate = sums[at].rate_us = 0;
		}
		sums[at].rate += v[i].rate;
		sums[at].rate_us += (history_sum)v[i].rate * (v[i].at_us % c->bucket_us);
	}
	for (int i = m; i > 0; i--)
		history_add_bucket(c, h, sums[i - 1].bucket, sums[i - 1].rate, sums[i - 1].rate_us);
}

Test(history, events_in_any_order_give_the_same_sums)
{
	long rounds = size_get("PROPERTY_CASES") / 4;

	for (long round = 0; round < rounds; round++) {
		history_curve c;
		history grown = {0}, mixed = {0}, built = {0};
		event v[EVENTS];
		int64_t half_life_s = 60 + pick(10 * 86400);
		int n = draw(v, half_life_s * 1000000 * 12);
		history_curve_make(&c, half_life_s);
		for (int i = 0; i < n; i++) {
			history_add(&c, &grown, v[i].rate, v[i].at_us);
			(void)history_use(&c, &grown, v[i].at_us);
		}
		add_by_bucket(&c, &built, v, n);
		for (int i = n; i > 0; i--) {
			int k = (int)pick(i);
			history_add(&c, &mixed, v[k].rate, v[k].at_us);
			v[k] = v[i - 1];
		}
		int64_t is = history_use(&c, &grown, NOW_US);
		cr_assert_eq(history_use(&c, &mixed, NOW_US), is, "round %ld", round);
		cr_assert_eq(history_use(&c, &built, NOW_US), is, "round %ld", round);
	}
}

Test(history, use_is_close_to_the_formula)
{
	for (int round = 0; round < 200; round++) {
		history_curve c;
		history h = {0};
		event v[EVENTS];
		int64_t half_life_s = 3600 + pick(10 * 86400);
		int n = draw(v, half_life_s * 1000000 * 4);
		history_curve_make(&c, half_life_s);
		for (int i = 0; i < n; i++)
			history_add(&c, &h, v[i].rate, v[i].at_us);
		double is = (double)history_use(&c, &h, NOW_US), want = slow_use(v, n, (double)c.half_life_us);
		cr_assert(fabs(is - want) < want * 0.015 + 1e6, "round %d: %f, not %f", round, is, want);
	}
}
