/* scan BYTES...: how long one thread takes to read that many bytes once, in ns, a line each: the limit that any search
 * over as many bytes has. Bytes are read again and again, so small ones come from the caches, as in a search. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { LANES = 8, ROUNDS_NS = 300 * 1000 * 1000 };

static uint64_t sum(const uint64_t *v, size_t n)
{
	uint64_t lanes[LANES] = {0}, all = 0;

	for (size_t i = 0; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lanes[k] += v[i + k];
	for (size_t k = 0; k < LANES; k++)
		all += lanes[k];
	return all;
}

/* The best of many rounds; *ret_sum keeps the compiler from leaving them out. */
static int64_t best_ns(const uint64_t *v, size_t n, uint64_t *ret_sum)
{
	int64_t begun_ns = clock_mono_ns(), at_ns = begun_ns, best = INT64_MAX;

	while (at_ns - begun_ns < ROUNDS_NS) {
		*ret_sum += sum(v, n);
		int64_t now_ns = clock_mono_ns();
		best = now_ns - at_ns < best ? now_ns - at_ns : best;
		at_ns = now_ns;
	}
	return best;
}

int main(int argc, char **argv)
{
	uint64_t all = 0;

	for (int i = 1; i < argc; i++) {
		int64_t bytes;
		if (!str_to_i64(str_from(argv[i]), &bytes) || bytes < 1 || bytes > (int64_t)1 << 32) {
			fprintf(stderr, "usage: scan BYTES...\n");
			return 2;
		}
		size_t words = ((size_t)bytes / sizeof(uint64_t) + LANES) / LANES * LANES;
		uint64_t *v = calloc(words, sizeof(*v));
		if (!v)
			return 1;
		for (size_t k = 0; k < words; k++)
			v[k] = k;
		printf("%lld\n", (long long)best_ns(v, words, &all));
		free(v);
	}
	return all == 1;
}
