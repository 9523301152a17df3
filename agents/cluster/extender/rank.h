/* rank: puts thousands of rows in order by a number, without a comparison. */
#pragma once
#include <stdint.h>

typedef struct ranked {
	uint32_t key; /* smaller comes first */
	uint32_t at;
} ranked;

/* Equal keys keep their order. room holds n more; the result is in v. */
void rank_sort(ranked *v, ranked *room, uint32_t n);
