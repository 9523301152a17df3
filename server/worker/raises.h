/* raises: takes the steps of raises that the clock or a parent's policy takes: what has come to its time counts, what
 * is over ends, what is inside a policy passes.
 *
 * The database's clock counts. Nothing is remembered here: after any pause the next look finds what is due, in the
 * order that keeps every promise covered, one step at a time, each with its record.
 */
#pragma once
#include "db/ledger.h"
#include "db/reader.h"

enum { RAISES_LOOK_MS = 1000 };

typedef struct raises raises;

/* on_moved: after each step (NULL: nobody asks). */
raises *raises_new(loop *l, db_reader *read, ledger *write, void (*on_moved)(void *arg), void *arg);
/* Looks at once: governance moved. */
void raises_look(raises *s);
void raises_free(raises *s); /* NULL-safe; after the reader and the ledger */
