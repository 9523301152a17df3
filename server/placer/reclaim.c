#include "server/placer/reclaim.h"

#include "base/clock.h"
#include "base/metric.h"
#include "engine/fleet.h"
#include "engine/preempt.h"
#include "server/placer/body.h"
#include "server/placer/claim.h"
#include "server/placer/use.h"

/* One search at work. */
typedef struct search {
	turn *t;
	books *b;
	booking *k;
	const request_ask *w;
	running list;
	booking *of[RECLAIM_CANDIDATES]; /* by handle in the list */
	int32_t n, looks;
	bool is_guaranteed; /* on its own side, against somebody in the list */
} search;

/* The children of where the two tenants part, on the ways to them; FLEET_NONE where one is above the other. */
static void part(const quota *q, int32_t x, int32_t y, int32_t *ret_x, int32_t *ret_y)
{
	*ret_x = *ret_y = FLEET_NONE;
	while (x != y) {
		bool is_x = quota_depth(q, x) >= quota_depth(q, y);
		int32_t *at = is_x ? &x : &y;
		*(is_x ? ret_x : ret_y) = *at;
		*at = quota_parent(q, *at);
	}
}

static bool covers(const books *b, int32_t tenant, int32_t model, int64_t milli)
{
	return tenant != FLEET_NONE && quota_get(b->tree, tenant, model).guaranteed.v[AXIS_DEVICE_MILLI] > 0 &&
	       quota_balance(b->tree, tenant, model).v[AXIS_DEVICE_MILLI] >= milli;
}

static bool is_in_red(const books *b, int32_t tenant, int32_t model)
{
	return tenant == FLEET_NONE || quota_balance(b->tree, tenant, model).v[AXIS_DEVICE_MILLI] < 0;
}

/* Any guarantee on the asker's way up to where they part. */
static bool is_due(const books *b, int32_t from, int32_t side, int32_t model, int64_t milli)
{
	if (side == FLEET_NONE)
		return false;
	for (int32_t x = from;; x = quota_parent(b->tree, x)) {
		if (covers(b, x, model, milli))
			return true;
		if (x == side)
			return false;
	}
}

static int64_t milli_of(const booking *x)
{
	int64_t milli = 0;

	for (uint32_t i = 0; i < x->held.devices.n; i++)
		milli += x->held.devices.v[i].charge.v[AXIS_DEVICE_MILLI];
	return milli;
}

/* A priority takes nothing of what was guaranteed, not even a part: else a guarantee would take it back, and so on. */
static bool is_all_borrowed(const search *s, const booking *x, int32_t theirs)
{
	return theirs == FLEET_NONE ||
	       -quota_balance(s->b->tree, theirs, x->held_class).v[AXIS_DEVICE_MILLI] >= milli_of(x);
}

/* Whether x may be asked to go, and as whose debt: *ret_lender. */
static bool may_go(search *s, booking *x, int32_t *ret_lender)
{
	const books *b = s->b;
	int32_t asker = books_payer(b, s->k->tenant_key)->handle, other = books_payer(b, x->tenant_key)->handle;
	int32_t mine, theirs;

	decide_terms(s->b, x);
	if (!x->terms.is_preemptible || x->within || x->evicted_by.n || x->touch_at ||
		!lifecycle_may(x->now.life, LIFE_REVOKING) ||
		s->t->now_us - x->now.granted_at_us < x->terms.rank->min_runtime_us)
		return false;
	bool is_lower = x->terms.rank->value < s->k->terms.rank->value;
	*ret_lender = FLEET_NONE;
	if (asker == other)
		return is_lower;
	part(b->tree, asker, other, &mine, &theirs);
	if (!is_in_red(b, theirs, x->held_class))
		return false;
	*ret_lender = theirs;
	if (is_due(b, asker, mine, x->held_class, s->k->terms.milli)) {
		s->is_guaranteed = true;
		return true;
	}
	return is_lower && is_all_borrowed(s, x, theirs);
}

/* Priorities below its own that hold devices too. */
static int tier_of(const search *s, const booking *x)
{
	int n = 0;

	map_each (slot, &s->b->ranks) {
		const rank *r = slot->value;
		n += r->n_held && r->value < x->terms.rank->value;
	}
	return n < RECLAIM_TIERS ? n : RECLAIM_TIERS;
}

/* What it has done would be lost. A higher priority costs more than that, and more than many of the one below it. */
static int64_t cost_of(const search *s, const booking *x)
{
	int64_t ran_s = (s->t->now_us - x->now.granted_at_us) / 1000000;
	int64_t lost = 1 + milli_of(x) * (ran_s > 86400 ? 86400 : ran_s) / 1000;
	int tier = tier_of(s, x);

	if (lost > RECLAIM_LOST_MAX)
		lost = RECLAIM_LOST_MAX;
	return tier ? lost + ((int64_t)RECLAIM_LOST_MAX << (RECLAIM_TIER_BITS * (tier - 1))) : lost;
}

static void candidate_add(search *s, booking *x, int32_t lender)
{
	running_terms terms = {.tenant = books_payer(s->b, x->tenant_key)->handle,
		.may_yield = true,
		.lender = lender,
		.budget = FLEET_NONE,
		.cost = cost_of(s, x),
		.pod_cost = RUNNING_COST_MAX,
		.started_us = x->now.granted_at_us};

	s->of[running_add(&s->list, &x->held, &terms)] = x;
	s->n++;
}

static void class_list(search *s, int32_t class_id)
{
	if (class_id < 0 || (uint32_t)class_id >= s->b->held.n)
		return;
	for (booking *x = s->b->held.v[class_id]; x && s->n < RECLAIM_CANDIDATES; x = x->held_next) {
		int32_t lender;
		if (s->looks-- <= 0)
			return;
		if (may_go(s, x, &lender))
			candidate_add(s, x, lender);
	}
}

static bool is_listed(const int32_t *v, int32_t n, int32_t x)
{
	for (int32_t i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/* Of the classes that the first entry names, or of all. */
static void candidates_list(search *s)
{
	const ask_group *g = &s->w->ask.groups[0];
	const ask_entry *e = g->n_entries ? &g->entries[0] : NULL;

	for (int32_t c = 0; e && c < (int32_t)s->b->held.n; c++)
		if (!e->n_classes || is_listed(e->classes, e->n_classes, c))
			class_list(s, c);
}

static void evict(search *s, booking *x)
{
	turn *t = s->t;

	turn_touch(t, x, ACTOR_PLACER);
	x->now.life = LIFE_REVOKING;
	x->now.grace_s = x->terms.rank->grace_s;
	turn_reason(t, x, str_print(t->a, "preempted by " STR_FMT, STR_ARG(s->k->id)));
	booking_text_set(&x->evicted_by, &STR_NONE, s->k->id);
	vec_push(&t->evicted, x);
	t->evictions++;
}

static int64_t grace_of(const search *s, const preempt_answer *a)
{
	int64_t grace_s = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		int64_t its_s = s->of[a->victims[i].run]->terms.rank->grace_s;
		grace_s = its_s > grace_s ? its_s : grace_s;
	}
	return grace_s;
}

/* What goes by priority alone is bounded. */
static bool is_worth_it(const search *s, const preempt_answer *a)
{
	return s->is_guaranteed || a->evicted_milli * 1000000 <= a->needed_milli * PREEMPT_WASTE_PPM;
}

static bool carry_out(search *s, const plan *p, const preempt_answer *a)
{
	turn *t = s->t;
	int64_t until_us = t->now_us + (grace_of(s, a) + CLAIM_WAIT_S) * 1000000;

	if (!a->n || !is_worth_it(s, a) ||
		!claim_make(t, s->b, s->k, CLAIM_RECLAIM, p, body_placed(s->b, p, &s->w->groups, t->a), t->now_us,
			until_us))
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		evict(s, s->of[a->victims[i].run]);
	t->evicted_milli += a->evicted_milli;
	t->evicted_for_milli += a->needed_milli;
	return true;
}

static bool find_victims(search *s)
{
	preempt_ask in = {.a = &s->w->ask,
		.tenant = books_payer(s->b, s->k->tenant_key)->handle,
		.rank = 1,
		.now_us = s->t->now_us,
		.looks_max = RECLAIM_NODE_LOOKS,
		.finds_max = RECLAIM_FINDS};
	preempt *room = preempt_new();
	preempt_answer a;
	plan p;
	bool is_done;

	plan_init(&p);
	is_done =
		preempt_find(room, s->b->room, &s->b->fleet, s->b->tree, &s->list, &in, &p, &a) && carry_out(s, &p, &a);
	plan_done(&p);
	preempt_free(room);
	return is_done;
}

/* Whether there can be anybody to yield: by guarantee, or by priority. */
static bool may_hope(const books *b, const booking *k)
{
	if (use_is_guaranteed(b, books_payer(b, k->tenant_key), k->terms.model, k->terms.milli))
		return true;
	map_each (slot, &b->ranks) {
		const rank *r = slot->value;
		if (r->n_held && r->value < k->terms.rank->value)
			return true;
	}
	return false;
}

bool reclaim_is_due(const books *b, const booking *k, int64_t now_us)
{
	return k->claim_after_us && now_us >= k->claim_after_us && !k->claim && !k->touch_at && !k->reserved.n &&
	       k->terms.may_preempt && b->claims.n < CLAIMS_MAX && may_hope(b, k);
}

bool reclaim_try(turn *t, books *b, booking *k, const request_ask *w)
{
	search s = {.t = t, .b = b, .k = k, .w = w, .looks = RECLAIM_LOOKS};

	if (k->claim || !k->terms.may_preempt || t->has_searched || t->now_us < k->claim_after_us ||
		b->claims.n >= CLAIMS_MAX || !may_hope(b, k))
		return false;
	t->has_searched = true;
	k->claim_after_us = t->now_us + (int64_t)RECLAIM_AGAIN_S * 1000000;
	int64_t began_us = clock_mono_us();
	running_init(&s.list);
	candidates_list(&s);
	bool is_done = s.n && find_victims(&s);
	running_done(&s.list);
	metric_observe_us(METRIC_PLACER_RECLAIM_TIME, clock_mono_us() - began_us);
	return is_done;
}

static int64_t end_of(books *b, booking *x)
{
	decide_terms(b, x);
	int64_t runs_s = x->terms.max_runtime_s ? x->terms.max_runtime_s : RESERVE_OPEN_S;
	return (x->now.running_at_us ? x->now.running_at_us : x->now.granted_at_us) + runs_s * 1000000;
}

static void ends_list(books *b, running *list, const request_ask *w)
{
	const ask_group *g = &w->ask.groups[0];
	const ask_entry *e = g->n_entries ? &g->entries[0] : NULL;
	int32_t left = RESERVE_RUNS;

	for (int32_t c = 0; e && c < (int32_t)b->held.n; c++) {
		if (e->n_classes && !is_listed(e->classes, e->n_classes, c))
			continue;
		for (booking *x = b->held.v[c]; x && left > 0; x = x->held_next, left--) {
			running_terms terms = {.tenant = books_payer(b, x->tenant_key)->handle,
				.lender = FLEET_NONE,
				.budget = FLEET_NONE,
				.ends_us = end_of(b, x)};
			running_add(list, &x->held, &terms);
		}
	}
}

void reserve_try(turn *t, books *b, booking *k, const request_ask *w)
{
	running list;
	plan p;
	int64_t from_us;

	if (k->claim || b->claims.n >= CLAIMS_MAX)
		return;
	running_init(&list);
	plan_init(&p);
	ends_list(b, &list, w);
	if (reserve_earliest(b->reserve, b->room, &b->fleet, b->tree, books_payer(b, k->tenant_key)->handle, &w->ask,
		    &list, t->now_us, &p, &from_us))
		(void)claim_make(t, b, k, CLAIM_RESERVE, &p, body_placed(b, &p, &w->groups, t->a), from_us,
			from_us + (int64_t)CLAIM_WAIT_S * 1000000);
	plan_done(&p);
	running_done(&list);
}
