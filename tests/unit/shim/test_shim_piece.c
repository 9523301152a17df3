#include <criterion/criterion.h>
#include <sys/mman.h>

#include "shim/piece.h"

#define KEYS 3000

static pieces *fresh(void)
{
	return mmap(NULL, pieces_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Random entries against an array, with removals in the middle of runs, through several sizes of the table. */
Test(piece, the_table_is_its_model)
{
	static uint64_t model[KEYS];
	pieces *all = fresh();
	uint64_t seed = 42;
	for (unsigned step = 0; step < 200000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t i = (seed >> 33) % KEYS;
		uint64_t at = 0x7f0000000000 + i * 512;
		piece got;
		if (seed >> 62) {
			cr_assert(piece_put(all, at, (piece){step + 1, step % 16, step % PIECE_CONTEXTS}));
			model[i] = step + 1;
			continue;
		}
		cr_assert_eq(piece_take(all, at, &got), model[i] != 0, "step %u", step);
		if (model[i]) {
			cr_assert_eq(got.bytes, model[i], "step %u", step);
			cr_assert_eq(got.device, (model[i] - 1) % 16, "step %u", step);
			cr_assert_eq(got.context, (model[i] - 1) % PIECE_CONTEXTS, "step %u", step);
		}
		model[i] = 0;
	}
	for (uint64_t i = 0; i < KEYS; i++) {
		piece got;
		cr_assert_eq(piece_take(all, 0x7f0000000000 + i * 512, &got), model[i] != 0);
	}
}

Test(piece, the_widest_of_each_is_kept)
{
	pieces *all = fresh();
	piece got, widest = {(UINT64_C(1) << 48) - 1, 15, PIECE_CONTEXTS - 1};
	cr_assert(piece_put(all, UINT64_MAX, widest));
	cr_assert(piece_take(all, UINT64_MAX, &got));
	cr_assert_eq(got.bytes, widest.bytes);
	cr_assert_eq(got.device, widest.device);
	cr_assert_eq(got.context, widest.context);
	cr_assert(!piece_take(all, 0, &got));
}

static void add(piece what, void *arg)
{
	*(uint64_t *)arg += what.bytes;
}

Test(piece, a_context_takes_its_own_along_and_no_others)
{
	pieces *all = fresh();
	uint64_t sum = 0;
	for (uint64_t at = 1; at <= 5000; at++)
		cr_assert(piece_put(all, at * 4096, (piece){at, 0, (unsigned)(at % 3)}));
	pieces_end(all, 1, add, &sum);
	for (uint64_t at = 1; at <= 5000; at++) {
		piece got;
		cr_assert_eq(piece_take(all, at * 4096, &got), at % 3 != 1, "piece %lu", (unsigned long)at);
		sum -= at % 3 == 1 ? at : 0;
	}
	cr_assert_eq(sum, 0);
}
