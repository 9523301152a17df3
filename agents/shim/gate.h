/* gate: launches of a container that has a share of device time, or low priority, pass here.
 *
 * The account is device time in nanoseconds, one word per device for the whole container: `due`, the moment at which
 * all that was charged will have been earned at the container's share. A launch may go when that moment is not ahead of
 * now; idle time counts for at most GATE_BURST_NS. Threads draw GATE_DRAW_NS at a time, so that most launches touch
 * nothing shared.
 *
 * Every so often (GATE_FENCE_NS of expected time or GATE_FENCE_LAUNCHES) a launch goes between two events: they give
 * its cost, and tell when all before it is done. What is under way is bounded, so that a correction takes effect soon
 * and a neighbour waits shortly. A function whose cost nobody knows goes alone until it is known.
 */
#pragma once
#include <stddef.h>

#include "shim/cost.h"
#include "shim/self.h"

#define GATE_BURST_NS       20000000
#define GATE_DRAW_NS        500000
#define GATE_FENCE_NS       200000
#define GATE_FENCE_LAUNCHES 512
#define GATE_FLYING_NS      8000000 /* expected time of what is under way; low priority: */
#define GATE_FLYING_LOW_NS  2000000

/* How a flavour of stream is spoken to. */
typedef struct gate_stream {
	CUstream stream;
	CUresult (*record)(CUevent, CUstream);
	CUresult (*is_recorded)(CUstream, int *);
} gate_stream;

/* What a thread has drawn, and what it has launched since its last fence. */
typedef struct gate_thread {
	uint64_t epoch; /* self_here's when this was filled: another after a fork */
	uint64_t key;
	int64_t cost_ns;
	int64_t credit_ns;
	int64_t open_ns;
	uint32_t open_count;
	uint32_t device;
} gate_thread;

extern THREAD gate_thread gate_here;

/* A launch on its way through. */
typedef struct gate_pass {
	int flight; /* its place among those under way; -1: without events */
	cost *cost;
	int64_t ns;
} gate_pass;

/* A gate is so many zeroed bytes. */
size_t gate_bytes(void);

/* The common case: cost known, credit at hand. True: go. */
static inline bool gate_quick(uint64_t key)
{
	gate_thread *t = &gate_here;
	if (t->key != key || t->epoch != atomic_load_explicit(&self_here.epoch, memory_order_relaxed) ||
		t->credit_ns < t->cost_ns)
		return false;
	if (t->open_count >= GATE_FENCE_LAUNCHES || t->open_ns + t->cost_ns > GATE_FENCE_NS)
		return false;
	t->credit_ns -= t->cost_ns;
	t->open_ns += t->cost_ns;
	t->open_count++;
	return true;
}

/* Every other: waits until the launch may go, and records what must stand before it; gate_leave after the driver's
 * answer. */
void gate_enter(self *s, uint64_t key, const gate_stream *on, gate_pass *ret_pass);
void gate_leave(self *s, const gate_stream *on, const gate_pass *pass, CUresult answer);

/* A context is about to end, and its events with it. */
void gate_forget(self *s, CUcontext context);
