#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/asked.h"
#include "agents/node/command.h"
#include "agents/node/library.h"
#include "agents/node/neighbours.h"
#include "base/arena.h"
#include "base/clock.h"
#include "shim/region.h"

enum { EXIT_NO_EXEC = 126, EXIT_NO_COMMAND = 127, EXIT_BY_SIGNAL = 128 };

typedef struct run_options {
	asked asked;
	const char *form, *libraries;
} run_options;

static const setting run_rows[] = {
	ASKED_ROWS(run_options),
	{.name = "form",
		.kind = SETTING_TEXT,
		.at = offsetof(run_options, form),
		.initial = "preload",
		.help = "preload: the shim is loaded before the program's libraries. replace: it is found in the place of "
			"libcuda.so.1 and libnvidia-ml.so.1."},
	{.name = "libraries",
		.kind = SETTING_TEXT,
		.at = offsetof(run_options, libraries),
		.help = "Folder of the shim's libraries; absent: where they were installed with this program."},
};

static const setting_table run_settings = {
	.program = "reeve-node run",
	.usage = "[options] -- COMMAND [ARGUMENT...]",
	.about =
		"Runs a command under limits of a GPU's memory and time. Nothing else is needed: no daemon, no Kubernetes. All "
		"processes that the command starts share the limits.",
	.rows = run_rows,
	.n = sizeof(run_rows) / sizeof(*run_rows),
};

typedef struct run {
	run_options o;
	char **command;
	neighbours *neighbours;
	limits limits;
} run;

static int refuse(const fault *f)
{
	return command_refuse("reeve-node run", f->pointer, f->detail);
}

static err run_check(run *r, fault *f)
{
	str form = str_from(r->o.form);

	if (!str_eq(form, S("preload")) && !str_eq(form, S("replace")))
		return fault_set(f, ERR_SETTING, "--form", "takes preload or replace, not \"%s\"", r->o.form);
	if (access(region_mount, F_OK) == 0)
		return fault_set(f, ERR_CONFLICT, region_mount,
			"is there: this container has a share already, and only that counts");
	return asked_limits(&r->o.asked, &r->limits, f);
}

/* In front of what is there. */
static void path_prepend(const char *variable, const char *path, char between, arena *a)
{
	const char *old = getenv(variable);

	if (old && *old)
		path = str_z(a, str_print(a, "%s%c%s", path, between, old));
	setenv(variable, path, 1);
}

/* For the command; what is preloaded is not loaded here. */
static err environment_set(const run *r, arena *a, fault *f)
{
	const char *path, *folder = neighbours_folder(r->neighbours);
	err e;

	setenv("REEVE_SHIM_REGION", folder, 1);
	if (r->o.asked.device)
		setenv("CUDA_VISIBLE_DEVICES", r->o.asked.device, 1);
	if (strcmp(r->o.form, "preload") == 0) {
		e = library_find(r->o.libraries, "libreeve-shim.so", a, &path, f);
		if (!e)
			path_prepend("LD_PRELOAD", path, ':', a);
		return e;
	}
	e = library_link(r->o.libraries, "libreeve-shim-cuda.so", folder, "libcuda.so.1", a, f);
	if (!e)
		e = library_link(r->o.libraries, "libreeve-shim-nvml.so", folder, "libnvidia-ml.so.1", a, f);
	if (!e)
		path_prepend("LD_LIBRARY_PATH", folder, ':', a);
	return e;
}

static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT, SIGCONT};

static void signals_of(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaddset(ret, passed_on[i]);
}

static void child_become(const run *r, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(r->command[0], r->command);
	fprintf(stderr, "reeve-node run: %s: %s\n", r->command[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC);
}

/* A signal, or none by then. */
static int signal_wait(const sigset_t *wanted, siginfo_t *ret, int64_t ns)
{
	struct timespec span = {ns / 1000000000, ns % 1000000000};

	return sigtimedwait(wanted, ret, &span);
}

/* A terminal tells the command by itself; what a process tells us alone is passed on. */
static int child_wait(const run *r, pid_t child, const sigset_t *wanted)
{
	siginfo_t told;
	int status;

	for (;;) {
		int signo = signal_wait(wanted, &told, neighbours_turn(r->neighbours, clock_mono_ns()));
		if (signo > 0 && waitpid(child, &status, WNOHANG) == child)
			return WIFSIGNALED(status) ? EXIT_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
		if (signo > 0 && signo != SIGCHLD && told.si_code <= 0)
			kill(child, signo);
	}
}

static int run_command(const run *r)
{
	sigset_t wanted, before;

	signals_of(&wanted);
	sigprocmask(SIG_BLOCK, &wanted, &before);
	pid_t child = fork();
	if (child == 0)
		child_become(r, &before);
	if (child > 0)
		return child_wait(r, child, &wanted);
	fprintf(stderr, "reeve-node run: no process can be made: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

static int run_begin(run *r)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	int status;

	err e = neighbours_join(&r->limits, r->o.asked.device, &r->neighbours, &f);
	if (!e)
		e = environment_set(r, a, &f);
	status = e ? EXIT_FAILURE : run_command(r);
	if (e)
		refuse(&f);
	neighbours_leave(r->neighbours);
	return status;
}

int command_run(int argc, char **argv)
{
	run r = {0};
	fault f = {0};
	bool is_done;
	int operand;

	err e = setting_read(&run_settings, &r.o, NULL, argc, argv, &operand, &is_done, &f);
	if (!e && is_done)
		return EXIT_SUCCESS;
	if (!e && operand == argc)
		e = fault_set(&f, ERR_SETTING, "", "a command is needed: reeve-node run --memory-mib 8000 -- COMMAND");
	if (!e)
		e = run_check(&r, &f);
	if (e)
		return refuse(&f);
	r.command = argv + operand;
	return run_begin(&r);
}
