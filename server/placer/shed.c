#include "server/placer/shed.h"

#include <stdlib.h>

#include "engine/charge.h"
#include "server/placer/decide.h"

enum { OF_ALL = -1 };

/* What is already taken from a tenant, of a model. */
typedef struct loss {
	int32_t tenant, number;
	amounts a;
} loss;

/* Of one limit: what stands above it, and who could go. */
typedef struct shed {
	turn *t;
	books *b;
	const payer *top;
	int32_t number;       /* a model or share mode; OF_ALL: credits */
	amounts above;        /* still; of credits on the first axis */
	vec(booking *) could; /* the first to go first */
	vec(loss) losses;
} shed;

static bool is_within(const quota *q, int32_t tenant, int32_t top)
{
	while (tenant != FLEET_NONE && tenant != top)
		tenant = quota_parent(q, tenant);
	return tenant == top;
}

static int32_t handle_of(const books *b, const booking *k)
{
	return books_payer(b, k->tenant_key)->handle;
}

/* What the limit counts of it. */
static amounts counts(const shed *s, const booking *k)
{
	amounts sum = {0};

	if (s->number != OF_ALL)
		return plan_charge(&s->b->fleet, &k->held, s->number);
	for (uint32_t i = 0; i < k->held.devices.n; i++) {
		const plan_device *d = &k->held.devices.v[i];
		int64_t rate = quota_rate(s->b->tree, s->b->fleet.devices.v[d->device].class_id);
		sum.v[0] += d->charge.v[AXIS_DEVICE_MILLI] * rate;
	}
	return sum;
}

static amounts *loss_of(shed *s, int32_t tenant, int32_t number)
{
	vec_each (x, &s->losses)
		if (x->tenant == tenant && x->number == number)
			return &x->a;
	loss *x = vec_add(&s->losses);
	*x = (loss){.tenant = tenant, .number = number};
	return &x->a;
}

static void lose(shed *s, const booking *k)
{
	const fleet *f = &s->b->fleet;

	s->above = amounts_sub(s->above, counts(s, k));
	for (uint32_t i = 0; i < k->held.devices.n; i++) {
		const plan_device *d = &k->held.devices.v[i];
		int32_t model = f->devices.v[d->device].class_id;
		for (int32_t x = handle_of(s->b, k); x != FLEET_NONE; x = quota_parent(s->b->tree, x)) {
			amounts *lost = loss_of(s, x, model);
			*lost = amounts_add(*lost, d->charge);
		}
	}
}

/* Whether the tenant keeps what it is guaranteed of the model without this charge too. */
static bool keeps_guarantee(shed *s, int32_t tenant, int32_t model, amounts charge)
{
	amounts guaranteed = quota_get(s->b->tree, tenant, model).guaranteed;
	amounts left = amounts_sub(quota_used(s->b->tree, tenant, model), *loss_of(s, tenant, model));

	for (int i = 0; i < AXIS_COUNT; i++)
		if (guaranteed.v[i] != QUOTA_UNSET && charge.v[i] && left.v[i] - charge.v[i] < guaranteed.v[i])
			return false;
	return true;
}

static bool may_go(shed *s, const booking *k)
{
	const fleet *f = &s->b->fleet;
	amounts counted = counts(s, k);
	bool helps = false;

	for (int i = 0; i < AXIS_COUNT; i++)
		helps |= s->above.v[i] > 0 && counted.v[i] > 0;
	for (uint32_t i = 0; helps && i < k->held.devices.n; i++) {
		int32_t model = f->devices.v[k->held.devices.v[i].device].class_id;
		amounts charge = plan_charge(f, &k->held, model);
		for (int32_t x = handle_of(s->b, k); helps; x = quota_parent(s->b->tree, x)) {
			helps = keeps_guarantee(s, x, model, charge);
			if (x == s->top->handle)
				break;
		}
	}
	return helps;
}

/* The first to go first: of the lowest priority, and among equals the youngest. */
static int by_rank(const void *x, const void *y)
{
	const booking *a = *(booking *const *)x, *b = *(booking *const *)y;

	if (a->terms.rank->value != b->terms.rank->value)
		return a->terms.rank->value < b->terms.rank->value ? -1 : 1;
	if (a->now.granted_at_us != b->now.granted_at_us)
		return a->now.granted_at_us > b->now.granted_at_us ? -1 : 1;
	return (a->seq < b->seq) - (a->seq > b->seq);
}

/* Everything below the tenant that holds something of it; what goes already is lost. */
static void gather(shed *s)
{
	map_each (slot, &s->b->bookings) {
		booking *k = slot->value;
		if (!k->held.devices.n || !is_within(s->b->tree, handle_of(s->b, k), s->top->handle))
			continue;
		if (k->now.life == LIFE_REVOKING)
			lose(s, k);
		else if (lifecycle_may(k->now.life, LIFE_REVOKING))
			vec_push(&s->could, k);
	}
	vec_each (k, &s->could)
		decide_terms(s->b, *k);
	if (s->could.n)
		qsort(s->could.v, s->could.n, sizeof *s->could.v, by_rank);
}

static void revoke(shed *s, booking *k)
{
	str what = s->number == OF_ALL ? S("credits") : s->b->fleet.classes.v[s->number % FLEET_CLASSES_MAX].name;

	turn_touch(s->t, k, S("placer"));
	k->now.life = LIFE_REVOKING;
	k->now.grace_s = s->top->reclaim_grace_s;
	turn_reason(s->t, k,
		str_print(s->t->a, "reclaimed: use stands above the limit of " STR_FMT " (" STR_FMT ")",
			STR_ARG(s->top->path.n ? s->top->path : S("the fleet")), STR_ARG(what)));
	lose(s, k);
}

static void shed_run(shed *s)
{
	gather(s);
	vec_each (k, &s->could)
		if (may_go(s, *k))
			revoke(s, *k);
	vec_done(&s->could);
	vec_done(&s->losses);
}

static bool has_stood(const books *b, const payer *p, standing_type type, int32_t number, int64_t now_us)
{
	int64_t since_us = standing_since(&b->standing, p->handle, type, number);

	return since_us && now_us - since_us >= p->reclaim_after_us;
}

static int64_t smaller_limit(int64_t a, int64_t b)
{
	if (a == QUOTA_UNSET || b == QUOTA_UNSET)
		return a == QUOTA_UNSET ? b : a;
	return a < b ? a : b;
}

static void limit_review(turn *t, books *b, const payer *p, int32_t number)
{
	shed s = {.t = t, .b = b, .top = p, .number = number};

	if (!quota_is_over_limit(b->tree, p->handle, number) ||
		!has_stood(b, p, STANDING_OVER_LIMIT, number, t->now_us))
		return;
	quota_terms terms = quota_get(b->tree, p->handle, number);
	amounts use = quota_used(b->tree, p->handle, number);
	for (int i = 0; i < AXIS_COUNT; i++) {
		int64_t limit = smaller_limit(terms.limit.v[i], terms.class_limit.v[i]);
		s.above.v[i] = limit == QUOTA_UNSET ? 0 : use.v[i] - limit;
	}
	shed_run(&s);
}

static void credits_review(turn *t, books *b, const payer *p)
{
	shed s = {.t = t, .b = b, .top = p, .number = OF_ALL};

	if (!quota_is_over_credits(b->tree, p->handle) || !has_stood(b, p, STANDING_OVER_CREDITS, OF_ALL, t->now_us))
		return;
	s.above.v[0] = quota_credits(b->tree, p->handle) - quota_credits_limit(b->tree, p->handle);
	shed_run(&s);
}

static void payer_review(turn *t, books *b, const payer *p)
{
	int32_t models = quota_models(b->tree);

	for (int32_t m = 0; m < models; m++)
		limit_review(t, b, p, m);
	vec_each (mode, &b->modes)
		limit_review(t, b, p, *mode);
	credits_review(t, b, p);
}

bool shed_is_due(const books *b, int64_t now_us)
{
	return b->sheds && now_us >= b->shed_at_us;
}

void shed_review(turn *t, books *b)
{
	if (!shed_is_due(b, t->now_us))
		return;
	b->shed_at_us = t->now_us + SHED_EVERY_US;
	b->sheds = false;
	for (int32_t depth = 0; depth <= QUOTA_DEPTH_MAX; depth++) {
		vec_each (at, &b->payer_of) {
			const payer *p = *at;
			if (!p || p->is_deleted || p->reclaim_after_us < 0 || quota_depth(b->tree, p->handle) != depth)
				continue;
			b->sheds = true;
			payer_review(t, b, p);
		}
	}
}
