#include "shim/books.h"

#include <time.h>

#include "shim/alive.h"

#define BOOKS_TRIES 6 /* pauses of 1, 4, 16 ... microseconds, about 1.4 ms in all */

_Static_assert(sizeof(books_slot) == 512, "the layout is shared between versions");
_Static_assert(offsetof(books, devices) == 64, "the layout is shared between versions");
_Static_assert(offsetof(books, slots) == 64 + 64 * LIMITS_DEVICES, "the layout is shared between versions");

void books_init(books *b)
{
	b->magic = BOOKS_MAGIC;
	b->version = BOOKS_VERSION;
	b->slot_count = BOOKS_SLOTS;
	b->size_bytes = sizeof *b;
}

bool books_valid(const books *b, size_t size)
{
	return size >= sizeof *b && b->magic == BOOKS_MAGIC && b->version == BOOKS_VERSION &&
	       b->slot_count == BOOKS_SLOTS && b->size_bytes == sizeof *b;
}

static unsigned books_top(const books *b)
{
	unsigned top = atomic_load_explicit(&b->top, memory_order_acquire);
	return top < BOOKS_SLOTS ? top : BOOKS_SLOTS; /* the file may be forged: the node's audit deals with that */
}

static void books_empty(books_slot *slot)
{
	for (unsigned d = 0; d < LIMITS_DEVICES; d++) {
		atomic_store_explicit(&slot->bytes[d], 0, memory_order_relaxed);
		atomic_store_explicit(&slot->device_ns[d], 0, memory_order_relaxed);
		atomic_store_explicit(&slot->refused[d], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&slot->host_pid, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->launched_at_ns, 0, memory_order_relaxed);
}

static bool books_claim(books_slot *slot, uint64_t owner, uint32_t pid_space)
{
	uint64_t nobody = 0;
	if (!atomic_compare_exchange_strong(&slot->owner, &nobody, owner | BOOKS_JOINING))
		return false;
	books_empty(slot);
	atomic_store(&slot->pid_space, pid_space);
	atomic_store(&slot->owner, owner);
	return true;
}

static books_slot *books_claim_below(books *b, unsigned top, uint64_t owner, uint32_t pid_space)
{
	for (unsigned i = 0; i < top; i++) {
		books_slot *slot = &b->slots[i];
		if (atomic_load_explicit(&slot->owner, memory_order_relaxed) == 0 &&
			books_claim(slot, owner, pid_space))
			return slot;
	}
	return NULL;
}

/* Readers must reach a slot before anything stands in it. */
static books_slot *books_claim_new(books *b, uint64_t owner, uint32_t pid_space)
{
	for (unsigned top = books_top(b); top < BOOKS_SLOTS;) {
		if (!atomic_compare_exchange_weak(&b->top, &top, top + 1))
			continue;
		if (books_claim(&b->slots[top], owner, pid_space))
			return &b->slots[top];
	}
	return NULL;
}

/* A hole is taken as it is; the living are asked after only when there is none, so that many who start at once do not
 * wait. */
books_slot *books_join(books *b, uint64_t owner, uint32_t pid_space)
{
	books_slot *slot = books_claim_below(b, books_top(b), owner, pid_space);
	if (!slot && books_sweep(b, pid_space) > 0)
		slot = books_claim_below(b, books_top(b), owner, pid_space);
	return slot ? slot : books_claim_new(b, owner, pid_space);
}

uint64_t books_sum(const books *b, unsigned device)
{
	uint64_t sum = 0;
	unsigned top = books_top(b);
	for (unsigned i = 0; i < top; i++) {
		uint64_t owner = atomic_load_explicit(&b->slots[i].owner, memory_order_relaxed);
		if (owner != 0 && !(owner & BOOKS_JOINING))
			sum += atomic_load_explicit(&b->slots[i].bytes[device], memory_order_relaxed);
	}
	return sum;
}

unsigned books_sweep(books *b, uint32_t pid_space)
{
	unsigned swept = 0;
	unsigned top = books_top(b);
	for (unsigned i = 0; i < top; i++) {
		books_slot *slot = &b->slots[i];
		uint64_t owner = atomic_load(&slot->owner);
		uint32_t space = atomic_load(&slot->pid_space);
		if (owner == 0 || (space != pid_space && !(owner & BOOKS_JOINING)) ||
			alive_check(owner & ~BOOKS_JOINING))
			continue;
		swept += atomic_compare_exchange_strong(&slot->owner, &owner, 0);
	}
	return swept;
}

static bool books_try(books *b, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	atomic_fetch_add(&slot->bytes[device], bytes);
	if (books_sum(b, device) <= limit)
		return true;
	atomic_fetch_sub(&slot->bytes[device], bytes);
	return false;
}

/* The pauses differ by slot and by try, so that those who refused each other do not meet again and again. */
static void books_pause(const books *b, const books_slot *slot, unsigned try)
{
	unsigned turn = (unsigned)(slot - b->slots) % 7 + 1;
	struct timespec span = {0, (long)(turn * 250) << (2 * try)};
	nanosleep(&span, NULL);
}

static bool books_insist(books *b, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	uint64_t own = atomic_load(&slot->bytes[device]);
	if (bytes > limit || own > limit - bytes)
		return false;
	for (unsigned try = 0; try < BOOKS_TRIES; try++) {
		/* Alone, nobody's doubled claim can have been in the way. */
		if (books_sum(b, device) + bytes <= limit && books_try(b, slot, device, bytes, limit))
			return true;
		uint64_t before = books_sum(b, device);
		books_pause(b, slot, try);
		if (before + bytes > limit && books_sum(b, device) >= before)
			return false;
	}
	return false;
}

bool books_take(books *b, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	if (bytes <= limit && books_try(b, slot, device, bytes, limit))
		return true;
	uint32_t space = atomic_load_explicit(&slot->pid_space, memory_order_relaxed);
	if (bytes <= limit && books_sweep(b, space) > 0 && books_try(b, slot, device, bytes, limit))
		return true;
	if (books_insist(b, slot, device, bytes, limit))
		return true;
	atomic_fetch_add_explicit(&slot->refused[device], 1, memory_order_relaxed);
	return false;
}

void books_give(books_slot *slot, unsigned device, uint64_t bytes)
{
	atomic_fetch_sub(&slot->bytes[device], bytes);
}
