#include "server/placer/use.h"

#include "engine/fleet.h"

static payer *above(const books *b, const payer *p)
{
	return p->parent_key ? books_payer(b, p->parent_key) : NULL;
}

void use_add_bucket(books *b, int32_t tenant_key, int64_t bucket, history_sum rate, history_sum rate_us)
{
	payer *p = books_payer(b, tenant_key);

	if (!p)
		return;
	history_add_bucket(&b->curve, &p->own, bucket, rate, rate_us);
	for (; p; p = above(b, p)) {
		history_add_bucket(&b->curve, &p->all, bucket, rate, rate_us);
		p->used_at_us = 0;
	}
}

void use_add(books *b, int32_t tenant_key, int64_t rate, int64_t at_us)
{
	int64_t bucket_us = b->curve.bucket_us;

	use_add_bucket(b, tenant_key, at_us / bucket_us, rate, (history_sum)rate * (at_us % bucket_us));
}

void use_touch(books *b, int32_t tenant_key)
{
	for (payer *p = b->waiting.n ? books_payer(b, tenant_key) : NULL; p; p = above(b, p))
		p->used_at_us = 0;
}

void use_weigh(books *b)
{
	map_each (slot, &b->payers)
		((payer *)slot->value)->weights = USE_OWN_WEIGHT;
	map_each (slot, &b->payers) {
		const payer *p = slot->value;
		payer *up = p->is_deleted ? NULL : above(b, p);
		if (up)
			up->weights += p->weight;
	}
}

void use_move(books *b, const payer *p, int32_t parent_key, int sign)
{
	for (payer *up = books_payer(b, parent_key); up; up = above(b, up)) {
		history_join(&b->curve, &up->all, &p->all, sign);
		up->used_at_us = 0;
	}
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum > FAIR_USE_MAX ? FAIR_USE_MAX : sum;
}

/* What its holdings come to over the time ahead, in the unit of history. */
static int64_t ahead(const books *b, const payer *p, bool is_own)
{
	int64_t rate = 0;

	for (int32_t m = 0; m < quota_models(b->tree); m++) {
		amounts has = is_own ? quota_used_own(b->tree, p->handle, m) : quota_used(b->tree, p->handle, m);
		rate += books_rate(b, m, has.v[AXIS_DEVICE_MILLI]);
	}
	return rate * USE_AHEAD_S;
}

static void refresh(books *b, payer *p, int64_t now_us)
{
	if (p->used_at_us == now_us)
		return;
	p->used_own = add(history_use(&b->curve, &p->own, now_us), ahead(b, p, true));
	p->used_all = add(history_use(&b->curve, &p->all, now_us), ahead(b, p, false));
	p->used_at_us = now_us;
}

fair_path use_path(books *b, const payer *p, int64_t now_us)
{
	fair_path path = {0};
	payer *chain[FAIR_DEPTH_MAX];
	int32_t n = 0;

	for (payer *at = b->payer_of.v[p->handle]; at && n < FAIR_DEPTH_MAX; at = above(b, at)) {
		refresh(b, at, now_us);
		chain[n++] = at;
	}
	/* The root itself has no siblings. */
	for (int32_t i = n - 2; i >= 0; i--)
		path.v[path.n++] = (fair_step){
			chain[i]->weight, chain[i + 1]->weights, chain[i]->used_all, chain[i + 1]->used_all};
	if (path.n < FAIR_DEPTH_MAX)
		path.v[path.n++] =
			(fair_step){USE_OWN_WEIGHT, chain[0]->weights, chain[0]->used_own, chain[0]->used_all};
	return path;
}

static bool names_guarantee(const books *b, int32_t tenant, int32_t model)
{
	return quota_get(b->tree, tenant, model).guaranteed.v[AXIS_DEVICE_MILLI] > 0;
}

bool use_is_guaranteed(const books *b, const payer *p, int32_t model, int64_t milli)
{
	if (model == FLEET_NONE || !milli)
		return false;
	for (int32_t t = p->handle; t != QUOTA_ROOT && t != FLEET_NONE; t = quota_parent(b->tree, t))
		if (names_guarantee(b, t, model) && quota_balance(b->tree, t, model).v[AXIS_DEVICE_MILLI] >= milli)
			return true;
	return false;
}

static const booking *head(const queue_line *l)
{
	return l->at ? l->at : l->oldest;
}

static bool line_is_guaranteed(const books *b, const queue_line *l)
{
	return use_is_guaranteed(b, l->payer, l->model, head(l)->terms.milli);
}

bool use_is_before(books *b, const queue_line *x, const queue_line *y, int64_t now_us)
{
	const booking *first = head(x), *second = head(y);

	if (!first->claim != !second->claim)
		return first->claim != NULL;
	if (x->rank->value != y->rank->value)
		return x->rank->value > y->rank->value;
	bool is_due = line_is_guaranteed(b, x), other_is_due = line_is_guaranteed(b, y);
	if (is_due != other_is_due)
		return is_due;
	if (x->payer != y->payer) {
		fair_path a = use_path(b, x->payer, now_us), c = use_path(b, y->payer, now_us);
		int order = fair_compare(&a, &c);
		if (order)
			return order < 0;
	}
	return first->seq < second->seq;
}

int64_t use_position(books *b, const booking *k, int64_t now_us)
{
	int64_t at = k->line ? k->line->n : 0;

	if (!k->line || b->looks_left < (int64_t)b->waiting.lines.n)
		return 0;
	for (uint32_t i = 0; i < b->waiting.lines.n; i++, b->looks_left--) {
		const queue_line *l = b->waiting.lines.v[i];
		if (l == k->line || l->model != k->line->model || l->rank->value != k->line->rank->value)
			continue;
		if (use_is_before(b, l, k->line, now_us))
			at += l->n;
	}
	for (const booking *x = k->newer; x; x = x->newer, at--)
		if (b->looks_left-- <= 0)
			return 0;
	return at;
}
