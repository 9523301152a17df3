/* Work that is begun elsewhere when its cluster is not heard of (placement.self_fence_s) is ended here before that:
 * what counts is when the last report was sent that the server is known to have stored, which is no later than when it
 * heard of us. That time outlives the agent, or a restart would begin it anew.
 */
#include "agents/cluster/agent_inside.h"

enum { KEEP_PARTS = 8, US_PER_S = 1000000 };

void fence_learn(agent *a, const holding *h)
{
	if (h->self_fence_s && (!a->fence_least_s || h->self_fence_s < a->fence_least_s))
		a->fence_least_s = h->self_fence_s;
	if (!h->speak_s || (a->speak_least_s && h->speak_s >= a->speak_least_s))
		return;
	a->speak_least_s = h->speak_s;
	if (a->speaks_us)
		a->speaks_us = 1; /* the next word may be a minute away, as it was meant to be */
}

void fence_told(agent *a)
{
	a->told_us = a->packed_us;
}

int64_t fence_speak_us(const agent *a)
{
	return a->speak_least_s * US_PER_S;
}

/* An agent that had nothing to say for long tells that it has this order: the server has its word, or soon will. */
static bool is_due(const agent *a, const holding *h, int64_t now_us)
{
	int64_t from_us = a->told_us > h->ordered_us ? a->told_us : h->ordered_us;

	return h->is_booked && h->self_fence_s && h->state != LIFE_REVOKING &&
	       now_us - from_us >= h->self_fence_s * US_PER_S;
}

static void holding_end(agent *a, holding *h, int64_t now_us)
{
	if (a->cluster.can->stop(a->cluster.self, str_from(h->id), str_from(h->fence_text), CLUSTER_AT_ONCE, now_us))
		book_state(
			&a->book, h, LIFE_REVOKING, S("its cluster was cut off from the server for too long"), now_us);
}

void fence_look(agent *a, int64_t now_us)
{
	int64_t silent_us = now_us - a->told_us;

	if (!a->fence_least_s)
		return;
	if (a->told_us - a->facts.told_us >= a->fence_least_s * US_PER_S / KEEP_PARTS) {
		a->facts.told_us = a->told_us;
		facts_rev(&a->facts, a->facts.rev, a->facts.incarnation);
		a->wants_flush = true;
	}
	if (silent_us < a->fence_least_s * US_PER_S)
		return;
	map_each (slot, &a->book.by_id) {
		holding *h = slot->value;
		if (is_due(a, h, now_us))
			holding_end(a, h, now_us);
	}
}
