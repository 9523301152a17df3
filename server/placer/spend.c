#include "server/placer/spend.h"

#include <assert.h>

#include "engine/fleet.h"
#include "engine/quota.h"
#include "server/placer/lend.h"
#include "server/placer/request.h"

#define MILLI_HOUR (BUDGET_GPU_HOUR / 1000)
enum { US_PER_S = 1000 * 1000, ENDED_LOW = 1000000000, PERCENT = 100 };

void spends_done(spends *s)
{
	vec_each (x, &s->v)
		budget_done(&x->sums);
	vec_done(&s->v);
	vec_done(&s->first);
	arena_end(s->a);
	*s = (spends){0};
}

/* The first budget of a tenant, as an index; FLEET_NONE: it has none. */
static int32_t first_of(const books *b, int32_t tenant)
{
	return (uint32_t)tenant < b->spends.first.n ? b->spends.first.v[tenant] : FLEET_NONE;
}

/* "50,80,100" */
static i64s thresholds_read(arena *a, str text)
{
	i64s list = {ARENA_ARRAY(a, int64_t, text.n / 2 + 1), 0};

	while (text.n) {
		str one = str_split(&text, ',');
		if (str_to_i64(one, &list.v[list.n]))
			list.n++;
	}
	return list;
}

static bool one_load(books *b, spend *x, const sql_load_budgets_row *row, int64_t now_us)
{
	const payer *p = books_payer(b, (int32_t)row->tenant_key);
	budget_period period;

	if (!p || !budget_period_find(row->period, &period))
		return false;
	*x = (spend){.id = str_dup(b->spends.a, row->id),
		.tenant_key = p->key,
		.amount = row->amount,
		.blocks = str_eq(row->action, S("block_new")),
		.told = row->told_percent,
		.thresholds = thresholds_read(b->spends.a, row->thresholds)};
	budget_init(&x->sums, period, now_us > row->begin_at ? now_us : row->begin_at);
	x->stored_begin_us = row->begin_at;
	x->stored = (budget_sum)row->ended_high * ENDED_LOW + row->ended_low;
	while (b->spends.first.n <= (uint32_t)p->handle)
		vec_push(&b->spends.first, FLEET_NONE);
	x->next = b->spends.first.v[p->handle];
	/* At the turn of a period the statement may still tell of the one before. */
	if (x->sums.begin_us == row->begin_at)
		x->sums.ended = x->stored;
	else
		x->told = 0;
	return true;
}

void spend_load(books *b, const sql_load_budgets_row *rows, uint32_t n, int64_t now_us)
{
	spends_done(&b->spends);
	b->spends.a = arena_new(0);
	for (uint32_t i = 0; i < n; i++) {
		spend *x = vec_add(&b->spends.v);
		if (!one_load(b, x, &rows[i], now_us))
			b->spends.v.n--;
		else
			b->spends.first.v[books_payer(b, x->tenant_key)->handle] = (int32_t)b->spends.v.n - 1;
	}
	spend_recount(b);
	change_all(&b->changes);
}

/* Each budget that counts what this tenant does, nearest first. */
#define each_spend(x, b, tenant)                                                                                       \
	for (int32_t at_ = (tenant); at_ != FLEET_NONE; at_ = quota_parent((b)->tree, at_))                            \
		for (int32_t i_ = first_of((b), at_); i_ != FLEET_NONE; i_ = (b)->spends.v.v[i_].next)                 \
			for (spend *x = &(b)->spends.v.v[i_]; x; x = NULL)

static int64_t end_of(const booking_spend *s)
{
	return s->runtime_us == BUDGET_NO_END ? BUDGET_NO_END : s->start_us + s->runtime_us;
}

static void count(books *b, int32_t tenant, const booking_spend *s, bool adds)
{
	each_spend(x, b, tenant)
	{
		if (s->phase == SPEND_HELD && adds)
			budget_hold_add(&x->sums, s->rate, s->runtime_us);
		else if (s->phase == SPEND_HELD)
			budget_hold_undo(&x->sums, s->rate, s->runtime_us);
		else if (s->phase == SPEND_RUNS && adds)
			budget_run_add(&x->sums, s->rate, s->start_us, end_of(s));
		else if (s->phase == SPEND_RUNS)
			budget_run_undo(&x->sums, s->rate, s->start_us, end_of(s));
	}
}

static int64_t rate_of(const plan *p)
{
	int64_t rate = 0;

	for (uint32_t i = 0; i < p->devices.n; i++)
		rate += p->devices.v[i].charge.v[AXIS_DEVICE_MILLI];
	return rate;
}

static int64_t runtime_us_of(int64_t max_runtime_s)
{
	return max_runtime_s > 0 && max_runtime_s < BUDGET_NO_END / US_PER_S ? max_runtime_s * US_PER_S : BUDGET_NO_END;
}

/* One that was loaded, or made before there were budgets. */
static void runtime_read(const books *b, booking *k)
{
	AUTO_ARENA a = arena_new(0);
	placement_request q;
	fault f;

	k->max_runtime_s = request_read(b, k->tenant_key, k->request, a, &q, &f) ? 0 : q.max_runtime_s;
}

static booking_spend spend_of(const books *b, booking *k)
{
	if (k->max_runtime_s < 0)
		runtime_read(b, k);
	booking_spend s = {.rate = rate_of(&k->held), .runtime_us = runtime_us_of(k->max_runtime_s)};

	if (s.rate && lifecycle_is_booked(k->now.life))
		s.phase = k->now.running_at_us ? SPEND_RUNS : SPEND_HELD;
	if (s.phase == SPEND_RUNS)
		s.start_us = k->now.running_at_us;
	return s;
}

static booking_spend spend_of_lent(const lent *x)
{
	booking_spend s = {.rate = x->headroom.v[AXIS_DEVICE_MILLI], .runtime_us = runtime_us_of(x->offline_s)};

	s.phase = s.rate > 0 ? SPEND_HELD : SPEND_NOT;
	return s;
}

static bool is_same(const booking_spend *x, const booking_spend *y)
{
	return x->phase == y->phase && x->rate == y->rate && x->start_us == y->start_us &&
	       x->runtime_us == y->runtime_us;
}

static void end_count(books *b, const turn_spent *e, int sign)
{
	each_spend(x, b, e->tenant) budget_ended_add(&x->sums, e->rate, e->start_us, e->at_us, sign);
}

void spend_follow(turn *t, books *b, booking *k)
{
	booking_spend now = spend_of(b, k), was = k->spend;
	int32_t tenant = books_payer(b, k->tenant_key)->handle;

	if (!b->spends.v.n || is_same(&was, &now))
		return;
	count(b, tenant, &was, false);
	if (t && was.phase == SPEND_RUNS && now.phase != SPEND_RUNS && k->now.ended_at_us) {
		turn_spent e = {tenant, was.rate, was.start_us, k->now.ended_at_us};
		end_count(b, &e, 1);
		vec_push(&t->spent, e);
	}
	count(b, tenant, &now, true);
	k->spend = now;
}

void spend_lent_follow(books *b, lent *x)
{
	booking_spend now = spend_of_lent(x), was = x->spend;
	int32_t tenant = books_payer(b, x->tenant_key)->handle;

	if (!b->spends.v.n || is_same(&was, &now))
		return;
	count(b, tenant, &was, false);
	count(b, tenant, &now, true);
	x->spend = now;
}

void spend_follow_all(turn *t, books *b)
{
	vec_each (x, &t->touches)
		spend_follow(t, b, x->b);
}

void spend_undo(turn *t, books *b)
{
	vec_each (e, &t->spent)
		end_count(b, e, -1);
	vec_clear(&t->spent);
}

void spend_recount(books *b)
{
	if (!b->spends.v.n)
		return;
	vec_each (x, &b->spends.v) {
		budget_sum ended = x->sums.ended;
		int64_t now_us = x->sums.now_us;
		budget_period period = x->sums.period;
		budget_done(&x->sums);
		budget_init(&x->sums, period, now_us);
		x->sums.ended = ended;
	}
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		k->spend = spend_of(b, k);
		count(b, books_payer(b, k->tenant_key)->handle, &k->spend, true);
	}
	vec_each (at, &b->lents.v) {
		lent *x = *at;
		x->spend = spend_of_lent(x);
		count(b, books_payer(b, x->tenant_key)->handle, &x->spend, true);
	}
}

void spend_advance(books *b, int64_t now_us)
{
	bool is_new = false;

	vec_each (x, &b->spends.v)
		if (budget_advance(&x->sums, now_us)) {
			x->told = 0;
			is_new = true;
		}
	if (is_new)
		change_all(&b->changes);
}

bool spend_may(books *b, int32_t tenant, const plan *p, int64_t max_runtime_s, why *ret_why)
{
	return spend_may_rate(b, tenant, rate_of(p), max_runtime_s, ret_why);
}

bool spend_may_rate(books *b, int32_t tenant, int64_t rate, int64_t max_runtime_s, why *ret_why)
{
	blocker worst = blocker_of(WHY_BUDGET);
	bool may = true;

	each_spend(x, b, tenant)
	{
		budget_sum cost = budget_cost(&x->sums, rate, runtime_us_of(max_runtime_s));
		budget_sum left = x->amount * BUDGET_GPU_HOUR - budget_spent(&x->sums) - budget_committed(&x->sums);
		if (!x->blocks || cost <= left || (!may && (int64_t)(left / MILLI_HOUR) >= worst.free))
			continue;
		may = false;
		worst.tenant = at_;
		worst.need = (int64_t)((cost + MILLI_HOUR - 1) / MILLI_HOUR);
		worst.free = left > 0 ? (int64_t)(left / MILLI_HOUR) : 0;
	}
	if (!may)
		why_add(ret_why, worst);
	return may;
}

bool spend_is_due(const books *b, int64_t now_us)
{
	return b->spends.v.n && now_us - b->spends.looked_us >= SPEND_LOOK_US;
}

static void one_review(turn *t, spend *x)
{
	budget_sum spent = budget_spent(&x->sums);

	for (uint32_t i = 0; i < x->thresholds.n; i++) {
		int64_t percent = x->thresholds.v[i];
		if (percent <= x->told || spent * PERCENT < x->amount * BUDGET_GPU_HOUR * percent)
			continue;
		vec_push(&t->crossed, ((turn_crossing){x->id, x->tenant_key, percent, (int64_t)(spent / MILLI_HOUR),
					      x->amount, x->sums.begin_us}));
		x->told = percent;
	}
}

/* What is told is not told again, whatever becomes of the turn: after one that fails the books are loaded anew. */
void spend_review(turn *t, books *b)
{
	if (!spend_is_due(b, t->now_us))
		return;
	b->spends.looked_us = t->now_us;
	vec_each (x, &b->spends.v)
		one_review(t, x);
	if (t->crossed.n)
		t->cannot_undo = true;
}
