#include "shim/books.h"

#include <time.h>

#include "shim/alive.h"

#define BOOKS_SWEEP_NS 50000000 /* at least, between two searches for the dead by who joins */
#define BOOKS_TRIES    6        /* pauses of 1, 4, 16 ... microseconds, about 1.4 ms in all */

_Static_assert(BOOKS_NEAR + BOOKS_GROUPS * BOOKS_GROUP == BOOKS_SLOTS, "every slot is near or in a group");
_Static_assert(offsetof(books_slot, changes) == 448, "on a line that no owner writes");
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
	uint64_t turn = (atomic_fetch_add(&slot->claims, 1) + 1) % BOOKS_TURNS;
	books_empty(slot);
	atomic_store(&slot->pid_space, pid_space);
	atomic_store(&slot->image, alive_image());
	atomic_store(&slot->owner, owner | turn << BOOKS_TURN_AT);
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

static bool books_may_sweep(books *b)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	int64_t before = atomic_load(&b->swept_at_ns);
	return (before > now_ns || now_ns - before > BOOKS_SWEEP_NS) &&
	       atomic_compare_exchange_strong(&b->swept_at_ns, &before, now_ns);
}

static books_slot *books_claim_swept(books *b, uint64_t owner, uint32_t pid_space)
{
	return books_sweep(b, pid_space) > 0 ? books_claim_below(b, books_top(b), owner, pid_space) : NULL;
}

/* Whether it was that owner's still. */
static bool books_free(books *b, books_slot *slot, uint64_t owner)
{
	if (!atomic_compare_exchange_strong(&slot->owner, &owner, 0))
		return false;
	if (!books_is_near(b, slot))
		books_changed(b, slot);
	return true;
}

/* What the process held before it ran its present program. */
static void books_shed(books *b, const books_slot *own)
{
	uint64_t name = books_name(atomic_load(&own->owner));
	uint32_t image = atomic_load(&own->image);
	unsigned top = books_top(b);
	for (unsigned i = 0; image && i < top; i++) {
		books_slot *slot = &b->slots[i];
		uint64_t owner = atomic_load(&slot->owner);
		uint32_t before = atomic_load(&slot->image);
		if (slot != own && before && before != image && !(owner & BOOKS_JOINING) && books_name(owner) == name &&
			atomic_load(&slot->pid_space) == atomic_load(&own->pid_space))
			books_free(b, slot, owner);
	}
}

/* A hole is taken as it is. When there is none, one of those who start at once asks who still lives, and all do when
 * there is no other slot left: each question takes the kernel some time.
 */
books_slot *books_join(books *b, uint64_t owner, uint32_t pid_space)
{
	books_slot *slot = books_claim_below(b, books_top(b), owner, pid_space);
	if (!slot && books_top(b) > 0 && books_may_sweep(b))
		slot = books_claim_swept(b, owner, pid_space);
	if (!slot)
		slot = books_claim_new(b, owner, pid_space);
	if (!slot)
		slot = books_claim_swept(b, owner, pid_space);
	if (slot)
		books_shed(b, slot);
	else
		atomic_fetch_add(&b->turned_away, 1);
	return slot;
}

static uint64_t books_sum_of(const books *b, unsigned device, unsigned from, unsigned to)
{
	uint64_t sum = 0;
	for (unsigned i = from; i < to; i++)
		sum += books_held(&b->slots[i], device);
	return sum;
}

uint64_t books_sum(const books *b, unsigned device)
{
	return books_sum_of(b, device, 0, books_top(b));
}

static unsigned books_group_of(const books *b, const books_slot *slot)
{
	return (unsigned)(slot - b->slots - BOOKS_NEAR) / BOOKS_GROUP;
}

static const books_slot *books_group(const books *b, unsigned group)
{
	return &b->slots[BOOKS_NEAR + group * BOOKS_GROUP];
}

void books_changed(books *b, const books_slot *slot)
{
	const books_slot *first = books_group(b, books_group_of(b, slot));
	atomic_fetch_add(&b->slots[first - b->slots].changes, 1);
}

/* The count is read before the slots: what changes meanwhile is added up again the next time. */
static uint64_t books_sum_group(const books *b, unsigned device, unsigned group, books_far *far)
{
	const books_slot *first = books_group(b, group);
	uint64_t changes = atomic_load(&first->changes) + 1;
	if (far->seen[device][group] != changes) {
		unsigned from = (unsigned)(first - b->slots);
		far->sums[device][group] = books_sum_of(b, device, from, from + BOOKS_GROUP);
		far->seen[device][group] = changes;
	}
	return far->sums[device][group];
}

uint64_t books_sum_far(const books *b, unsigned device, books_far *far)
{
	unsigned top = books_top(b);
	if (top <= BOOKS_NEAR || !far || atomic_exchange(&far->busy, 1))
		return books_sum(b, device);
	uint64_t sum = books_sum_of(b, device, 0, BOOKS_NEAR);
	for (unsigned group = 0; BOOKS_NEAR + group * BOOKS_GROUP < top; group++)
		sum += books_sum_group(b, device, group, far);
	atomic_store(&far->busy, 0);
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
		uint32_t image = owner & BOOKS_JOINING ? 0 : atomic_load(&slot->image);
		if (owner == 0 || (space != pid_space && !(owner & BOOKS_JOINING)) ||
			alive_check(books_name(owner), image))
			continue;
		swept += books_free(b, slot, owner);
	}
	return swept;
}

static bool books_try(books *b, books_far *far, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	books_put(b, slot, device, bytes);
	if (books_sum_far(b, device, far) <= limit)
		return true;
	books_give(b, slot, device, bytes);
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
		/* Alone, nobody's doubled claim can have been in the way; nor can a count that the dead left behind. */
		if (books_sum(b, device) + bytes <= limit && books_try(b, NULL, slot, device, bytes, limit))
			return true;
		uint64_t before = books_sum(b, device);
		books_pause(b, slot, try);
		if (before + bytes > limit && books_sum(b, device) >= before)
			return false;
	}
	return false;
}

bool books_take_slow(books *b, books_far *far, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	if (bytes <= limit && books_try(b, far, slot, device, bytes, limit))
		return true;
	uint32_t space = atomic_load_explicit(&slot->pid_space, memory_order_relaxed);
	if (bytes <= limit && books_sweep(b, space) > 0 && books_try(b, NULL, slot, device, bytes, limit))
		return true;
	if (books_insist(b, slot, device, bytes, limit))
		return true;
	atomic_fetch_add_explicit(&slot->refused[device], 1, memory_order_relaxed);
	return false;
}

bool books_take(books *b, books_far *far, books_slot *slot, unsigned device, uint64_t bytes, uint64_t limit)
{
	return books_take_quick(b, slot, device, bytes, limit) || books_take_slow(b, far, slot, device, bytes, limit);
}
