/* link_units: k of n units, so that their worths and the worths of their pairs add up to the most.
 *
 * The search beneath engine/link.h, without devices: a unit is whatever is taken whole. Worths fit in 61 bits when
 * added over all units.
 */
#pragma once
#include "engine/link.h"

typedef struct link_units {
	int32_t n;
	uint64_t members[LINK_DEVICES_MAX]; /* devices */
	uint64_t linked[LINK_DEVICES_MAX];  /* units that may stand beside it, itself included when it may be taken */
	int64_t alone[LINK_DEVICES_MAX];
	int64_t pair[LINK_DEVICES_MAX][LINK_DEVICES_MAX];
	int16_t weakest[LINK_DEVICES_MAX][LINK_DEVICES_MAX]; /* link between two units; on the diagonal inside one */
} link_units;

/* Lets only units stand side by side whose weakest link is at least `floor`: sets `linked`. */
void link_units_floor_set(link_units *u, int32_t floor);

/* The highest floor that leaves a set of k units (beyond LINK_EXACT_MAX: that a greedy search finds). */
int32_t link_units_floor(link_units *u, int32_t k);

/* The set of k linked units, 1 <= k <= n, of the highest worth; the lowest of equal ones. False: there is none. */
bool link_units_choose(const link_units *u, int32_t k, uint64_t *ret_set, int64_t *ret_worth);
