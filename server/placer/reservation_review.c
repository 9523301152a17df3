#include <string.h>

#include "engine/fleet.h"
#include "server/placer/body.h"
#include "server/placer/decide.h"
#include "server/placer/leaving.h"
#include "server/placer/reservation_inside.h"

#define US_PER_S 1000000LL

bool reservations_are_due(const books *b, int64_t now_us)
{
	return b->reservations.v.n && now_us >= b->reservations.due_us;
}

static void release(turn *t, books *b, str name, const char *reason)
{
	sql_inbox_next_row row = {.object_id = name, .body = str_from(reason), .actor = ACTOR_PLACER};

	decide_release(t, b, &row);
}

/* Those that wait for it; the queue changes while they go. */
static void waiting_release(turn *t, books *b, const reservation *x, const char *reason)
{
	vec(booking *) list = {0};

	queue_each(k, &b->waiting)
	{
		if (str_eq(k->reserved, x->id) && !k->touch_at)
			vec_push(&list, k);
	}
	vec_each (k, &list)
		release(t, b, (*k)->id, reason);
	vec_done(&list);
}

/* The devices that only it held, and that are gone, go with it. */
static void let_go(turn *t, books *b, reservation *x)
{
	leaving l = {0};

	if (x->whole.devices.n)
		leaving_find(t, b, &x->whole, &l);
	reservation_let_go(b, x);
	leaving_end(t, b, &l);
}

static void reservation_end(turn *t, books *b, reservation *x)
{
	const char *reason = x->is_over ? "its reservation was deleted" : "its reservation is over";

	vec_each (k, &x->members)
		(*k)->within = NULL;
	vec_each (k, &x->members)
		release(t, b, (*k)->id, reason);
	vec_clear(&x->members);
	waiting_release(t, b, x, reason);
	let_go(t, b, x);
	x->state = RESERVATION_ENDED;
	t->cannot_undo = true;
	if (x->is_over)
		vec_push(&t->unreserved, str_dup(t->a, x->id));
	else
		reservation_tell(t, x, true);
}

static bool has_left(const books *b, const plan_device *s)
{
	const fleet_device *d = &b->fleet.devices.v[s->device];

	return (d->flags | b->fleet.nodes.v[d->node].flags) & FLEET_GONE;
}

static uint32_t count_left(const books *b, const reservation *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->whole.devices.n; i++)
		n += has_left(b, &x->whole.devices.v[i]);
	return n;
}

/* Holds what has not left. */
static void plan_shrink(const books *b, const plan *p, plan *to)
{
	to->cluster = p->cluster;
	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		bool is_first = true;
		for (uint32_t k = 0; k < pod->n; k++) {
			const plan_device *s = &p->devices.v[pod->first + k];
			if (has_left(b, s))
				continue;
			if (is_first)
				plan_add_pod(to, 0, (int32_t)i, pod->node, 0, 0);
			is_first = false;
			plan_add_device(to, *s);
		}
	}
}

static void placed_set(const books *b, reservation *x, arena *a)
{
	group_ask group = {.name = S("reservation")};
	js_list groups = {&group, 1};

	booking_text_set(&x->placed, &STR_NONE, body_placed(b, &x->whole, &groups, a));
}

/* Another plan in the place of what it holds. */
static void adopt(turn *t, books *b, reservation *x, const plan *p)
{
	plan whole;

	plan_init(&whole);
	plan_copy(&whole, p);
	let_go(t, b, x);
	plan_copy(&x->whole, &whole);
	plan_done(&whole);
	if (x->state == RESERVATION_PENDING)
		x->state = RESERVATION_HELD;
	reservation_hold(b, x);
	placed_set(b, x, t->a);
	booking_text_set(&x->blockers, &STR_NONE, STR_NONE);
	t->cannot_undo = true;
	reservation_tell(t, x, true);
}

static void lost(turn *t, books *b, reservation *x)
{
	plan rest;

	plan_init(&rest);
	plan_shrink(b, &x->whole, &rest);
	if (rest.devices.n) {
		adopt(t, b, x, &rest);
	} else {
		let_go(t, b, x);
		x->state = RESERVATION_PENDING;
		booking_text_set(&x->placed, &STR_NONE, STR_NONE);
		t->cannot_undo = true;
		reservation_tell(t, x, true);
	}
	x->tried_us = 0;
	plan_done(&rest);
}

static bool is_short(const reservation *x)
{
	return x->state == RESERVATION_PENDING || ((int32_t)x->whole.devices.n < x->wanted && !x->members.n);
}

static bool may_look(const books *b, const reservation *x, int64_t now_us)
{
	int64_t wait_s = b->changes.count != x->tried ? RESERVATION_AGAIN_S : RESERVATION_LOOK_S;

	return is_short(x) && (!x->tried_us || now_us >= x->tried_us + wait_s * US_PER_S) &&
	       (x->hold != FLEET_NONE || b->reservations.n_held < RESERVATIONS_MAX);
}

static void blockers_tell(turn *t, books *b, reservation *x, const reasons *r)
{
	js_list list = body_blockers(b, r, t->a);
	str json = body_list(&placement_blocker_type, &list, t->a);

	if (str_eq(json, x->blockers))
		return;
	booking_text_set(&x->blockers, &STR_NONE, json);
	t->cannot_undo = true;
	reservation_tell(t, x, false);
}

static void look_for(turn *t, books *b, reservation *x)
{
	reasons r;
	plan p;

	plan_init(&p);
	if (reservation_find(b, x, t->now_us, &p, &r))
		adopt(t, b, x, &p);
	else
		blockers_tell(t, b, x, &r);
	x->tried_us = t->now_us;
	x->tried = b->changes.count;
	plan_done(&p);
}

static void begin(turn *t, books *b, reservation *x)
{
	x->state = RESERVATION_ACTIVE;
	reservation_hold(b, x);
	change_opened(&b->changes, x->whole.cluster);
	t->cannot_undo = true;
	reservation_tell(t, x, true);
}

static void look_at(turn *t, books *b, reservation *x, bool may_search)
{
	if (x->state == RESERVATION_ENDED)
		return;
	if (x->is_over || t->now_us >= x->ends_us) {
		reservation_end(t, b, x);
		return;
	}
	if (count_left(b, x))
		lost(t, b, x);
	if (may_search)
		look_for(t, b, x);
	if (x->state == RESERVATION_HELD && t->now_us >= x->starts_us)
		begin(t, b, x);
}

static int64_t sooner(int64_t at_us, int64_t than_us, int64_t now_us)
{
	return at_us > now_us && at_us < than_us ? at_us : than_us;
}

static int64_t next_due(const books *b, int64_t now_us)
{
	int64_t due_us = now_us + RESERVATION_LOOK_S * US_PER_S;

	for (uint32_t i = 0; i < b->reservations.v.n; i++) {
		const reservation *x = b->reservations.v.v[i];
		if (is_short(x))
			due_us = sooner(now_us + RESERVATION_AGAIN_S * US_PER_S, due_us, now_us);
		due_us = sooner(x->starts_us, due_us, now_us);
		due_us = sooner(x->ends_us, due_us, now_us);
	}
	return due_us;
}

/* The first that may be searched for, of those that were not for the longest time. */
static reservation *next_search(const books *b, int64_t now_us)
{
	reservation *best = NULL;

	for (uint32_t i = 0; i < b->reservations.v.n; i++) {
		reservation *x = b->reservations.v.v[i];
		if (!x->is_over && now_us < x->ends_us && x->state != RESERVATION_ENDED && may_look(b, x, now_us) &&
			(!best || x->tried_us < best->tried_us))
			best = x;
	}
	return best;
}

void reservations_review(turn *t, books *b)
{
	if (!reservations_are_due(b, t->now_us))
		return;
	reservations_purge(b);
	reservation *chosen = next_search(b, t->now_us);
	for (uint32_t i = 0; i < b->reservations.v.n; i++)
		look_at(t, b, b->reservations.v.v[i], b->reservations.v.v[i] == chosen);
	b->reservations.due_us = next_search(b, t->now_us) ? t->now_us : next_due(b, t->now_us);
}
