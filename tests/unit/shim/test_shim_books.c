#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/alive.h"
#include "shim/books.h"

#define MIB (UINT64_C(1) << 20)

static books *fresh(void)
{
	books *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(b != MAP_FAILED);
	books_init(b);
	return b;
}

Test(books, take_stays_within_the_limit_of_all)
{
	books *b = fresh();
	books_slot *one = books_join(b, alive_self(), 1);
	books_slot *two = books_join(b, alive_self(), 1);
	static const struct {
		int who;
		uint64_t mib;
		bool taken;
	} rows[] = {{1, 60, true}, {2, 41, false}, {2, 40, true}, {1, 1, false}, {2, 0, true}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		cr_assert_eq(books_take(b, NULL, rows[i].who == 1 ? one : two, 3, rows[i].mib * MIB, 100 * MIB),
			rows[i].taken, "row %zu", i);
	cr_assert_eq(books_sum(b, 3), 100 * MIB);
	cr_assert_eq(books_sum(b, 2), 0);
	books_give(b, two, 3, 40 * MIB);
	cr_assert_eq(books_sum(b, 3), 60 * MIB);
	cr_assert_eq(atomic_load(&one->refused[3]), 1);
}

Test(books, more_than_the_limit_never_wraps)
{
	books *b = fresh();
	books_slot *slot = books_join(b, alive_self(), 1);
	cr_assert(!books_take(b, NULL, slot, 0, UINT64_C(1) << 48, 100));
	cr_assert(!books_take(b, NULL, slot, 0, 101, 100));
	cr_assert(books_take(b, NULL, slot, 0, 100, 100));
	cr_assert(!books_take(b, NULL, slot, 0, 1, 0));
	cr_assert_eq(books_sum(b, 0), 100);
}

/* Who was stopped while it judged a slot may go on when the same process, after an exec, has the slot again. */
Test(books, a_slot_that_its_owner_has_again_is_told_from_what_it_was)
{
	books *b = fresh();
	uint64_t first = UINT64_C(77) << 32 | 5, other = UINT64_C(78) << 32 | 6;
	books_slot *slot = books_join(b, first, 1);
	uint64_t before = atomic_load(&slot->owner);
	atomic_store(&slot->owner, 0);
	cr_assert_eq(books_join(b, other, 1), slot);
	cr_assert_eq(books_name(atomic_load(&slot->owner)), other);
	atomic_store(&slot->owner, 0);
	cr_assert_eq(books_join(b, first, 1), slot);
	cr_assert_eq(books_name(atomic_load(&slot->owner)), first);
	cr_assert_neq(atomic_load(&slot->owner), before);
}

/* A child that was killed, waited for or not; and one whose number another process got. */
Test(books, the_dead_are_swept_and_the_living_stay)
{
	books *b = fresh();
	books_slot *mine = books_join(b, alive_self(), 1);
	pid_t pid = fork();
	if (pid == 0) {
		books_slot *slot = books_join(b, alive_self(), 1);
		books_take(b, NULL, slot, 0, 50, 100);
		_exit(0);
	}
	siginfo_t ended;
	cr_assert_eq(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
	cr_assert_eq(books_sum(b, 0), 50);
	cr_assert_eq(books_sweep(b, 2), 0, "of another pid space: not ours to judge");
	cr_assert(books_take(b, NULL, mine, 0, 100, 100), "a zombie holds nothing");
	cr_assert_eq(books_sum(b, 0), 100);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	books_slot *stranger = books_join(b, alive_self() ^ 1, 1);
	cr_assert_not_null(stranger);
	cr_assert_eq(books_sweep(b, 1), 1, "the pid lives, but began at another time");
	cr_assert_eq(books_sweep(b, 1), 0);
	cr_assert_eq(books_name(atomic_load(&mine->owner)), alive_self());
}

/* Who died while joining has left bytes of the slot's last owner, which count for nothing. */
Test(books, a_claim_counts_for_nothing)
{
	books *b = fresh();
	books_slot *mine = books_join(b, alive_self(), 1);
	atomic_store(&b->slots[1].owner, (UINT64_C(4194303) << 32 | 7) | BOOKS_JOINING);
	atomic_store(&b->slots[1].bytes[0], 500);
	atomic_store(&b->top, 2);
	cr_assert_eq(books_sum(b, 0), 0);
	cr_assert(books_take(b, NULL, mine, 0, 100, 100));
	cr_assert_eq(books_sweep(b, 1), 1);
	books_slot *next = books_join(b, alive_self(), 1);
	cr_assert_eq(next, &b->slots[1]);
	cr_assert_eq(books_sum(b, 0), 100);
}

Test(books, slots_run_out_and_come_back)
{
	books *b = fresh();
	for (unsigned i = 0; i < BOOKS_SLOTS; i++)
		cr_assert_not_null(books_join(b, alive_self(), 1000 + i), "slot %u", i);
	cr_assert_eq(atomic_load(&b->turned_away), 0);
	cr_assert_null(books_join(b, alive_self(), 9));
	cr_assert_eq(atomic_load(&b->turned_away), 1, "the node can tell");
	atomic_store(&b->slots[700].owner, 0);
	cr_assert_eq(books_join(b, alive_self(), 9), &b->slots[700]);
}

/* A thousand slots: what is known of groups that did not change is right whatever is put, given back, swept and joined.
 */
Test(books, the_sum_by_groups_is_the_sum)
{
	static books_far far;
	static books_slot *list[BOOKS_SLOTS];
	books *b = fresh();
	uint64_t seed = 7;
	for (unsigned i = 0; i < BOOKS_SLOTS - 1; i++)
		cr_assert_not_null(list[i] = books_join(b, alive_self(), 5));
	for (unsigned step = 0; step < 3000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		books_slot *slot = list[(seed >> 33) % (BOOKS_SLOTS - 1)];
		if (step % 100 == 99 && atomic_load(&slot->owner))
			atomic_store(&slot->owner, UINT64_C(4194303) << 32 | 7);
		else if (step % 3 == 2 && atomic_load(&slot->bytes[2]) > 0)
			books_give(b, slot, 2, 1);
		else
			books_put(b, slot, 2, step % 7);
		if (step % 500 == 499)
			cr_assert_gt(books_sweep(b, 5), 0);
		cr_assert_eq(books_sum_far(b, 2, &far), books_sum(b, 2), "step %u", step);
	}
}

Test(books, take_stays_within_the_limit_beyond_the_near_slots)
{
	static books_far far[2];
	books *b = fresh();
	for (unsigned i = 0; i < BOOKS_NEAR + BOOKS_GROUP; i++)
		cr_assert_not_null(books_join(b, alive_self(), 5));
	books_slot *one = books_join(b, alive_self(), 5), *two = &b->slots[3];
	for (unsigned round = 0; round < 100; round++) {
		cr_assert(books_take(b, &far[0], one, 0, 60, 100));
		cr_assert(!books_take(b, &far[1], two, 0, 41, 100));
		cr_assert(books_take(b, &far[1], two, 0, 40, 100));
		cr_assert(!books_take(b, &far[0], one, 0, 1, 100));
		books_give(b, one, 0, 60);
		cr_assert(books_take(b, &far[1], two, 0, 60, 100));
		books_give(b, two, 0, 100);
	}
}

Test(books, a_file_of_another_kind_is_not_taken)
{
	books *b = fresh();
	cr_assert(books_valid(b, sizeof *b));
	cr_assert(!books_valid(b, sizeof *b - 1));
	b->version++;
	cr_assert(!books_valid(b, sizeof *b));
}

Test(books, two_processes_never_pass_the_limit_together)
{
	books *b = fresh();
	_Atomic uint64_t *most = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t list[3];
	for (int i = 0; i < 3; i++) {
		list[i] = fork();
		if (list[i] != 0)
			continue;
		books_slot *slot = books_join(b, alive_self(), 1);
		for (int k = 0; k < 20000; k++) {
			if (!books_take(b, NULL, slot, 0, 40, 100))
				continue;
			uint64_t now = atomic_fetch_add(&most[0], 40) + 40;
			uint64_t before = atomic_load(&most[1]);
			while (before < now && !atomic_compare_exchange_weak(&most[1], &before, now))
				;
			atomic_fetch_sub(&most[0], 40);
			books_give(b, slot, 0, 40);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(waitpid(list[i], NULL, 0), list[i]);
	cr_assert_geq(atomic_load(&most[1]), 40);
	cr_assert_leq(atomic_load(&most[1]), 80);
}
