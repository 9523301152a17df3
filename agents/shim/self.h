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
#include "shim/piece.h"
#include "shim/spin.h"

#define SELF_ORDINALS 64 /* devices a program can see */
#define SELF_UNTOLD   UINT64_MAX

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define THREAD      _Thread_local __attribute__((tls_model("initial-exec")))

typedef struct gate gate;

typedef struct self {
	const limits *limits;
	books *books;
	_Atomic(books_slot *) slot; /* NULL: no room in the books; then nothing is allowed that is limited */
	pieces *pieces;
	holdings *holdings;
	gate *gate;
	uint64_t name; /* of this process (alive.h) */
	uint32_t pid_space;
	bool by_variables;
	atomic_uint epoch;                       /* goes up when a context ends */
	atomic_bool unbooked;                    /* something was let through while there was no slot */
	_Atomic uint64_t joined_at, swept_at;    /* time stamp counter */
	atomic_schar index_of[SELF_ORDINALS];    /* the device's place in limits and books, plus 1; 0: not asked yet */
	atomic_uint captures;                    /* streams that are being recorded */
	atomic_uint graphs;                      /* instances that allocate when they run */
	atomic_uint graph_takes;                 /* when the driver takes their memory (graph.c) */
	atomic_bool graph_nodes;                 /* some graph has had a node that allocates */
	_Atomic uint64_t totals[LIMITS_DEVICES]; /* bytes of each device; 0: not asked yet, SELF_UNTOLD: nobody says */
	_Atomic uint64_t renamed;                /* graphs that have ended */
	books_far far;
	atomic_uint context_top;
	_Atomic(CUcontext) contexts[PIECE_CONTEXTS]; /* those that pieces may belong to, by number from 1; NULL: none */
} self;

typedef struct self_page {
	_Atomic(self *) self;
	_Atomic(self *) base;   /* the self before the driver is open, which NVML's wrappers do not need */
	_Atomic uint64_t epoch; /* of this self: what threads remember of another's is worth nothing */
	atomic_uint setting_up;
	char rest[4096 - 28];
} self_page;

extern self_page self_here;

/* The limits again, at a place that code knows: one comparison tells a launch whether anything may hold it back. Until
 * the driver is open it says so. A child of fork() has what its parent had; the file is the same.
 */
typedef union self_gates {
	limits limits;
	char page[4096];
} self_gates;

extern self_gates self_gates_here;

/* What a thread remembers between calls. Small: it lives in the static block of thread storage. */
typedef struct self_thread {
	CUcontext context;
	uint32_t epoch;
	uint16_t device;
	uint16_t number; /* of the context */
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

/* The slot, for which room may have come since it was last looked for; NULL: there is none. */
books_slot *self_slot(self *s);

/* Something passes that no slot tells of: what is given back later must not be taken from a slot that is joined then.
 */
void self_go_unbooked(self *s);

/* The context that self_device has found last in this thread. */
CUcontext self_context(void);
unsigned self_context_number(void);

/* Forgets a context that has ended, after telling on_number each number that it had. */
void self_forget_context(self *s, CUcontext context, void (*on_number)(self *, unsigned));

/* Likewise of a device by the program's number of it. */
unsigned self_ordinal(self *s, int ordinal);
