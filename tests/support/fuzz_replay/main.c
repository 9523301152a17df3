/* The replay of a fuzz target where there is no libFuzzer: runs every file of a corpus folder, then mutations of them.
 *
 * The mutations come from a fixed seed, so that a failure is found again by the next run. They are the cheap half of
 * fuzzing (flip, cut, double, splice); ./dev fuzz does the guided half.
 */
#include <assert.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

enum { INPUTS_MAX = 4096, INPUT_BYTES_MAX = 64 * 1024, MUTATIONS_MAX = 4 };

typedef struct input {
	uint8_t *bytes;
	size_t n;
} input;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The target gets a block of exactly n bytes, so that a read one past the end is seen. */
static void input_run(const uint8_t *bytes, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	assert(exact);
	memcpy(exact, bytes, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static input input_load(const char *folder, const char *name)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert(n > 0 && (size_t)n < sizeof(path));

	FILE *file = fopen(path, "rb");
	assert(file);
	input in = {.bytes = malloc(INPUT_BYTES_MAX)};
	assert(in.bytes);
	in.n = fread(in.bytes, 1, INPUT_BYTES_MAX, file);
	fclose(file);
	return in;
}

static size_t corpus_load(const char *folder, input *inputs)
{
	struct dirent **names;
	int found = scandir(folder, &names, NULL, alphasort);
	size_t n = 0;
	for (int i = 0; i < found; i++) {
		if (names[i]->d_name[0] != '.' && n < INPUTS_MAX)
			inputs[n++] = input_load(folder, names[i]->d_name);
		free(names[i]);
	}
	if (found >= 0)
		free(names);
	return n;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t random_below(uint64_t *state, size_t limit)
{
	return limit ? (size_t)(random_next(state) % limit) : 0;
}

/* Opens a gap of n bytes at `at`, as far as there is room, and returns its size. */
static size_t input_gap(input *in, size_t at, size_t n)
{
	if (n > INPUT_BYTES_MAX - in->n)
		n = INPUT_BYTES_MAX - in->n;
	memmove(in->bytes + at + n, in->bytes + at, in->n - at);
	in->n += n;
	return n;
}

static void input_mutate(input *in, const input *other, uint64_t *state)
{
	size_t at = random_below(state, in->n + 1);
	size_t span = 1 + random_below(state, 16);
	size_t from = random_below(state, other->n);
	if (span > other->n - from)
		span = other->n - from;

	switch (random_below(state, 4)) {
	case 0: /* another value for a byte */
		if (at < in->n)
			in->bytes[at] = (uint8_t)random_next(state);
		break;
	case 1: /* the rest is missing */
		in->n = at;
		break;
	case 2: /* a piece of another input */
		memcpy(in->bytes + at, other->bytes + from, input_gap(in, at, span));
		break;
	default: /* a bit */
		if (at < in->n)
			in->bytes[at] ^= (uint8_t)(1u << random_below(state, 8));
	}
}

static void corpus_mutate(const input *inputs, size_t n, int64_t runs)
{
	uint64_t state = 0x9e3779b97f4a7c15u;
	input work = {.bytes = malloc(INPUT_BYTES_MAX)};
	assert(work.bytes);
	for (int64_t run = 0; run < runs; run++) {
		const input *start = &inputs[random_below(&state, n)];
		memcpy(work.bytes, start->bytes, start->n);
		work.n = start->n;
		for (size_t i = 0, times = 1 + random_below(&state, MUTATIONS_MAX); i < times; i++)
			input_mutate(&work, &inputs[random_below(&state, n)], &state);
		input_run(work.bytes, work.n);
	}
	free(work.bytes);
}

int main(int argc, char **argv)
{
	static input inputs[INPUTS_MAX];
	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
		return 2;
	}
	size_t n = corpus_load(argv[1], inputs);
	if (!n) {
		fprintf(stderr, "%s: no input in %s\n", argv[0], argv[1]);
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		input_run(inputs[i].bytes, inputs[i].n);
	int64_t runs = size_get("FUZZ_RUNS");
	corpus_mutate(inputs, n, runs);
	printf("%zu inputs of the corpus, %lld mutations\n", n, (long long)runs);
	for (size_t i = 0; i < n; i++)
		free(inputs[i].bytes);
	return 0;
}
