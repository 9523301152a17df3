#include <criterion/criterion.h>

#include "shim/limits.h"

Test(limits, a_fresh_file_limits_nothing)
{
	limits l;
	limits_init(&l, 2);
	cr_assert(limits_valid(&l, sizeof l));
	cr_assert_eq(atomic_load(&l.gates), 0);
	for (unsigned d = 0; d < LIMITS_DEVICES; d++) {
		cr_assert_eq(atomic_load(&l.devices[d].memory_bytes), LIMITS_NONE);
		cr_assert_eq(atomic_load(&l.devices[d].compute_milli), LIMITS_WHOLE);
	}
}

/* What names the file is under the checksum; what changes while it is used is not. */
Test(limits, damage_is_seen_and_change_is_not_damage)
{
	limits l;
	limits_init(&l, 2);
	limits_set_memory(&l, 1, 5);
	limits_set_compute(&l, 0, 300);
	limits_set_hold(&l, 0, true);
	cr_assert(limits_valid(&l, sizeof l));
	cr_assert(!limits_valid(&l, sizeof l - 1), "cut");
	l.devices[1].uuid[3] = 7;
	cr_assert(!limits_valid(&l, sizeof l), "a uuid");
	limits_seal(&l);
	cr_assert(limits_valid(&l, sizeof l));
	l.driver_path[0] = '/';
	cr_assert(!limits_valid(&l, sizeof l), "a path");
	limits_init(&l, LIMITS_DEVICES + 1);
	cr_assert(!limits_valid(&l, sizeof l), "too many devices");
}

Test(limits, gates_are_shut_as_long_as_anything_holds_launches_back)
{
	limits l;
	limits_init(&l, 2);
	uint32_t turn = atomic_load(&l.turn);
	limits_set_compute(&l, 1, 300);
	cr_assert_neq(atomic_load(&l.gates), 0);
	cr_assert_neq(atomic_load(&l.turn), turn);
	limits_set_compute(&l, 1, 5000);
	cr_assert_eq(atomic_load(&l.devices[1].compute_milli), LIMITS_WHOLE);
	cr_assert_eq(atomic_load(&l.gates), 0);
	limits_set_priority(&l, LIMITS_LOW);
	cr_assert_neq(atomic_load(&l.gates), 0);
	limits_set_priority(&l, LIMITS_HIGH);
	cr_assert_eq(atomic_load(&l.gates), 0);
	limits_set_compute(&l, 0, 0);
	cr_assert_eq(atomic_load(&l.devices[0].compute_milli), 1);
}
