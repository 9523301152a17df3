#include <criterion/criterion.h>
#include <sys/mman.h>

#include "shim/holding.h"

#define KEYS 3000

static holdings *fresh(void)
{
	return mmap(NULL, holdings_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Random entries against an array, with removals in the middle of runs, through several sizes of the table. */
Test(holding, the_table_is_its_model)
{
	static uint64_t model[KEYS];
	holdings *all = fresh();
	uint64_t seed = 42;
	for (unsigned step = 0; step < 200000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t i = (seed >> 33) % KEYS;
		uint64_t key = 0x7000000 + i * 4096;
		holding got;
		if (seed >> 62) {
			holding entry = {.kind = HOLDING_POOLED, .key = key, .bytes = step + 1};
			cr_assert(holding_put(all, &entry));
			model[i] = step + 1;
		} else {
			cr_assert_eq(holding_take(all, HOLDING_POOLED, key, &got), model[i] != 0, "step %u", step);
			cr_assert(!model[i] || got.bytes == model[i], "step %u", step);
			model[i] = 0;
		}
	}
	for (uint64_t i = 0; i < KEYS; i++) {
		holding got;
		cr_assert_eq(holding_find(all, HOLDING_POOLED, 0x7000000 + i * 4096, &got), model[i] != 0);
		cr_assert(!model[i] || got.bytes == model[i]);
	}
}

Test(holding, kinds_do_not_meet)
{
	holdings *all = fresh();
	holding got, one = {.kind = HOLDING_POOLED, .key = 8, .bytes = 1},
		     two = {.kind = HOLDING_ARRAY, .key = 8, .bytes = 2};
	holding_put(all, &one);
	holding_put(all, &two);
	cr_assert(holding_take(all, HOLDING_ARRAY, 8, &got) && got.bytes == 2);
	cr_assert(holding_take(all, HOLDING_POOLED, 8, &got) && got.bytes == 1);
	cr_assert(!holding_take(all, HOLDING_POOLED, 8, &got));
}

Test(holding, the_last_reference_ends_it)
{
	holdings *all = fresh();
	holding ended, entry = {.kind = HOLDING_HANDLE, .key = 5, .bytes = 9, .refs = 1};
	holding_put(all, &entry);
	cr_assert(!holding_count(all, HOLDING_HANDLE, 5, 1, &ended));
	cr_assert(!holding_count(all, HOLDING_HANDLE, 5, -1, &ended));
	cr_assert(holding_count(all, HOLDING_HANDLE, 5, -1, &ended) && ended.bytes == 9);
	cr_assert(!holding_count(all, HOLDING_HANDLE, 5, -1, &ended));
}

static bool odd(holding *entry, void *arg)
{
	++*(unsigned *)arg;
	return entry->key % 2;
}

Test(holding, sift_sees_each_entry_and_takes_out_what_it_should)
{
	holdings *all = fresh();
	unsigned seen = 0;
	for (uint64_t key = 1; key <= 2000; key++) {
		holding entry = {.kind = HOLDING_POOLED, .key = key};
		holding_put(all, &entry);
	}
	holdings_sift(all, odd, &seen);
	cr_assert_geq(seen, 2000);
	holding got;
	for (uint64_t key = 1; key <= 2000; key++)
		cr_assert_eq(holding_find(all, HOLDING_POOLED, key, &got), key % 2 == 0, "key %lu", (unsigned long)key);
}
