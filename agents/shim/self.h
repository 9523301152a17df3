/* self: what one process has of the shim: its limits, its slot in the books, what it holds.
 *
 * All that changes is reached from one page that the kernel empties in every child that does not share our memory,
 * however it was made (MADV_WIPEONFORK). So a child starts with nothing: no lock that was taken, no slot that is its
 * parent's; its first call sets up a self of its own. Nothing runs before the first call and nothing at exit: a slot is
 * given up by dying.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "shim/abi.h"
#include "shim/books.h"
#include "shim/holding.h"
#include "shim/limits.h"
#include "shim/spin.h"

#define SELF_ORDINALS 64 /* devices a program can see */

#define EXPORT      __attribute__((visibility("default")))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define THREAD      _Thread_local __attribute__((tls_model("initial-exec")))

typedef struct gate gate;

typedef struct self {
	const limits *limits;
	books *books;
	books_slot *slot; /* NULL: no room in the books; then nothing is allowed that is limited */
	holdings *holdings;
	gate *gate;
	uint32_t pid_space;
	bool by_variables;
	atomic_uint epoch;                    /* goes up when a context ends */
	_Atomic uint64_t swept_at;            /* time stamp counter */
	atomic_schar index_of[SELF_ORDINALS]; /* the device's place in limits and books, plus 1; 0: not asked yet */
	atomic_uint captures;                 /* streams that are being recorded */
	atomic_uint graphs;                   /* instances that allocate when they run */
	_Atomic uint64_t renamed;             /* graphs that have ended */
} self;

typedef struct self_page {
	_Atomic(self *) self;
	_Atomic(const limits *) gates; /* its limits again, for the launch path; NULL as long as there is no self */
	_Atomic(self *) base;          /* the self before the driver is open, which NVML's wrappers do not need */
	_Atomic uint64_t epoch;        /* of this self: what threads remember of another's is worth nothing */
	atomic_uint setting_up;
	char rest[4096 - 40];
} self_page;

extern self_page self_here;

/* What a thread remembers between calls. Small: it lives in the static block of thread storage. */
typedef struct self_thread {
	CUcontext context;
	uint32_t epoch;
	uint32_t device;
} self_thread;

/* Makes the self of this process: limits, books and the driver's calls; self_base does without the last. errno is kept.
 * Never NULL.
 */
self *self_setup(void);
self *self_base(void);

static inline self *self_get(void)
{
	self *s = atomic_load_explicit(&self_here.self, memory_order_acquire);
	return s ? s : self_setup();
}

/* The place in limits and books of the calling thread's current device. False: it has no context. */
bool self_device(self *s, unsigned *ret_device);

/* The context that self_device has found last in this thread. */
CUcontext self_context(void);

/* Likewise of a device by the program's number of it. */
unsigned self_ordinal(self *s, int ordinal);
