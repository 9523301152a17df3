/* claim: room that belongs to one that waits: what its victims leave (reclaim), or what will be free at a time that is
 * known (reserve). It is held on the fleet (engine/reserve.h) from the first eviction until its owner is granted
 * something or gives up, and it is a row of queue_hold, so that a crash in between changes nothing.
 *
 * What the victims of a reclaim give back of the quota is charged to the owner's tenant for as long, up to what it will
 * need; until they have, they are charged themselves.
 */
#pragma once
#include "db/sql.h"
#include "server/placer/turn.h"

enum {
	CLAIMS_MAX = 64,
	CLAIM_WAIT_S = 600, /* the owner gives up so long after the last victim should have gone */
};

typedef enum claim_kind { CLAIM_RECLAIM, CLAIM_RESERVE, CLAIM_KINDS } claim_kind;

struct claim {
	booking *owner;
	claim_kind kind;
	int32_t hold; /* of engine/reserve */
	int64_t from_us, until_us;
	vec(amounts) taken; /* by class: charged to the owner's tenant */
	str placed;         /* JSON, on the heap */
};

const char *claim_kind_name(claim_kind k);

/* Holds the plan for the waiting one. NULL: there are CLAIMS_MAX already. */
claim *claim_make(turn *t, books *b, booking *owner, claim_kind kind, const plan *p, str placed, int64_t from_us,
	int64_t until_us);
/* The owner has started, or gives up. Does nothing without a claim. */
void claim_end(turn *t, books *b, booking *owner);
/* The victim is about to give back what it holds. */
void claim_freed(books *b, const booking *victim);
/* Claims whose time is over end. */
void claims_expire(turn *t, books *b);
/* Begins or ends a search for k: what is held for it is off the books, and so is what its work would not meet. */
void claim_lift(books *b, const booking *k, int64_t now_us, int64_t max_runtime_s);
void claim_apply(books *b, const booking *k);
/* Takes what is charged for claims off the tree, or puts it on again: while tenants move. */
void claims_charge(books *b, bool takes);
/* Any claim of this kind. */
claim *claim_any(const books *b, claim_kind kind);

/* From a row, at the start of a term; p is its plan. */
void claim_load(books *b, booking *owner, const sql_load_holds_row *row, const plan *p);
/* None holds anything any more; the rows stay as they are: for books that follow others. */
void claims_clear(books *b);
/* The books end: all claims are dropped from memory. */
void claims_forget(books *b);
