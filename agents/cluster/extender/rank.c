#include "agents/cluster/extender/rank.h"
#include <string.h>

/* Three digits make a key. */
enum { KEY_BITS = 32, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

static uint32_t digit(uint32_t key, int shift)
{
	return key >> shift & (DIGITS - 1);
}

/* One pass of a radix sort: by the bits at `shift` alone, which leaves the order of equals. */
static void pass(const ranked *from, ranked *to, uint32_t n, int shift)
{
	uint32_t begins[DIGITS] = {0}, sum = 0;

	for (uint32_t i = 0; i < n; i++)
		begins[digit(from[i].key, shift)]++;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t here = begins[d];
		begins[d] = sum;
		sum += here;
	}
	for (uint32_t i = 0; i < n; i++)
		to[begins[digit(from[i].key, shift)]++] = from[i];
}

void rank_sort(ranked *v, ranked *room, uint32_t n)
{
	ranked *from = v, *to = room;
	uint32_t differs = 0;

	for (uint32_t i = 1; i < n; i++)
		differs |= v[i].key ^ v[0].key;
	for (int shift = 0; shift < KEY_BITS; shift += DIGIT_BITS) {
		if (!digit(differs, shift))
			continue;
		pass(from, to, n, shift);
		ranked *swap = from;
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, n * sizeof(*v));
}
