#include "engine/share.h"

#include <assert.h>

const char *axis_name(axis a)
{
	static const char *const names[AXIS_COUNT] = {"device_milli", "memory_mib", "compute_milli"};

	assert(a >= 0 && a < AXIS_COUNT);
	return names[a];
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

amounts amounts_add(amounts a, amounts b)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = add_saturated(a.v[i], b.v[i]);
	return a;
}

static int64_t sub_saturated(int64_t a, int64_t b)
{
	int64_t difference;

	if (!__builtin_sub_overflow(a, b, &difference))
		return difference;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

amounts amounts_sub(amounts a, amounts b)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = sub_saturated(a.v[i], b.v[i]);
	return a;
}

amounts amounts_times(amounts a, int64_t n)
{
	for (int i = 0; i < AXIS_COUNT; i++) {
		bool is_negative = (a.v[i] < 0) != (n < 0);
		if (__builtin_mul_overflow(a.v[i], n, &a.v[i]))
			a.v[i] = is_negative ? INT64_MIN : INT64_MAX;
	}
	return a;
}

bool amounts_eq(amounts a, amounts b)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		if (a.v[i] != b.v[i])
			return false;
	return true;
}

/* Up, so that parts of a device never count for less than they take. */
static int64_t milli_of(int64_t part, int64_t whole)
{
	__extension__ typedef __int128 wide;
	int64_t scaled, milli;

	/* The narrow division is several times faster, and wide enough for every card there is. */
	if (!__builtin_mul_overflow(part, SHARE_WHOLE_MILLI, &scaled) && scaled <= INT64_MAX - whole)
		milli = (scaled + whole - 1) / whole;
	else
		milli = (int64_t)(((wide)part * SHARE_WHOLE_MILLI + whole - 1) / whole);
	return milli < SHARE_WHOLE_MILLI ? milli : SHARE_WHOLE_MILLI;
}

int64_t share_milli(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib)
{
	int64_t by_compute = compute_milli < SHARE_WHOLE_MILLI ? compute_milli : SHARE_WHOLE_MILLI;

	assert(memory_mib >= 0 && compute_milli >= 0 && device_memory_mib > 0);
	if (by_compute == SHARE_WHOLE_MILLI)
		return by_compute;
	int64_t by_memory = milli_of(memory_mib, device_memory_mib);
	return by_memory > by_compute ? by_memory : by_compute;
}

static amounts share_times(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib, int64_t count)
{
	assert(count >= 0);
	amounts one = {{share_milli(memory_mib, compute_milli, device_memory_mib), memory_mib, compute_milli}};

	return amounts_times(one, count);
}

amounts share_of_slice(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib, int64_t count)
{
	return share_times(memory_mib, compute_milli, device_memory_mib, count);
}

amounts share_of_mig(int64_t memory_mib, int64_t slices, int64_t device_memory_mib, int64_t count)
{
	assert(slices >= 1 && slices <= SHARE_MIG_SLICES);
	return share_times(memory_mib, SHARE_WHOLE_MILLI * slices / SHARE_MIG_SLICES, device_memory_mib, count);
}

int64_t share_memory_mib(int64_t memory_percent, int64_t device_memory_mib)
{
	assert(memory_percent >= 0 && memory_percent <= 100 && device_memory_mib >= 0);
	return device_memory_mib / 100 * memory_percent + device_memory_mib % 100 * memory_percent / 100;
}
