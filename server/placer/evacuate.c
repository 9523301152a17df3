#include "server/placer/evacuate.h"

#include "server/placer/decide.h"

static bool is_emptied(const site *s)
{
	return !s->is_deleted && (s->is_lost || (s->drain_grace_s >= 0 && !s->is_frozen));
}

static bool may_wait_anew(books *b, booking *k)
{
	decide_terms(b, k);
	return k->terms.may_wait && !str_eq(k->origin, S("pod"));
}

static void tell_to_end(turn *t, books *b, booking *k, const site *s)
{
	turn_touch(t, k, ACTOR_PLACER);
	k->now.life = LIFE_REVOKING;
	k->now.grace_s = s->is_lost ? 0 : s->drain_grace_s;
	turn_reason(t, k,
		str_print(t->a,
			s->is_lost ? "its cluster " STR_FMT " was declared lost" : "its cluster " STR_FMT " is drained",
			STR_ARG(s->name)));
	if (s->requeues && may_wait_anew(b, k)) {
		booking_text_set(&k->evicted_by, &STR_NONE, s->name);
		vec_push(&t->evicted, k);
		t->evictions++;
	}
	t->cannot_undo = true;
}

/* Nobody else will say that it has ended. */
static void let_go(turn *t, books *b, booking *k)
{
	if (k->evicted_by.n)
		decide_departed(t, b, k, t->now_us, ACTOR_PLACER);
	else
		decide_end(t, b, k, LIFE_FAILED, t->now_us, STR_NONE, ACTOR_PLACER);
}

static void booking_review(turn *t, books *b, booking *k)
{
	const site *s = k->now.cluster_key ? books_site(b, k->now.cluster_key) : NULL;

	if (!s || k->touch_at || !is_emptied(s))
		return;
	if (lifecycle_may(k->now.life, LIFE_REVOKING))
		tell_to_end(t, b, k, s);
	else if (s->is_lost && k->now.life == LIFE_REVOKING)
		let_go(t, b, k);
}

static bool is_any_emptied(const books *b)
{
	map_each (slot, &b->sites)
		if (is_emptied(slot->value))
			return true;
	return false;
}

/* Letting go changes the map that is walked: what is concerned is listed before. */
static bool list(const books *b, booking **ret, uint32_t *ret_n)
{
	*ret_n = 0;
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		const site *s = k->now.cluster_key ? books_site(b, k->now.cluster_key) : NULL;
		bool is_over = k->now.life == LIFE_REVOKING && (!s || !s->is_lost);
		if (!s || !is_emptied(s) || is_over)
			continue;
		if (*ret_n == EVACUATE_TURN_MAX)
			return false;
		ret[(*ret_n)++] = k;
	}
	return true;
}

bool evacuate_is_due(const books *b, int64_t now_us)
{
	return b->is_evacuating && now_us >= b->evacuate_at_us;
}

void evacuate_review(turn *t, books *b)
{
	booking *some[EVACUATE_TURN_MAX];
	uint32_t n;

	if (!evacuate_is_due(b, t->now_us))
		return;
	b->is_evacuating = is_any_emptied(b);
	bool is_all = !b->is_evacuating || list(b, some, &n);
	for (uint32_t i = 0; b->is_evacuating && i < n; i++)
		booking_review(t, b, some[i]);
	b->evacuate_at_us = is_all && !t->touches.n ? t->now_us + EVACUATE_EVERY_US : 0;
}
