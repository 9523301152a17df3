/* leaving: devices and nodes that are gone and were kept only for what was booked on them.
 *
 * The fleet lets go of such a one with the last thing on it, and its name with it; their rows are deleted with the
 * turn.
 */
#pragma once
#include "server/placer/turn.h"

typedef struct leaver {
	int32_t handle;
	turn_gone row;
} leaver;

typedef struct leaving {
	vec(leaver) nodes, devices;
} leaving;

/* Before the plan is taken off the fleet: which of what it names may leave with it. */
void leaving_find(turn *t, const books *b, const plan *p, leaving *ret);
/* Behind that: those that have left. Ends l. */
void leaving_end(turn *t, books *b, leaving *l);
