#include <criterion/criterion.h>
#include "engine/pace.h"

enum { MANY = 100000, THINGS = 1000 };

static uint64_t hash_of(uint32_t thing)
{
	uint64_t h = (thing + 1) * 0x9e3779b97f4a7c15u;

	return h ^ h >> 29;
}

Test(pace, what_is_asked_again_and_again_comes_to_one)
{
	static pace p;
	uint32_t mean = 0;

	cr_expect_eq(pace_note(&p, hash_of(1)), PACE_FIRST, "what comes once is rare");
	for (int i = 0; i < 40; i++)
		mean = pace_note(&p, hash_of(1));
	cr_expect_leq(mean, PACE_WEIGHT);
}

Test(pace, of_things_in_turn_each_comes_to_their_number)
{
	static const uint32_t numbers[] = {2, 10, 100, 500};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		static pace p;
		uint32_t mean = 0;
		p = (pace){0};
		for (uint32_t k = 0; k < 60 * numbers[i]; k++)
			mean = pace_note(&p, hash_of(k % numbers[i]));
		cr_expect(mean + PACE_WEIGHT >= numbers[i] && mean <= numbers[i] + PACE_WEIGHT, "%u in turn: %u",
			numbers[i], mean);
	}
}

Test(pace, a_stream_of_new_things_does_not_make_what_is_asked_often_rare)
{
	static pace p;
	uint32_t mean = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		if (i % 5 == 0)
			mean = pace_note(&p, hash_of(0));
		else
			cr_assert_eq(pace_note(&p, hash_of(i)), PACE_FIRST);
	}
	cr_expect(mean >= 5 && mean <= 5 + PACE_WEIGHT, "%u", mean);
}

Test(pace, what_comes_back_late_is_rarer_than_before)
{
	static pace p;
	uint32_t before = 0;

	for (int i = 0; i < 40; i++)
		before = pace_note(&p, hash_of(0));
	for (uint32_t i = 0; i < THINGS; i++)
		(void)pace_note(&p, hash_of(1 + i));
	cr_expect_gt(pace_note(&p, hash_of(0)), before + 100);
}

Test(pace, questions_may_wrap)
{
	static pace p = {.questions = UINT32_MAX - 20};
	uint32_t mean = 0;

	for (uint32_t i = 0; i < 400; i++)
		mean = pace_note(&p, hash_of(i % 10));
	cr_expect(mean >= 10 - PACE_WEIGHT && mean <= 10 + PACE_WEIGHT, "%u", mean);
}
