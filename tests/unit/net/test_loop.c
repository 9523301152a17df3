#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>
#include "net/loop.h"

enum { NOTES_MAX = 64 };

typedef struct diary {
	loop *loop;
	loop_timer *timer;
	loop_watch *watch;
	char notes[NOTES_MAX];
	int n, fds[2];
} diary;

static void note(diary *d, char c)
{
	d->notes[d->n++] = c;
}

static void third(void *arg)
{
	note(arg, '3');
	loop_stop(((diary *)arg)->loop);
}

static void second(void *arg)
{
	diary *d = arg;

	note(d, '2');
	loop_defer(d->loop, third, d);
	note(d, 'b');
}

static void first(void *arg)
{
	diary *d = arg;

	loop_defer(d->loop, second, d);
	note(d, '1');
}

Test(loop, what_is_deferred_runs_after_the_callback_and_in_order)
{
	diary d = {.loop = loop_new()};

	loop_defer(d.loop, first, &d);
	cr_expect_eq(d.n, 0);
	loop_run(d.loop);
	cr_expect_str_eq(d.notes, "12b3");
	loop_free(d.loop);
}

Test(loop, what_is_deferred_is_not_lost_with_the_loop)
{
	diary d = {.loop = loop_new()};

	loop_defer(d.loop, first, &d);
	loop_free(d.loop);
	cr_expect_str_eq(d.notes, "12b3");
}

static void again(void *arg)
{
	diary *d = arg;

	note(d, 't');
	if (d->n < 3)
		loop_timer_arm(d->timer, 1000);
	else
		loop_stop(d->loop);
}

Test(loop, a_timer_fires_once_for_each_time_it_is_armed)
{
	diary d = {.loop = loop_new()};

	d.timer = loop_timer_new(d.loop, again, &d);
	loop_timer_arm(d.timer, 3600000000);
	loop_timer_arm(d.timer, -1);
	loop_run(d.loop);
	cr_expect_str_eq(d.notes, "ttt");
	loop_timer_arm(d.timer, 0);
	loop_timer_disarm(d.timer);
	loop_timer_free(d.timer);
	loop_timer_free(NULL);
	loop_free(d.loop);
}

static void ready(void *arg, int what)
{
	diary *d = arg;
	char c;

	if (what == LOOP_WRITE) {
		note(d, 'w');
		cr_assert_eq(write(d->fds[1], "x", 1), 1);
		loop_watch_set(d->watch, 0);
		return;
	}
	cr_assert_eq(read(d->fds[0], &c, 1), 1);
	note(d, c);
	loop_stop(d->loop);
}

Test(loop, a_watch_tells_what_a_descriptor_is_ready_for)
{
	diary d = {.loop = loop_new()};

	cr_assert_eq(pipe(d.fds), 0);
	loop_watch *reader = loop_watch_new(d.loop, d.fds[0], LOOP_READ, ready, &d);
	d.watch = loop_watch_new(d.loop, d.fds[1], 0, ready, &d);
	loop_watch_set(d.watch, LOOP_WRITE);
	loop_run(d.loop);
	cr_expect_str_eq(d.notes, "wx");
	loop_watch_free(reader);
	loop_watch_free(d.watch);
	loop_watch_free(NULL);
	close(d.fds[0]);
	close(d.fds[1]);
	loop_free(d.loop);
}

static void signalled(void *arg, int signo)
{
	diary *d = arg;

	note(d, signo == SIGUSR1 ? 'u' : '?');
	loop_stop(d->loop);
}

static void raise_it(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

Test(loop, a_signal_arrives_as_a_callback)
{
	diary d = {.loop = loop_new()};

	loop_on_signal(d.loop, SIGUSR1, signalled, &d);
	loop_defer(d.loop, raise_it, NULL);
	loop_run(d.loop);
	cr_expect_str_eq(d.notes, "u");
	loop_free(d.loop);
}
