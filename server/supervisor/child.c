#include "server/supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { FLAG_BYTES = 32 };

static void keep_open(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

_Noreturn static void child_exec(const child *c, char **argv, const char *dsn, pid_t supervisor)
{
	char index[FLAG_BYTES], listen_fd[FLAG_BYTES], plain_fd[FLAG_BYTES], metric_fd[FLAG_BYTES],
		supervisor_pid[FLAG_BYTES];
	char *args[CHILD_ARGS_MAX + 16];
	int n = 0;
	sigset_t none;

	for (; argv[n] && n < CHILD_ARGS_MAX; n++)
		args[n] = argv[n];
	snprintf(index, sizeof(index), "%d", c->index);
	snprintf(listen_fd, sizeof(listen_fd), "%d", c->listen_fd);
	snprintf(plain_fd, sizeof(plain_fd), "%d", c->plain_fd);
	snprintf(metric_fd, sizeof(metric_fd), "%d", c->metric_fd);
	snprintf(supervisor_pid, sizeof(supervisor_pid), "%ld", (long)supervisor);
	char *const more[] = {"--role", (char *)c->role, "--index", index, "--listen-fd", listen_fd, "--plain-fd",
		plain_fd, "--metric-fd", metric_fd, "--supervisor-pid", supervisor_pid, NULL};
	for (int i = 0; more[i]; i++)
		args[n++] = more[i];
	args[n] = NULL;
	keep_open(c->listen_fd);
	keep_open(c->plain_fd);
	keep_open(c->metric_fd);
	setenv("REEVE_DSN", dsn, 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);
	if (getppid() == supervisor)
		execv("/proc/self/exe", args);
	_exit(127);
}

err child_start(child *c, char **argv, const char *dsn, fault *f)
{
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return fault_set(f, ERR_IO, NULL, "cannot start %s: %s", c->role, strerror(errno));
	if (pid == 0)
		child_exec(c, argv, dsn, self);
	c->pid = pid;
	c->begun_us = clock_mono_us();
	return ERR_OK;
}

int64_t child_ended(child *c, int64_t now_us)
{
	bool was_steady = now_us - c->begun_us >= (int64_t)CHILD_STEADY_MS * 1000;

	c->pid = 0;
	c->pause_ms = was_steady || !c->pause_ms ? CHILD_PAUSE_MIN_MS : c->pause_ms * 2;
	if (c->pause_ms > CHILD_PAUSE_MAX_MS)
		c->pause_ms = CHILD_PAUSE_MAX_MS;
	return c->pause_ms;
}

void child_follow_parent(pid_t supervisor)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor)
		_exit(0);
}
