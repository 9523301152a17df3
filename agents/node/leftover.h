/* leftover: what ended containers left in the books of their allocations.
 *
 * The shim sweeps the slots of dead processes, but only those of its own pid namespace: of others it cannot tell who
 * lives. A container that was ended and started again is in a new one, and what the old one held would count as held
 * until the pod is gone. The node sees all namespaces: slots of one in which no process lives are freed here.
 */
#pragma once
#include "agents/node/allocation.h"

/* Of one allocation (before its container is started again), or of all (NULL); how many slots were freed. In doubt,
 * none: where the machine's processes cannot be seen. */
uint32_t leftover_sweep(allocations *all, const allocation *only);
