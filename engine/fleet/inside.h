/* inside: what the parts of the fleet share. */
#pragma once
#include "engine/fleet.h"

/* What was booked on a node (device FLEET_NONE) or on one of its devices, so that a trial can be undone. */
typedef struct fleet_booking {
	int32_t node, device;
	int64_t memory_mib;
	int64_t milli;          /* of cpu or of compute */
	int16_t profile, start; /* as in a plan */
	bool is_undone;         /* it was an unbooking */
	bool was_tangled;       /* the device before, with its instances */
	geometry_state before;
} fleet_booking;

str fleet_name_new(str s);
void fleet_name_free(str *s);

/* Maps hold pointers and know no NULL: handle 0 is kept as 1. */
static inline void *fleet_value(int32_t handle)
{
	return (void *)((intptr_t)handle + 1);
}

static inline int32_t fleet_handle(const void *value)
{
	return value ? (int32_t)((intptr_t)value - 1) : FLEET_NONE;
}

/* An amount as it is kept: 0 to FLEET_AMOUNT_MAX. */
int64_t fleet_amount(int64_t amount);

/* Frees the row of a node or device that is gone, once nothing is booked on it. */
void fleet_node_tidy(fleet *f, int32_t node);
void fleet_device_tidy(fleet *f, int32_t device);

/* A device follows the rules of its class. */
void fleet_device_follow(fleet *f, fleet_device *d);

/* One instance more or less on the device, or nothing for a share; `sharers` is counted before the call. What cannot be
 * there tangles the device. */
void fleet_instance_take(fleet_device *d, int32_t profile, int32_t start);
void fleet_instance_give(fleet_device *d, int32_t profile, int32_t start);
void fleet_node_bare(fleet *f, int32_t node); /* drops traits and wiring */
void fleet_wirings_done(fleet *f);

/* The node's devices were linked or unlinked: its cells are laid anew. */
void fleet_cells_lay(fleet *f, int32_t node);
void fleet_cells_free(fleet *f, int32_t node);
/* A device's amounts or flags changed: its cell. */
void fleet_cell_refresh(fleet *f, int32_t device);
/* The node's row or cells changed: its view, and a line in the log. */
void fleet_view_refresh(fleet *f, int32_t node);
