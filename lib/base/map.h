/* map: hash tables with open addressing, keyed by text or by 64-bit integers, holding pointers.
 *
 * Text keys are not copied: they must live as long as the entry (usually they are a member of the value). A NULL value
 * is not allowed. Removal during map_each is allowed for the entry at hand only.
 */
#pragma once
#include "base/str.h"

typedef struct map_slot {
	str key;
	uint64_t num;
	void *value; /* NULL: free */
} map_slot;

typedef struct map {
	map_slot *slots;
	uint32_t n, cap, used; /* live, slots (a power of two), live + removed marks */
} map;

void map_done(map *m);
void map_clear(map *m);

void *map_find(const map *m, str key);       /* NULL when absent */
void *map_put(map *m, str key, void *value); /* the value it replaced, or NULL */
void *map_remove(map *m, str key);           /* the value removed, or NULL */

void *map_find_num(const map *m, uint64_t key);
void *map_put_num(map *m, uint64_t key, void *value);
void *map_remove_num(map *m, uint64_t key);

/* The next live slot after *at (start with 0), or NULL at the end. */
map_slot *map_next(const map *m, uint32_t *at);
#define map_each(slot, m)                                                                                              \
	for (uint32_t slot##_at = 0, slot##_go = 1; slot##_go; slot##_go = 0)                                          \
		for (map_slot * slot; (slot = map_next((m), &slot##_at));)
