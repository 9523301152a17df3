#include "agents/scheduling/extender/rank.h"
#include <string.h>

/* Three digits make a key. */
enum { KEY_BITS = 32, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
/* Keys that lie closer together than this are counted: most ratings are. */
enum { SPREAD_MAX = 1 << 11 };

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

typedef struct span {
	uint32_t least, most, n; /* of the keys that are places */
} span;

static span span_of(const uint32_t *keys, uint32_t n)
{
	span s = {.least = RANK_NONE};

	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = keys[i];
		s.n += key != RANK_NONE;
		s.least = key < s.least ? key : s.least;
		s.most = key != RANK_NONE && key > s.most ? key : s.most;
	}
	return s;
}

static uint32_t place(const ranked *order, uint32_t i)
{
	return order ? order[i].at : i;
}

static void fill_by_count(const uint32_t *keys, const ranked *order, uint32_t n, const span *s, uint32_t *ret)
{
	uint32_t before[SPREAD_MAX + 1];

	memset(before, 0, (s->most - s->least + 2) * sizeof(*before));
	for (uint32_t i = 0; i < n; i++)
		if (keys[i] != RANK_NONE)
			before[keys[i] - s->least + 1]++;
	for (uint32_t k = 1; k <= s->most - s->least; k++)
		before[k] += before[k - 1];
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = place(order, i);
		ret[at] = keys[at] == RANK_NONE ? 0 : s->n - before[keys[at] - s->least]++;
	}
}

static void fill_by_sort(const uint32_t *keys, const ranked *order, uint32_t n, ranked *room, uint32_t *ret)
{
	uint32_t sorted = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = place(order, i);
		ret[at] = 0;
		if (keys[at] != RANK_NONE)
			room[sorted++] = (ranked){keys[at], at};
	}
	rank_sort(room, room + sorted, sorted);
	for (uint32_t i = 0; i < sorted; i++)
		ret[room[i].at] = sorted - i;
}

void rank_fill(const uint32_t *keys, const ranked *order, uint32_t n, ranked *room, uint32_t *ret)
{
	span s = span_of(keys, n);

	if (!s.n || s.most - s.least >= SPREAD_MAX)
		fill_by_sort(keys, order, n, room, ret);
	else
		fill_by_count(keys, order, n, &s, ret);
}
