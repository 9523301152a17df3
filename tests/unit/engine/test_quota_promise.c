/* What is promised for a time counts as a guarantee does, and others' guarantees are nobody else's to promise. */
#include "fixture.h"

#include "engine/quota_promise.h"

enum { MODEL = 3, HOUR = 3600 };

#define NO QUOTA_UNSET

typedef struct world {
	quota *q;
	int32_t a, a1, a2, b;
} world;

static void set(quota *q, int32_t tenant, int64_t guaranteed, int64_t limit, int64_t borrow)
{
	quota_terms t = quota_terms_unset();

	t.guaranteed.v[0] = guaranteed;
	t.limit.v[0] = limit;
	t.borrow_limit.v[0] = borrow;
	quota_set(q, tenant, MODEL, &t);
}

/* A fleet of 1000: a has 400 (of which a1 200), b has 300; 300 are nobody's. */
static world world_open(void)
{
	world w = {.q = quota_new()};

	cr_assert_eq(quota_add(w.q, QUOTA_ROOT, &w.a), ERR_OK);
	cr_assert_eq(quota_add(w.q, w.a, &w.a1), ERR_OK);
	cr_assert_eq(quota_add(w.q, w.a, &w.a2), ERR_OK);
	cr_assert_eq(quota_add(w.q, QUOTA_ROOT, &w.b), ERR_OK);
	quota_set_root(w.q, MODEL, (amounts){{1000, 0, 0}});
	set(w.q, w.a, 400, NO, NO);
	set(w.q, w.a1, 200, NO, NO);
	set(w.q, w.b, 300, NO, NO);
	return w;
}

static quota_promise promise(int32_t tenant, int64_t milli, int64_t from_h, int64_t until_h)
{
	return (quota_promise){tenant, MODEL, from_h * HOUR, until_h * HOUR, {{milli, 0, 0}}};
}

static bool keeps(const world *w, const quota_promise *list, uint32_t n, quota_promise more, blocker *ret)
{
	return quota_may_keep(w->q, list, n, &more, ret);
}

Test(quota_promise, one_takes_its_own_guarantee_then_what_is_kept_above_then_what_is_nobodys)
{
	world w = world_open();
	blocker k;

	/* 200 of its own, 200 that a keeps to itself, 300 that nobody was guaranteed. */
	cr_expect(keeps(&w, NULL, 0, promise(w.a1, 700, 0, 1), &k));
	cr_expect_not(keeps(&w, NULL, 0, promise(w.a1, 701, 0, 1), &k), "the rest is b's");
	cr_expect(k.code == WHY_QUOTA_GUARANTEE && k.tenant == QUOTA_ROOT && k.need == 701 && k.free == 700);
	/* a2 has none of a1's. */
	cr_expect(keeps(&w, NULL, 0, promise(w.a2, 500, 0, 1), &k));
	cr_expect_not(keeps(&w, NULL, 0, promise(w.a2, 501, 0, 1), &k));
	/* What is used makes no difference: promises are made before. */
	quota_take(w.q, w.b, MODEL, (amounts){{1000, 0, 0}});
	cr_expect(keeps(&w, NULL, 0, promise(w.a1, 700, 0, 1), &k));
	quota_give(w.q, w.b, MODEL, (amounts){{1000, 0, 0}});
	quota_free(w.q);
}

Test(quota_promise, those_that_run_at_one_time_count_together)
{
	world w = world_open();
	blocker k;
	quota_promise list[] = {promise(w.a1, 400, 0, 10), promise(w.b, 500, 5, 8)};

	/* Until the fifth hour a1 leaves 300 of what is above it; from then on b has 200 of them. */
	cr_expect(keeps(&w, list, 2, promise(w.a2, 300, 0, 5), &k));
	cr_expect_not(keeps(&w, list, 2, promise(w.a2, 300, 0, 6), &k), "its second half meets b's");
	cr_expect(k.code == WHY_QUOTA_GUARANTEE && k.free == 100, "%ld", (long)k.free);
	cr_expect(keeps(&w, list, 2, promise(w.a2, 100, 0, 6), &k));
	cr_expect(keeps(&w, list, 2, promise(w.a2, 300, 8, 10), &k), "b's is over then");
	cr_expect(keeps(&w, list, 2, promise(w.a2, 500, 10, 11), &k), "and a1's too");
	list[1].model = MODEL + 1;
	cr_expect(keeps(&w, list, 2, promise(w.a2, 300, 0, 6), &k), "another model is another matter");
	quota_free(w.q);
}

Test(quota_promise, limits_hold_for_all_that_is_promised_below_them)
{
	world w = world_open();
	blocker k;
	quota_promise list[] = {promise(w.a1, 100, 0, 10)};

	set(w.q, w.a, 400, 350, NO);
	cr_expect(keeps(&w, list, 1, promise(w.a2, 250, 3, 4), &k));
	cr_expect_not(keeps(&w, list, 1, promise(w.a2, 251, 3, 4), &k));
	cr_expect(k.code == WHY_QUOTA_LIMIT && k.tenant == w.a && k.free == 250);
	cr_expect(keeps(&w, list, 1, promise(w.a2, 251, 10, 11), &k));
	quota_free(w.q);
}

Test(quota_promise, who_may_not_borrow_is_promised_its_own_alone)
{
	world w = world_open();
	blocker k;

	set(w.q, w.a1, 200, NO, 50);
	cr_expect(keeps(&w, NULL, 0, promise(w.a1, 250, 0, 1), &k));
	cr_expect_not(keeps(&w, NULL, 0, promise(w.a1, 251, 0, 1), &k));
	cr_expect(k.code == WHY_QUOTA_GUARANTEE && k.tenant == w.a1 && k.free == 250);
	/* An axis that nobody names is not checked. */
	quota_promise wide = promise(w.a1, 1, 0, 1);
	wide.a.v[AXIS_MEMORY_MIB] = 1 << 30;
	quota_set_root(w.q, MODEL, (amounts){{1000, QUOTA_UNSET, QUOTA_UNSET}});
	cr_expect(keeps(&w, NULL, 0, wide, &k));
	quota_free(w.q);
}

/* Against the definition: at every hour, every tenant's promises and guarantees fit into what covers them. */
static int64_t asked_of(const world *w, const quota_promise *v, uint32_t n, int64_t us, int32_t tenant)
{
	int64_t sum = 0;

	(void)w;
	for (uint32_t i = 0; i < n; i++)
		if (v[i].tenant == tenant && v[i].from_us <= us && us < v[i].until_us)
			sum += v[i].a.v[0];
	return sum;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool holds_at(const world *w, const quota_promise *v, uint32_t n, int64_t us)
{
	int64_t in_a1 = most(asked_of(w, v, n, us, w->a1), 200);
	int64_t in_a = most(in_a1 + asked_of(w, v, n, us, w->a2) + asked_of(w, v, n, us, w->a), 400);
	int64_t in_b = most(asked_of(w, v, n, us, w->b), 300);

	return in_a + in_b <= 1000;
}

Test(quota_promise, it_equals_its_definition_at_every_hour)
{
	uint64_t run_seed = seed_of_run(), seed = run_seed;
	world w = world_open();
	const int32_t tenants[] = {w.a, w.a1, w.a2, w.b};
	quota_promise v[6];
	blocker k;

	for (int round = 0; round < 20000; round++) {
		uint32_t n = 0;
		for (int i = 0; i < 6; i++) {
			int64_t from = draw_below(&seed, 8);
			v[n] = promise(tenants[draw_below(&seed, 4)], 1 + draw_below(&seed, 500), from,
				from + 1 + draw_below(&seed, 4));
			bool want = true;
			for (int64_t h = v[n].from_us / HOUR; h < v[n].until_us / HOUR; h++)
				want &= holds_at(&w, v, n + 1, h * HOUR);
			bool may = keeps(&w, v, n, v[n], &k);
			cr_assert_eq(may, want, "seed %lu, round %d", run_seed, round);
			n += may;
		}
	}
	quota_free(w.q);
}
