#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/id.h"
#include "base/map.h"

enum { KEYS = 300, OPS = 60000 };

/* The slow model: values[k] is what key k maps to. */
typedef struct model {
	void *values[KEYS];
	char keys[KEYS][16];
	int cells[KEYS];
	bool is_num;
	map m;
} model;

static unsigned seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void seed_choose(void)
{
	const char *given = getenv("TEST_SEED");

	random_bytes(&seed, sizeof(seed));
	if (given)
		seed = (unsigned)strtoul(given, NULL, 10);
	fprintf(stderr, "TEST_SEED=%u\n", seed);
}

/* Numbers that collide in their low bits are the hard ones. */
static uint64_t num_of(uint32_t k)
{
	return k % 2 ? (uint64_t)k << 40 : k;
}

static void *put(model *t, uint32_t k, void *v)
{
	return t->is_num ? map_put_num(&t->m, num_of(k), v) : map_put(&t->m, str_from(t->keys[k]), v);
}

static void *find(model *t, uint32_t k)
{
	return t->is_num ? map_find_num(&t->m, num_of(k)) : map_find(&t->m, str_from(t->keys[k]));
}

static void *take_out(model *t, uint32_t k)
{
	return t->is_num ? map_remove_num(&t->m, num_of(k)) : map_remove(&t->m, str_from(t->keys[k]));
}

static void check_all(model *t)
{
	uint32_t live = 0, seen = 0;

	for (uint32_t k = 0; k < KEYS; k++) {
		live += t->values[k] != NULL;
		cr_assert_eq(find(t, k), t->values[k]);
	}
	map_each (slot, &t->m)
		seen += slot->value != NULL;
	cr_assert_eq(t->m.n, live);
	cr_assert_eq(seen, live);
	cr_assert(t->m.used < t->m.cap || t->m.cap == 0, "a search would never end");
}

static void run(bool is_num)
{
	static model t;

	seed_choose();
	t.is_num = is_num;
	for (int k = 0; k < KEYS; k++)
		snprintf(t.keys[k], sizeof(t.keys[k]), "k%d", k);
	for (int i = 0; i < OPS; i++) {
		uint32_t k = pick(KEYS);
		/* Growing, shrinking and steady times by turns. */
		bool is_put = pick(10) < (i / 5000 % 3 == 0 ? 8u : i / 5000 % 3 == 1 ? 5u : 2u);
		void *v = is_put ? &t.cells[pick(KEYS)] : NULL;
		cr_assert_eq(is_put ? put(&t, k, v) : take_out(&t, k), t.values[k], "operation %d", i);
		t.values[k] = v;
		if (i % 500 == 0)
			check_all(&t);
	}
	check_all(&t);
	map_done(&t.m);
}

Test(map, text_keys_agree_with_a_slow_model)
{
	run(false);
}

Test(map, number_keys_agree_with_a_slow_model)
{
	run(true);
}

Test(map, an_empty_map_answers)
{
	map m = {0};

	cr_assert_null(map_find(&m, S("a")));
	cr_assert_null(map_remove(&m, S("a")));
	cr_assert_null(map_find_num(&m, 0));
	map_each (slot, &m)
		cr_assert_fail();
	map_clear(&m);
	map_done(&m);
}

Test(map, empty_text_zero_and_largest_number_are_keys)
{
	map m = {0};
	int a, b, c;

	map_put(&m, S(""), &a);
	cr_assert_eq(map_find(&m, S("")), &a);
	map_clear(&m);
	cr_assert_null(map_find(&m, S("")));
	map_put_num(&m, 0, &b);
	map_put_num(&m, UINT64_MAX, &c);
	cr_assert_eq(map_find_num(&m, 0), &b);
	cr_assert_eq(map_find_num(&m, UINT64_MAX), &c);
	map_done(&m);
}

Test(map, put_takes_the_new_key_with_the_new_value)
{
	map m = {0};
	char first[] = "key", second[] = "key";
	int a, b;

	map_put(&m, str_from(first), &a);
	cr_assert_eq(map_put(&m, str_from(second), &b), &a);
	first[0] = 'X';
	cr_assert_eq(map_find(&m, S("key")), &b);
	cr_assert_eq(m.n, 1);
	map_done(&m);
}

Test(map, the_entry_at_hand_may_go_during_each)
{
	map m = {0};
	int cells[100], seen = 0;

	for (uint64_t i = 0; i < 100; i++)
		map_put_num(&m, i, &cells[i]);
	map_each (slot, &m) {
		seen++;
		if (slot->num % 2)
			map_remove_num(&m, slot->num);
	}
	cr_assert_eq(seen, 100);
	cr_assert_eq(m.n, 50);
	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(map_find_num(&m, i), i % 2 ? NULL : &cells[i]);
	map_done(&m);
}

Test(map, churn_alone_does_not_grow_it)
{
	map m = {0};
	int cell;

	for (uint64_t i = 0; i < 100000; i++) {
		map_put_num(&m, i, &cell);
		if (i >= 10)
			map_remove_num(&m, i - 10);
	}
	cr_assert_leq(m.cap, 64);
	cr_assert_leq(m.used, m.cap / 4 * 3, "removed marks were not swept");
	map_done(&m);
}
