/* whose: which allocation a process of this node belongs to.
 *
 * First by what is mounted where it runs (mounts.h: nobody inside can make that another container's), then by the pod
 * in its control group (and, where that has several, by what is mounted for the container's other processes), then,
 * where an allocation is of no container, by its ancestors. Answers are kept as long as the process lives.
 */
#pragma once
#include "agents/node/allocation.h"

typedef struct whose whose;

typedef struct whose_process {
	int32_t pid;
	uint64_t started;
	allocation *of; /* NULL: nobody's that is known */
	/* As the books name it; inner 0: not known. */
	uint32_t space, inner, started_low;
} whose_process;

whose *whose_new(allocations *all);
void whose_free(whose *w); /* NULL-safe */

/* Valid until the next whose_turn or change of the allocations. NULL: there is no such process any more. */
const whose_process *whose_find(whose *w, int32_t pid);
/* Forgets processes that nobody has asked after since the last turn. */
void whose_turn(whose *w);
