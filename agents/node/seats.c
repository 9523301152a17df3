#include "agents/node/seats.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "agents/node/settle.h"
#include "agents/node/trim.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"

/* Whose books were opened is looked at often for a while, and not watched: who opens them without end keeps nobody
 * busy. */
typedef struct resting {
	lot *lot;
	int64_t until_ns;
} resting;

struct seats {
	allocations *all;
	settle *settle;
	uint64_t generation; /* that `settle` knows */
	bool is_known;
	vec(settle_member) members;
	loop *loop;
	void (*on_news)(void *arg);
	void *arg;
	int inotify_fd; /* -1: none */
	loop_watch *watch;
	map by_watch; /* lot, by the kernel's number */
	vec(resting) resting;
	trim *trim;
};

seats *seats_new(loop *l, allocations *all, void (*on_news)(void *arg), void *arg)
{
	seats *s = calloc(1, sizeof(*s));

	assert(s);
	*s = (seats){.all = all, .loop = l, .on_news = on_news, .arg = arg, .inotify_fd = -1};
	s->settle = settle_new();
	s->trim = trim_new(l);
	return s;
}

static void watches_end(seats *s)
{
	loop_watch_free(s->watch);
	s->watch = NULL;
	if (s->inotify_fd >= 0)
		close(s->inotify_fd);
	s->inotify_fd = -1;
	map_clear(&s->by_watch);
	vec_clear(&s->resting);
}

void seats_free(seats *s)
{
	if (!s)
		return;
	watches_end(s);
	trim_free(s->trim);
	settle_free(s->settle);
	vec_done(&s->members);
	map_done(&s->by_watch);
	vec_done(&s->resting);
	free(s);
}

static void lot_opened(seats *s, int wd, int64_t now_ns)
{
	lot *l = map_remove_num(&s->by_watch, (uint64_t)wd);

	if (!l)
		return;
	(void)inotify_rm_watch(s->inotify_fd, wd);
	l->is_watched = false;
	vec_push(&s->resting, ((resting){l, now_ns + SETTLE_ALERT_NS}));
	settle_wake(s->settle, l, now_ns);
}

/* One read: what is left wakes us again, after others had their turn. */
static void on_opened(void *arg, int what)
{
	seats *s = arg;
	_Alignas(struct inotify_event) char text[4096];
	uint32_t known = s->resting.n;

	(void)what;
	ssize_t n = read(s->inotify_fd, text, sizeof(text));
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(text + at);
		if (e->wd >= 0)
			lot_opened(s, e->wd, clock_mono_ns());
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	if (s->resting.n != known)
		s->on_news(s->arg);
}

/* Where the kernel gives us no more watches, the books are looked at from time to time. */
static void lot_watch(seats *s, lot *l)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", l->books_fd);
	int wd = s->inotify_fd < 0 ? -1 : inotify_add_watch(s->inotify_fd, path, IN_OPEN);
	l->is_watched = wd >= 0;
	if (wd < 0)
		return;
	map_put_num(&s->by_watch, (uint64_t)wd, l);
}

static void rests_end(seats *s, int64_t now_ns)
{
	for (uint32_t i = s->resting.n; i-- > 0;) {
		if (s->resting.v[i].until_ns > now_ns)
			continue;
		lot_watch(s, s->resting.v[i].lot);
		vec_remove_fast(&s->resting, i);
	}
}

static void watches_begin(seats *s, allocation **list, uint32_t n)
{
	watches_end(s);
	s->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (uint32_t i = 0; i < n; i++)
		lot_watch(s, &list[i]->lot);
	if (s->inotify_fd >= 0)
		s->watch = loop_watch_new(s->loop, s->inotify_fd, LOOP_READ, on_opened, s);
}

/* Devices that have no name are told apart by their place. */
static const char *device_of(const allocation *of, uint32_t d, arena *a)
{
	return of->uuids[d][0] ? of->uuids[d] : str_z(a, str_print(a, "%u", d));
}

static void seats_read(seats *s, allocation **list, uint32_t n)
{
	AUTO_ARENA a = arena_new(0);

	vec_clear(&s->members);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < list[i]->n_devices; d++)
			vec_push(&s->members, ((settle_member){device_of(list[i], d, a), &list[i]->lot, d}));
	watches_begin(s, list, n);
	trim_set(s->trim, list, n);
	settle_set(s->settle, s->members.v, s->members.n);
}

void seats_forget(seats *s)
{
	watches_end(s);
	trim_set(s->trim, NULL, 0);
	s->is_known = false;
}

int64_t seats_turn(seats *s, int64_t now_ns)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(s->all, &list, &generation);

	if (!s->is_known || generation != s->generation)
		seats_read(s, list, n);
	s->is_known = true;
	s->generation = generation;
	rests_end(s, now_ns);
	return settle_turn(s->settle, now_ns);
}
