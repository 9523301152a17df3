/* spin: a lock within one process for a few instructions. It gives way when it does not come at once, since who holds
 * it may have been taken off the processor; and it sleeps when that does not help, since a yield goes to none of lower
 * priority, and burns the time of a process that has only so much of it. errno is kept.
 */
#pragma once
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

typedef atomic_uint spin;

#define SPIN_TRIES  16
#define SPIN_YIELDS 48
#define SPIN_NAP_NS 20000

static __attribute__((noinline, cold, unused)) void spin_wait(spin *lock)
{
	static const struct timespec nap = {0, SPIN_NAP_NS};
	int kept = errno;
	for (unsigned tries = 0; atomic_exchange_explicit(lock, 1, memory_order_acquire); tries++)
		if (tries > SPIN_TRIES + SPIN_YIELDS)
			nanosleep(&nap, NULL);
		else if (tries > SPIN_TRIES)
			sched_yield();
	errno = kept;
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
