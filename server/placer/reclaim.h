/* reclaim: who must make room for one that waits, and when room is kept for the first of a tier.
 *
 * Victims are found by engine/preempt among what was granted last. Of another tenant only what is borrowed yields: the
 * branch of the tree in which it stands, seen from where the two part, is in the red and stays so without it. It yields
 * to a guarantee that covers the asker on its own side, or to a higher priority; of the asker's own tenant lower
 * priorities yield. Nobody yields who may not be evicted, or has not had its devices for the minimum of its priority.
 * The lowest priorities go first, and of these what has run least. For priority alone no more than 1.25 times of what
 * is needed may go; for a guarantee what must.
 *
 * The victims are told at once; the asker owns what they leave (claim.h). One search a turn, and none for the same
 * asker within RECLAIM_AGAIN_S.
 */
#pragma once
#include "server/placer/decide.h"
#include "server/placer/request.h"

enum {
	RECLAIM_AGAIN_S = 5,
	RECLAIM_LOOKS = 4096,     /* at holders of devices, in one search */
	RECLAIM_CANDIDATES = 128, /* of which may go */
	RECLAIM_NODE_LOOKS = 3000,
	RECLAIM_FINDS = 12,
	RECLAIM_LOST_MAX = 1 << 20, /* what one placement's work counts at most */
	RECLAIM_TIERS = 5,          /* priorities that are told apart, from the lowest that holds devices on */
	RECLAIM_TIER_BITS = 4,      /* one of a priority goes instead of 2^bits of the one below, and not for less */
	RESERVE_AGAIN_S = 10,
	RESERVE_RUNS = 512,          /* whose ends are looked at */
	RESERVE_OPEN_S = 30 * 86400, /* what states no end is thought to run so long */
};

/* Whether it is worth another search for k, though nothing has changed: it is some time since the last one. */
bool reclaim_is_due(const books *b, const booking *k, int64_t now_us);
/* k was refused now. True: victims were told, and room is held for it. */
bool reclaim_try(turn *t, books *b, booking *k, const request_ask *w);
/* k has waited past its priority's reserve_after_s: room is kept for it, from when it will be there. */
void reserve_try(turn *t, books *b, booking *k, const request_ask *w);
