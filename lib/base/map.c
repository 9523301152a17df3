#include "base/map.h"
#include <assert.h>
#include <stdlib.h>
#include "base/heap.h"

enum { MAP_FIRST = 8 };

/* What `num` of a slot without value says. A search ends at FREE and passes over REMOVED. */
enum { FREE, REMOVED };

/* Text entries keep their hash in `num`, so both kinds of keys are found and moved by the same code. */
static uint32_t home_of(uint64_t num, uint32_t cap)
{
	return (uint32_t)((num ^ num >> 32) * 0x9e3779b97f4a7c15u >> 32) & (cap - 1);
}

/* The slot that holds the key, or else the best one to put it into. There is always a free one. */
static map_slot *slot_of(const map *m, str key, uint64_t num)
{
	map_slot *removed = NULL;

	for (uint32_t i = home_of(num, m->cap);; i = (i + 1) & (m->cap - 1)) {
		map_slot *s = &m->slots[i];
		if (!s->value && s->num == FREE)
			return removed ? removed : s;
		if (!s->value)
			removed = removed ? removed : s;
		else if (s->num == num && str_eq(s->key, key))
			return s;
	}
}

/* Also sweeps removed marks out, so the new size follows what is live: churn alone does not grow a map. */
static void make_room(map *m)
{
	if (m->cap && m->used + 1 <= m->cap / 4 * 3)
		return;
	map old = *m;
	assert(old.n < UINT32_MAX / 4);
	for (m->cap = MAP_FIRST; m->cap < (old.n + 1) * 2;)
		m->cap *= 2;
	m->slots = heap_new(m->cap, sizeof(map_slot));
	m->used = old.n;
	map_each (s, &old)
		*slot_of(m, s->key, s->num) = *s;
	free(old.slots);
}

static void *find(const map *m, str key, uint64_t num)
{
	return m->n ? slot_of(m, key, num)->value : NULL;
}

static void *put(map *m, str key, uint64_t num, void *value)
{
	assert(value);
	make_room(m);
	map_slot *s = slot_of(m, key, num);
	void *before = s->value;
	if (!before) {
		m->used += s->num == FREE;
		m->n++;
	}
	*s = (map_slot){.key = key, .num = num, .value = value};
	return before;
}

static void *take_out(map *m, str key, uint64_t num)
{
	if (!m->n)
		return NULL;
	map_slot *s = slot_of(m, key, num);
	void *before = s->value;
	if (before) {
		*s = (map_slot){.num = REMOVED};
		m->n--;
	}
	return before;
}

void map_done(map *m)
{
	free(m->slots);
	*m = (map){0};
}

void map_clear(map *m)
{
	if (m->used)
		memset(m->slots, 0, m->cap * sizeof(map_slot));
	m->n = m->used = 0;
}

void *map_find(const map *m, str key)
{
	assert(key.p);
	return m->n ? find(m, key, str_hash(key)) : NULL;
}

void *map_put(map *m, str key, void *value)
{
	assert(key.p);
	return put(m, key, str_hash(key), value);
}

void *map_remove(map *m, str key)
{
	assert(key.p);
	return m->n ? take_out(m, key, str_hash(key)) : NULL;
}

void *map_find_num(const map *m, uint64_t key)
{
	return find(m, STR_NONE, key);
}

void *map_put_num(map *m, uint64_t key, void *value)
{
	return put(m, STR_NONE, key, value);
}

void *map_remove_num(map *m, uint64_t key)
{
	return take_out(m, STR_NONE, key);
}

map_slot *map_next(const map *m, uint32_t *at)
{
	while (*at < m->cap) {
		map_slot *s = &m->slots[(*at)++];
		if (s->value)
			return s;
	}
	return NULL;
}
