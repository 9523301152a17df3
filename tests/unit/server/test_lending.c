/* Who borrows from whom is told in pieces: whatever was told before, looks that are kept one behind the other end with
 * what holds, none tells more than a batch bears, and what was told is not told again. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/fleet.h"
#include "server/placer/lending.h"

enum { LEAVES = 1000, FULL = LENDING_ROWS_MAX, MODEL = 0 };

typedef struct world {
	quota *q;
	int32_t leaf[LEAVES];
	lending l;
	lending_news n;
} world;

/* Keys are not handles, and run the other way. */
static int32_t key_of(const void *arg, int32_t tenant)
{
	(void)arg;
	return 100000 - tenant;
}

static void world_make(world *w)
{
	*w = (world){.q = quota_new()};
	quota_set_root(w->q, MODEL, (amounts){{1 << 30, 1 << 30, 1 << 30}});
	for (int i = 0; i < LEAVES; i++)
		cr_assert_eq(quota_add(w->q, QUOTA_ROOT, &w->leaf[i]), ERR_OK);
}

static void world_end(world *w)
{
	lending_done(&w->l);
	lending_news_done(&w->n);
	quota_free(w->q);
}

static void borrow(world *w, int i, int64_t milli)
{
	quota_take(w->q, w->leaf[i], MODEL, (amounts){{milli, 0, 0}});
}

static bool look(world *w)
{
	return lending_look(&w->l, w->q, MODEL, true, (lending_keys){key_of, NULL}, &w->n);
}

static uint32_t rows_told(const world *w)
{
	return w->n.put.n + w->n.gone.n;
}

/* How many looks until nothing is left to tell. */
static int tell_all(world *w, uint32_t *ret_rows)
{
	int looks = 0;

	for (*ret_rows = 0; look(w); looks++) {
		cr_assert_leq(rows_told(w), FULL);
		*ret_rows += rows_told(w);
		lending_keep(&w->l, &w->n);
		cr_assert_lt(looks, 100);
	}
	return looks;
}

static int64_t told_sum(const world *w)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < w->l.told.n; i++)
		sum += w->l.told.v[i].a.v[AXIS_DEVICE_MILLI];
	return sum;
}

Test(lending, many_loans_are_told_in_pieces_and_then_only_what_moves)
{
	world w;
	uint32_t rows;

	world_make(&w);
	for (int i = 0; i < LEAVES; i++)
		borrow(&w, i, i + 1);
	cr_expect_eq(tell_all(&w, &rows), LEAVES / FULL + 1);
	cr_expect_eq(rows, LEAVES);
	cr_expect_eq(told_sum(&w), LEAVES * (LEAVES + 1) / 2);
	borrow(&w, 7, 5);
	quota_give(w.q, w.leaf[9], MODEL, (amounts){{10, 0, 0}});
	cr_expect_eq(tell_all(&w, &rows), 1);
	cr_expect_eq(rows, 2, "one other, one gone");
	cr_expect_eq(w.l.told.n, LEAVES - 1);
	cr_expect_eq(told_sum(&w), LEAVES * (LEAVES + 1) / 2 - 5);
	world_end(&w);
}

Test(lending, what_moves_all_the_time_is_told_in_turn_and_nobody_is_left_out)
{
	world w;
	bool was_told[LEAVES] = {false};

	world_make(&w);
	for (int round = 0; round < LEAVES / FULL + 1; round++) {
		for (int i = 0; i < LEAVES; i++)
			borrow(&w, i, 1);
		cr_assert(look(&w));
		for (uint32_t i = 0; i < w.n.put.n; i++)
			was_told[100000 - w.n.put.v[i].borrower_key - w.leaf[0]] = true;
		lending_keep(&w.l, &w.n);
	}
	for (int i = 0; i < LEAVES; i++)
		cr_expect(was_told[i], "tenant %d", i);
	world_end(&w);
}

Test(lending, what_was_not_committed_is_told_again)
{
	world w;

	world_make(&w);
	borrow(&w, 3, 40);
	for (int i = 0; i < 2; i++) {
		cr_expect(look(&w));
		cr_expect_eq(w.n.put.n, 1);
		cr_expect(w.n.has_capacity);
	}
	lending_keep(&w.l, &w.n);
	cr_expect(!look(&w));
	world_end(&w);
}

Test(lending, what_was_stored_is_not_told_again_and_what_holds_no_more_goes)
{
	world w;

	world_make(&w);
	borrow(&w, 3, 40);
	lending_row holds = {key_of(NULL, w.leaf[3]), key_of(NULL, QUOTA_ROOT), 0, FLEET_NONE, {{40, 0, 0}}};
	lending_row gone = {key_of(NULL, w.leaf[4]), key_of(NULL, QUOTA_ROOT), 0, FLEET_NONE, {{1, 0, 0}}};
	lending_load(&w.l, holds);
	lending_load(&w.l, gone);
	lending_loaded(&w.l);
	cr_expect(look(&w));
	cr_expect_eq(w.n.put.n, 0);
	cr_assert_eq(w.n.gone.n, 1);
	cr_expect_eq(w.n.gone.v[0].borrower_key, gone.borrower_key);
	world_end(&w);
}
