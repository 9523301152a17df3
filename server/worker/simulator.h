/* simulator: answers what edges ask of the worker about what would be (db/queries/ask.sql): a request that nobody has
 * made, another policy. One question at a time, each worked out on a copy of the follower's books (trial.h), so that
 * the loop goes on and the books stay as they are.
 */
#pragma once
#include "db/pipe.h"

enum { SIMULATOR_DEADLINE_MS = 8000 };

typedef struct simulator simulator;

simulator *simulator_new(loop *l, const char *dsn);
void simulator_free(simulator *s); /* NULL-safe */
/* There may be something to do. */
void simulator_look(simulator *s);
