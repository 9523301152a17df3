/* raises: takes the steps of raises that the clock or a parent's policy takes: what has come to its time counts, what
 * is over ends, what is inside a policy passes.
 *
 * The database's clock counts. Nothing is remembered here: after any pause the next look finds what is due, in the
 * order that keeps every promise covered, many steps at a time, each with its record: after a long pause too what is
 * over ends within moments, before anything else is given.
 */
#pragma once
#include "db/ledger.h"
#include "db/reader.h"

enum { RAISES_LOOK_MS = 1000, RAISES_AT_ONCE = 256 };

typedef struct raises raises;

/* on_moved: after steps that were taken (NULL: nobody asks). */
raises *raises_new(loop *l, db_reader *read, ledger *write, void (*on_moved)(void *arg), void *arg);
/* Looks at once: governance moved. */
void raises_look(raises *s);
void raises_free(raises *s); /* NULL-safe; after the reader and the ledger */
