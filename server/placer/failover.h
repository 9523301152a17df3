/* failover: work that said beforehand what is to become of it when its cluster is not heard of any more, so that no
 * person has to (api/types/placement.h: when_lost).
 *
 * Silence alone changes nothing for work that did not say so. Of a cluster that was silent for lost_after_s such work
 * is told to end, for the agent that comes back, and waits anew one turn later with the next fence; the cluster takes
 * nothing new until it is heard. Under restart_after the agent has ended the work itself before: it stops what it runs
 * when no report of its was stored for failover_fence_s. Under best_effort_duplicate it has not, and both attempts may
 * run until it is heard again.
 *
 * A placer that did not look for a while may have reports before it that it has not read: silence counts only when it
 * is seen again and again.
 */
#pragma once
#include "server/placer/turn.h"

enum {
	FAILOVER_EVERY_US = 1000 * 1000,
	FAILOVER_SURE_US = 3000 * 1000,  /* seen for so long, look by look */
	FAILOVER_PAUSE_US = 2500 * 1000, /* between two looks at most; else it begins anew */
	FAILOVER_TURN_MAX = 256,         /* placements in one turn; the next goes on */
	FAILOVER_LOST_AFTER_S = 900,
};

/* Sets what a request says of that, as its policies have completed it. */
void failover_terms(books *b, booking_terms *terms, str when_lost, int64_t lost_after_s, bool may_wait);
/* Whether there is such work, and it is time to look. */
bool failover_is_due(const books *b, int64_t now_us);
void failover_review(turn *t, books *b);
/* A report of its agent was read. */
void failover_heard(books *b, site *s);
/* How long its agent goes on with it without being heard; 0: for ever. */
int64_t failover_fence_s(const booking *k);
/* How often its agent is to be heard; 0: as usual. */
int64_t failover_speak_s(const booking *k);
/* Whether the reason says that its last cluster was lost. */
bool failover_is_reason(str reason);
