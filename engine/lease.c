#include "engine/lease.h"

#include <assert.h>
#include <string.h>

/* The search builds this file with rules left out. Here all are kept. */
#ifndef LEASE_KEEPS
#define LEASE_KEEPS(rule) true
#endif

static const char *const modes[LEASE_MODES] = {
	[LEASE_HOLD] = "hold", [LEASE_SOFT] = "soft", [LEASE_SELF_FENCE] = "self-fence"};

const char *lease_mode_name(lease_mode m)
{
	return modes[m];
}

bool lease_mode_find(const char *name, uint32_t n, lease_mode *ret)
{
	for (int m = 0; m < LEASE_MODES; m++) {
		if (strlen(modes[m]) == n && memcmp(modes[m], name, n) == 0) {
			*ret = (lease_mode)m;
			return true;
		}
	}
	return false;
}

static amounts most(amounts a, amounts b)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		if (b.v[i] > a.v[i])
			a.v[i] = b.v[i];
	return a;
}

static amounts least(amounts a, amounts b)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		if (b.v[i] < a.v[i])
			a.v[i] = b.v[i];
	return a;
}

static amounts beyond(amounts a, amounts b)
{
	return most(amounts_sub(a, b), (amounts){0});
}

amounts lease_growth(const lease *l, amounts granted)
{
	return beyond(granted, l->reserved);
}

bool lease_may_grow(bool is_anyone_learning)
{
	return !is_anyone_learning || !LEASE_KEEPS(LEARN_FIRST);
}

void lease_make_offer(lease *l, amounts granted)
{
	l->seq++;
	l->granted = granted;
	l->reserved = LEASE_KEEPS(ACK_LOWERS) ? most(l->reserved, granted) : granted;
}

static void learn(lease *l, const lease_word *w)
{
	l->is_learning = false;
	l->granted = l->reserved = w->granted;
	if (w->seq > l->seq)
		l->seq = w->seq;
}

bool lease_hear(lease *l, int64_t incarnation, const lease_word *w)
{
	if (LEASE_KEEPS(SAME_DATABASE) && w->incarnation != incarnation)
		return false;
	if (l->is_learning) {
		learn(l, w);
		return true;
	}
	if (LEASE_KEEPS(LATEST_ACK) && w->seq != l->seq)
		return false;
	lease was = *l;
	l->reserved = least(l->reserved, w->granted);
	/* Less is held than was offered: it was given up at a deadline. */
	l->granted = least(l->granted, l->reserved);
	return !amounts_eq(was.reserved, l->reserved) || !amounts_eq(was.granted, l->granted);
}

bool lease_is_ahead(const lease *l, int64_t incarnation, const lease_word *w)
{
	return w->incarnation == incarnation && w->seq > l->seq && !l->is_learning;
}

void lease_forget(lease *l)
{
	l->is_learning = true;
}

bool lease_may_reclaim(lease_mode m, int64_t heard_us, int64_t now_us, int64_t offline_us)
{
	int64_t silent_us = now_us - heard_us;

	if (m == LEASE_HOLD)
		return !LEASE_KEEPS(EXPIRY_FREES_NOTHING) && silent_us >= offline_us;
	if (m == LEASE_SELF_FENCE && LEASE_KEEPS(FENCE_MARGIN))
		silent_us -= LEASE_MARGIN_US;
	return silent_us >= offline_us;
}

void lease_reclaim(lease *l, amounts settled)
{
	l->seq++;
	l->granted = l->reserved = settled;
}

amounts lease_headroom(const lease *l, amounts settled)
{
	return beyond(l->reserved, settled);
}

void lease_answered(lease_self *s, int64_t asked_us, int64_t now_us)
{
	if (!LEASE_KEEPS(FENCE_FROM_ASKING))
		asked_us = now_us;
	if (asked_us > s->asked_us)
		s->asked_us = asked_us;
}

bool lease_meets(lease_self *s, int64_t incarnation, int64_t session)
{
	if ((LEASE_KEEPS(OWN_SESSION) && session != s->session) || incarnation <= s->incarnation)
		return false;
	s->incarnation = incarnation;
	return true;
}

void lease_begin_anew(lease_hold *h)
{
	h->seq = 0;
	h->version++;
}

bool lease_take(lease_hold *h, const lease_self *s, const lease_offer *o)
{
	if (LEASE_KEEPS(OWN_SESSION) && o->session != s->session)
		return false;
	if (LEASE_KEEPS(OWN_DATABASE) && o->incarnation != s->incarnation)
		return false;
	if (LEASE_KEEPS(NEWER_OFFER) && o->seq <= h->seq)
		return false;
	h->seq = o->seq;
	h->offered = o->granted;
	h->version++;
	return true;
}

lease_word lease_say(const lease_hold *h, const lease_self *s)
{
	amounts holds = LEASE_KEEPS(KEEP_USED) ? most(h->offered, h->used) : h->offered;

	return (lease_word){s->incarnation, h->seq, holds};
}

bool lease_is_open(const lease_self *s, int64_t now_us, int64_t offline_us)
{
	return now_us - s->asked_us < offline_us;
}

static bool fits(const lease_hold *h, amounts ask)
{
	amounts with = amounts_add(h->used, ask);

	for (int i = 0; i < AXIS_COUNT; i++)
		if (ask.v[i] && with.v[i] > h->offered.v[i])
			return !LEASE_KEEPS(WITHIN_OFFER);
	return true;
}

bool lease_spend(lease_hold *stored, const lease_hold *seen, amounts ask)
{
	if (!fits(seen, ask) || (LEASE_KEEPS(ONE_COUNTER) && stored->version != seen->version))
		return false;
	stored->used = amounts_add(seen->used, ask);
	stored->version++;
	return true;
}

void lease_return(lease_hold *h, amounts a)
{
	h->used = amounts_sub(h->used, a);
	for (int i = 0; i < AXIS_COUNT; i++)
		assert(h->used.v[i] >= 0);
	h->version++;
}

void lease_fence(lease_hold *h, amounts settled)
{
	h->offered = least(h->offered, settled);
	h->version++;
}
