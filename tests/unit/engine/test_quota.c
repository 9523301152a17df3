#include "fixture.h"

#include "engine/charge.h"
#include "engine/quota_loans.h"

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

/* Two models of rates 10 and 3; credits stand at a parent. */
Test(quota, credits_bound_all_models_together)
{
	quota *q = quota_new();
	int32_t acme = add(q, QUOTA_ROOT), nlp = add(q, acme);
	blocker got;

	quota_set_root(q, MODEL, milli(9000));
	quota_set_root(q, MODEL + 1, milli(9000));
	quota_set_rate(q, MODEL, 10);
	quota_set_rate(q, MODEL + 1, 3);
	quota_set_credits_limit(q, acme, 1000);
	quota_take(q, nlp, MODEL, milli(70));
	cr_expect_eq(quota_credits(q, acme), 700);
	cr_expect(quota_check(q, nlp, MODEL + 1, milli(100), &got));
	cr_expect(!quota_check(q, nlp, MODEL + 1, milli(101), &got), "303 of 300 credits");
	cr_expect_eq(got.code, WHY_CREDITS_LIMIT);
	cr_expect_eq(got.tenant, acme);
	cr_expect_eq(got.need, 101);
	cr_expect_eq(got.free, 100, "in device_milli of the model that is asked for");
	cr_expect_eq(quota_left(q, nlp, MODEL).v[0], 30);
	cr_expect(quota_check(q, acme, MODEL + 2, milli(5), &got), "a model without a rate is free");
	quota_set_rate(q, MODEL, 20);
	cr_expect_eq(quota_credits(q, acme), 1400, "what is in use is rated anew");
	cr_expect(quota_is_over_credits(q, acme) && !quota_is_over_credits(q, nlp));
	cr_expect(!quota_check(q, nlp, MODEL + 1, milli(1), &got));
	cr_expect_eq(got.free, 0);
	quota_set_credits_limit(q, acme, QUOTA_UNSET);
	cr_expect(quota_check(q, nlp, MODEL + 1, milli(1), &got));
	quota_free(q);
}

Test(quota, credits_are_exact_where_they_pass_what_is_told)
{
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT);
	blocker got;

	quota_set_rate(q, MODEL, QUOTA_RATE_MAX);
	quota_set_credits_limit(q, a, INT64_MAX);
	quota_take(q, a, MODEL, milli(QUOTA_USE_MAX));
	cr_expect_eq(quota_credits(q, a), INT64_MAX);
	cr_expect(quota_is_over_credits(q, a));
	quota_give(q, a, MODEL, milli(QUOTA_USE_MAX - 3));
	cr_expect_eq(quota_credits(q, a), 3 * QUOTA_RATE_MAX);
	cr_expect(quota_check(q, a, MODEL, milli(INT64_MAX / QUOTA_RATE_MAX - 3), &got));
	cr_expect(!quota_check(q, a, MODEL, milli(INT64_MAX / QUOTA_RATE_MAX - 2), &got));
	quota_free(q);
}

/* A card cut into instances: the mode is charged beside the model, and bound by itself. */
Test(quota, a_share_mode_is_charged_beside_its_model)
{
	fleet f;
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT);
	class_cut cut = {.geometry = geometry_find(S("mig-h100-80g")), .mode = CUT_INSTANCES};
	quota_terms t = quota_terms_unset();
	char name[CHARGE_NAME_MAX];
	blocker got;

	fleet_init(&f);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("par-1")), "n1", 1, "h100-80g", 81559);
	int32_t class_id = fleet_class_find(&f, S("h100-80g"));
	fleet_class_cut(&f, class_id, &cut);
	int32_t mode = charge_find(&f, S("h100-80g.mig-3g.40gb"));
	cr_assert(charge_is_mode(mode));
	cr_expect(str_eq(charge_name(&f, mode, name), S("h100-80g.mig-3g.40gb")));
	cr_expect_eq(charge_find(&f, S("h100-80g")), class_id);
	cr_expect_eq(charge_find(&f, S("h100-80g.3g.40gb")), FLEET_NONE);
	cr_expect_eq(charge_find(&f, S("h100-80g.mig-9g.90gb")), FLEET_NONE);
	plan_device s = {.device = f.nodes.v[node].first_device,
		.charge = {{500, 40448, 428}},
		.profile = (int16_t)(mode / FLEET_CLASSES_MAX)};
	t.class_limit.v[0] = 900;
	quota_set(q, a, mode, &t);
	cr_expect(charge_check(q, &f, a, &s, &got));
	charge_take(q, &f, a, &s);
	cr_expect_eq(quota_used(q, a, class_id).v[0], 500);
	cr_expect_eq(quota_used(q, QUOTA_ROOT, mode).v[0], 500);
	cr_expect(!charge_check(q, &f, a, &s, &got));
	cr_expect_eq(got.code, WHY_CLASS_LIMIT);
	cr_expect_eq(got.class_id, mode);
	cr_expect_eq(got.free, 400);
	cr_expect_lt(quota_models(q), FLEET_CLASSES_MAX);
	charge_give(q, &f, a, &s);
	cr_expect_eq(quota_used(q, a, mode).v[0], 0);
	quota_free(q);
	fleet_done(&f);
}

Test(quota, a_limit_on_a_class_binds_beside_the_models)
{
	quota *q = quota_new();
	int32_t a = add(q, QUOTA_ROOT);
	quota_terms t = terms_of(NO, 500, NO, NO);
	blocker got;

	quota_set_root(q, MODEL, milli(1000));
	t.class_limit.v[0] = 300;
	quota_set(q, a, MODEL, &t);
	cr_expect(!quota_check(q, a, MODEL, milli(301), &got));
	cr_expect_eq(got.code, WHY_CLASS_LIMIT);
	quota_take(q, a, MODEL, milli(400));
	cr_expect(quota_is_over_limit(q, a, MODEL));
	quota_free(q);
}

/* research of 8 promises 4 to nlp and 3 to vision; ops has 2 beside it, the fleet 12. */
Test(quota, the_nearest_lends_first)
{
	quota *q = quota_new();
	int32_t research = add(q, QUOTA_ROOT), ops = add(q, QUOTA_ROOT), nlp = add(q, research),
		vision = add(q, research);
	const quota_loan want[] = {{nlp, research, research, {{1000}}}, {nlp, vision, research, {{2000}}},
		{nlp, QUOTA_ROOT, QUOTA_ROOT, {{2000}}}, {nlp, ops, QUOTA_ROOT, {{1500}}}};
	quota_loans got = {0};

	quota_set_root(q, MODEL, milli(12000));
	set(q, research, 8000, NO, NO, NO);
	set(q, ops, 2000, NO, 1500, NO);
	set(q, nlp, 4000, NO, NO, NO);
	set(q, vision, 3000, NO, NO, NO);
	quota_take(q, vision, MODEL, milli(1000));
	quota_take(q, nlp, MODEL, milli(10500));
	quota_loans_find(q, MODEL, &got);
	cr_assert_eq(got.n, 4);
	for (size_t k = 0; k < 4; k++) {
		bool is_found = false;
		vec_each (x, &got)
			is_found |= memcmp(x, &want[k], sizeof *x) == 0;
		cr_expect(is_found, "loan %zu", k);
	}
	cr_expect(quota_is_borrowing(q, research, MODEL) && quota_is_borrowing(q, nlp, MODEL));
	vec_done(&got);
	quota_free(q);
}

typedef struct promise_row {
	const char *rule;
	int64_t parent, child, sibling, wants;
	bool in_root;
	err want;
	int64_t need, have;
} promise_row;

static const promise_row promises[] = {
	{"what fits beside its siblings", 1000, 100, 600, 400, true, ERR_OK, 0, 0},
	{"more than the parent has", 1000, 100, 600, 401, true, ERR_QUOTA_EXCEEDS_PARENT, 1001, 1000},
	{"the fleet falls by itself", 1000, 100, 600, 401, false, ERR_OK, 0, 0},
	{"less than its children have", 1000, 100, 600, 99, true, ERR_QUOTA_EXCEEDS_PARENT, 100, 99},
	{"nothing at all, with children", 1000, 100, 600, NO, true, ERR_QUOTA_EXCEEDS_PARENT, 100, 0},
};

Test(quota, children_are_never_promised_more_than_their_parent)
{
	for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
		const promise_row *r = &promises[i];
		quota *q = quota_new();
		int32_t a = add(q, QUOTA_ROOT), b = add(q, QUOTA_ROOT), child = add(q, a);
		quota_excess x = {0};
		quota_set_root(q, MODEL, milli(r->parent));
		set(q, a, 200, NO, NO, NO);
		set(q, b, r->sibling, NO, NO, NO);
		set(q, child, r->child, NO, NO, NO);
		amounts wants = {{r->wants, NO, NO}};
		cr_expect_eq(quota_may_promise(q, a, MODEL, wants, r->in_root, &x), r->want, "%s", r->rule);
		cr_expect_eq(x.need, r->need, "%s: %ld", r->rule, x.need);
		cr_expect_eq(x.have, r->have, "%s: %ld", r->rule, x.have);
		quota_free(q);
	}
}
