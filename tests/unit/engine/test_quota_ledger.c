/* Quota under random operations on random trees: the tree in memory says what a model says that computes everything
 * from scratch, children are never promised more than their parents, no operation raises use above what is allowed,
 * loans add up, and what was taken and given back leaves nothing behind. LEDGER_OPERATIONS in tests/sizes.sh.
 */
#include "quota_model.h"
#include "size.h"

enum { ROUND = 500, WHOLE_LOOKS = 50 };

typedef struct ledger {
	quota *q;
	slow s;
	uint64_t seed, run;
} ledger;

#define AGREES(l, what, ...) cr_assert(what, "seed %lu: " #what, (l)->run)

static int64_t draw_term(uint64_t *seed, int64_t below)
{
	return draw_below(seed, 3) == 0 ? QUOTA_UNSET : draw_below(seed, below);
}

/* The deeper, the smaller: so that promises fit into those above often enough. */
static quota_terms draw_terms(uint64_t *seed, int32_t depth)
{
	quota_terms t;

	for (int i = 0; i < AXIS_COUNT; i++) {
		t.guaranteed.v[i] = draw_term(seed, 1 + (80 >> depth));
		t.limit.v[i] = draw_term(seed, 90);
		t.lend_limit.v[i] = draw_term(seed, 12);
		t.borrow_limit.v[i] = draw_term(seed, 30);
		t.class_limit.v[i] = draw_below(seed, 2) ? QUOTA_UNSET : draw_below(seed, 90);
	}
	return t;
}

static bool is_crossing(const slow *s, int32_t inside, int32_t outside, int32_t top)
{
	return slow_is_within(s, inside, top) && !slow_is_within(s, outside, top);
}

/* What crosses into a subtree is what its balance lacks; nobody lends what they do not have, nor more than they may. */
static void loans_add_up(ledger *l, int32_t m)
{
	const slow *s = &l->s;
	quota_loans loans = {0};

	quota_loans_find(l->q, m, &loans);
	for (int32_t x = 0; x < SLOW_TENANTS; x++) {
		for (int i = 0; s->is_live[x] && i < AXIS_COUNT; i++) {
			wide in = 0, out = 0, lends = 0, needs = 0, own = slow_own(s, x, m, i) - s->own_use[x][m].v[i];
			wide t = slow_balance(s, x, m, i);
			int64_t most = s->terms[x][m].lend_limit.v[i];
			vec_each (loan, &loans) {
				in += is_crossing(s, loan->borrower, loan->lender, x) ? loan->a.v[i] : 0;
				out += is_crossing(s, loan->lender, loan->borrower, x) ? loan->a.v[i] : 0;
				lends += loan->lender == x ? loan->a.v[i] : 0;
				needs += loan->borrower == x ? loan->a.v[i] : 0;
			}
			if (x == 0)
				continue;
			AGREES(l, in == (t < 0 ? -t : 0));
			AGREES(l, out <= (t > 0 ? t : 0) && (most == QUOTA_UNSET || out <= most));
			AGREES(l, needs == (own < 0 ? -own : 0));
			AGREES(l, lends <= (own > 0 ? own : 0));
		}
	}
	vec_done(&loans);
}

static void tenant_agrees(ledger *l, int32_t x, int32_t m)
{
	slow *s = &l->s;
	bool over = false;

	for (int i = 0; i < AXIS_COUNT; i++) {
		wide use = slow_use(s, x, m, i);
		AGREES(l, slow_balance(s, x, m, i) == quota_balance(l->q, x, m).v[i]);
		AGREES(l, use == quota_used(l->q, x, m).v[i]);
		over |= !slow_under(s->terms[x][m].limit.v[i], use) ||
			!slow_under(s->terms[x][m].class_limit.v[i], use);
		int64_t left = quota_left(l->q, x, m).v[i];
		AGREES(l, left == 0 || left >= QUOTA_AMOUNT_MAX || slow_check_axis(s, x, m, i, left));
		AGREES(l, left >= QUOTA_AMOUNT_MAX || !slow_check_axis(s, x, m, i, left + 1));
	}
	AGREES(l, over == quota_is_over_limit(l->q, x, m));
	AGREES(l, x == 0 || slow_keeps_promises(s, x, m));
}

static void whole_agrees(ledger *l)
{
	for (int32_t m = 0; m < SLOW_MODELS; m++)
		loans_add_up(l, m);
	for (int32_t x = 0; x < SLOW_TENANTS; x++) {
		for (int32_t m = 0; l->s.is_live[x] && m < SLOW_MODELS; m++)
			tenant_agrees(l, x, m);
		if (l->s.is_live[x])
			AGREES(l, slow_credits(&l->s, x) == quota_credits(l->q, x));
	}
}

/* An edit that is refused changes nothing; the fleet's own is the capacity, which moves as it likes. */
static void edit_terms(ledger *l, int32_t x)
{
	int32_t m = (int32_t)draw_below(&l->seed, SLOW_MODELS);
	quota_terms t = draw_terms(&l->seed, quota_depth(l->q, x));
	quota_excess excess;

	if (x == 0)
		for (int i = 0; i < AXIS_COUNT; i++)
			t.guaranteed.v[i] = 20 + draw_below(&l->seed, 120);
	bool may = quota_may_promise(l->q, x, m, t.guaranteed, false, &excess) == ERR_OK;
	AGREES(l, may == slow_may_promise(&l->s, x, m, t.guaranteed));
	if (x && !may) {
		AGREES(l, excess.need > excess.have && (excess.tenant == x || excess.tenant == l->s.parent[x]));
		return;
	}
	l->s.terms[x][m] = t;
	quota_set(l->q, x, m, &t);
}

static void edit_credits(ledger *l, int32_t x)
{
	int32_t m = (int32_t)draw_below(&l->seed, SLOW_MODELS);

	if (draw_below(&l->seed, 4) == 0) {
		l->s.rate[m] = draw_below(&l->seed, 5);
		quota_set_rate(l->q, m, l->s.rate[m]);
		return;
	}
	l->s.credits_limit[x] = draw_term(&l->seed, 300);
	quota_set_credits_limit(l->q, x, l->s.credits_limit[x]);
}

static void make(ledger *l, int32_t under)
{
	int32_t x = FLEET_NONE;

	if (quota_add(l->q, under, &x))
		return;
	if (x >= SLOW_TENANTS) {
		cr_assert_eq(quota_remove(l->q, x), ERR_OK);
		return;
	}
	l->s.is_live[x] = true;
	l->s.parent[x] = under;
	l->s.credits_limit[x] = QUOTA_UNSET;
	for (int32_t m = 0; m < SLOW_MODELS; m++)
		l->s.terms[x][m] = quota_terms_unset();
}

/* A tenant moves only where its guarantee fits. */
static bool may_move(const slow *s, int32_t x, int32_t to)
{
	for (int32_t m = 0; m < SLOW_MODELS; m++)
		for (int i = 0; i < AXIS_COUNT && to != 0; i++)
			if (slow_promised(s, to, m, i) + slow_named(s->terms[x][m].guaranteed.v[i]) >
				slow_named(s->terms[to][m].guaranteed.v[i]))
				return false;
	return true;
}

static void move(ledger *l, int32_t x, int32_t to)
{
	if (l->s.parent[x] == to || !may_move(&l->s, x, to))
		return;
	err e = quota_move(l->q, x, to);
	AGREES(l, (e == ERR_CONFLICT) == slow_is_within(&l->s, to, x));
	if (e == ERR_OK)
		l->s.parent[x] = to;
}

static void edit(ledger *l)
{
	int32_t x = (int32_t)draw_below(&l->seed, SLOW_TENANTS), y = (int32_t)draw_below(&l->seed, SLOW_TENANTS);

	if (!l->s.is_live[x]) {
		if (l->s.is_live[y])
			make(l, y);
		return;
	}
	switch (draw_below(&l->seed, 6)) {
	case 0:
		if (x && l->s.is_live[y])
			move(l, x, y);
		break;
	case 1:
		if (x && quota_remove(l->q, x) == ERR_OK)
			l->s.is_live[x] = false;
		break;
	case 2:
		edit_credits(l, x);
		break;
	default:
		edit_terms(l, x);
	}
}

/* Reports may take without a question: what is then above a bound lets nothing new in. */
static void use(ledger *l)
{
	int32_t x = (int32_t)draw_below(&l->seed, SLOW_TENANTS), m = (int32_t)draw_below(&l->seed, SLOW_MODELS);
	bool gives = draw_below(&l->seed, 5) < 2;
	blocker b = blocker_of(WHY_NONE);
	amounts a;

	if (!l->s.is_live[x])
		return;
	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = draw_below(&l->seed, gives ? l->s.own_use[x][m].v[i] + 1 : 16);
	bool may = gives || quota_check(l->q, x, m, a, &b);
	AGREES(l, gives || may == slow_check(&l->s, x, m, a));
	AGREES(l, may || (b.need == a.v[b.axis] && b.free < b.need && slow_is_within(&l->s, x, b.tenant)));
	if (!may && draw_below(&l->seed, 20))
		return;
	if (gives)
		quota_give(l->q, x, m, a);
	else
		quota_take(l->q, x, m, a);
	l->s.own_use[x][m] = gives ? amounts_sub(l->s.own_use[x][m], a) : amounts_add(l->s.own_use[x][m], a);
}

static void begin(ledger *l)
{
	l->q = quota_new();
	l->s = (slow){.is_live = {true}, .parent = {FLEET_NONE}, .credits_limit = {QUOTA_UNSET}};
	for (int32_t m = 0; m < SLOW_MODELS; m++) {
		l->s.terms[0][m] = quota_terms_unset();
		for (int i = 0; i < AXIS_COUNT; i++)
			l->s.terms[0][m].guaranteed.v[i] = 20 + draw_below(&l->seed, 200);
		quota_set(l->q, QUOTA_ROOT, m, &l->s.terms[0][m]);
		l->s.rate[m] = m + 1;
		quota_set_rate(l->q, m, m + 1);
	}
}

/* All is given back, in any order: nothing is in use, and every balance is what is promised. */
static void end(ledger *l)
{
	for (int32_t x = 0; x < SLOW_TENANTS; x++)
		for (int32_t m = 0; l->s.is_live[x] && m < SLOW_MODELS; m++) {
			quota_give(l->q, x, m, l->s.own_use[x][m]);
			l->s.own_use[x][m] = (amounts){0};
		}
	for (int32_t x = 0; x < SLOW_TENANTS; x++)
		for (int32_t m = 0; l->s.is_live[x] && m < SLOW_MODELS; m++)
			AGREES(l, amounts_eq(quota_used(l->q, x, m), (amounts){0}) && quota_credits(l->q, x) == 0);
	whole_agrees(l);
	quota_free(l->q);
}

Test(quota_ledger, random_operations_agree_with_the_slow_model, .timeout = 3600)
{
	ledger l = {.run = seed_of_run()};
	int64_t left = size_get("LEDGER_OPERATIONS");

	l.seed = l.run;
	printf("seed %lu, %ld operations\n", (unsigned long)l.run, (long)left);
	while (left > 0) {
		begin(&l);
		for (int step = 0; step < ROUND && left > 0; step++, left--) {
			if (draw_below(&l.seed, 3) == 0)
				edit(&l);
			else
				use(&l);
			if (step % WHOLE_LOOKS == 0)
				whole_agrees(&l);
		}
		end(&l);
	}
}
