#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/node/trim.h"

typedef struct bench {
	loop *loop;
	loop_timer *look;
	char root[64], path[128];
	allocations *all;
	trim *trim;
	int rounds;
	bool is_late;
} bench;

static off_t size_of(const bench *b)
{
	struct stat st;

	cr_assert_eq(stat(b->path, &st), 0);
	return st.st_size;
}

static void grow(const bench *b, off_t at)
{
	char text[4096] = "dd";
	int fd = open(b->path, O_WRONLY);

	cr_assert(fd >= 0);
	for (int i = 0; i < 256; i++)
		cr_assert_eq(pwrite(fd, text, sizeof(text), at + i * (off_t)sizeof(text)), (ssize_t)sizeof(text));
	close(fd);
}

/* Until it was cut twice. */
static void on_look(void *arg)
{
	bench *b = arg;

	if (size_of(b) == (off_t)sizeof(books)) {
		if (++b->rounds == 2) {
			loop_stop(b->loop);
			return;
		}
		grow(b, sizeof(books));
	}
	loop_timer_arm(b->look, 10000);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void on_late(void *arg)
{
	bench *b = arg;

	b->is_late = true;
	loop_stop(b->loop);
}

Test(trim, books_that_a_container_makes_longer_are_cut_back_each_time)
{
	bench b = {.loop = loop_new()};
	allocation_ask ask = {.id = "a", .share = {.devices = {{"GPU-a", 1000, 0}}, .n = 1}};
	const allocation *of;
	allocation **list;
	uint64_t generation;
	fault f = {0};

	(void)snprintf(b.root, sizeof(b.root), "/tmp/reeve-trim-XXXXXX");
	cr_assert(mkdtemp(b.root));
	cr_assert_eq(allocations_open(b.root, NULL, NULL, &b.all, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(allocation_make(b.all, &ask, &of, &f), ERR_OK, "%s", f.detail);
	(void)snprintf(b.path, sizeof(b.path), "%s/allocations/a/books", b.root);
	uint32_t n = allocations_list(b.all, &list, &generation);
	b.trim = trim_new(b.loop);
	trim_set(b.trim, list, n);
	b.look = loop_timer_new(b.loop, on_look, &b);
	loop_timer *late = loop_timer_new(b.loop, on_late, &b);
	loop_timer_arm(late, (int64_t)60 * 1000000);
	grow(&b, sizeof(books));
	loop_timer_arm(b.look, 1000);
	loop_run(b.loop);
	cr_expect(!b.is_late && b.rounds == 2);
	trim_free(b.trim);
	loop_timer_free(b.look);
	loop_timer_free(late);
	loop_free(b.loop);
	allocations_close(b.all);
	(void)nftw(b.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
