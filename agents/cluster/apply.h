/* apply: the rules by which an agent follows the server's orders and its cluster's news.
 *
 * Pure: each call changes the book and says what else must be done. Everything is idempotent on (placement, fence): a
 * repeated order is answered with the present state, an order with a lower fence than the highest seen is ignored, and
 * a revoke of something unknown is answered "revoked". (architecture, sections 4 and 6)
 */
#pragma once
#include "agents/cluster/book.h"

typedef enum deed_kind {
	DEED_NONE,   /* nothing: stale or unknown */
	DEED_TELL,   /* report the present state of h */
	DEED_START,  /* report it, and start its pods */
	DEED_STOP,   /* stop its pods */
	DEED_FORGET, /* h is dropped from the durable memory, then by book_drop */
} deed_kind;

typedef struct deed {
	deed_kind kind;
	holding *h;
	/* A lower fence whose pods must be stopped and forgotten besides, or "". */
	char old_fence[BOOK_FENCE_MAX + 1];
} deed;

/* Whether the agent knows this action; one it does not know is passed over. */
bool apply_knows(str action);
/* One change. ERR_BAD_FIELD: id or fence are not of their form; nothing has changed then. A grant that does not fit the
 * live state is REFUSED with the reason in h. */
err apply_change(book *b, str action, const placement *p, int64_t now_us, deed *ret, fault *f) MUST_CHECK;

/* One piece of news. DEED_TELL, or DEED_NONE when it says nothing new. */
deed apply_phase(book *b, const cluster_pods *p);
/* What the cluster holds at the agent's start, without asking whether it fits. */
deed apply_found(book *b, const cluster_pods *p);
