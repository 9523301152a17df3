/* ills: devices that their node says are not well, and why.
 *
 * A node's plugin writes into an annotation that a device is healthy; reeve-node, which may run beside another's
 * plugin, reports what it knows of the device itself. Either is enough to give it no new work. A node speaks of its own
 * devices alone.
 */
#pragma once
#include "base/map.h"

enum { ILLS_NODE_MAX = 64, ILLS_REASON_MAX = 200, ILLS_UUID_MAX = 128 };

typedef struct ills {
	map by_node; /* of each node its devices, by uuid */
} ills;

void ills_done(ills *all);
/* reason: empty: it is well. Cut to ILLS_REASON_MAX; more than ILLS_NODE_MAX of a node are passed over. True: this is
 * news. */
bool ills_put(ills *all, str node, str uuid, str reason);
void ills_drop(ills *all, str node);
/* Why the device is not well, or an absent text; valid until the next ills_put of it. */
str ills_of(const ills *all, str node, str uuid);
