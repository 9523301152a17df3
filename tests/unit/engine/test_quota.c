#include "fixture.h"

#include "engine/quota.h"

enum { MODEL = 3 };

static quota_terms terms_of(int64_t guaranteed, int64_t limit, int64_t lend, int64_t borrow)
{
	quota_terms t = quota_terms_unset();

	t.guaranteed.v[0] = guaranteed;
	t.limit.v[0] = limit;
	t.lend_limit.v[0] = lend;
	t.borrow_limit.v[0] = borrow;
	return t;
}

static void set(quota *q, int32_t tenant, int64_t guaranteed, int64_t limit, int64_t lend, int64_t borrow)
{
	quota_terms t = terms_of(guaranteed, limit, lend, borrow);

	quota_set(q, tenant, MODEL, &t);
}

static amounts milli(int64_t n)
{
	return (amounts){{n, 0, 0}};
}

static int32_t add(quota *q, int32_t parent)
{
	int32_t id = FLEET_NONE;

	cr_assert_eq(quota_add(q, parent, &id), ERR_OK);
	return id;
}

#define NO QUOTA_UNSET

/* One tenant `a` under the root of 1000 with a sibling `b`. */
typedef struct rule_row {
	const char *rule;
	int64_t a[4], b[4]; /* guaranteed, limit, lend, borrow */
	int64_t a_uses, b_uses, want_left;
	why_code want_code;
} rule_row;

static const rule_row rules[] = {
	{"without terms the fleet is the bound", {NO, NO, NO, NO}, {NO, NO, NO, NO}, 0, 0, 1000, WHY_QUOTA_GUARANTEE},
	{"others' use is taken from the fleet", {NO, NO, NO, NO}, {NO, NO, NO, NO}, 0, 400, 600, WHY_QUOTA_GUARANTEE},
	{"a limit binds", {NO, 300, NO, NO}, {NO, NO, NO, NO}, 100, 0, 200, WHY_QUOTA_LIMIT},
	{"a limit of nothing lets nothing in", {NO, 0, NO, NO}, {NO, NO, NO, NO}, 0, 0, 0, WHY_QUOTA_LIMIT},
	{"unused guarantees are lent", {300, NO, NO, NO}, {700, NO, NO, NO}, 0, 0, 1000, WHY_QUOTA_GUARANTEE},
	{"what is not lent stays with its owner", {300, NO, NO, NO}, {700, NO, 0, NO}, 0, 0, 300, WHY_QUOTA_GUARANTEE},
	{"lending may be partial", {300, NO, NO, NO}, {700, NO, 200, NO}, 0, 0, 500, WHY_QUOTA_GUARANTEE},
	{"who may not borrow stops at the guarantee", {300, NO, NO, 0}, {700, NO, NO, NO}, 100, 0, 200,
		WHY_QUOTA_GUARANTEE},
	{"borrowing is bounded", {300, NO, NO, 150}, {700, NO, NO, NO}, 0, 0, 450, WHY_QUOTA_GUARANTEE},
	{"a borrower is in the way of the owner until it ends", {300, NO, NO, NO}, {700, NO, NO, NO}, 0, 1000, 0,
		WHY_QUOTA_GUARANTEE},
	{"what is kept back is there even while others borrow", {300, NO, 0, NO}, {700, NO, NO, NO}, 0, 700, 300,
		WHY_QUOTA_GUARANTEE},
	{"after a cut nothing new starts", {100, NO, NO, 0}, {700, NO, NO, NO}, 400, 0, 0, WHY_QUOTA_GUARANTEE},
};

Test(quota, rules_of_lending_and_borrowing)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const rule_row *r = &rules[i];
		quota *q = quota_new();
		int32_t a = add(q, QUOTA_ROOT), b = add(q, QUOTA_ROOT);
		blocker got = blocker_of(WHY_NONE);
		quota_set_root(q, MODEL, milli(1000));
		set(q, a, r->a[0], r->a[1], r->a[2], r->a[3]);
		set(q, b, r->b[0], r->b[1], r->b[2], r->b[3]);
		quota_take(q, a, MODEL, milli(r->a_uses));
		quota_take(q, b, MODEL, milli(r->b_uses));
		cr_expect_eq(
			quota_left(q, a, MODEL).v[0], r->want_left, "%s: %ld", r->rule, quota_left(q, a, MODEL).v[0]);
		cr_expect(quota_check(q, a, MODEL, milli(r->want_left), &got), "%s", r->rule);
		cr_expect(!quota_check(q, a, MODEL, milli(r->want_left + 1), &got), "%s", r->rule);
		cr_expect_eq(got.code, r->want_code, "%s: %s", r->rule, why_name(got.code));
		cr_expect_eq(got.need, r->want_left + 1);
		cr_expect_eq(got.free, r->want_left);
		cr_expect_eq(got.class_id, MODEL);
		quota_free(q);
	}
}

Test(quota, the_blocker_names_the_ancestor_that_binds)
{
	quota *q = quota_new();
	int32_t acme = add(q, QUOTA_ROOT), research = add(q, acme), nlp = add(q, research);
	blocker got;

	quota_set_root(q, MODEL, milli(8000));
	set(q, research, NO, 2000, NO, NO);
	set(q, nlp, NO, 5000, NO, NO);
	quota_take(q, nlp, MODEL, milli(1500));
	cr_expect(!quota_check(q, nlp, MODEL, milli(1000), &got));
	cr_expect_eq(got.tenant, research);
	cr_expect_eq(got.free, 500);
	cr_expect_eq(got.axis, AXIS_DEVICE_MILLI);
	cr_expect(amounts_eq(quota_used(q, acme, MODEL), milli(1500)));
	cr_expect(amounts_eq(quota_used_own(q, acme, MODEL), milli(0)));
	quota_free(q);
}

Test(quota, an_axis_that_is_not_named_is_not_checked)
{
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT);
	quota_terms t = quota_terms_unset();
	blocker got;

	t.limit.v[AXIS_MEMORY_MIB] = 100;
	quota_set(q, a, MODEL, &t);
	cr_expect(quota_check(q, a, MODEL, (amounts){{1 << 30, 100, 1 << 30}}, &got));
	cr_expect(!quota_check(q, a, MODEL, (amounts){{0, 101, 0}}, &got));
	cr_expect_eq(got.axis, AXIS_MEMORY_MIB);
	cr_expect(quota_check(q, a, MODEL + 1, (amounts){{0, 101, 0}}, &got), "another model");
	quota_free(q);
}

Test(quota, promises_past_capacity_end_borrowing_but_not_guarantees)
{
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT), b = add(q, QUOTA_ROOT);
	blocker got;

	quota_set_root(q, MODEL, milli(1000));
	set(q, a, 600, NO, NO, NO);
	set(q, b, 400, NO, NO, NO);
	cr_expect(!quota_is_infeasible(q, MODEL));
	cr_expect(quota_check(q, a, MODEL, milli(700), &got));
	quota_set_root(q, MODEL, milli(900));
	cr_expect(quota_is_infeasible(q, MODEL));
	cr_expect(quota_check(q, a, MODEL, milli(600), &got));
	cr_expect(!quota_check(q, a, MODEL, milli(601), &got));
	quota_free(q);
}

Test(quota, depth_is_bounded_and_trees_stay_trees)
{
	quota *q = quota_new();
	int32_t chain[QUOTA_DEPTH_MAX + 1] = {QUOTA_ROOT}, got = FLEET_NONE, side = add(q, QUOTA_ROOT);

	for (int i = 1; i <= QUOTA_DEPTH_MAX; i++)
		chain[i] = add(q, chain[i - 1]);
	cr_expect_eq(quota_add(q, chain[QUOTA_DEPTH_MAX], &got), ERR_TREE_TOO_DEEP);
	cr_expect_eq(quota_move(q, chain[2], chain[4]), ERR_CONFLICT);
	cr_expect_eq(quota_move(q, chain[1], side), ERR_TREE_TOO_DEEP);
	cr_expect_eq(quota_move(q, chain[2], side), ERR_OK);
	cr_expect_eq(quota_depth(q, chain[QUOTA_DEPTH_MAX]), QUOTA_DEPTH_MAX);
	cr_expect_eq(quota_remove(q, side), ERR_CONFLICT, "it has a child");
	quota_take(q, chain[1], MODEL, milli(1));
	cr_expect_eq(quota_remove(q, chain[1]), ERR_CONFLICT, "it has use");
	quota_give(q, chain[1], MODEL, milli(1));
	cr_expect_eq(quota_remove(q, chain[1]), ERR_OK);
	cr_expect(!quota_is_live(q, chain[1]));
	cr_expect_eq(add(q, QUOTA_ROOT), chain[1], "the handle is used again");
	cr_expect_eq(quota_used(q, chain[1], MODEL).v[0], 0);
	quota_free(q);
}

Test(quota, huge_values_neither_wrap_nor_pass)
{
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT);
	blocker got;

	quota_set_root(q, MODEL, milli(INT64_MAX));
	set(q, a, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
	cr_expect_eq(quota_get(q, a, MODEL).limit.v[0], QUOTA_AMOUNT_MAX);
	cr_expect(!quota_check(q, a, MODEL, milli(INT64_MAX), &got));
	cr_expect(!quota_check(q, QUOTA_ROOT, MODEL + 1, milli(INT64_MAX), &got));
	quota_free(q);
}

/* The slow model: terms and own use as given, everything else from scratch, in 128 bits. */
enum { TENANTS = 24, AXES = AXIS_COUNT };
__extension__ typedef __int128 wide;

typedef struct slow {
	bool is_live[TENANTS];
	int32_t parent[TENANTS];
	quota_terms terms[TENANTS];
	int64_t own_use[TENANTS][AXES];
} slow;

static wide zero_if_unset(int64_t v)
{
	return v == QUOTA_UNSET ? 0 : v;
}

static wide slow_own(const slow *s, int32_t x, int i)
{
	wide own = zero_if_unset(s->terms[x].guaranteed.v[i]);

	for (int32_t c = 0; c < TENANTS; c++)
		if (s->is_live[c] && s->parent[c] == x)
			own -= zero_if_unset(s->terms[c].guaranteed.v[i]);
	return own;
}

static wide slow_balance(const slow *s, int32_t x, int i)
{
	wide t = slow_own(s, x, i) - s->own_use[x][i];

	for (int32_t c = 0; c < TENANTS; c++) {
		if (!s->is_live[c] || s->parent[c] != x)
			continue;
		wide lent = slow_balance(s, c, i);
		if (s->terms[c].lend_limit.v[i] != QUOTA_UNSET && s->terms[c].lend_limit.v[i] < lent)
			lent = s->terms[c].lend_limit.v[i];
		t += lent;
	}
	return t;
}

static wide slow_use(const slow *s, int32_t x, int i)
{
	wide use = s->own_use[x][i];

	for (int32_t c = 0; c < TENANTS; c++)
		if (s->is_live[c] && s->parent[c] == x)
			use += slow_use(s, c, i);
	return use;
}

static bool slow_is_short(const slow *s, int i)
{
	return s->terms[0].guaranteed.v[i] != QUOTA_UNSET && slow_own(s, 0, i) < 0;
}

static bool slow_promises_below(const slow *s, int32_t x, int i)
{
	return slow_own(s, x, i) != zero_if_unset(s->terms[x].guaranteed.v[i]);
}

/* Whether a balance of x that just fell to t is legal. */
static bool slow_may_fall(const slow *s, int32_t x, int i, wide t)
{
	int64_t borrow = s->terms[x].borrow_limit.v[i];
	bool names_it = s->terms[x].guaranteed.v[i] != QUOTA_UNSET;

	if (x == 0)
		return !names_it || t >= 0;
	if (slow_is_short(s, i) && (names_it || (s->parent[x] == 0 && !slow_promises_below(s, x, i))))
		return t >= 0;
	return borrow == QUOTA_UNSET || t >= -(wide)borrow;
}

static bool slow_check_axis(slow *s, int32_t x, int i, int64_t a)
{
	wide before[TENANTS];
	bool is_legal = true;

	if (a == 0)
		return true;
	for (int32_t y = 0; y < TENANTS; y++)
		before[y] = s->is_live[y] ? slow_balance(s, y, i) : 0;
	s->own_use[x][i] += a;
	for (int32_t y = x; y != FLEET_NONE; y = s->parent[y]) {
		wide t = slow_balance(s, y, i);
		is_legal &= t == before[y] || slow_may_fall(s, y, i, t);
		is_legal &= s->terms[y].limit.v[i] == QUOTA_UNSET || slow_use(s, y, i) <= s->terms[y].limit.v[i];
	}
	s->own_use[x][i] -= a;
	return is_legal;
}

static int64_t draw_term(uint64_t *seed)
{
	return draw_below(seed, 3) == 0 ? QUOTA_UNSET : draw_below(seed, 60);
}

static quota_terms draw_terms(uint64_t *seed)
{
	quota_terms t;

	for (int i = 0; i < AXES; i++) {
		t.guaranteed.v[i] = draw_term(seed);
		t.limit.v[i] = draw_term(seed);
		t.lend_limit.v[i] = draw_term(seed);
		t.borrow_limit.v[i] = draw_term(seed);
	}
	return t;
}

static void compare(const quota *q, slow *s, uint64_t *seed, uint64_t run)
{
	amounts a = {{draw_below(seed, 30), draw_below(seed, 30), draw_below(seed, 30)}};
	blocker b;

	for (int32_t x = 0; x < TENANTS; x++) {
		if (!s->is_live[x])
			continue;
		bool want = true;
		for (int i = 0; i < AXES; i++) {
			cr_assert(slow_balance(s, x, i) == quota_balance(q, x, MODEL).v[i], "balance of %d, seed %lu",
				x, run);
			cr_assert(slow_use(s, x, i) == quota_used(q, x, MODEL).v[i], "use of %d, seed %lu", x, run);
			want &= slow_check_axis(s, x, i, a.v[i]);
			int64_t left = quota_left(q, x, MODEL).v[i];
			cr_assert(left == 0 || slow_check_axis(s, x, i, left) || left >= QUOTA_AMOUNT_MAX,
				"left of %d, seed %lu", x, run);
			cr_assert(left >= QUOTA_AMOUNT_MAX || !slow_check_axis(s, x, i, left + 1),
				"left + 1 of %d, seed %lu", x, run);
		}
		cr_assert_eq(quota_check(q, x, MODEL, a, &b), want, "check of %d, seed %lu", x, run);
	}
}

static bool slow_is_within(const slow *s, int32_t x, int32_t top)
{
	while (x != FLEET_NONE && x != top)
		x = s->parent[x];
	return x == top;
}

static void edit(quota *q, slow *s, uint64_t *seed)
{
	int32_t x = (int32_t)draw_below(seed, TENANTS), y = (int32_t)draw_below(seed, TENANTS), got = FLEET_NONE;

	if (draw_below(seed, 4) == 0 && s->is_live[x]) {
		s->terms[x] = draw_terms(seed);
		quota_set(q, x, MODEL, &s->terms[x]);
	} else if (s->is_live[y] && !s->is_live[x] && quota_add(q, y, &got) == ERR_OK) {
		if (got >= TENANTS) {
			cr_assert_eq(quota_remove(q, got), ERR_OK);
			return;
		}
		s->is_live[got] = true;
		s->parent[got] = y;
		s->terms[got] = quota_terms_unset();
	} else if (x && s->is_live[x] && s->is_live[y] && draw_below(seed, 2)) {
		err e = quota_move(q, x, y);
		cr_assert_eq(e == ERR_CONFLICT, slow_is_within(s, y, x));
		if (e == ERR_OK)
			s->parent[x] = y;
	} else if (x && s->is_live[x] && quota_remove(q, x) == ERR_OK) {
		s->is_live[x] = false;
	}
}

static void use(quota *q, slow *s, uint64_t *seed)
{
	int32_t x = (int32_t)draw_below(seed, TENANTS);
	amounts a;
	blocker b;

	if (!s->is_live[x])
		return;
	bool is_give = draw_below(seed, 3) == 0;
	for (int i = 0; i < AXES; i++)
		a.v[i] = is_give ? draw_below(seed, s->own_use[x][i] + 1) : draw_below(seed, 20);
	if (is_give)
		quota_give(q, x, MODEL, a);
	else if (quota_check(q, x, MODEL, a, &b) || draw_below(seed, 10) == 0)
		quota_take(q, x, MODEL, a);
	else
		return;
	for (int i = 0; i < AXES; i++)
		s->own_use[x][i] += is_give ? -a.v[i] : a.v[i];
}

Test(quota, agrees_with_a_model_that_recomputes_everything)
{
	uint64_t run = seed_of_run(), seed = run;

	for (int round = 0; round < 12; round++) {
		quota *q = quota_new();
		slow s = {.is_live = {true}, .parent = {FLEET_NONE}, .terms = {quota_terms_unset()}};
		for (int i = 0; i < AXES; i++)
			s.terms[0].guaranteed.v[i] = 100 + draw_below(&seed, 200);
		quota_set(q, QUOTA_ROOT, MODEL, &s.terms[0]);
		for (int step = 0; step < 250; step++) {
			if (draw_below(&seed, 3) == 0)
				edit(q, &s, &seed);
			else
				use(q, &s, &seed);
			if (step % 10 == 0)
				compare(q, &s, &seed, run);
		}
		quota_free(q);
	}
}
