#include "agents/node/trim.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "base/map.h"

struct trim {
	loop *loop;
	int fd; /* -1: the kernel gives none; then the audit cuts */
	loop_watch *watch;
	loop_timer *pause;
	map lots; /* by the kernel's number of the watch */
};

static void on_written(void *arg, int what);

static void on_rested(void *arg)
{
	trim *t = arg;

	if (t->fd >= 0 && !t->watch)
		t->watch = loop_watch_new(t->loop, t->fd, LOOP_READ, on_written, t);
}

static void all_cut(const trim *t)
{
	map_each (slot, &t->lots)
		lot_cut(slot->value);
}

/* One read, and a rest. */
static void on_written(void *arg, int what)
{
	trim *t = arg;
	_Alignas(struct inotify_event) char text[4096];
	ssize_t n = read(t->fd, text, sizeof(text));

	(void)what;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(text + at);
		const lot *l = e->wd >= 0 ? map_find_num(&t->lots, (uint64_t)e->wd) : NULL;
		if (l)
			lot_cut(l);
		else if (e->mask & IN_Q_OVERFLOW)
			all_cut(t); /* of whom is not told */
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	loop_watch_free(t->watch);
	t->watch = NULL;
	loop_timer_arm(t->pause, (int64_t)TRIM_PAUSE_MS * 1000);
}

trim *trim_new(loop *l)
{
	trim *t = calloc(1, sizeof(*t));

	assert(t);
	*t = (trim){.loop = l, .fd = -1};
	t->pause = loop_timer_new(l, on_rested, t);
	return t;
}

static void watches_end(trim *t)
{
	loop_watch_free(t->watch);
	t->watch = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	map_clear(&t->lots);
}

void trim_free(trim *t)
{
	if (!t)
		return;
	watches_end(t);
	loop_timer_free(t->pause);
	map_done(&t->lots);
	free(t);
}

void trim_set(trim *t, allocation **list, uint32_t n)
{
	char path[32];

	watches_end(t);
	t->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (uint32_t i = 0; i < n && t->fd >= 0; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", list[i]->lot.books_fd);
		int wd = inotify_add_watch(t->fd, path, IN_MODIFY);
		lot_cut(&list[i]->lot); /* nobody has watched it until now */
		if (wd >= 0)
			map_put_num(&t->lots, (uint64_t)wd, &list[i]->lot);
	}
	loop_timer_disarm(t->pause);
	on_rested(t);
}
