/* tick: a cheap count that goes up with time, at a rate that is known only roughly: for "not again so soon". */
#pragma once
#include <stdint.h>
#include <time.h>

static inline uint64_t tick_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) * 3;
#endif
}

/* Nanoseconds of CLOCK_MONOTONIC, the same in all processes. */
static inline int64_t tick_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
