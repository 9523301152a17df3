/* seats: the allocations of this node as settle.h sees them: by device, and anew whenever one comes or goes.
 *
 * A process that begins in a container opens its books, and the kernel tells us (inotify), so that containers without a
 * process cost nothing to speak of. Books that a container makes longer are cut back (trim.h).
 */
#pragma once
#include "agents/node/allocation.h"
#include "net/loop.h"

typedef struct seats seats;

/* on_news: somebody opened books, and it is time for a turn. */
seats *seats_new(loop *l, allocations *all, void (*on_news)(void *arg), void *arg);
void seats_free(seats *s); /* NULL-safe */

/* Allocations come or go, and some that it knows may be gone before the next turn: it forgets all of them until then.
 */
void seats_forget(seats *s);

/* Settles; how long until the next turn, in ns. now_ns is CLOCK_MONOTONIC. */
int64_t seats_turn(seats *s, int64_t now_ns);
