/* cost: the device time that a launch takes, learnt per function and size of grid.
 *
 * A sample is the time between two events around one launch. What else runs on the device makes samples longer, never
 * shorter; so the estimate follows a shorter sample quickly and a longer one slowly, and one sample moves it by half at
 * most.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COST_ENTRIES 4096 /* functions that are told apart; beyond that the newest shares the place of another */

typedef struct cost {
	_Atomic uint64_t key;
	_Atomic int64_t ns;     /* 0: not known yet */
	_Atomic uint32_t trial; /* not 0: one launch is under way to find out */
	uint32_t rest;
} cost;

/* A function or graph at a size of grid, which counts by powers of two. Never 0. */
static inline uint64_t cost_key(const void *function, unsigned gx, unsigned gy, unsigned gz)
{
	uint64_t blocks = (uint64_t)gx * gy; /* 62 bits at most by the driver's bounds, and gz 16 more */
	unsigned class = 64 - (unsigned)__builtin_clzll(blocks | 1) + 32 - (unsigned)__builtin_clz(gz | 1);
	return (uint64_t)(uintptr_t)function ^ (uint64_t) class << 56 ^ (uint64_t)1 << 63;
}

/* The entry of a key, made when it is new. */
cost *cost_find(cost *table, uint64_t key);

/* Takes in a sample. */
void cost_learn(cost *entry, int64_t sample_ns);
