/* decide: what becomes of a placement: granted, waiting, rejected, revoked.
 *
 * Each works on the books in memory and on the turn that will write it down; rows are those of the inbox and live as
 * long as the turn. Requests are decided as they arrive; what waits goes first when something frees.
 */
#pragma once
#include "db/sql.h"
#include "server/placer/turn.h"

#define ACTOR_PLACER S("placer")

enum {
	DECIDE_LOOKS_MAX = 4096,           /* waiting placements looked at in one step of the walk */
	DECIDE_TRIES_MAX = 32,             /* of these, tried again */
	DECIDE_RETELL_US = 1000 * 1000,    /* new numbers of old blockers are told so often */
	DECIDE_WALK_US = 1500,             /* one step ends after so long */
	DECIDE_AVOID_US = 5 * 1000 * 1000, /* how long an attempt that an agent refused keeps off the same nodes */
};

/* A new request. One that is known already, or whose tenant nobody knows, changes nothing. */
void decide_place(turn *t, books *b, const sql_inbox_next_row *row);
/* The same of a pod that a cluster tells of. */
void decide_pod(turn *t, books *b, const sql_inbox_next_row *row);
/* A new request that the database refuses however it is decided: it is rejected unread. */
void decide_turn_away(turn *t, books *b, const sql_inbox_next_row *row);
/* Somebody lets go: what waits ends at once, what was granted is revoked and ends when its agent says so. */
void decide_release(turn *t, books *b, const sql_inbox_next_row *row);
/* What waits, and holds nothing that an agent knows of, waits no more. */
void decide_withdraw(turn *t, books *b, booking *k, str reason, str actor);
/* An agent refused the present attempt: another is made elsewhere. */
void decide_refused(turn *t, books *b, booking *k, str reason, str actor);
/* What its request says to the queue, read when nobody has yet. */
void decide_terms(books *b, booking *k);
/* One that made room has gone: it waits again, or ends where it was not to wait. */
void decide_departed(turn *t, books *b, booking *k, int64_t at_us, str actor);
/* It is over: gives back what it holds and closes its segments. `life` is final. */
void decide_end(turn *t, books *b, booking *k, lifecycle life, int64_t at_us, str reason, str actor);

/* One step of the walk over what waits, in the order of queue.h. False: it is at its end and nothing has changed since.
 */
bool decide_waiting(turn *t, books *b);
/* Another look at one that waits. */
void decide_again(turn *t, books *b, booking *k, str actor);
/* Those that run may have to go by now for one that waits: they have had their minimum. One search at most. */
void decide_reclaims(turn *t, books *b);
/* Whether the first that are blocked are to be looked at for room to be kept. */
bool decide_reserves(turn *t, books *b);
/* What was refused may go back to the nodes it was refused on. */
void decide_forgive(books *b, int64_t now_us);

/* After a load: what stands in the books tells the default policy what is usually asked, until arrivals do. */
void decide_recall(books *b);
