/* spin: a lock within one process for a few instructions. It gives way when it does not come at once, since who holds
 * it may have been taken off the processor.
 */
#pragma once
#include <sched.h>
#include <stdatomic.h>

typedef atomic_uint spin;

static __attribute__((noinline, cold, unused)) void spin_wait(spin *lock)
{
	for (unsigned tries = 0; atomic_exchange_explicit(lock, 1, memory_order_acquire); tries++)
		if (tries > 16)
			sched_yield();
}

static inline void spin_lock(spin *lock)
{
	if (__builtin_expect(atomic_exchange_explicit(lock, 1, memory_order_acquire) != 0, 0))
		spin_wait(lock);
}

static inline void spin_unlock(spin *lock)
{
	atomic_store_explicit(lock, 0, memory_order_release);
}
