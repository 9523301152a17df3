#include "engine/overcommit.h"

#include <assert.h>

static bool is_in_range(int32_t ppm, int32_t most_ppm)
{
	return ppm >= OVERCOMMIT_NONE_PPM && ppm <= most_ppm;
}

bool overcommit_is_valid(const overcommit *o)
{
	int32_t memory_ppm = OVERCOMMIT_MAX_PPM, compute_ppm = OVERCOMMIT_MAX_PPM;

	if (o->n < 0 || o->n > OVERCOMMIT_BANDS_MAX)
		return false;
	for (int32_t i = 0; i < o->n; i++) {
		const overcommit_band *b = &o->bands[i];
		if (i > 0 && b->priority_max <= o->bands[i - 1].priority_max)
			return false;
		if (!is_in_range(b->memory_ppm, memory_ppm) || !is_in_range(b->compute_ppm, compute_ppm))
			return false;
		memory_ppm = b->memory_ppm;
		compute_ppm = b->compute_ppm;
	}
	return true;
}

static int32_t factor_of(const overcommit *o, int32_t priority, axis a)
{
	for (int32_t i = 0; i < o->n; i++)
		if (priority <= o->bands[i].priority_max)
			return a == AXIS_MEMORY_MIB ? o->bands[i].memory_ppm : o->bands[i].compute_ppm;
	return OVERCOMMIT_NONE_PPM;
}

int64_t overcommit_limit(const overcommit *o, int32_t priority, axis a, int64_t capacity)
{
	assert(a == AXIS_MEMORY_MIB || a == AXIS_COMPUTE_MILLI);
	assert(capacity >= 0 && capacity <= (int64_t)1 << 39);
	return capacity * factor_of(o, priority, a) / OVERCOMMIT_NONE_PPM;
}

int64_t overcommit_left(const overcommit *o, int32_t priority, axis a, int64_t capacity, int64_t used)
{
	int64_t limit = overcommit_limit(o, priority, a, capacity);

	return used < limit ? limit - used : 0;
}
