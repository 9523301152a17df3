#include "server/worker/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/metric.h"

enum { READ_BYTES = 65536 };

struct trial {
	pid_t pid;
	int fd;
	loop_watch *watch;
	loop_timer *timer;
	trial_done done;
	void *arg;
	buf out;
};

static bool write_all(int fd, str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = str_cut(s, (size_t)n, s.n);
	}
	return true;
}

/* _exit: what the parent registered for its own end is not ours to run. */
_Noreturn static void copy_run(int fd, pid_t parent, trial_work work, void *arg)
{
	buf out;

	metric_leave();
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	buf_init(&out, TRIAL_BYTES_MAX);
	work(arg, &out);
	_exit(!out.over && write_all(fd, buf_str(&out)) ? 0 : 1);
}

/* Its exit status; it has ended, or is ended now. */
static int reap(trial *t)
{
	int status = -1;

	while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void release(trial *t)
{
	loop_watch_free(t->watch);
	loop_timer_free(t->timer);
	close(t->fd);
	buf_done(&t->out);
	free(t);
}

static void finish(trial *t, err e)
{
	if (e)
		kill(t->pid, SIGKILL);
	if (reap(t) && !e)
		e = ERR_INTERNAL;
	t->done(t->arg, e, e ? STR_NONE : buf_str(&t->out));
	release(t);
}

static void on_readable(void *arg, int what)
{
	trial *t = arg;
	char bytes[READ_BYTES];
	ssize_t n = read(t->fd, bytes, sizeof bytes);

	(void)what;
	if (n < 0)
		return;
	if (n == 0) {
		finish(t, ERR_OK);
		return;
	}
	buf_add_str(&t->out, str_of(bytes, (size_t)n));
	if (t->out.over)
		finish(t, ERR_INTERNAL);
}

static void on_deadline(void *arg)
{
	finish(arg, ERR_DECISION_TIMEOUT);
}

trial *trial_begin(loop *l, int64_t deadline_us, trial_work work, trial_done done, void *arg)
{
	int ends[2];
	pid_t self = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	pid_t pid = fork();
	if (pid == 0)
		copy_run(ends[1], self, work, arg);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return NULL;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	trial *t = heap_new(1, sizeof *t);
	*t = (trial){.pid = pid, .fd = ends[0], .done = done, .arg = arg};
	buf_init(&t->out, TRIAL_BYTES_MAX);
	t->watch = loop_watch_new(l, t->fd, LOOP_READ, on_readable, t);
	t->timer = loop_timer_new(l, on_deadline, t);
	loop_timer_arm(t->timer, deadline_us);
	return t;
}

void trial_end(trial *t)
{
	if (!t)
		return;
	kill(t->pid, SIGKILL);
	(void)reap(t);
	release(t);
}
