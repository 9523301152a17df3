/* priorities: the names of priorities that are known to be there. They are never taken away, so what was once learnt
 * stays good. */
#pragma once
#include "server/edge/edge.h"

bool priorities_have(const edge *e, str name);
/* Remembers the answer of SQL_PRIORITY_NAMES. */
void priorities_learn(edge *e, const db_reply *reply);
void priorities_clear(edge *e);
