/* seats: the allocations of this node as settle.h sees them: by device, and anew whenever one comes or goes. */
#pragma once
#include "agents/node/allocation.h"

typedef struct seats seats;

seats *seats_new(allocations *all);
void seats_free(seats *s); /* NULL-safe */

/* Settles; how long until the next turn, in ns. now_ns is CLOCK_MONOTONIC. */
int64_t seats_turn(seats *s, int64_t now_ns);
