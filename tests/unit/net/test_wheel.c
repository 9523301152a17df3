#include <criterion/criterion.h>
#include <stdlib.h>
#include "net/wheel.h"

enum { ITEMS = 300, TURNS = 4000 };

typedef struct item {
	wheel_item i;
	int64_t due_us; /* what we expect; WHEEL_NEVER: nothing */
} item;

typedef struct clocked {
	wheel wheel;
	item items[ITEMS];
	int64_t now_us;
	int n_due;
} clocked;

static void fired(void *arg, wheel_item *i)
{
	clocked *c = arg;
	item *x = (item *)(void *)i;

	cr_assert_leq(x->due_us, c->now_us, "never early");
	x->due_us = WHEEL_NEVER;
	c->n_due++;
}

/* Against the plain rule: what is due more than two ticks ago has fired, what is not due has not. */
Test(wheel, every_deadline_fires_once_and_within_a_tick)
{
	clocked c = {.now_us = 123456789};

	srand(7);
	wheel_init(&c.wheel, c.now_us);
	for (int k = 0; k < ITEMS; k++)
		c.items[k].due_us = WHEEL_NEVER;
	for (int turn = 0; turn < TURNS; turn++) {
		for (int k = 0; k < 5; k++) {
			item *x = &c.items[rand() % ITEMS];
			int64_t far_us = rand() % 3 ? rand() % 1000000 : rand() % 200000000;
			x->due_us = rand() % 10 ? c.now_us + far_us - 1000 : WHEEL_NEVER;
			if (rand() % 10 == 0)
				wheel_remove(&x->i);
			wheel_set(&c.wheel, &x->i, x->due_us);
		}
		c.now_us += turn % 500 == 499 ? 100000000 : rand() % 100000;
		wheel_turn(&c.wheel, c.now_us, fired, &c);
		for (int k = 0; k < ITEMS; k++)
			cr_assert(c.items[k].due_us == WHEEL_NEVER || c.items[k].due_us > c.now_us - 2 * WHEEL_TICK_US,
				"turn %d item %d is %ld us late", turn, k, (long)(c.now_us - c.items[k].due_us));
	}
	cr_assert_gt(c.n_due, 1000);
}

static void remove_next(void *arg, wheel_item *i)
{
	clocked *c = arg;

	c->n_due++;
	wheel_remove(&c->items[((item *)(void *)i - c->items) ^ 1].i);
}

Test(wheel, an_item_may_be_removed_while_another_fires)
{
	clocked c = {0};

	wheel_init(&c.wheel, 0);
	for (int k = 0; k < ITEMS; k++)
		wheel_set(&c.wheel, &c.items[k].i, 1000);
	wheel_turn(&c.wheel, 1000000, remove_next, &c);
	cr_expect_eq(c.n_due, ITEMS / 2);
}
