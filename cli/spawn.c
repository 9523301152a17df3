#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOOK_EVERY_MS = 10, VARIABLE_MAX = 256, NOT_STARTED = 127 };

extern char **environ;

static void environment_clean(void)
{
	char name[VARIABLE_MAX];

	for (char **at = environ; *at;) {
		size_t n = strcspn(*at, "=");
		if (strncmp(*at, "REEVE_", 6) != 0 || n >= sizeof(name)) {
			at++;
			continue;
		}
		memcpy(name, *at, n);
		name[n] = 0;
		if (unsetenv(name) != 0)
			at++;
	}
}

_Noreturn static void child_run(char *const *argv, int log, int null, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);
	environment_clean();
	if (getppid() == parent && dup2(null, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0)
		execv(argv[0], argv);
	_exit(NOT_STARTED);
}

err spawn_start(spawn *s, char *const *argv, const char *log, fault *f)
{
	pid_t self = getpid();
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err e = ERR_OK;

	if (out < 0 || null < 0)
		e = fault_set(f, ERR_IO, NULL, "cannot write %s: %s", log, strerror(errno));
	else if (access(argv[0], X_OK) != 0)
		e = fault_set(f, ERR_IO, NULL, "cannot run %s: %s", argv[0], strerror(errno));
	if (!e) {
		pid_t pid = fork();
		if (pid == 0)
			child_run(argv, out, null, self);
		if (pid < 0)
			e = fault_set(f, ERR_IO, NULL, "cannot start %s: %s", argv[0], strerror(errno));
		else
			s->pid = pid;
	}
	if (out >= 0)
		close(out);
	if (null >= 0)
		close(null);
	return e;
}

bool spawn_has_ended(spawn *s)
{
	if (s->pid > 0 && waitpid(s->pid, &s->status, WNOHANG) == s->pid)
		s->pid = 0;
	return s->pid <= 0;
}

static bool any_runs(spawn *all, size_t n)
{
	bool runs = false;

	for (size_t i = 0; i < n; i++)
		runs = !spawn_has_ended(&all[i]) || runs;
	return runs;
}

void spawn_stop(spawn *all, size_t n, int64_t grace_ms)
{
	struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000};
	int64_t deadline_us = clock_mono_us() + grace_ms * 1000;

	for (size_t i = 0; i < n; i++)
		if (!spawn_has_ended(&all[i]))
			kill(all[i].pid, SIGTERM);
	while (any_runs(all, n)) {
		for (size_t i = 0; i < n && clock_mono_us() > deadline_us; i++)
			if (!spawn_has_ended(&all[i]))
				kill(all[i].pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
}
