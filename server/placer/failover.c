#include "server/placer/failover.h"

#include "server/placer/decide.h"
#include "server/placer/govern.h"

#define US_PER_S      INT64_C(1000000)
#define REASON_BEGINS "its cluster was not heard of for "

enum { FENCE_PART = 3, FENCE_LEAST_S = 3, FENCE_MOST_S = 90, SPEAK_PARTS = 5 };

void failover_terms(books *b, booking_terms *terms, str when_lost, int64_t lost_after_s, bool may_wait)
{
	bool is_fenced = str_eq(when_lost, S("restart_after"));

	terms->lost_after_s = 0;
	terms->is_fenced = false;
	if (!may_wait || !(is_fenced || str_eq(when_lost, S("best_effort_duplicate"))))
		return;
	terms->is_fenced = is_fenced;
	terms->lost_after_s = lost_after_s > 0 ? lost_after_s : FAILOVER_LOST_AFTER_S;
	if (!b->lost_least_s || terms->lost_after_s < b->lost_least_s)
		b->lost_least_s = terms->lost_after_s;
}

int64_t failover_fence_s(const booking *k)
{
	int64_t part = k->terms.lost_after_s / FENCE_PART;

	if (!k->terms.is_fenced || str_eq(k->origin, S("pod")))
		return 0;
	part = part < FENCE_LEAST_S ? FENCE_LEAST_S : part > FENCE_MOST_S ? FENCE_MOST_S : part;
	return k->terms.lost_after_s > part ? k->terms.lost_after_s - part : 1;
}

int64_t failover_speak_s(const booking *k)
{
	int64_t part = k->terms.lost_after_s / SPEAK_PARTS;

	return !k->terms.lost_after_s || str_eq(k->origin, S("pod")) ? 0 : part ? part : 1;
}

bool failover_is_reason(str reason)
{
	return str_starts(reason, S(REASON_BEGINS));
}

bool failover_is_due(const books *b, int64_t now_us)
{
	return b->lost_least_s && now_us >= b->failover_at_us;
}

void failover_heard(books *b, site *s)
{
	s->suspect_us = 0;
	if (!s->is_away)
		return;
	s->is_away = false;
	govern_flag_site(b, s);
	change_opened(&b->changes, s->handle);
}

/* How long the cluster was silent, as far as that is sure; 0: it was not. A site that is new to these books is given
 * the whole time. */
static int64_t silence_of(const books *b, site *s, int64_t now_us)
{
	if (!s->heard_us)
		s->heard_us = now_us;
	int64_t silent_us = now_us - s->heard_us;
	if (s->is_deleted || s->is_lost || silent_us < b->lost_least_s * US_PER_S)
		s->suspect_us = 0;
	else if (!s->suspect_us)
		s->suspect_us = now_us;
	return s->suspect_us && now_us - s->suspect_us >= FAILOVER_SURE_US ? silent_us : 0;
}

/* False: no cluster is silent. */
static bool sites_look(books *b, int64_t now_us)
{
	bool has_paused = now_us - b->failover_looked_us > FAILOVER_PAUSE_US, is_any = false;

	b->failover_looked_us = now_us;
	map_each (slot, &b->sites) {
		site *s = slot->value;
		if (has_paused)
			s->suspect_us = 0;
		s->silent_us = silence_of(b, s, now_us);
		is_any |= s->silent_us > 0;
	}
	return is_any;
}

/* An agent that had nothing to say before it got this one speaks from then on. */
static bool is_silent_for(const site *s, const booking *k)
{
	int64_t now_us = s->heard_us + s->silent_us;
	int64_t from_us = s->heard_us > k->now.granted_at_us ? s->heard_us : k->now.granted_at_us;

	return s->silent_us && now_us - from_us >= k->terms.lost_after_s * US_PER_S;
}

static bool is_concerned(const books *b, const booking *k)
{
	const site *s = k->now.cluster_key ? books_site(b, k->now.cluster_key) : NULL;

	return s && k->terms.lost_after_s && !str_eq(k->origin, S("pod")) && !k->touch_at && is_silent_for(s, k) &&
	       (k->now.life == LIFE_REVOKING || lifecycle_may(k->now.life, LIFE_REVOKING));
}

/* What is decided changes the map that is walked: what is concerned is listed before. */
static uint32_t list(const books *b, booking *ret[FAILOVER_TURN_MAX])
{
	uint32_t n = 0;

	map_each (slot, &b->bookings)
		if (n < FAILOVER_TURN_MAX && is_concerned(b, slot->value))
			ret[n++] = slot->value;
	return n;
}

static void site_close(books *b, site *s)
{
	if (s->is_away)
		return;
	s->is_away = true;
	govern_flag_site(b, s);
}

static void tell_to_end(turn *t, books *b, booking *k, site *s)
{
	site_close(b, s);
	turn_touch(t, k, ACTOR_PLACER);
	k->now.life = LIFE_REVOKING;
	k->now.grace_s = 0;
	turn_reason(t, k,
		str_print(t->a, REASON_BEGINS "%lld s: " STR_FMT "%s", (long long)(s->silent_us / US_PER_S),
			STR_ARG(s->name), k->terms.is_fenced ? "" : "; an attempt may still run there"));
	booking_text_set(&k->evicted_by, &STR_NONE, s->name);
	vec_push(&t->evicted, k);
	t->evictions++;
	t->cannot_undo = true;
}

/* What somebody else had told to end there has ended by now, as far as anybody can know. */
static void let_go(turn *t, books *b, booking *k)
{
	if (k->evicted_by.n)
		decide_departed(t, b, k, t->now_us, ACTOR_PLACER);
	else
		decide_end(t, b, k, LIFE_REVOKED, t->now_us, STR_NONE, ACTOR_PLACER);
}

void failover_review(turn *t, books *b)
{
	booking *some[FAILOVER_TURN_MAX];

	if (!failover_is_due(b, t->now_us))
		return;
	b->failover_at_us = t->now_us + FAILOVER_EVERY_US;
	uint32_t n = sites_look(b, t->now_us) ? list(b, some) : 0;
	for (uint32_t i = 0; i < n; i++) {
		if (some[i]->now.life == LIFE_REVOKING)
			let_go(t, b, some[i]);
		else
			tell_to_end(t, b, some[i], books_site(b, some[i]->now.cluster_key));
	}
	if (n)
		b->failover_at_us = t->now_us;
}
