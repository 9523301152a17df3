/* rank: the places of thousands of rows by a number each, without a comparison of two. */
#pragma once
#include <stdint.h>

typedef struct ranked {
	uint32_t key; /* smaller comes first */
	uint32_t at;
} ranked;

/* Equal keys keep their order. room holds n more; the result is in v. */
void rank_sort(ranked *v, ranked *room, uint32_t n);

#define RANK_NONE UINT32_MAX /* a key: of a row that takes no place */
/* To each row how many of those with a place are not before it, itself among them: the first gets their number, the
 * last 1; 0: it takes none. Of equal keys the first in `order` comes first; NULL: as they stand. order holds n rows, of
 * which `at` counts; room 2 n. */
void rank_fill(const uint32_t *keys, const ranked *order, uint32_t n, ranked *room, uint32_t *ret);
