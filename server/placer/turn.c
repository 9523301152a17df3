#include "server/placer/turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/charge.h"
#include "server/placer/claim.h"
#include "server/placer/drift.h"
#include "server/placer/leaving.h"
#include "server/placer/lend.h"
#include "server/placer/reservation.h"
#include "server/placer/use.h"
#include "server/placer/spend.h"

void turn_init(turn *t)
{
	*t = (turn){0};
}

static void sums_clear(turn_sums *s)
{
	vec_clear(&s->v);
	map_clear(&s->at);
}

static void sums_done(turn_sums *s)
{
	vec_done(&s->v);
	map_done(&s->at);
}

static void lents_clear(turn *t)
{
	vec_each (x, &t->lents)
		(*x)->is_touched = false;
	vec_clear(&t->lents);
	vec_clear(&t->pods);
	vec_clear(&t->pods_gone);
	vec_clear(&t->digests);
	vec_clear(&t->drifted);
}

void turn_begin(turn *t, int64_t now_us)
{
	assert(!t->touches.n);
	arena_end(t->a);
	t->a = arena_new(0);
	t->now_us = now_us;
	t->cannot_undo = t->has_inventory = t->has_standing = t->has_searched = false;
	vec_clear(&t->moved);
	vec_clear(&t->spent);
	vec_clear(&t->crossed);
	t->refusals = t->unknown_slices = t->evictions = 0;
	t->evicted_milli = t->evicted_for_milli = 0;
	sums_clear(&t->node_sums);
	sums_clear(&t->device_sums);
	sums_clear(&t->tenant_sums);
	vec_clear(&t->escrows);
	map_clear(&t->escrow_at);
	vec_clear(&t->opened);
	vec_clear(&t->closed);
	vec_clear(&t->nodes);
	vec_clear(&t->devices);
	map_clear(&t->node_at);
	map_clear(&t->device_at);
	vec_clear(&t->nodes_gone);
	vec_clear(&t->devices_gone);
	vec_clear(&t->nodes_marked);
	vec_clear(&t->devices_marked);
	vec_clear(&t->learned);
	vec_clear(&t->consumed);
	vec_clear(&t->retold);
	vec_clear(&t->uses);
	vec_clear(&t->hints);
	vec_clear(&t->unhinted);
	vec_clear(&t->claimed);
	vec_clear(&t->unclaimed);
	vec_clear(&t->evicted);
	vec_clear(&t->departed);
	vec_clear(&t->reserved);
	vec_clear(&t->unreserved);
	lents_clear(t);
	t->aside = (turn_aside){0};
}

static void touches_drop(turn *t)
{
	vec_each (x, &t->touches) {
		plan_done(&x->held_before);
		x->b->touch_at = 0;
	}
	vec_clear(&t->touches);
}

void turn_done(turn *t)
{
	touches_drop(t);
	vec_done(&t->touches);
	sums_done(&t->node_sums);
	sums_done(&t->device_sums);
	sums_done(&t->tenant_sums);
	vec_done(&t->escrows);
	map_done(&t->escrow_at);
	vec_done(&t->opened);
	vec_done(&t->closed);
	vec_done(&t->nodes);
	vec_done(&t->devices);
	map_done(&t->node_at);
	map_done(&t->device_at);
	vec_done(&t->nodes_gone);
	vec_done(&t->devices_gone);
	vec_done(&t->nodes_marked);
	vec_done(&t->devices_marked);
	vec_done(&t->learned);
	vec_done(&t->consumed);
	vec_done(&t->retold);
	vec_done(&t->moved);
	vec_done(&t->uses);
	vec_done(&t->hints);
	vec_done(&t->unhinted);
	vec_done(&t->claimed);
	vec_done(&t->unclaimed);
	vec_done(&t->evicted);
	vec_done(&t->departed);
	vec_done(&t->reserved);
	vec_done(&t->unreserved);
	vec_done(&t->lents);
	vec_done(&t->pods);
	vec_done(&t->pods_gone);
	vec_done(&t->digests);
	vec_done(&t->drifted);
	vec_done(&t->spent);
	vec_done(&t->crossed);
	arena_end(t->a);
	t->a = NULL;
}

bool turn_is_empty(const turn *t)
{
	return !t->has_standing && !t->moved.n && !t->crossed.n && !t->touches.n && !t->consumed.n && !t->retold.n &&
	       !t->aside.seq && !t->nodes.n && !t->devices.n && !t->nodes_gone.n && !t->devices_gone.n &&
	       !t->nodes_marked.n && !t->devices_marked.n && !t->hints.n && !t->claimed.n && !t->unclaimed.n &&
	       !t->departed.n && !t->reserved.n && !t->unreserved.n && !t->lents.n && !t->pods.n && !t->pods_gone.n &&
	       !t->drifted.n;
}

bool turn_can_undo(const turn *t)
{
	return !t->cannot_undo && !t->has_inventory;
}

touch *turn_of(turn *t, const booking *k)
{
	return k->touch_at ? &t->touches.v[k->touch_at - 1] : NULL;
}

touch *turn_touch(turn *t, booking *k, str actor)
{
	touch *x = turn_of(t, k);

	if (!x) {
		x = vec_add(&t->touches);
		x->b = k;
		x->before = k->now;
		plan_init(&x->held_before);
		k->touch_at = t->touches.n;
	}
	x->actor = actor;
	return x;
}

touch *turn_add(turn *t, books *b, booking *k, str actor)
{
	touch *x = turn_touch(t, k, actor);

	x->is_new = true;
	books_enter(b, k);
	return x;
}

void turn_reason(turn *t, booking *k, str reason)
{
	reason = str_cut(reason, 0, BOOKING_REASON_MAX);
	while (reason.n && !str_is_utf8(reason))
		reason.n--;
	booking_text_set(&k->now.reason, &turn_of(t, k)->before.reason, reason);
}

void turn_placed(turn *t, booking *k, str json)
{
	booking_text_set(&k->now.placed, &turn_of(t, k)->before.placed, json);
}

static turn_sum *sum_of(turn_sums *s, int32_t key, int32_t class_id)
{
	uint64_t name = ((uint64_t)key << 24 | (uint64_t)(class_id + 1)) + 1;
	uintptr_t at = (uintptr_t)map_find_num(&s->at, name);

	if (!at) {
		vec_push(&s->v, ((turn_sum){.key = key, .class_id = class_id}));
		at = s->v.n;
		map_put_num(&s->at, name, (void *)at);
	}
	return &s->v.v[at - 1];
}

static void sum_add(turn_sums *s, int32_t key, const int64_t by[3])
{
	turn_sum *x = sum_of(s, key, FLEET_NONE);

	for (int i = 0; i < 3; i++)
		x->v[i] += by[i];
}

/* A tenant's use is that of its subtree: the charge counts in every ancestor. */
static void sum_charge(
	turn *t, const books *b, int32_t tenant, int32_t number, amounts charge, int64_t sign, bool grows)
{
	for (; tenant != FLEET_NONE; tenant = quota_parent(b->tree, tenant)) {
		turn_sum *x = sum_of(&t->tenant_sums, b->payer_of.v[tenant]->key, number);
		for (int i = 0; i < 3; i++) {
			x->v[i] += sign * charge.v[i];
			x->grown[i] += grows ? charge.v[i] : 0;
		}
	}
}

static turn_escrow *escrow_of(turn *t, int32_t tenant_key, int32_t model, int32_t cluster)
{
	uint64_t name = ((uint64_t)tenant_key << 32 | (uint64_t)model << 20 | (uint64_t)cluster) + 1;
	uintptr_t at = (uintptr_t)map_find_num(&t->escrow_at, name);

	static_assert(FLEET_CLASSES_MAX <= 1 << 12, "the three fit a name");
	assert(cluster < 1 << 20);
	if (!at) {
		vec_push(&t->escrows, ((turn_escrow){.tenant_key = tenant_key, .cluster = cluster, .model = model}));
		at = t->escrows.n;
		map_put_num(&t->escrow_at, name, (void *)at);
	}
	return &t->escrows.v[at - 1];
}

static void sum_slice(
	turn *t, books *b, int32_t tenant, int32_t cluster, const plan_device *s, int64_t sign, bool grows)
{
	int32_t model = b->fleet.devices.v[s->device].class_id, mode = charge_mode(&b->fleet, s);

	turn_escrow *e = escrow_of(t, b->payer_of.v[tenant]->key, model, cluster);

	for (int i = 0; i < AXIS_COUNT; i++)
		e->by.v[i] += sign * s->charge.v[i];
	sum_charge(t, b, tenant, model, s->charge, sign, grows);
	standing_moved(&b->standing, model);
	if (mode == FLEET_NONE)
		return;
	sum_charge(t, b, tenant, mode, s->charge, sign, grows);
	standing_moved(&b->standing, mode);
}

void turn_charge(turn *t, const books *b, int32_t tenant, int32_t number, amounts by, amounts grown)
{
	for (; tenant != FLEET_NONE; tenant = quota_parent(b->tree, tenant)) {
		turn_sum *x = sum_of(&t->tenant_sums, b->payer_of.v[tenant]->key, number);
		for (int i = 0; i < 3; i++) {
			x->v[i] += by.v[i];
			x->grown[i] += grown.v[i];
		}
	}
}

void turn_move(turn *t, const books *b, int32_t from, int32_t to, int32_t number, amounts use)
{
	sum_charge(t, b, from, number, use, -1, false);
	sum_charge(t, b, to, number, use, 1, false);
}

static void sum_plan(turn *t, books *b, int32_t tenant, const plan *p, int64_t sign, bool grows)
{
	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		int64_t host[3] = {sign * pod->cpu_milli, sign * pod->memory_mib, sign};
		sum_add(&t->node_sums, b->nodes.v[pod->node].key, host);
	}
	for (uint32_t i = 0; i < p->devices.n; i++) {
		const plan_device *d = &p->devices.v[i];
		int64_t slice[3] = {sign * d->memory_mib, sign * d->compute_milli, sign};
		sum_add(&t->device_sums, b->devices.v[d->device].key, slice);
		sum_slice(t, b, tenant, p->cluster, d, sign, grows);
	}
}

/* Keeps what the placement held before the turn, once. */
static void hold_before(touch *x)
{
	if (x->is_stale)
		return;
	plan_copy(&x->held_before, &x->b->held);
	x->is_stale = true;
}

void turn_took(turn *t, books *b, booking *k)
{
	touch *x = turn_of(t, k);

	x->is_stale =
		true; /* it held nothing before: held_before is empty, or what was given back earlier in the turn */
	sum_plan(t, b, books_payer(b, k->tenant_key)->handle, &k->held, 1, !k->is_lent);
	books_hold(b, k);
	use_touch(b, k->tenant_key);
	reservation_took(t, b, k);
	if (k->is_lent)
		lend_booked(t, b, k, 1);
	spend_follow(t, b, k);
}

/* What frees in a plan, for those that wait. */
static void plan_frees(books *b, int32_t tenant, const plan *p)
{
	if (!p->devices.n)
		change_freed(&b->changes, p->cluster, FLEET_NONE);
	for (uint32_t i = 0; i < p->devices.n; i++)
		change_freed(&b->changes, p->cluster, b->fleet.devices.v[p->devices.v[i].device].class_id);
	for (; tenant != FLEET_NONE; tenant = quota_parent(b->tree, tenant))
		change_fell(&b->changes, tenant);
}

/* Whatever becomes of it now, the server decides. */
static void lent_end(turn *t, books *b, booking *k)
{
	lend_booked(t, b, k, -1);
	k->is_lent = false;
	vec_push(&t->pods, ((turn_pod){str_dup(t->a, k->id), k->tenant_key, false}));
}

void turn_give(turn *t, books *b, booking *k)
{
	touch *x = turn_of(t, k);
	int32_t tenant = books_payer(b, k->tenant_key)->handle;
	leaving l = {0};

	if (!k->held.pods.n)
		return;
	hold_before(x);
	sum_plan(t, b, tenant, &k->held, -1, false);
	plan_frees(b, tenant, &k->held);
	use_touch(b, k->tenant_key);
	leaving_find(t, b, &k->held, &l);
	books_unhold(b, k);
	place_give(&b->fleet, b->tree, tenant, &k->held);
	if (k->evicted_by.n)
		claim_freed(b, k);
	leaving_end(t, b, &l);
	if (k->within)
		reservation_gave(t, b, k);
	if (k->is_lent)
		lent_end(t, b, k);
	plan_clear(&k->held);
}

void turn_node_put(turn *t, turn_node n)
{
	uintptr_t at = (uintptr_t)map_find_num(&t->node_at, (uint64_t)n.key);

	t->has_inventory = true;
	if (at) {
		t->nodes.v[at - 1] = n;
		return;
	}
	vec_push(&t->nodes, n);
	map_put_num(&t->node_at, (uint64_t)n.key, (void *)(uintptr_t)t->nodes.n);
}

void turn_device_put(turn *t, turn_device d)
{
	uintptr_t at = (uintptr_t)map_find_num(&t->device_at, (uint64_t)d.key);

	t->has_inventory = true;
	if (at) {
		t->devices.v[at - 1] = d;
		return;
	}
	vec_push(&t->devices, d);
	map_put_num(&t->device_at, (uint64_t)d.key, (void *)(uintptr_t)t->devices.n);
}

static void touch_keep(books *b, touch *x)
{
	booking_texts_free(&x->before, &x->b->now);
	if (!lifecycle_is_final(x->b->now.life))
		return;
	books_leave(b, x->b);
	plan_done(&x->held_before);
	booking_free(x->b);
	x->b = NULL;
}

void turn_keep(turn *t, books *b)
{
	standing_keep(&b->standing);
	if (t->moved.n)
		vec_clear(&b->moves_over);
	vec_each (u, &t->uses)
		use_add(b, u->tenant_key, u->rate, u->at_us);
	vec_each (x, &t->touches) {
		x->b->touch_at = 0;
		drift_follow(b, x);
		if (lifecycle_is_final(x->b->now.life))
			market_depart(b->market, (int32_t)x->held_before.pods.n);
		plan_done(&x->held_before);
		touch_keep(b, x);
	}
	vec_clear(&t->touches);
	drift_compare(t, b);
	vec_each (x, &t->reserved)
		(*x)->is_told = (*x)->is_news = false;
	vec_each (s, &t->drifted)
		(*s)->n_drifted = 0;
}

static void touch_release(books *b, const touch *x)
{
	if (!x->is_stale)
		return;
	books_unhold(b, x->b);
	if (x->b->held.pods.n)
		place_give(&b->fleet, b->tree, books_payer(b, x->b->tenant_key)->handle, &x->b->held);
}

static void touch_restore(books *b, touch *x)
{
	booking *k = x->b;

	k->touch_at = 0;
	booking_texts_free(&k->now, &x->before);
	k->now = x->before;
	if (x->is_stale) {
		plan_copy(&k->held, &x->held_before);
		if (k->held.pods.n)
			place_take(&b->fleet, b->tree, books_payer(b, k->tenant_key)->handle, &k->held);
		books_hold(b, k);
	}
	plan_done(&x->held_before);
	spend_follow(NULL, b, k);
	if (!x->is_new) {
		books_follow(b, k);
		return;
	}
	books_leave(b, k);
	booking_free(k);
}

void turn_undo(turn *t, books *b)
{
	assert(turn_can_undo(t));
	standing_undo(&b->standing);
	spend_undo(t, b);
	vec_each (x, &t->touches)
		touch_release(b, x);
	vec_each (x, &t->touches)
		touch_restore(b, x);
	vec_clear(&t->touches);
	if (t->reserved.n)
		reservations_restore(b);
}
