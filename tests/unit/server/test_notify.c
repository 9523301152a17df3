/* Nudges reach those they are for, and nobody else; one that is not there is no trouble. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/notify.h"

enum { ENDS = 4, WAIT_US = 20000 };

static void heard(void *arg, int what)
{
	*(int *)arg |= what;
}

static void stop(void *arg)
{
	loop_stop(arg);
}

Test(notify, reaches_those_it_is_for)
{
	static const char *const names[ENDS] = {"edge-0", "edge-1", "placer", "worker"};
	static const struct {
		int from;
		notify_what what;
		int heard[ENDS];
	} rows[] = {
		{0, NOTIFY_INBOX, {0, 0, NOTIFY_INBOX, 0}},
		{2, NOTIFY_DECISIONS, {NOTIFY_DECISIONS, NOTIFY_DECISIONS, 0, NOTIFY_DECISIONS}},
		{1, NOTIFY_GOVERNANCE, {NOTIFY_GOVERNANCE, 0, NOTIFY_GOVERNANCE, NOTIFY_GOVERNANCE}},
	};
	char folder[] = "/tmp/notify-XXXXXX";
	notify *ends[ENDS];
	loop *l = loop_new();
	loop_timer *t = loop_timer_new(l, stop, l);
	int got[ENDS];

	cr_assert(mkdtemp(folder));
	for (int i = 0; i < ENDS; i++)
		ends[i] = notify_new(l, folder, names[i], 3, heard, &got[i]); /* edge-2 is not there */
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		for (int i = 0; i < ENDS; i++)
			got[i] = 0;
		notify_send(ends[rows[r].from], rows[r].what);
		notify_send(ends[rows[r].from], rows[r].what);
		loop_timer_arm(t, WAIT_US);
		loop_run(l);
		for (int i = 0; i < ENDS; i++)
			cr_expect_eq(got[i], rows[r].heard[i], "row %zu, %s heard %d", r, names[i], got[i]);
	}
	for (int i = 0; i < ENDS; i++) {
		char path[64];
		notify_free(ends[i]);
		snprintf(path, sizeof path, "%s/%s.look", folder, names[i]);
		(void)unlink(path);
	}
	loop_timer_free(t);
	loop_free(l);
	cr_expect_eq(rmdir(folder), 0);
}
