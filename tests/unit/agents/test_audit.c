#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/audit.h"
#include "json/write.h"

#define UUID       "GPU-11111111-2222-3333-4444-555555555555"
#define MIB        (UINT64_C(1) << 20)
#define TURN       INT64_C(4000000)
#define MUST(call) cr_assert_eq((call), ERR_OK, "%s: %s: %s", #call, f.pointer, f.detail)

typedef struct found {
	audit_kind kind;
	audit_policy action;
	int32_t pid;
	int64_t found, expected;
	bool is_owned;
} found;

static char state_dir[64];
static fault f;
static allocations *all;
static audit *a;
static found list[32];
static uint32_t n_found;
static pid_t inside; /* a process of the allocation */
static int64_t now;

static void on_finding(void *arg, const audit_finding *said)
{
	(void)arg;
	list[n_found++ % 32] =
		(found){said->kind, said->action, said->pid, said->found, said->expected, said->of != NULL};
}

static const allocation *allocated(const char *id, int64_t memory_mib, int64_t compute_milli, pid_t pid)
{
	const allocation *of;
	allocation_ask ask = {.id = id, .share = {.devices = {{UUID, memory_mib, compute_milli}}, .n = 1}, .pid = pid};

	MUST(allocation_make(all, &ask, &of, &f));
	return of;
}

static void begin_with(audit_policy policy)
{
	snprintf(state_dir, sizeof(state_dir), "/tmp/audit-XXXXXX");
	cr_assert(mkdtemp(state_dir));
	MUST(allocations_open(state_dir, NULL, NULL, &all, &f));
	a = audit_new(all, policy, on_finding, NULL);
	inside = fork();
	if (inside == 0)
		for (;;)
			pause();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void end(void)
{
	kill(inside, SIGKILL);
	waitpid(inside, NULL, 0);
	audit_free(a);
	allocations_close(all);
	nftw(state_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void sample_of(pid_t pid, uint64_t bytes, uint32_t sm_percent)
{
	static probe_sample s;
	card c = {.maker = "nvidia"};

	snprintf(c.uuid, sizeof(c.uuid), UUID);
	s.n = pid ? 1 : 0;
	s.v[0] = (probe_process){
		.pid = (uint32_t)pid, .bytes = bytes, .sm_percent = sm_percent, .gpu_instance = UINT32_MAX};
	audit_take(a, &c, &s);
}

static void round_of(pid_t pid, uint64_t bytes, uint32_t sm_percent)
{
	sample_of(pid, bytes, sm_percent);
	audit_turn(a, now += TURN);
}

static uint64_t correction(const allocation *of)
{
	return atomic_load(&of->lot.limits->devices[0].correction_bytes);
}

/* As the container's process writes its books. */
static void booked(const allocation *of, pid_t pid, uint64_t bytes)
{
	whose *w = whose_new(all);
	const whose_process *p = whose_find(w, pid);
	books *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, of->lot.books_fd, 0);

	cr_assert(p && b != MAP_FAILED);
	atomic_store(&b->slots[0].owner, (uint64_t)p->inner << 32 | p->started_low);
	atomic_store(&b->slots[0].pid_space, p->space);
	atomic_store(&b->slots[0].bytes[0], bytes);
	atomic_store(&b->top, 1);
	munmap(b, sizeof(*b));
	whose_free(w);
}

static uint32_t host_pid_in(const allocation *of)
{
	books_slot slot;

	cr_assert_eq(pread(of->lot.books_fd, &slot, sizeof(slot), offsetof(books, slots)), (ssize_t)sizeof(slot));
	return atomic_load(&slot.host_pid);
}

Test(audit, use_past_the_shim_is_told_with_the_second_sample_and_counts_as_used_from_then)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 0, inside);

	round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(n_found, 0u, "it may have been between two readings");
	cr_expect_eq(correction(of), 0u);
	round_of(inside, 1500 * MIB, 0);
	cr_assert_eq(n_found, 2u);
	cr_expect(list[0].kind == AUDIT_MEMORY_OVER && list[0].found == 1500 && list[0].expected == 1000 &&
		  list[0].pid == inside);
	cr_expect(list[1].kind == AUDIT_UNBOOKED && list[1].is_owned);
	cr_expect_eq(correction(of), 1500 * MIB);
	round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(n_found, 2u, "what lasts is not told with each sample");
	for (int i = 0; i < 16; i++)
		round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(n_found, 4u, "but once a minute");
	round_of(0, 0, 0);
	cr_expect_eq(correction(of), 0u, "who has nothing owes nothing");
	cr_expect_eq(kill(inside, 0), 0);
	cr_expect_eq(audit_count(a, AUDIT_MEMORY_OVER), 2u);
	end();
}

Test(audit, what_stands_in_the_books_is_no_finding)
{
	begin_with(AUDIT_KILL);
	const allocation *of = allocated("a", 1000, 0, inside);

	booked(of, inside, 900 * MIB);
	for (int i = 0; i < 4; i++)
		round_of(inside, 930 * MIB, 0);
	cr_expect_eq(n_found, 0u);
	cr_expect_eq(correction(of), 30 * MIB, "modules and the like are on top");
	cr_expect_eq(host_pid_in(of), (uint32_t)inside, "the shim learns how NVML calls it");
	const audit_use *use = audit_use_of(a, of);
	cr_expect(use && use->memory_bytes[0] == (int64_t)(930 * MIB) && use->books_bytes[0] == (int64_t)(900 * MIB));
	cr_expect(audit_is_busy(a));
	end();
}

Test(audit, forged_books_are_told_and_gain_nothing)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 4000, 0, inside);

	booked(of, inside, 1 * MIB);
	round_of(inside, 2000 * MIB, 0);
	round_of(inside, 2000 * MIB, 0);
	cr_assert_eq(n_found, 1u);
	cr_expect(list[0].kind == AUDIT_BOOKS_FORGED && list[0].found == 2000 && list[0].expected == 1 &&
		  list[0].pid == inside);
	cr_expect_eq(correction(of), 1999 * MIB);
	n_found = 0;
	cr_assert_eq(ftruncate(of->lot.books_fd, 100), 0);
	round_of(inside, 2000 * MIB, 0);
	round_of(inside, 2000 * MIB, 0);
	for (int i = 0; i < 16 && !n_found; i++)
		round_of(inside, 2000 * MIB, 0);
	cr_expect(n_found > 0, "books that are cut are found as well");
	end();
}

Test(audit, device_time_beyond_the_share_and_its_loans_is_told)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 0, 300, inside);

	for (int i = 0; i < 3; i++)
		round_of(inside, 1 * MIB, 44);
	cr_expect_eq(n_found, 0u, "NVML is rough");
	round_of(inside, 1 * MIB, 95);
	round_of(inside, 1 * MIB, 10);
	round_of(inside, 1 * MIB, 95);
	cr_expect_eq(n_found, 0u, "twice in a row is meant");
	round_of(inside, 1 * MIB, 95);
	cr_assert_eq(n_found, 1u);
	cr_expect(list[0].kind == AUDIT_COMPUTE_OVER && list[0].found == 950 && list[0].expected == 300);
	(void)of;
	end();
}

Test(audit, by_policy_the_process_that_goes_round_is_stopped_or_ended)
{
	int status;

	begin_with(AUDIT_HOLD);
	allocated("a", 1000, 0, inside);
	round_of(inside, 1500 * MIB, 0);
	round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(list[0].action, AUDIT_HOLD);
	cr_assert_eq(waitpid(inside, &status, WUNTRACED), inside);
	cr_expect(WIFSTOPPED(status));
	end();
	n_found = 0;
	begin_with(AUDIT_KILL);
	allocated("a", 1000, 0, inside);
	round_of(inside, 1500 * MIB, 0);
	round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(list[0].action, AUDIT_KILL);
	cr_assert_eq(waitpid(inside, &status, 0), inside);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	end();
}

Test(audit, nobodys_process_is_told_once_and_left_alone)
{
	begin_with(AUDIT_KILL);

	for (int i = 0; i < 40; i++)
		round_of(inside, 500 * MIB, 100);
	cr_assert_eq(n_found, 1u);
	cr_expect(list[0].kind == AUDIT_STRAY && !list[0].is_owned && list[0].pid == inside &&
		  list[0].action == AUDIT_REPORT);
	cr_expect_eq(kill(inside, 0), 0);
	end();
}

Test(audit, of_a_device_that_does_not_answer_the_books_are_believed)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 0, inside);

	booked(of, inside, 200 * MIB);
	round_of(inside, 300 * MIB, 0);
	round_of(inside, 300 * MIB, 0);
	cr_expect_eq(correction(of), 100 * MIB);
	audit_turn(a, now += TURN);
	cr_expect_eq(correction(of), 0u);
	const audit_use *use = audit_use_of(a, of);
	cr_expect_eq(use->memory_bytes[0], (int64_t)(200 * MIB));
	cr_expect_eq(n_found, 0u);
	end();
}

Test(audit, use_is_summed_over_a_window)
{
	node_usage used;

	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 500, inside);
	cr_expect(!audit_use_take(a, of, &used));
	booked(of, inside, 200 * MIB);
	round_of(inside, 100 * MIB, 20);
	round_of(inside, 200 * MIB, 40);
	cr_assert(audit_use_take(a, of, &used));
	cr_expect(used.memory_mib_avg == 150 && used.memory_mib_max == 200 && used.compute_milli_avg == 300);
	cr_expect(!audit_use_take(a, of, &used), "a window is told once");
	audit_turn(a, now += TURN);
	cr_assert(audit_use_take(a, of, &used));
	cr_expect_eq(used.memory_mib_avg, 200, "without NVML it is what the books say");
	end();
}

/* Whatever stands in books goes into reports, whose numbers have bounds: one number beyond them would refuse them all.
 */
Test(audit, no_number_of_forged_books_is_too_large_for_a_report)
{
	AUTO_ARENA mem = arena_new(0);
	node_usage used;
	node_item read;
	buf out;

	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 0, inside);
	booked(of, inside, UINT64_MAX / 2);
	books *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, of->lot.books_fd, 0);
	cr_assert(b != MAP_FAILED);
	for (uint32_t i = 1; i < 8; i++) {
		b->slots[i] = b->slots[0];
		atomic_store(&b->slots[i].refused[0], UINT64_MAX >> i);
	}
	atomic_store(&b->top, 8);
	for (int i = 0; i < 8; i++)
		audit_turn(a, now += TURN);
	cr_assert(audit_use_take(a, of, &used));
	node_item item = {.kind = S("usage"), .at.us = 1, .window_ms = 1, .usage = {&used, 1}};
	buf_init(&out, 64 << 10);
	js_writer w = js_writer_on(&out);
	js_write(&w, &node_item_type, &item);
	MUST(js_read(&node_item_type, buf_str(&out), mem, &read, &f));
	cr_expect(used.memory_mib_max > 0 && used.refused > 0);
	buf_done(&out);
	munmap(b, sizeof(*b));
	end();
}

/* NVML's answers come one by one; meanwhile a pod may end. */
Test(audit, an_allocation_that_ends_between_sample_and_round_is_not_looked_at)
{
	begin_with(AUDIT_KILL);
	allocated("a", 1000, 0, inside);
	for (int i = 0; i < 3; i++) {
		sample_of(inside, 1500 * MIB, 0);
		if (i == 1) {
			MUST(allocation_end(all, S("a"), NULL, &f));
			allocated("a", 8000, 0, inside);
		}
		audit_turn(a, now += TURN);
	}
	cr_expect_eq(n_found, 0u, "the first did not last, the second may have as much");
	cr_expect_eq(kill(inside, 0), 0);
	end();
}

Test(audit, a_sample_that_is_broken_off_counts_for_nothing)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 4000, 0, inside);

	booked(of, inside, 500 * MIB);
	for (int i = 0; i < 3; i++) {
		sample_of(inside, 500 * MIB, 0);
		audit_break_off(a);
		round_of(inside, 500 * MIB, 0);
		cr_expect_eq(audit_use_of(a, of)->memory_bytes[0], (int64_t)(500 * MIB), "not twice as much");
	}
	cr_expect_eq(correction(of), 0u);
	sample_of(inside, 900 * MIB, 0);
	audit_break_off(a);
	audit_turn(a, now += TURN);
	cr_expect_eq(audit_use_of(a, of)->memory_bytes[0], (int64_t)(500 * MIB), "then the books are believed");
	end();
}

/* They stand on the node's disk, and the container may write them. */
Test(audit, books_that_the_container_made_longer_are_cut_back)
{
	struct stat st;

	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 0, inside);
	cr_assert_eq(pwrite(of->lot.books_fd, "x", 1, (off_t)sizeof(books) + (64 << 20)), 1);
	audit_turn(a, now += TURN);
	cr_assert_eq(fstat(of->lot.books_fd, &st), 0);
	cr_expect_eq(st.st_size, (off_t)sizeof(books));
	end();
}

static pid_t another(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	return child;
}

static bool is_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WUNTRACED | WNOHANG) == pid && WIFSTOPPED(status);
}

/* A program may have others that continue it, and several that go round the shim. */
Test(audit, one_that_goes_on_is_stopped_again_and_so_is_the_next)
{
	probe_sample s = {.n = 2};
	card c = {.maker = "nvidia", .uuid = UUID};

	begin_with(AUDIT_HOLD);
	pid_t second = another();
	allocated("a", 1000, 0, inside);
	s.v[0] = (probe_process){.pid = (uint32_t)inside, .bytes = 1500 * MIB, .gpu_instance = UINT32_MAX};
	s.v[1] = (probe_process){.pid = (uint32_t)second, .bytes = 1 * MIB, .gpu_instance = UINT32_MAX};
	for (int i = 0; i < 2; i++) {
		audit_take(a, &c, &s);
		audit_turn(a, now += TURN);
	}
	int status;
	cr_assert_eq(waitpid(inside, &status, WUNTRACED), inside);
	cr_assert(WIFSTOPPED(status));
	kill(inside, SIGCONT);
	cr_assert_eq(waitpid(inside, &status, WCONTINUED), inside);
	audit_take(a, &c, &s);
	audit_turn(a, now += TURN);
	cr_assert_eq(waitpid(inside, &status, WUNTRACED), inside, "in the next round, not in the next minute");
	cr_expect(WIFSTOPPED(status) && !is_stopped(second), "the other is nobody's here");
	cr_expect_eq(audit_count(a, AUDIT_MEMORY_OVER), 1u, "it is told once all the same");
	kill(second, SIGKILL);
	waitpid(second, NULL, 0);
	end();
}

Test(audit, a_process_list_that_fails_leaves_what_was_known)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 4000, 0, inside);
	static probe_sample none = {.is_unlisted = true};
	card c = {.maker = "nvidia", .uuid = UUID};

	round_of(inside, 1500 * MIB, 0);
	round_of(inside, 1500 * MIB, 0);
	cr_expect_eq(correction(of), 1500 * MIB);
	audit_take(a, &c, &none);
	audit_turn(a, now += TURN);
	cr_expect_eq(correction(of), 1500 * MIB, "who makes the list fail gains nothing");
	end();
}

Test(audit, processes_on_two_instances_of_a_card_count_where_they_are)
{
	probe_sample s = {.n = 1};
	card c = {.maker = "nvidia",
		.uuid = UUID,
		.n_instances = 2,
		.instances = {{.uuid = "MIG-a", .gpu_instance = 7}, {.uuid = "MIG-b", .gpu_instance = 8}}};
	allocation_ask ask = {.id = "a", .share = {.devices = {{"MIG-a", 1000, 0}, {"MIG-b", 1000, 0}}, .n = 2}};
	const allocation *of;

	begin_with(AUDIT_REPORT);
	ask.pid = inside;
	MUST(allocation_make(all, &ask, &of, &f));
	s.v[0] = (probe_process){.pid = (uint32_t)inside, .bytes = 500 * MIB, .gpu_instance = 8};
	audit_take(a, &c, &s);
	audit_turn(a, now += TURN);
	const audit_use *use = audit_use_of(a, of);
	cr_expect(use->memory_bytes[0] == 0 && use->memory_bytes[1] == (int64_t)(500 * MIB));
	end();
}

Test(audit, who_holds_much_more_than_it_says_is_found_when_nobody_is_outside)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 1000, 0, inside);

	booked(of, inside, 900 * MIB);
	round_of(inside, 1700 * MIB, 0);
	round_of(inside, 1700 * MIB, 0);
	cr_expect(n_found >= 1 && list[0].kind == AUDIT_MEMORY_OVER && list[0].pid == inside);
	end();
}

/* One that has loaded the driver twice. */
Test(audit, a_process_is_booked_with_all_of_its_slots)
{
	begin_with(AUDIT_REPORT);
	const allocation *of = allocated("a", 4000, 0, inside);

	booked(of, inside, 900 * MIB);
	books *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, of->lot.books_fd, 0);
	cr_assert(b != MAP_FAILED);
	atomic_store(&b->slots[1].pid_space, atomic_load(&b->slots[0].pid_space));
	atomic_store(&b->slots[1].owner, atomic_load(&b->slots[0].owner));
	atomic_store(&b->top, 2);
	munmap(b, sizeof(*b));
	round_of(inside, 900 * MIB, 0);
	round_of(inside, 900 * MIB, 0);
	cr_expect_eq(n_found, 0u, "the second slot, which is empty, does not hide the first");
	end();
}
