#include "shim/piece.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/spin.h"

#define PIECE_STRIPES 64
#define PIECE_FIRST   16  /* entries of a stripe's first table, which stands in it: few pieces stay near each other */
#define PIECE_PAGE    256 /* of the next, which has pages of its own */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A word of what was paid: 48 bits of bytes, 4 of the device, 12 of the context. */
#define PIECE_DEVICE_SHIFT  48
#define PIECE_CONTEXT_SHIFT 52

typedef struct piece_entry {
	uint64_t at; /* 0: free */
	uint64_t paid;
} piece_entry;

typedef struct stripe {
	_Alignas(64) spin lock;
	uint32_t count;
	uint32_t mask;
	piece_entry *entries;
	_Alignas(64) piece_entry first[PIECE_FIRST];
} stripe;

struct pieces {
	stripe stripes[PIECE_STRIPES];
};

static void *pages_new(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

size_t pieces_bytes(void)
{
	return sizeof(pieces);
}

ALWAYS_INLINE uint64_t piece_hash(uint64_t at)
{
	return at * UINT64_C(0x9e3779b97f4a7c15);
}

ALWAYS_INLINE uint32_t piece_home(const stripe *s, uint64_t at)
{
	return (uint32_t)(piece_hash(at) >> 32) & s->mask;
}

/* The entry, or the free place where it would stand. The table is never full. */
ALWAYS_INLINE piece_entry *piece_probe(const stripe *s, uint64_t at)
{
	uint32_t place = piece_home(s, at);
	while (s->entries[place].at != 0 && s->entries[place].at != at)
		place = (place + 1) & s->mask;
	return &s->entries[place];
}

static bool stripe_begin(stripe *s)
{
	s->entries = s->first;
	s->mask = PIECE_FIRST - 1;
	return true;
}

static __attribute__((noinline, cold)) bool stripe_grow(stripe *s)
{
	if (!s->entries)
		return stripe_begin(s);
	stripe larger = {.mask = s->mask == PIECE_FIRST - 1 ? PIECE_PAGE - 1 : s->mask * 2 + 1};
	larger.entries = pages_new((larger.mask + 1) * sizeof(piece_entry));
	if (!larger.entries)
		return false;
	for (uint32_t i = 0; i <= s->mask; i++)
		if (s->entries[i].at)
			*piece_probe(&larger, s->entries[i].at) = s->entries[i];
	if (s->entries != s->first)
		munmap(s->entries, (s->mask + 1) * sizeof(piece_entry));
	s->mask = larger.mask;
	s->entries = larger.entries;
	return true;
}

/* Moves later entries of the run up, so that no tombstone is left. */
static __attribute__((noinline)) void stripe_close_gap(stripe *s, uint32_t hole)
{
	uint32_t at = hole;
	for (;;) {
		at = (at + 1) & s->mask;
		if (s->entries[at].at == 0)
			break;
		uint32_t home = piece_home(s, s->entries[at].at);
		if (((at - home) & s->mask) >= ((at - hole) & s->mask)) {
			s->entries[hole] = s->entries[at];
			hole = at;
		}
	}
	s->entries[hole].at = 0;
}

ALWAYS_INLINE void stripe_remove(stripe *s, piece_entry *entry)
{
	uint32_t hole = (uint32_t)(entry - s->entries);
	s->count--;
	if (s->entries[(hole + 1) & s->mask].at == 0)
		entry->at = 0;
	else
		stripe_close_gap(s, hole);
}

/* A fifth of the table stays free (and one that has no place yet has none): fewer, and a search walks far; more, and
 * what is in use does not fit the cache. */
ALWAYS_INLINE bool stripe_has_room(const stripe *s)
{
	return __builtin_expect(s->count * 5 < s->mask * 4, 1);
}

/* What follows is in two parts each: the common one calls nothing, so that it keeps no register on the stack, and ends
 * in a jump to the other where the lock is taken, the table is full, or the entry is not alone.
 */
ALWAYS_INLINE bool stripe_try(stripe *s)
{
	return __builtin_expect(atomic_exchange_explicit(&s->lock, 1, memory_order_acquire) == 0, 1);
}

ALWAYS_INLINE bool stripe_put(stripe *s, uint64_t at, uint64_t paid)
{
	piece_entry *place = piece_probe(s, at);
	s->count += place->at == 0;
	place->at = at;
	place->paid = paid;
	spin_unlock(&s->lock);
	return true;
}

static __attribute__((noinline, cold)) bool stripe_put_slow(stripe *s, uint64_t at, uint64_t paid, bool is_locked)
{
	if (!is_locked)
		spin_lock(&s->lock);
	if (stripe_has_room(s) || stripe_grow(s) || s->count < s->mask)
		return stripe_put(s, at, paid);
	spin_unlock(&s->lock);
	return false;
}

bool piece_put(pieces *all, uint64_t at, piece what)
{
	stripe *s = &all->stripes[piece_hash(at) >> 58];
	uint64_t paid = what.bytes | (uint64_t)what.device << PIECE_DEVICE_SHIFT |
			(uint64_t)what.context << PIECE_CONTEXT_SHIFT;
	if (!stripe_try(s))
		return stripe_put_slow(s, at, paid, false);
	return stripe_has_room(s) ? stripe_put(s, at, paid) : stripe_put_slow(s, at, paid, true);
}

ALWAYS_INLINE piece piece_of(uint64_t paid)
{
	return (piece){paid & ((UINT64_C(1) << PIECE_DEVICE_SHIFT) - 1), paid >> PIECE_DEVICE_SHIFT & 15,
		(unsigned)(paid >> PIECE_CONTEXT_SHIFT)};
}

static __attribute__((noinline, cold)) bool stripe_take_slow(stripe *s, uint64_t at, piece *ret_taken, bool is_locked)
{
	if (!is_locked)
		spin_lock(&s->lock);
	piece_entry *found = s->count ? piece_probe(s, at) : NULL;
	bool is_known = found && found->at != 0;
	*ret_taken = piece_of(is_known ? found->paid : 0);
	if (is_known)
		stripe_remove(s, found);
	spin_unlock(&s->lock);
	return is_known;
}

/* The entry stands where it belongs, and nothing behind it. */
ALWAYS_INLINE bool stripe_is_plain(const stripe *s, uint64_t at, uint32_t place)
{
	return __builtin_expect(s->count && s->entries[place].at == at && s->entries[(place + 1) & s->mask].at == 0, 1);
}

bool piece_take(pieces *all, uint64_t at, piece *ret_taken)
{
	stripe *s = &all->stripes[piece_hash(at) >> 58];
	if (!stripe_try(s))
		return stripe_take_slow(s, at, ret_taken, false);
	uint32_t place = piece_home(s, at);
	if (!stripe_is_plain(s, at, place))
		return stripe_take_slow(s, at, ret_taken, true);
	*ret_taken = piece_of(s->entries[place].paid);
	s->entries[place].at = 0;
	s->count--;
	spin_unlock(&s->lock);
	return true;
}

static void stripe_end(stripe *s, unsigned context, void (*on_piece)(piece, void *), void *arg)
{
	for (uint32_t i = 0; s->count && i <= s->mask;) {
		piece what = piece_of(s->entries[i].paid);
		if (s->entries[i].at == 0 || what.context != context) {
			i++;
			continue;
		}
		on_piece(what, arg);
		stripe_remove(s, &s->entries[i]); /* another may have moved here: look again */
	}
}

void pieces_end(pieces *all, unsigned context, void (*on_piece)(piece, void *), void *arg)
{
	for (unsigned i = 0; i < PIECE_STRIPES; i++) {
		spin_lock(&all->stripes[i].lock);
		stripe_end(&all->stripes[i], context, on_piece, arg);
		spin_unlock(&all->stripes[i].lock);
	}
}
