#include "shim/holding.h"

#include <string.h>
#include <sys/mman.h>

#include "shim/spin.h"

#define HOLDING_STRIPES 64
#define HOLDING_FIRST                                                                                                  \
	8 /* entries of a stripe's first table, which stands in the stripe: few things stay near each other */
#define HOLDING_PAGE 64 /* of the next, which has pages of its own */

typedef struct stripe {
	_Alignas(64) spin lock;
	uint32_t count;
	uint32_t mask;
	holding *entries;
	_Alignas(32) holding first[HOLDING_FIRST];
} stripe;

_Static_assert(sizeof(holding) == 32, "one line of the cache is touched, never two");

struct holdings {
	stripe stripes[HOLDING_STRIPES];
};

static void *pages_new(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

size_t holdings_bytes(void)
{
	return sizeof(holdings);
}

static uint64_t holding_hash(holding_kind kind, uint64_t key)
{
	return (key ^ (uint64_t)kind << 56) * UINT64_C(0x9e3779b97f4a7c15);
}

static stripe *holding_stripe(holdings *all, uint64_t hash)
{
	return &all->stripes[hash >> 58];
}

static uint32_t holding_home(const stripe *s, uint64_t hash)
{
	return (uint32_t)(hash >> 32) & s->mask;
}

/* The entry, or the free place where it would stand. The table is never full. */
static holding *holding_probe(const stripe *s, holding_kind kind, uint64_t key)
{
	uint32_t at = holding_home(s, holding_hash(kind, key));
	while (s->entries[at].kind != HOLDING_FREE && (s->entries[at].key != key || s->entries[at].kind != kind))
		at = (at + 1) & s->mask;
	return &s->entries[at];
}

static holding *holding_at(const stripe *s, holding_kind kind, uint64_t key)
{
	if (!s->count)
		return NULL;
	holding *found = holding_probe(s, kind, key);
	return found->kind == HOLDING_FREE ? NULL : found;
}

static bool stripe_grow(stripe *s)
{
	if (!s->entries) {
		s->entries = s->first;
		s->mask = HOLDING_FIRST - 1;
		return true;
	}
	stripe larger = {.mask = s->mask == HOLDING_FIRST - 1 ? HOLDING_PAGE - 1 : s->mask * 2 + 1};
	larger.entries = pages_new((larger.mask + 1) * sizeof(holding));
	if (!larger.entries)
		return false;
	for (uint32_t i = 0; i <= s->mask; i++) {
		const holding *old = &s->entries[i];
		if (old->kind != HOLDING_FREE)
			*holding_probe(&larger, old->kind, old->key) = *old;
	}
	if (s->entries != s->first)
		munmap(s->entries, (s->mask + 1) * sizeof(holding));
	s->mask = larger.mask;
	s->entries = larger.entries;
	return true;
}

/* Moves later entries of the run up, so that no tombstone is left. */
static void stripe_remove(stripe *s, holding *entry)
{
	uint32_t hole = (uint32_t)(entry - s->entries);
	uint32_t at = hole;
	for (;;) {
		at = (at + 1) & s->mask;
		const holding *next = &s->entries[at];
		if (next->kind == HOLDING_FREE)
			break;
		uint32_t home = holding_home(s, holding_hash(next->kind, next->key));
		if (((at - home) & s->mask) >= ((at - hole) & s->mask)) {
			s->entries[hole] = *next;
			hole = at;
		}
	}
	s->entries[hole].kind = HOLDING_FREE;
	s->count--;
}

static holding *stripe_place(stripe *s, holding_kind kind, uint64_t key)
{
	if ((!s->entries || s->count * 8 >= (s->mask + 1) * 7) && !stripe_grow(s))
		return NULL;
	holding *place = holding_probe(s, kind, key);
	if (place->kind == HOLDING_FREE)
		s->count++;
	return place;
}

bool holding_put(holdings *all, const holding *what)
{
	stripe *s = holding_stripe(all, holding_hash(what->kind, what->key));
	spin_lock(&s->lock);
	holding *place = stripe_place(s, what->kind, what->key);
	if (place)
		*place = *what;
	spin_unlock(&s->lock);
	return place != NULL;
}

bool holding_find(holdings *all, holding_kind kind, uint64_t key, holding *ret_found)
{
	stripe *s = holding_stripe(all, holding_hash(kind, key));
	spin_lock(&s->lock);
	const holding *found = holding_at(s, kind, key);
	if (found)
		*ret_found = *found;
	spin_unlock(&s->lock);
	return found != NULL;
}

bool holding_take(holdings *all, holding_kind kind, uint64_t key, holding *ret_taken)
{
	stripe *s = holding_stripe(all, holding_hash(kind, key));
	spin_lock(&s->lock);
	holding *found = holding_at(s, kind, key);
	if (found) {
		*ret_taken = *found;
		stripe_remove(s, found);
	}
	spin_unlock(&s->lock);
	return found != NULL;
}

bool holding_count(holdings *all, holding_kind kind, uint64_t key, int by, holding *ret_ended)
{
	stripe *s = holding_stripe(all, holding_hash(kind, key));
	spin_lock(&s->lock);
	holding *found = holding_at(s, kind, key);
	bool ended = found && (int64_t)found->refs + by <= 0;
	if (ended) {
		*ret_ended = *found;
		stripe_remove(s, found);
	} else if (found) {
		found->refs = (uint32_t)((int64_t)found->refs + by);
	}
	spin_unlock(&s->lock);
	return ended;
}

bool holding_change(
	holdings *all, holding_kind kind, uint64_t key, bool make, void (*on_entry)(holding *, void *), void *arg)
{
	stripe *s = holding_stripe(all, holding_hash(kind, key));
	spin_lock(&s->lock);
	holding *entry = holding_at(s, kind, key);
	if (!entry && make) {
		entry = stripe_place(s, kind, key);
		if (entry)
			*entry = (holding){.kind = (uint8_t)kind, .key = key};
	}
	if (entry)
		on_entry(entry, arg);
	spin_unlock(&s->lock);
	return entry != NULL;
}

static void stripe_sift(stripe *s, bool (*on_entry)(holding *, void *), void *arg)
{
	for (uint32_t i = 0; s->count && i <= s->mask;) {
		holding *entry = &s->entries[i];
		if (entry->kind != HOLDING_FREE && on_entry(entry, arg))
			stripe_remove(s, entry); /* another may have moved here: look again */
		else
			i++;
	}
}

void holdings_sift(holdings *all, bool (*on_entry)(holding *, void *), void *arg)
{
	for (unsigned i = 0; i < HOLDING_STRIPES; i++) {
		spin_lock(&all->stripes[i].lock);
		stripe_sift(&all->stripes[i], on_entry, arg);
		spin_unlock(&all->stripes[i].lock);
	}
}
