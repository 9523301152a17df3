#include <criterion/criterion.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include "base/arena.h"

Test(arena, memory_is_zeroed_and_aligned_at_every_size)
{
	arena *a = arena_new(0);

	for (size_t size = 0; size < 6000; size = size * 5 / 4 + 1)
		for (int again = 0; again < 6; again++) {
			unsigned char *p = arena_alloc(a, size);
			cr_assert_eq((uintptr_t)p % alignof(max_align_t), 0, "%zu bytes", size);
			for (size_t i = 0; i < size; i++)
				cr_assert_eq(p[i], 0, "byte %zu of %zu", i, size);
			memset(p, 0xee, size);
		}
	arena_end(a);
	arena_trim();
}

Test(arena, memory_is_zeroed_when_chunks_come_back)
{
	for (int round = 0; round < 3; round++) {
		arena *a = arena_new(0);
		for (int i = 0; i < 100; i++) {
			char *p = arena_alloc(a, 1000);
			for (int k = 0; k < 1000; k++)
				cr_assert_eq(p[k], 0, "round %d", round);
			memset(p, 0xee, 1000);
		}
		arena_end(a);
	}
	arena_trim();
}

Test(arena, blocks_do_not_overlap)
{
	enum { BLOCKS = 200 };
	arena *a = arena_new(0);
	unsigned char *p[BLOCKS];
	size_t n[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		n[i] = (size_t)(i * 7919) % 9000;
		p[i] = arena_alloc(a, n[i]);
		memset(p[i], i, n[i]);
	}
	for (int i = 0; i < BLOCKS; i++)
		for (size_t k = 0; k < n[i]; k++)
			cr_assert_eq(p[i][k], (unsigned char)i);
	arena_end(a);
	arena_trim();
}

typedef struct step {
	char *trace;
	char mark;
	arena *again; /* registers one more callback from within the first */
} step;

static void on_end(void *arg)
{
	step *s = arg;

	s->trace[strlen(s->trace)] = s->mark;
	if (s->again) {
		step *more = ARENA_NEW(s->again, step);
		*more = (step){.trace = s->trace, .mark = 'z'};
		arena_on_end(s->again, on_end, more);
	}
}

Test(arena, callbacks_run_last_first_while_memory_is_still_there)
{
	char trace[8] = "";
	arena *a = arena_new(0);

	for (int i = 0; i < 3; i++) {
		step *s = ARENA_NEW(a, step);
		*s = (step){.trace = trace, .mark = (char)('a' + i), .again = i == 1 ? a : NULL};
		arena_on_end(a, on_end, s);
	}
	arena_end(a);
	cr_assert_str_eq(trace, "cbza");
	arena_end(NULL);
	arena_trim();
}

Test(arena, texts_are_copied_with_a_nul)
{
	AUTO_ARENA a = arena_new(0);
	char source[] = "quota";
	str copy = str_dup(a, str_from(source));

	source[0] = 'X';
	cr_assert(str_eq(copy, S("quota")));
	cr_assert_str_eq(copy.p, "quota");
	cr_assert_null(str_dup(a, STR_NONE).p);
	cr_assert_not_null(str_dup(a, S("")).p);
	cr_assert_str_eq(str_z(a, STR_NONE), "");
	cr_assert(str_eq(str_print(a, "%s-%05d", "dev", 42), S("dev-00042")));
	cr_assert_eq(str_print(a, "%*s", 40000, "").n, 40000);
}

Test(arena, counts_what_it_handed_out)
{
	AUTO_ARENA a = arena_new(0);

	arena_alloc(a, 10);
	arena_alloc(a, 100000);
	cr_assert_eq(arena_bytes(a), 100010);
}

Test(arena, cap_can_be_reached)
{
	AUTO_ARENA a = arena_new(1000);

	cr_assert_not_null(arena_alloc(a, 600));
	cr_assert_not_null(arena_alloc(a, 400));
}

Test(arena, passing_the_cap_aborts, .signal = SIGABRT)
{
	arena *a = arena_new(1000);

	arena_alloc(a, 600);
	arena_alloc(a, 401);
}

Test(arena, a_wrapped_size_aborts, .signal = SIGABRT)
{
	arena_alloc(arena_new(0), SIZE_MAX - 8);
}
