/* What time alone brings about for those that wait. */
#include "server/placer/claim.h"
#include "server/placer/decide.h"
#include "server/placer/reclaim.h"
#include "server/placer/use.h"

/* The first that is blocked and has waited long enough, of all tiers. */
static booking *first_blocked(books *b, int64_t now_us)
{
	const queue_line *best = NULL;

	for (uint32_t i = 0; i < b->waiting.lines.n; i++) {
		queue_line *l = b->waiting.lines.v[i];
		l->at = l->oldest;
		if (!l->at->claim && now_us >= l->at->claim_after_us &&
			now_us - l->at->waits_since_us >= l->rank->reserve_after_us &&
			(!best || use_is_before(b, l, best, now_us)))
			best = l;
	}
	return best ? best->oldest : NULL;
}

bool decide_reserves(turn *t, books *b)
{
	claim *has = claim_any(b, CLAIM_RESERVE);
	booking *k = b->is_walking ? NULL : first_blocked(b, t->now_us);

	if (!k || (has && has->owner->terms.rank->value >= k->terms.rank->value))
		return false;
	if (has)
		claim_end(t, b, has->owner);
	k->claim_after_us = t->now_us + (int64_t)RESERVE_AGAIN_S * 1000000;
	k->reserve_wanted = true;
	decide_again(t, b, k, ACTOR_PLACER);
	k->reserve_wanted = false;
	return true;
}

/* The first of those for whom others could go, and nobody has looked for them since. */
static booking *first_hopeful(books *b, int64_t now_us)
{
	const queue_line *best = NULL;

	for (uint32_t i = 0; i < b->waiting.lines.n; i++) {
		queue_line *l = b->waiting.lines.v[i];
		l->at = l->oldest;
		if (reclaim_is_due(b, l->at, now_us) && (!best || use_is_before(b, l, best, now_us)))
			best = l;
	}
	return best ? best->oldest : NULL;
}

void decide_reclaims(turn *t, books *b)
{
	booking *k = b->is_walking ? NULL : first_hopeful(b, t->now_us);

	if (k)
		decide_again(t, b, k, ACTOR_PLACER);
}

void decide_forgive(books *b, int64_t now_us)
{
	uint32_t left = 0;

	if (!b->n_avoiding)
		return;
	queue_each(k, &b->waiting)
	{
		if (!k->avoid.n)
			continue;
		if (k->avoid_until_us > now_us) {
			left++;
			continue;
		}
		vec_clear(&k->avoid);
		k->now.wait.tried = 0;
		b->looked = 0;
	}
	b->n_avoiding = left;
}
