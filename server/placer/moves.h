/* moves: totals follow tenants that governance hung elsewhere.
 *
 * A tenant's row names its new parent at once; what it uses counts at the old one until the placer moves it, in a turn
 * of its own in which nothing grows. Until that is committed a row of tenant_move says where the totals stand, so that
 * a start in between finds books that agree.
 */
#pragma once
#include "server/placer/turn.h"

/* Moves every tenant that wants it and fits; the rest is looked at when governance moves again. */
void moves_review(turn *t, books *b);
