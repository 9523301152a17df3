/* trim: books that a container makes longer are cut back at once, so that no container fills the node's disk.
 *
 * Processes use their books by mapping them, which the kernel does not tell of; it tells of writes (inotify), which
 * none of them needs. Who writes without end is cut back again and again, and keeps nobody busy by it: between two
 * looks TRIM_PAUSE_MS pass.
 */
#pragma once
#include "agents/node/allocation.h"
#include "net/loop.h"

enum { TRIM_PAUSE_MS = 20 };

typedef struct trim trim;

trim *trim_new(loop *l);
void trim_free(trim *t); /* NULL-safe */

/* The allocations there are now; their lots stay where they are until the next call. */
void trim_set(trim *t, allocation **list, uint32_t n);
