#include "shim/memory.h"

#include "shim/pool.h"
#include "shim/tick.h"

#define MEMORY_SWEEP_TICKS ((uint64_t)150000000) /* about 50 ms */

uint64_t memory_limit(const self *s, unsigned device)
{
	return atomic_load_explicit(&s->limits->devices[device].memory_bytes, memory_order_relaxed);
}

static uint64_t memory_correction(const self *s, unsigned device)
{
	return atomic_load_explicit(&s->limits->devices[device].correction_bytes, memory_order_relaxed);
}

static bool memory_try(self *s, unsigned device, uint64_t bytes, uint64_t limit)
{
	uint64_t correction = memory_correction(s, device);
	return correction <= limit && books_take(s->books, s->slot, device, bytes, limit - correction);
}

bool memory_take(self *s, unsigned device, uint64_t bytes)
{
	uint64_t limit = memory_limit(s, device);
	if (UNLIKELY(!s->slot))
		return limit == LIMITS_NONE;
	if (UNLIKELY(bytes > MEMORY_MOST))
		return false;
	if (limit == LIMITS_NONE) {
		atomic_fetch_add_explicit(&s->slot->bytes[device], bytes, memory_order_relaxed);
		return true;
	}
	/* Pools keep what was freed; the driver would take it from them before it refuses, and so do we. */
	return memory_try(s, device, bytes, limit) || (pool_shrink(s, device) && memory_try(s, device, bytes, limit));
}

void memory_give(self *s, unsigned device, uint64_t bytes)
{
	if (s->slot)
		books_give(s->slot, device, bytes);
}

void memory_put(self *s, unsigned device, uint64_t bytes)
{
	if (s->slot)
		atomic_fetch_add(&s->slot->bytes[device], bytes);
}

uint64_t memory_used(self *s, unsigned device)
{
	return books_sum(s->books, device) + memory_correction(s, device);
}

static void memory_sweep(self *s)
{
	uint64_t now = tick_now();
	uint64_t before = atomic_load_explicit(&s->swept_at, memory_order_relaxed);
	if (now - before > MEMORY_SWEEP_TICKS && atomic_compare_exchange_strong(&s->swept_at, &before, now))
		books_sweep(s->books, s->pid_space);
}

bool memory_tell(self *s, unsigned device, uint64_t *ret_free, uint64_t *ret_total)
{
	uint64_t limit = memory_limit(s, device);
	if (limit == LIMITS_NONE)
		return false;
	if (atomic_load_explicit(&s->books->top, memory_order_relaxed) > 1)
		memory_sweep(s);
	uint64_t used = memory_used(s, device);
	*ret_total = limit;
	*ret_free = used < limit ? limit - used : 0;
	return true;
}
