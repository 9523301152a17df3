#include "server/placer/claim.h"

#include <assert.h>
#include <stdlib.h>

#include "base/heap.h"
#include "engine/fleet.h"
#include "server/placer/leaving.h"
#include "server/placer/reservation.h"

static const char *const names[CLAIM_KINDS] = {[CLAIM_RECLAIM] = "reclaim", [CLAIM_RESERVE] = "reserve"};

const char *claim_kind_name(claim_kind k)
{
	return names[k];
}

static void claim_free(claim *c)
{
	vec_done(&c->taken);
	free((char *)c->placed.p);
	free(c);
}

static claim *claim_new(books *b, booking *owner, const claim *like, const plan *p, str placed)
{
	reserve_terms terms = {owner->seq, like->from_us, like->until_us, FLEET_NONE};
	int32_t hold = b->claims.n < CLAIMS_MAX ? reserve_add(b->reserve, &b->fleet, b->tree, &terms, p) : FLEET_NONE;

	if (hold == FLEET_NONE)
		return NULL;
	claim *c = heap_new(1, sizeof *c);
	*c = *like;
	c->owner = owner;
	c->hold = hold;
	booking_text_set(&c->placed, &STR_NONE, placed);
	vec_push(&b->claims, c);
	owner->claim = c;
	return c;
}

claim *claim_make(turn *t, books *b, booking *owner, claim_kind kind, const plan *p, str placed, int64_t from_us,
	int64_t until_us)
{
	claim like = {.kind = kind, .from_us = from_us, .until_us = until_us};

	assert(!owner->claim && owner->now.life == LIFE_PENDING);
	claim *c = claim_new(b, owner, &like, p, placed);
	if (!c)
		return NULL;
	vec_push(&t->claimed, owner);
	t->cannot_undo = true;
	return c;
}

static void taken_charge(books *b, const claim *c, bool takes)
{
	const payer *p = books_payer(b, c->owner->tenant_key);

	for (uint32_t m = 0; m < c->taken.n; m++) {
		if (takes)
			quota_take(b->tree, p->handle, (int32_t)m, c->taken.v[m]);
		else
			quota_give(b->tree, p->handle, (int32_t)m, c->taken.v[m]);
	}
}

/* Who borrows from whom is told with what is charged for claims. */
static void taken_moves(books *b, const claim *c)
{
	for (uint32_t m = 0; m < c->taken.n; m++)
		if (!amounts_eq(c->taken.v[m], (amounts){0}))
			standing_moved(&b->standing, (int32_t)m);
}

/* What was kept is there for all again. */
static void plan_opens(books *b, const plan *p)
{
	for (uint32_t i = 0; i < p->devices.n; i++)
		change_freed(&b->changes, p->cluster, b->fleet.devices.v[p->devices.v[i].device].class_id);
}

static void claim_drop(books *b, claim *c)
{
	uint32_t at = 0;

	taken_charge(b, c, false);
	taken_moves(b, c);
	plan_opens(b, reserve_plan(b->reserve, c->hold));
	change_fell(&b->changes, QUOTA_ROOT);
	reserve_drop(b->reserve, &b->fleet, b->tree, c->hold);
	while (b->claims.v[at] != c)
		at++;
	vec_remove_fast(&b->claims, at);
	c->owner->claim = NULL;
	claim_free(c);
}

void claim_end(turn *t, books *b, booking *owner)
{
	if (!owner->claim)
		return;
	leaving l = {0};

	leaving_find(t, b, reserve_plan(b->reserve, owner->claim->hold), &l);
	claim_drop(b, owner->claim);
	leaving_end(t, b, &l);
	for (uint32_t i = 0; i < t->claimed.n; i++)
		if (t->claimed.v[i] == owner)
			vec_remove_fast(&t->claimed, i--);
	vec_push(&t->unclaimed, str_dup(t->a, owner->id));
	t->cannot_undo = true;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How much of what frees the owner still has to be charged. */
static amounts share_of(const books *b, const claim *c, int32_t model, amounts freed)
{
	amounts needs = plan_charge(&b->fleet, reserve_plan(b->reserve, c->hold), model);

	needs = amounts_sub(needs, c->taken.v[model]);
	for (int i = 0; i < AXIS_COUNT; i++)
		needs.v[i] = least(needs.v[i], freed.v[i]);
	return needs;
}

void claim_freed(books *b, const booking *victim)
{
	const booking *owner = victim->evicted_by.n ? books_booking(b, victim->evicted_by) : NULL;

	if (!owner || !owner->claim || owner->claim->kind != CLAIM_RECLAIM)
		return;
	claim *c = owner->claim;
	int32_t tenant = books_payer(b, owner->tenant_key)->handle;
	while (c->taken.n < b->fleet.classes.n)
		(void)vec_add(&c->taken);
	for (int32_t m = 0; m < (int32_t)b->fleet.classes.n; m++) {
		amounts freed = plan_charge(&b->fleet, &victim->held, m);
		if (!freed.v[AXIS_DEVICE_MILLI])
			continue;
		amounts part = share_of(b, c, m, freed);
		c->taken.v[m] = amounts_add(c->taken.v[m], part);
		quota_take(b->tree, tenant, m, part);
		standing_moved(&b->standing, m);
	}
}

void claims_expire(turn *t, books *b)
{
	for (uint32_t i = 0; i < b->claims.n; i++) {
		claim *c = b->claims.v[i];
		if (c->until_us > t->now_us)
			continue;
		claim_end(t, b, c->owner);
		i--;
	}
}

void claim_lift(books *b, const booking *k, int64_t now_us, int64_t max_runtime_s)
{
	const reservation *x = k->reserved.n ? reservation_named(b, k->tenant_key, k->reserved) : NULL;

	reserve_lift(b->reserve, &b->fleet, b->tree, x ? reservation_owner(x) : k->seq, now_us,
		x ? reservation_runtime_s(x, now_us, max_runtime_s) : max_runtime_s);
	if (k->claim)
		taken_charge(b, k->claim, false);
}

void claim_apply(books *b, const booking *k)
{
	if (k->claim)
		taken_charge(b, k->claim, true);
	reserve_apply(b->reserve, &b->fleet, b->tree);
}

void claims_charge(books *b, bool takes)
{
	vec_each (c, &b->claims)
		taken_charge(b, *c, takes);
}

claim *claim_any(const books *b, claim_kind kind)
{
	for (uint32_t i = 0; i < b->claims.n; i++)
		if (b->claims.v[i]->kind == kind)
			return b->claims.v[i];
	return NULL;
}

void claim_load(books *b, booking *owner, const sql_load_holds_row *row, const plan *p)
{
	claim like = {.kind = str_eq(row->kind, S("reclaim")) ? CLAIM_RECLAIM : CLAIM_RESERVE,
		.from_us = row->from_at,
		.until_us = row->until_at};

	if (!owner->claim)
		(void)claim_new(b, owner, &like, p, row->placed);
}

void claims_clear(books *b)
{
	while (b->claims.n)
		claim_drop(b, b->claims.v[b->claims.n - 1]);
}

void claims_forget(books *b)
{
	vec_each (c, &b->claims) {
		(*c)->owner->claim = NULL;
		claim_free(*c);
	}
	vec_done(&b->claims);
}
