#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agents/node/seats.h"
#include "agents/node/settle.h"
#include "base/clock.h"
#include "shim/alive.h"

#define UUID "GPU-11111111-2222-3333-4444-555555555555"

static char state_dir[64];
static fault f;

static void on_news(void *arg)
{
	loop_stop(arg);
}

static const allocation *made(allocations *all, const char *id, int64_t compute_milli)
{
	const allocation *of;
	allocation_ask ask = {.id = id, .share = {.devices = {{UUID, 0, compute_milli}}, .n = 1, .may_borrow = true}};

	cr_assert_eq(allocation_make(all, &ask, &of, &f), ERR_OK, "%s", f.detail);
	return of;
}

/* As the shim of a process that begins. */
static void process_begins(const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/allocations/%s/books", state_dir, id);
	int fd = open(path, O_RDWR);
	books *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(b != MAP_FAILED);
	books_slot *slot = books_join(b, alive_self(), alive_space());
	cr_assert(slot);
	/* In an hour: a launch to come counts as one now, however long this machine takes to get on. */
	atomic_store(&slot->launched_at_ns, (uint64_t)clock_mono_ns() + UINT64_C(3600000000000));
	munmap(b, sizeof(*b));
	close(fd);
}

static uint32_t lent(const allocation *of)
{
	return atomic_load(&of->lot.limits->devices[0].lent_milli);
}

Test(seats, a_process_that_begins_is_news_and_gets_what_its_neighbours_leave)
{
	allocations *all;
	loop *l = loop_new();

	snprintf(state_dir, sizeof(state_dir), "/tmp/seats-XXXXXX");
	cr_assert(mkdtemp(state_dir));
	cr_assert_eq(allocations_open(state_dir, NULL, NULL, &all, &f), ERR_OK, "%s", f.detail);
	seats *s = seats_new(l, all, on_news, l);
	const allocation *of = made(all, "a", 300);
	made(all, "b", 600);
	seats_turn(s, clock_mono_ns());
	cr_expect_eq(lent(of), 0u);
	process_begins("a");
	loop_run(l);
	seats_turn(s, clock_mono_ns());
	cr_expect_eq(lent(of), 700u);
	cr_expect(!of->lot.is_watched, "who opens them again and again is no news");
	seats_turn(s, clock_mono_ns() + SETTLE_ALERT_NS + 1);
	cr_expect(of->lot.is_watched, "until it has been quiet for a while");
	cr_assert_eq(allocation_end(all, S("b"), NULL, &f), ERR_OK);
	seats_turn(s, clock_mono_ns());
	process_begins("a");
	loop_run(l);
	seats_free(s);
	cr_assert_eq(allocation_end(all, S("a"), NULL, &f), ERR_OK);
	allocations_close(all);
	loop_free(l);
	arena_trim();
	char path[96];
	snprintf(path, sizeof(path), "%s/allocations", state_dir);
	rmdir(path);
	rmdir(state_dir);
}

static void on_allocations(void *arg)
{
	seats_forget(arg);
}

/* Its container has written at the moment of its end, and the loop comes to both in one turn. */
Test(seats, books_of_who_has_ended_are_not_looked_at)
{
	allocations *all;
	loop *l = loop_new();
	char path[96];

	snprintf(state_dir, sizeof(state_dir), "/tmp/seats-XXXXXX");
	cr_assert(mkdtemp(state_dir));
	cr_assert_eq(allocations_open(state_dir, NULL, NULL, &all, &f), ERR_OK, "%s", f.detail);
	seats *s = seats_new(l, all, on_news, l);
	allocations_on_change(all, on_allocations, s);
	made(all, "a", 300);
	seats_turn(s, clock_mono_ns());
	snprintf(path, sizeof(path), "%s/allocations/a/books", state_dir);
	int fd = open(path, O_RDWR | O_APPEND);
	cr_assert(fd >= 0 && write(fd, "dd", 2) == 2);
	close(fd);
	cr_assert_eq(allocation_end(all, S("a"), NULL, &f), ERR_OK);
	loop_timer *stop = loop_timer_new(l, on_news, l);
	loop_timer_arm(stop, 50000);
	loop_run(l);
	loop_timer_free(stop);
	cr_expect(seats_turn(s, clock_mono_ns()) > 0);
	seats_free(s);
	allocations_close(all);
	loop_free(l);
	arena_trim();
	snprintf(path, sizeof(path), "%s/allocations", state_dir);
	rmdir(path);
	rmdir(state_dir);
}
