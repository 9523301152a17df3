/* overcommit: how far above its own capacity a class may be booked, and by whom.
 *
 * A policy is a short table of bands by rising priority: work up to priority_max may count on so much of the device.
 * Work above all bands counts on the device itself and no more; so what is sold twice is only ever sold to work that a
 * band names, and the more important the work, the less of it is overcommitted. A device is full for a priority once
 * what is booked on it, by whomever, reaches that priority's limit: work above the bands that finds the device itself
 * taken is a case for preemption.
 */
#pragma once
#include "engine/share.h"

enum { OVERCOMMIT_BANDS_MAX = 8, OVERCOMMIT_NONE_PPM = 1000000, OVERCOMMIT_MAX_PPM = 10000000 };

typedef struct overcommit_band {
	int32_t priority_max;
	int32_t memory_ppm, compute_ppm; /* of the device's own: OVERCOMMIT_NONE_PPM to OVERCOMMIT_MAX_PPM */
} overcommit_band;

typedef struct overcommit {
	overcommit_band bands[OVERCOMMIT_BANDS_MAX];
	int32_t n; /* 0: nothing is overcommitted */
} overcommit;

/* Bands by rising priority_max, each factor within its range and none above the one of the band before. */
bool overcommit_is_valid(const overcommit *o);

/* What a priority may count on, of `capacity` along the axis (AXIS_MEMORY_MIB or AXIS_COMPUTE_MILLI); rounded down.
 * capacity is 0 to 2^39. */
int64_t overcommit_limit(const overcommit *o, int32_t priority, axis a, int64_t capacity);

/* What is left of that when `used` is booked; never below 0. */
int64_t overcommit_left(const overcommit *o, int32_t priority, axis a, int64_t capacity, int64_t used);
