#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/allocation.h"
#include "base/clock.h"
#include "size.h"

#define UUID       "GPU-11111111-2222-3333-4444-555555555555"
#define MUST(call) cr_assert_eq((call), ERR_OK, "%s: %s: %s", #call, f.pointer, f.detail)

typedef struct steps {
	char text[512];
} steps;

static void on_step(void *arg, const allocation *a, const char *state, const char *reason)
{
	steps *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%s %s %s\n", a->id, state, reason ? reason : "-");
}

static char state_dir[64];
static steps told;
static fault f;

static allocations *opened(void)
{
	allocations *all = NULL;

	MUST(allocations_open(state_dir, on_step, &told, &all, &f));
	return all;
}

static void begin(void)
{
	snprintf(state_dir, sizeof(state_dir), "/tmp/allocation-XXXXXX");
	cr_assert(mkdtemp(state_dir));
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
	nftw(state_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(allocation, .init = begin, .fini = end);

static allocation_ask asked(const char *id, int64_t memory_mib)
{
	return (allocation_ask){
		.id = id,
		.owner = {.pod_uid = S("0f3d"),
			.namespace = S("ml"),
			.pod = S("train-1"),
			.container = S("main"),
			.placement = S("plc_1"),
			.fence = S("1.7")},
		.share = {.devices = {{UUID, memory_mib, 300}}, .n = 1, .may_borrow = true},
	};
}

static const char *path(const char *name)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s/allocations/%s", state_dir, name);
	return text;
}

static const allocation *made(allocations *all, const char *id, int64_t memory_mib)
{
	allocation_ask ask = asked(id, memory_mib);
	const allocation *of = NULL;

	MUST(allocation_make(all, &ask, &of, &f));
	return of;
}

Test(allocation, a_container_gets_limits_that_the_shim_takes_and_fresh_books)
{
	AUTO_ARENA a = arena_new(0);
	allocation_mount mounts[ALLOCATION_MOUNTS];
	struct stat st;
	allocations *all = opened();
	const allocation *of = made(all, "0f3d_main", 8000);
	const limits *l = of->lot.limits;

	cr_expect(limits_valid(l, sizeof(*l)));
	cr_expect_eq(atomic_load(&l->devices[0].memory_bytes), UINT64_C(8000) << 20);
	cr_expect_eq(atomic_load(&l->devices[0].compute_milli), 300u);
	cr_expect(l->devices[0].uuid[0] == 0x11 && l->devices[0].uuid[15] == 0x55 && (l->flags & LIMITS_LEND));
	allocation_mounts(all, of, a, mounts);
	cr_expect(strcmp(mounts[0].container, "/.reeve") == 0 && mounts[0].is_read_only);
	cr_expect(strcmp(mounts[1].container, "/.reeve/books") == 0 && !mounts[1].is_read_only);
	cr_assert_eq(stat(mounts[0].host, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0755u, "a user of the container must get in");
	cr_assert_eq(stat(mounts[1].host, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0666u);
	cr_expect_eq(st.st_size, (off_t)sizeof(books));
	cr_expect(st.st_blocks * 512 >= (blkcnt_t)sizeof(books), "a disk that is full later does not reach it");
	cr_expect_eq(access(path("0f3d_main/0f3d_main.json"), F_OK), -1, "no container sees the record");
	cr_expect_str_eq(told.text, "0f3d_main allocated -\n");
	allocations_close(all);
}

Test(allocation, a_restart_finds_all_of_it_again)
{
	allocations *all = opened();
	books *b = calloc(1, sizeof(*b));

	made(all, "0f3d_main", 8000);
	allocations_close(all);
	all = opened();
	allocation *of = allocation_find(all, S("0f3d_main"));
	cr_assert(of);
	node_owner o = allocation_owner(of);
	cr_expect(str_eq(o.pod_uid, S("0f3d")) && str_eq(o.pod, S("train-1")) && str_eq(o.placement, S("plc_1")));
	cr_expect_str_eq(of->uuids[0], UUID);
	cr_expect(of->share.devices[0].memory_mib == 8000 && of->share.may_borrow && !of->share.is_low);
	cr_expect(lot_read(&of->lot, b));
	cr_expect(allocations_mended(all) == 0 && allocations_unread(all) == 0);
	free(b);
	allocations_close(all);
}

Test(allocation, a_resize_and_a_flip_are_stores_into_the_file_that_is_mounted)
{
	struct stat before, after;
	allocations *all = opened();

	made(all, "a", 8000);
	cr_assert_eq(stat(path("a/limits"), &before), 0);
	share s = asked("a", 4000).share;
	s.is_low = true;
	s.devices[0].compute_milli = 0;
	MUST(allocation_change(all, S("a"), &s, &f));
	cr_assert_eq(stat(path("a/limits"), &after), 0);
	cr_expect_eq(before.st_ino, after.st_ino);
	lot other;
	MUST(lot_open(path("a"), &other, &f));
	cr_expect_eq(atomic_load(&other.limits->devices[0].memory_bytes), UINT64_C(4000) << 20);
	cr_expect_eq(atomic_load(&other.limits->devices[0].compute_milli), (uint32_t)LIMITS_WHOLE);
	cr_expect_eq(atomic_load(&other.limits->priority), (uint32_t)LIMITS_LOW);
	lot_close(&other);
	allocations_close(all);
	all = opened();
	const allocation *of = allocation_find(all, S("a"));
	cr_expect(of && of->share.devices[0].memory_mib == 4000 && of->share.is_low, "and it is remembered");
	cr_expect_eq(allocation_change(all, S("b"), &s, &f), ERR_NOT_FOUND);
	s.n = 2;
	s.devices[1] = s.devices[0];
	cr_expect_eq(allocation_change(all, S("a"), &s, &f), ERR_CONFLICT);
	allocations_close(all);
}

Test(allocation, asked_for_again_it_is_the_same_or_another)
{
	struct stat before, after;
	allocations *all = opened();

	made(all, "a", 8000);
	cr_assert_eq(stat(path("a/limits"), &before), 0);
	made(all, "a", 6000);
	cr_assert_eq(stat(path("a/limits"), &after), 0);
	cr_expect_eq(before.st_ino, after.st_ino, "what is mounted somewhere stays");
	allocation_ask ask = asked("a", 6000);
	const allocation *of;
	ask.share.devices[0].uuid = "GPU-99999999-2222-3333-4444-555555555555";
	MUST(allocation_make(all, &ask, &of, &f));
	cr_expect_eq(of->lot.limits->devices[0].uuid[0], 0x99);
	cr_expect_str_eq(told.text, "a allocated -\na ended it was allocated anew\na allocated -\n");
	allocations_close(all);
}

Test(allocation, what_a_crash_left_half_made_is_removed)
{
	allocations *all = opened();

	made(all, "whole", 8000);
	allocations_close(all);
	mkdir(path(".new-half"), 0755);
	mkdir(path("norecord"), 0755);
	MUST(file_write(path("norecord/limits"), 0644, S("x"), &f));
	MUST(file_write(path("nofolder.json"), 0600, S("{}"), &f));
	all = opened();
	allocation **list;
	uint64_t generation;
	cr_expect_eq(allocations_list(all, &list, &generation), 1u);
	cr_expect_eq(access(path(".new-half"), F_OK), -1);
	cr_expect_eq(access(path("norecord"), F_OK), -1);
	cr_expect_eq(allocations_unread(all), 1u, "a record that cannot be read is left for people to see");
	allocations_close(all);
}

Test(allocation, what_a_power_failure_damaged_is_made_again)
{
	allocations *all = opened();

	made(all, "a", 8000);
	allocations_close(all);
	cr_assert_eq(truncate(path("a/limits"), 100), 0);
	all = opened();
	const allocation *of = allocation_find(all, S("a"));
	cr_assert(of);
	cr_expect_eq(allocations_mended(all), 1u);
	cr_expect_eq(atomic_load(&of->lot.limits->devices[0].memory_bytes), UINT64_C(8000) << 20);
	allocations_close(all);
}

Test(allocation, books_of_an_earlier_boot_are_emptied)
{
	AUTO_ARENA a = arena_new(0);
	books *b = calloc(1, sizeof(*b));
	str text;
	allocations *all = opened();
	const allocation *of = made(all, "a", 8000);
	uint32_t top = 1;
	uint64_t owner = 7;

	cr_assert_eq(pwrite(of->lot.books_fd, &top, sizeof(top), offsetof(books, top)), (ssize_t)sizeof(top));
	cr_assert_eq(pwrite(of->lot.books_fd, &owner, sizeof(owner), offsetof(books, slots)), (ssize_t)sizeof(owner));
	allocations_close(all);
	all = opened();
	of = allocation_find(all, S("a"));
	lot l = of->lot;
	cr_expect(lot_read(&l, b) && atomic_load(&b->slots[0].owner) == 7, "in the same boot they stay");
	allocations_close(all);
	MUST(file_read(path("a.json"), a, &text, &f));
	char *json = arena_alloc(a, text.n + 1);
	memcpy(json, text.p, text.n);
	char *boot = strstr(json, "\"boot\":\"");
	cr_assert(boot);
	boot[8] = boot[8] == 'x' ? 'y' : 'x';
	MUST(file_write(path("a.json"), 0600, str_from(json), &f));
	all = opened();
	of = allocation_find(all, S("a"));
	l = of->lot;
	cr_expect(lot_read(&l, b) && atomic_load(&b->top) == 0);
	allocations_close(all);
	free(b);
}

static allocation_life is_living(void *arg, const allocation *of)
{
	return strcmp(of->id, arg) == 0      ? ALLOCATION_LIVES
	       : strcmp(of->id, "over") == 0 ? ALLOCATION_OVER
					     : ALLOCATION_UNSEEN;
}

Test(allocation, those_whose_container_is_gone_are_collected_after_a_while)
{
	allocations *all = opened();
	int64_t now_us = clock_now_us();

	made(all, "gone", 1);
	made(all, "here", 1);
	made(all, "over", 1);
	cr_expect_eq(allocations_sweep(all, now_us, is_living, "here"), 1u, "it may not have appeared yet");
	cr_expect(!allocation_find(all, S("over")) && allocation_find(all, S("gone")));
	made(all, "late", 1);
	cr_expect_eq(
		allocations_sweep(all, now_us - INT64_C(3600000000), is_living, "here"), 2u, "the clock was set back");
	made(all, "gone", 1);
	now_us += (ALLOCATION_GRACE_S + 1) * INT64_C(1000000);
	cr_expect_eq(allocations_sweep(all, now_us, is_living, "here"), 1u);
	cr_expect(allocation_find(all, S("here")) && !allocation_find(all, S("gone")));
	cr_expect_eq(access(path("gone"), F_OK), -1);
	cr_expect_eq(access(path("gone.json"), F_OK), -1);
	allocations_close(all);
}

static const struct {
	const char *what, *id;
	int64_t memory_mib, compute_milli;
	uint32_t n;
} refused[] = {
	{"a name with a slash", "../a", 1, 1, 1},
	{"a name that begins with a dot", ".a", 1, 1, 1},
	{"no name", "", 1, 1, 1},
	{"memory below nothing", "a", -1, 1, 1},
	{"more than a device", "a", 1, 1001, 1},
	{"no device", "a", 1, 1, 0},
	{"too many devices", "a", 1, 1, LIMITS_DEVICES + 1},
};

Test(allocation, what_is_asked_wrongly_is_refused_and_leaves_nothing)
{
	allocations *all = opened();

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		allocation_ask ask = asked(refused[i].id, refused[i].memory_mib);
		const allocation *of;
		ask.share.devices[0].compute_milli = refused[i].compute_milli;
		ask.share.n = refused[i].n;
		cr_expect_eq(allocation_make(all, &ask, &of, &f), ERR_BAD_FIELD, "%s", refused[i].what);
	}
	allocation **list;
	uint64_t generation;
	cr_expect_eq(allocations_list(all, &list, &generation), 0u);
	cr_expect_str_eq(told.text, "");
	allocations_close(all);
}

/* It was killed between the folder and its new name: whichever of both is found first. */
Test(allocation, what_was_half_made_counts_as_never_made)
{
	allocations *all = opened();
	char id[16], whole[256], part[256];

	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "b%d", i);
		made(all, id, 1000);
	}
	allocations_close(all);
	for (int i = 0; i < 12; i++) {
		snprintf(whole, sizeof(whole), "%s/allocations/b%d", state_dir, i);
		snprintf(part, sizeof(part), "%s/allocations/.new-b%d", state_dir, i);
		cr_assert_eq(rename(whole, part), 0, "%s", whole);
	}
	all = opened();
	allocation **list;
	uint64_t generation;
	cr_expect_eq(allocations_list(all, &list, &generation), 0u);
	cr_expect_eq(allocations_unread(all) + allocations_mended(all), 0u);
	allocations_close(all);
}

/* Makes, changes and ends without end. */
static void churn(void)
{
	allocations *all = opened();
	char id[16];

	for (int i = 0;; i++) {
		snprintf(id, sizeof(id), "a%d", i % 5);
		made(all, id, 1000 + i % 7);
		snprintf(id, sizeof(id), "a%d", (i + 3) % 5);
		if (allocation_find(all, str_from(id)))
			MUST(allocation_end(all, str_from(id), NULL, &f));
	}
}

Test(allocation, killed_at_any_moment_it_leaves_nothing_half_made)
{
	int64_t rounds = size_get("KILL_MOMENTS") * 10;

	for (int64_t i = 0; i < rounds; i++) {
		pid_t child = fork();
		if (child == 0)
			churn();
		clock_sleep_ms(1 + i * 7 % 40);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		allocations *all = opened();
		allocation **list;
		uint64_t generation;
		uint32_t n = allocations_list(all, &list, &generation);
		cr_expect_eq(allocations_unread(all) + allocations_mended(all), 0u);
		for (uint32_t k = 0; k < n; k++)
			cr_expect(limits_valid(list[k]->lot.limits, sizeof(limits)) &&
				  list[k]->share.devices[0].memory_mib >= 1000);
		allocations_close(all);
	}
}
