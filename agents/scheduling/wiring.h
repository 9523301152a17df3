/* wiring: how the devices of one node are linked, out of what each of its plugins tells; a topology for the fleet.
 *
 * Devices are rows by their index. Modules of several devices are told by the index of each: 0 and 1 are one where two
 * make it. What is beyond the largest index that a fleet knows is left out.
 */
#pragma once
#include "agents/vendors/inventory.h"
#include "engine/fleet.h"
#include "engine/link.h"

typedef struct wiring {
	uint16_t weight[FLEET_NODE_DEVICES_MAX * FLEET_NODE_DEVICES_MAX];
	int16_t group[FLEET_NODE_DEVICES_MAX];
	int32_t n; /* rows; 0: nothing is known */
} wiring;

void wiring_init(wiring *w);
/* The device of that index is one of a module of `of` devices. */
void wiring_module(wiring *w, int64_t index, int32_t of);
void wiring_links(wiring *w, const inventory_links *l);
/* Points into w, which takes no more. */
topology wiring_topology(wiring *w);
