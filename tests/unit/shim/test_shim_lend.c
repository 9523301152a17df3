#include <criterion/criterion.h>
#include <stdlib.h>

#include "shim/lend.h"

#define MS 1000000

typedef struct row {
	uint32_t milli;
	bool low, lends;
	int64_t launched_ms; /* 0: never */
	uint32_t lent;
	bool held;
} row;

/* Now is 1000 ms. */
static const struct {
	const char *what;
	row rows[3];
} cases[] = {
	{"all are active: nothing is lent", {{300, 0, 1, 999, 100, 0}, {600, 0, 0, 999, 0, 0}, {0}}},
	{"a neighbour is idle: its time is lent", {{300, 0, 1, 999, 700, 0}, {600, 0, 1, 900, 0, 0}, {0}}},
	{"by shares", {{300, 0, 1, 999, 366, 0}, {150, 0, 1, 999, 183, 0}, {500, 0, 1, 0, 0, 0}}},
	{"a hard cap borrows nothing", {{300, 0, 0, 999, 0, 0}, {600, 0, 1, 0, 0, 0}, {0}}},
	{"high priority holds low", {{300, 0, 0, 950, 0, 0}, {300, 1, 0, 999, 0, 1}, {300, 1, 0, 0, 0, 1}}},
	{"until it has been idle", {{300, 0, 0, 899, 0, 0}, {300, 1, 0, 999, 0, 0}, {0}}},
};

Test(lend, loans_and_holds_follow_who_is_active)
{
	for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
		lend_share list[3];
		unsigned count = 0;
		for (; count < 3 && cases[c].rows[count].milli; count++) {
			const row *r = &cases[c].rows[count];
			limits *l = aligned_alloc(64, (sizeof *l + 63) / 64 * 64);
			limits_init(l, 1);
			limits_set_compute(l, 0, r->milli);
			limits_set_priority(l, r->low ? LIMITS_LOW : LIMITS_HIGH);
			l->flags = r->lends ? LIMITS_LEND : 0;
			list[count] = (lend_share){l, r->launched_ms * MS, 0};
		}
		for (int again = 0; again < 2; again++)
			lend_settle(list, count, INT64_C(1000) * MS);
		for (unsigned i = 0; i < count; i++) {
			cr_assert_eq(atomic_load(&list[i].limits->devices[0].lent_milli), cases[c].rows[i].lent,
				"%s: %u", cases[c].what, i);
			cr_assert_eq(atomic_load(&list[i].limits->devices[0].hold), cases[c].rows[i].held, "%s: %u",
				cases[c].what, i);
			free(list[i].limits);
		}
	}
}

/* One of high priority and no share of its own to keep is seen as long as it has a neighbour whom it may hold. */
Test(lend, high_priority_is_watched_beside_low)
{
	static limits high, low;
	limits_init(&high, 1);
	limits_init(&low, 1);
	limits_set_priority(&low, LIMITS_LOW);
	lend_share list[2] = {{&high, 0, 0}, {&low, 0, 0}};
	cr_assert_eq(atomic_load(&high.gates), 0);
	lend_settle(list, 2, MS);
	cr_assert_neq(atomic_load(&high.gates), 0);
	lend_settle(list, 1, MS);
	cr_assert_eq(atomic_load(&high.gates), 0);
}
