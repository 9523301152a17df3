/* books: what the processes of one container hold, in a file that all of them map and write.
 *
 * Each process has one slot that never moves and that it alone writes. There is no second copy of any sum: what the
 * container holds is the sum of the slots of the living, so a death at any moment leaves nothing to repair. Nobody
 * takes a lock.
 *
 *   take   add to the own slot, sum all, take back when the sum is over the limit. Two who race may both be refused
 * (they try again a few times, with pauses that differ), never both admitted. join   claim a free slot by
 * compare-and-swap, empty it, put the name in. Who dies or stops between leaves a claim that counts for nothing and is
 * swept when its owner is dead. sweep  free the slots of the dead by one compare-and-swap of the owner's name. What
 * stood in the slot is emptied by who claims it next, and each claim has its turn in the owner's word, so that a
 * sweeper that was stopped does no harm when it goes on, were the owner the same again (after an exec).
 *
 *   sum    the first BOOKS_NEAR slots one by one. Those beyond stand in groups with a count of changes, so that a
 * process adds a group up again only when something changed in it (books_far): a thousand processes cost little more
 * than sixty-four. A count goes up after what it tells of and before its owner reads others', so of two who race the
 * later one sees the earlier. No sum stands in the file: nothing there could disagree with the slots when somebody dies
 * half-way.
 *
 * An owner's name is its pid and the low half of its start time, so that a process that got a dead one's number is not
 * it; and what it held before an exec is not its own any more. Shared by agents/shim and agents/node; stands on libc
 * alone.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/limits.h"

#define BOOKS_MAGIC   UINT64_C(0x314b4f4f42455652)
#define BOOKS_VERSION 1
#define BOOKS_SLOTS   1024
#define BOOKS_NEAR    64 /* slots that are summed one by one; the others by */
#define BOOKS_GROUP   32 /* at a time */
#define BOOKS_GROUPS  ((BOOKS_SLOTS - BOOKS_NEAR) / BOOKS_GROUP)

/* The owner of a slot, in one word: the top bit says that the slot is claimed and not yet empty, the next nine are the
 * turn of that claim among those of the slot, and the rest is the owner's name (alive.h), whose pid is below 2^22.
 */
#define BOOKS_JOINING (UINT64_C(1) << 63)
#define BOOKS_TURN_AT 54
#define BOOKS_TURNS   512
#define BOOKS_NAME    ((UINT64_C(1) << BOOKS_TURN_AT) - 1)

typedef struct books_slot {
	_Alignas(64) _Atomic uint64_t owner;        /* alive.h; 0: free */
	_Atomic uint64_t bytes[LIMITS_DEVICES];     /* of device memory, contexts and pools among them */
	_Atomic uint64_t device_ns[LIMITS_DEVICES]; /* of device time, as charged */
	_Atomic uint64_t refused[LIMITS_DEVICES];   /* allocations that did not fit */
	_Atomic uint32_t pid_space;                 /* in which the pid has a meaning: the namespace's inode */
	_Atomic uint32_t host_pid;                  /* the same process as NVML names it; the node fills it in */
	_Atomic uint64_t launched_at_ns;            /* CLOCK_MONOTONIC of the latest gated launch */
	_Atomic uint32_t image;                     /* what the owner ran when it joined (alive.h); 0: not told */
	_Atomic uint32_t claims;                    /* of all time */
	uint8_t rest[32];
	_Atomic uint64_t changes; /* of the first slot of a group: of all bytes in the group */
	uint8_t rest_group[56];
} books_slot;

typedef struct books_device {
	_Alignas(64) _Atomic int64_t due_ns; /* when all that was charged will have been earned (gate.h) */
	_Atomic uint64_t context_bytes;      /* what a context costs, once a process has found out */
	_Atomic int64_t trimmed_at_ns;       /* who sets this does the next comparison with NVML */
	_Atomic uint32_t trim_milli;         /* what came of it; 0: nothing yet */
	_Atomic uint64_t charged_ns;         /* of the whole container, when that was done */
	_Atomic int64_t priced_at_ns;        /* who sets this finds out what a context costs (context.c) */
	uint8_t rest[8];
} books_device;

typedef struct books {
	uint64_t magic;
	uint32_t version;
	uint32_t slot_count;
	uint64_t size_bytes;
	_Atomic uint32_t top;         /* slots from here on have never been used */
	_Atomic uint32_t turned_away; /* how often a process found no slot */
	_Atomic int64_t swept_at_ns;  /* who sets this looks for the dead before it takes a slot that was never used */
	uint8_t rest[24];
	books_device devices[LIMITS_DEVICES];
	books_slot slots[BOOKS_SLOTS];
} books;

/* What one process knows of the groups beyond BOOKS_NEAR. Zeroed at first; its own lock. */
typedef struct books_far {
	atomic_uint busy;
	uint64_t seen[LIMITS_DEVICES][BOOKS_GROUPS]; /* changes when the sum was made, plus 1 */
	uint64_t sums[LIMITS_DEVICES][BOOKS_GROUPS];
} books_far;

/* Fills a fresh, zeroed file's content. */
void books_init(books *b);

/* Whether what was mapped, size bytes, are books of this version. */
bool books_valid(const books *b, size_t size);

/* A slot for owner, emptied; NULL when all are taken by the living, which is counted. */
books_slot *books_join(books *b, uint64_t owner, uint32_t pid_space);

/* What all living hold of a device; the second by what is known of groups that did not change. */
uint64_t books_sum(const books *b, unsigned device);
uint64_t books_sum_far(const books *b, unsigned device, books_far *far);

/* Frees the slots whose owners are dead; how many. Owners of another pid_space are left to the node
 * (agents/node/leftover.h). */
unsigned books_sweep(books *b, uint32_t pid_space);

/* Adds bytes to the slot when all slots together stay within limit; else changes nothing. At most 2^48 bytes. */
bool books_take(books *b, books_far *far, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit);

/* What books_take does when books_take_quick has not: looks for the dead, and tries again a few times. */
bool books_take_slow(books *b, books_far *far, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit);

/* Tells who sums by groups that the slot, which is beyond BOOKS_NEAR, has changed. */
void books_changed(books *b, const books_slot *slot);

static inline uint64_t books_name(uint64_t owner)
{
	return owner & BOOKS_NAME;
}

static inline bool books_is_near(const books *b, const books_slot *slot)
{
	return __builtin_expect(slot < b->slots + BOOKS_NEAR, 1);
}

/* Adds bytes that are there already. */
static inline void books_put(books *b, books_slot *slot, unsigned device, uint64_t bytes)
{
	atomic_fetch_add(&slot->bytes[device], bytes);
	if (!books_is_near(b, slot))
		books_changed(b, slot);
}

/* Takes back what was added. */
static inline void books_give(books *b, books_slot *slot, unsigned device, uint64_t bytes)
{
	atomic_fetch_sub(&slot->bytes[device], bytes);
	if (!books_is_near(b, slot))
		books_changed(b, slot);
}

/* In the one order of all such reads and of all additions, without which two who race could each miss the other's on a
 * processor that lets reads pass earlier writes.
 */
static inline uint64_t books_held(const books_slot *slot, unsigned device)
{
	uint64_t owner = atomic_load(&slot->owner);
	return owner != 0 && !(owner & BOOKS_JOINING) ? atomic_load(&slot->bytes[device]) : 0;
}

/* The common case of books_take: few processes, and room. False: nothing was changed. */
static inline bool books_take_quick(books *b, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	if (__builtin_expect(atomic_load_explicit(&b->top, memory_order_relaxed) > BOOKS_NEAR || bytes > limit, 0))
		return false;
	uint64_t sum = atomic_fetch_add(&slot->bytes[device], bytes) + bytes;
	unsigned top = atomic_load(&b->top);
	if (__builtin_expect(top > 1, 0)) {
		sum = 0;
		for (unsigned i = 0; i < top && i < BOOKS_NEAR; i++)
			sum += books_held(&b->slots[i], device);
	}
	if (__builtin_expect(sum <= limit && top <= BOOKS_NEAR, 1))
		return true;
	atomic_fetch_sub(&slot->bytes[device], bytes);
	return false;
}
