/* sick: which devices of the stock take nothing new because they are not well: by what their plugin registers, or by
 * what reeve-node reports. Either is enough.
 */
#pragma once
#include "agents/scheduling/ills.h"
#include "engine/fleet.h"

typedef struct sick {
	ills registered, reported;
} sick;

void sick_done(sick *s);
/* The node is gone. */
void sick_drop(sick *s, str node);
/* What the plugin's annotation says; the device is in the fleet. */
void sick_registered(sick *s, fleet *f, int32_t device, str node, str uuid, bool is_healthy);
/* What a node says of one of its devices, whether it is known yet or not; reason empty: it is well. True: this is news.
 */
bool sick_reported(sick *s, fleet *f, int32_t cluster, str node, str uuid, str reason);
/* All the devices that the node's own NVML names: one that is registered as such a device and is not among them is ill.
 * True: this is news. */
bool sick_finds(sick *s, fleet *f, int32_t cluster, str node, const strs *uuids);
/* What the node said last; absent: nothing, or that it is well. */
str sick_why(const sick *s, str node, str uuid);
