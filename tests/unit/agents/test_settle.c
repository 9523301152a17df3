#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agents/node/settle.h"
#include "shim/region.h"

#define MS INT64_C(1000000)

typedef struct world {
	char folders[3][64];
	lot lots[3];
	books *books[3]; /* as the container's processes see them */
	settle *settle;
} world;

static void one_make(world *w, unsigned i, uint32_t milli, uint32_t flags, uint32_t priority)
{
	limits l;
	fault f = {0};
	char path[96];

	limits_init(&l, 1);
	limits_set_compute(&l, 0, milli);
	limits_set_priority(&l, priority);
	l.flags = flags;
	limits_seal(&l);
	snprintf(w->folders[i], sizeof(w->folders[i]), "/tmp/settle-%d-%u", (int)getpid(), i);
	cr_assert(region_create(w->folders[i], &l));
	cr_assert_eq(lot_open(w->folders[i], &w->lots[i], &f), ERR_OK, "%s", f.detail);
	snprintf(path, sizeof(path), "%s/books", w->folders[i]);
	int fd = open(path, O_RDWR);
	w->books[i] = mmap(NULL, sizeof(books), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	cr_assert(w->books[i] != MAP_FAILED);
}

static world made(unsigned n, const uint32_t *milli, const uint32_t *flags, const uint32_t *priority)
{
	world w = {.settle = settle_new()};

	for (unsigned i = 0; i < n; i++)
		one_make(&w, i, milli[i], flags[i], priority[i]);
	return w;
}

static void seated(world *w, unsigned n)
{
	settle_member list[3];

	for (unsigned i = 0; i < n; i++)
		list[i] = (settle_member){"GPU", &w->lots[i], 0};
	settle_set(w->settle, list, n);
}

static void ended(world *w)
{
	char path[96];

	settle_free(w->settle);
	for (unsigned i = 0; i < 3 && w->folders[i][0]; i++) {
		munmap(w->books[i], sizeof(books));
		lot_close(&w->lots[i]);
		snprintf(path, sizeof(path), "%s/books", w->folders[i]);
		unlink(path);
		snprintf(path, sizeof(path), "%s/limits", w->folders[i]);
		unlink(path);
		rmdir(w->folders[i]);
	}
}

static void launches(world *w, unsigned i, int64_t at_ns)
{
	if (!atomic_load(&w->books[i]->slots[0].owner))
		cr_assert(books_join(w->books[i], UINT64_C(77) << 32 | (i + 1), 1) == &w->books[i]->slots[0]);
	atomic_store(&w->books[i]->slots[0].launched_at_ns, (uint64_t)at_ns);
}

static uint32_t lent(const world *w, unsigned i)
{
	return atomic_load(&w->lots[i].limits->devices[0].lent_milli);
}

static const uint32_t halves[] = {300, 600}, lend[] = {LIMITS_LEND, LIMITS_LEND}, caps[] = {0, 0}, highs[] = {0, 0};

Test(settle, idle_time_is_lent_and_called_back_by_the_next_turn)
{
	world w = made(2, halves, lend, highs);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	launches(&w, 0, now - MS);
	launches(&w, 1, now - 500 * MS);
	int64_t wait = settle_turn(w.settle, now);
	cr_expect_eq(lent(&w, 0), 700u);
	wait = settle_turn(w.settle, now + wait);
	cr_expect(wait <= SETTLE_FAST_NS, "the lender's next launch is awaited: %lld", (long long)wait);
	now += 30 * MS;
	launches(&w, 0, now);
	launches(&w, 1, now);
	settle_turn(w.settle, now + MS);
	cr_expect_eq(lent(&w, 0), 33u, "what the two leave is lent by shares: %u", lent(&w, 0));
	ended(&w);
}

Test(settle, hard_caps_of_one_priority_are_not_looked_at)
{
	world w = made(2, halves, caps, highs);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	settle_turn(w.settle, now);
	uint64_t reads = settle_reads(w.settle);
	for (int i = 1; i <= 100; i++) {
		launches(&w, 0, now + i * 20 * MS);
		cr_expect_eq(settle_turn(w.settle, now + i * 20 * MS), SETTLE_REST_NS);
	}
	cr_expect_eq(settle_reads(w.settle), reads);
	ended(&w);
}

Test(settle, a_container_without_a_process_is_looked_at_when_somebody_opens_its_books)
{
	world w = made(2, halves, lend, highs);
	int64_t now = 16000 * MS; /* it ends the alert on a beat of those that are quiet */

	w.lots[0].is_watched = w.lots[1].is_watched = true;
	seated(&w, 2);
	settle_turn(w.settle, now);
	now += 2 * SETTLE_ALERT_NS;
	settle_turn(w.settle, now);
	uint64_t reads = settle_reads(w.settle);
	for (int i = 1; i < 9; i++)
		settle_turn(w.settle, now + i * 1000 * MS);
	cr_expect_eq(settle_reads(w.settle), reads, "nobody is there, and nobody looks");
	now += 9000 * MS;
	settle_wake(w.settle, &w.lots[0], now);
	settle_turn(w.settle, now);
	cr_expect_eq(settle_reads(w.settle), reads + 1);
	launches(&w, 0, now + SETTLE_IDLE_NS - MS);
	settle_turn(w.settle, now + SETTLE_IDLE_NS);
	cr_expect_eq(lent(&w, 0), 700u, "and again soon after");
	ended(&w);
}

Test(settle, what_was_borrowed_of_a_neighbour_that_is_gone_is_given_back)
{
	world w = made(2, halves, lend, highs);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	launches(&w, 0, now - MS);
	settle_turn(w.settle, now);
	cr_expect_eq(lent(&w, 0), 700u);
	seated(&w, 1);
	launches(&w, 0, now);
	settle_turn(w.settle, now);
	cr_expect_eq(lent(&w, 0), 700u, "alone it may have all");
	settle_turn(w.settle, now + 200 * MS);
	settle_turn(w.settle, now + 400 * MS);
	ended(&w);
}

Test(settle, work_of_high_priority_holds_low_within_a_turn)
{
	static const uint32_t whole[] = {1000, 1000}, mixed[] = {LIMITS_HIGH, LIMITS_LOW};
	world w = made(2, whole, caps, mixed);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	launches(&w, 0, now - 500 * MS);
	launches(&w, 1, now);
	settle_turn(w.settle, now);
	cr_expect_eq(atomic_load(&w.lots[1].limits->devices[0].hold), 0u);
	launches(&w, 0, now + MS);
	settle_turn(w.settle, now + 2 * MS);
	cr_expect_eq(atomic_load(&w.lots[1].limits->devices[0].hold), 1u);
	ended(&w);
}

Test(settle, books_that_are_cut_or_forged_stop_nobody)
{
	world w = made(2, halves, lend, highs);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	launches(&w, 0, now);
	launches(&w, 1, INT64_MAX);
	settle_turn(w.settle, now);
	cr_expect_eq(lent(&w, 0), 33u, "a launch to come is one now: %u", lent(&w, 0));
	atomic_store(&w.books[1]->top, 1u << 30);
	settle_turn(w.settle, now + 100 * MS);
	munmap(w.books[1], sizeof(books));
	cr_assert_eq(ftruncate(w.lots[1].books_fd, 100), 0);
	launches(&w, 0, now + 200 * MS);
	settle_turn(w.settle, now + 200 * MS);
	cr_expect_eq(lent(&w, 0), 700u, "who has no books does nothing");
	w.books[1] = mmap(NULL, sizeof(books), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ended(&w);
}

Test(settle, containers_that_rest_are_looked_at_together)
{
	world w = made(2, halves, lend, highs);
	int64_t now = 1000 * MS;

	seated(&w, 2);
	settle_turn(w.settle, now);
	settle_wake(w.settle, &w.lots[0], now + 200 * MS);
	settle_turn(w.settle, now + 200 * MS);
	uint64_t reads = settle_reads(w.settle);
	settle_turn(w.settle, now + 499 * MS);
	cr_expect_eq(settle_reads(w.settle), reads);
	settle_turn(w.settle, now + 500 * MS);
	cr_expect_eq(settle_reads(w.settle), reads + 2, "one of them was left for a turn of its own");
	ended(&w);
}
