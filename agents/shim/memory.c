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

static __attribute__((noinline, cold)) bool memory_take_slow(self *s, unsigned device, uint64_t bytes, uint64_t limit)
{
	if (limit == LIMITS_NONE && bytes <= MEMORY_MOST)
		return self_go_unbooked(s), true;
	books_slot *slot = self_slot(s);
	if (!slot || bytes > MEMORY_MOST)
		return false;
	uint64_t correction = memory_correction(s, device);
	uint64_t most = correction < limit ? limit - correction : 0;
	/* Pools keep what was freed; the driver would take it from them before it refuses, and so do we. */
	return books_take_slow(s->books, &s->far, slot, device, bytes, most) ||
	       (pool_shrink(s, device) && books_take(s->books, &s->far, slot, device, bytes, most));
}

bool memory_take(self *s, unsigned device, uint64_t bytes)
{
	uint64_t limit = memory_limit(s, device);
	uint64_t correction = memory_correction(s, device);
	books_slot *slot = atomic_load_explicit(&s->slot, memory_order_relaxed);
	if (UNLIKELY(!slot || bytes > MEMORY_MOST))
		return memory_take_slow(s, device, bytes, limit);
	if (limit == LIMITS_NONE)
		return books_put(s->books, slot, device, bytes), true;
	if (__builtin_expect(correction <= limit, 1) &&
		books_take_quick(s->books, slot, device, bytes, limit - correction))
		return true;
	return memory_take_slow(s, device, bytes, limit);
}

void memory_give(self *s, unsigned device, uint64_t bytes)
{
	books_slot *slot = atomic_load_explicit(&s->slot, memory_order_relaxed);
	if (slot)
		books_give(s->books, slot, device, bytes);
}

void memory_put(self *s, unsigned device, uint64_t bytes)
{
	books_slot *slot = atomic_load_explicit(&s->slot, memory_order_relaxed);
	if (slot)
		books_put(s->books, slot, device, bytes);
	else if (bytes)
		self_go_unbooked(s);
}

uint64_t memory_used(self *s, unsigned device)
{
	return books_sum_far(s->books, device, &s->far) + memory_correction(s, device);
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
	uint64_t has = atomic_load_explicit(&s->totals[device], memory_order_relaxed);
	if (has && has < limit && !(s->limits->flags & LIMITS_OVERSUBSCRIBE))
		limit = has;
	*ret_total = limit;
	*ret_free = used < limit ? limit - used : 0;
	return true;
}

void memory_measured(self *s, unsigned device, uint64_t bytes)
{
	atomic_store_explicit(&s->totals[device], bytes ? bytes : SELF_UNTOLD, memory_order_relaxed);
}

bool memory_is_measured(const self *s, unsigned device)
{
	return atomic_load_explicit(&s->totals[device], memory_order_relaxed) != 0;
}
