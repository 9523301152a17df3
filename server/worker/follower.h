/* follower: the placer's books in the worker, to be asked "what if".
 *
 * They are read by the placer's own code (server/placer/load.h) and kept up by what the two chains say has moved: each
 * placement that a decision names is read again, and governance's tables when its chain grew. Inventory is in neither
 * chain: when its stamp has moved, the books are built anew, at most every FOLLOW_REBUILD_S. Nobody asks, nothing is
 * read; who asks gets books that are no older than the question, but for inventory. Nothing here is ever written.
 */
#pragma once
#include "db/pipe.h"
#include "server/placer/books.h"

enum {
	FOLLOW_PAGE_ROWS = 200,
	FOLLOW_BEHIND_MAX = 20000, /* decisions; more than that is a new start */
	FOLLOW_REBUILD_S = 30,
	FOLLOW_IDLE_S = 600, /* nobody asked for so long: the memory is given back */
};

typedef struct follower follower;

/* What the books follow: the last records of the chains in them. */
typedef struct follow_marks {
	int64_t governance, decisions, at_us;
} follow_marks;

/* b is whoever asked's until this returns, who leaves it as it was; NULL: the books could not be read, for the reason
 * in f. */
typedef void (*follow_ready)(void *arg, books *b, follow_marks as_of, const fault *f);

follower *follower_new(loop *l, const db_options *o);
void follower_free(follower *f); /* Answers what is asked, with UNAVAILABLE. NULL-safe. */
/* ready runs once, from the loop. */
void follower_ask(follower *f, follow_ready ready, void *arg);
