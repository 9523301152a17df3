#include "agents/kube/program.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"

extern char **environ;

enum { READ_BYTES = 16384, REAP_US = 5000 };

struct program {
	loop *loop;
	pid_t pid;
	int fd;
	loop_watch *watch;
	loop_timer *timer, *reap;
	buf out;
	err e;
	const char *why;
	void (*on_done)(void *arg, err e, str out, const char *why);
	void *arg;
};

static void program_free(program *p)
{
	loop_watch_free(p->watch);
	loop_timer_free(p->timer);
	loop_timer_free(p->reap);
	if (p->fd >= 0)
		(void)close(p->fd);
	buf_done(&p->out);
	free(p);
}

static void program_ended(program *p, int status)
{
	bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (!p->e && !is_fine) {
		p->e = ERR_IO;
		p->why = WIFEXITED(status) ? "the program failed; see what it wrote to standard error"
					   : "the program was ended by a signal";
	}
	p->on_done(p->arg, p->e, p->e ? STR_NONE : buf_str(&p->out), p->why);
	program_free(p);
}

/* It closes its output when it ends or just before: look again soon. */
static void program_reap(void *arg)
{
	program *p = arg;
	int status;
	pid_t pid = waitpid(p->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		loop_timer_arm(p->reap, REAP_US);
	else
		program_ended(p, pid < 0 ? 1 << 8 : status);
}

static void output_end(program *p)
{
	loop_watch_free(p->watch);
	p->watch = NULL;
	(void)close(p->fd);
	p->fd = -1;
	program_reap(p);
}

static void program_kill(program *p, err e, const char *why)
{
	p->e = e;
	p->why = why;
	(void)kill(-p->pid, SIGKILL);
	loop_timer_disarm(p->timer);
}

static void on_late(void *arg)
{
	program *p = arg;

	program_kill(p, ERR_TIMEOUT, "the program took too long");
	if (p->watch)
		output_end(p);
}

static void on_output(void *arg, int what)
{
	program *p = arg;
	char *room = buf_room(&p->out, READ_BYTES);

	(void)what;
	if (!room) {
		program_kill(p, ERR_LIMIT, "the program printed too much");
		output_end(p);
		return;
	}
	ssize_t n = read(p->fd, room, READ_BYTES);
	if (n > 0)
		p->out.n += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		output_end(p);
}

static void environment_fill(const strs *own, arena *a, char **out)
{
	uint32_t n = 0;

	for (; n < own->n; n++)
		out[n] = (char *)(uintptr_t)str_z(a, own->v[n]);
	for (char **e = environ; *e; e++)
		out[n++] = *e;
	out[n] = NULL;
}

static uint32_t environment_size(void)
{
	uint32_t n = 0;

	while (environ[n])
		n++;
	return n;
}

/* Its own process group, so that whatever it starts ends with it; signals as in a fresh process. */
static int spawn(const program_spec *s, int out_fd, pid_t *ret_pid)
{
	AUTO_ARENA a = arena_new(0);
	char **argv = ARENA_ARRAY(a, char *, s->args.n + 2);
	char **env = ARENA_ARRAY(a, char *, s->env.n + environment_size() + 1);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;

	argv[0] = (char *)(uintptr_t)str_z(a, s->command);
	for (uint32_t i = 0; i < s->args.n; i++)
		argv[i + 1] = (char *)(uintptr_t)str_z(a, s->args.v[i]);
	environment_fill(&s->env, a, env);
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out_fd, 1);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	int error = posix_spawnp(ret_pid, argv[0], &files, &attr, argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return error;
}

program *program_start(loop *l, const program_spec *s, fault *f)
{
	int ends[2];
	pid_t pid = 0;

	if (s->args.n > PROGRAM_ARGS_MAX || s->env.n > PROGRAM_ENV_MAX || pipe2(ends, O_CLOEXEC)) {
		(void)fault_set(f, ERR_IO, "exec", STR_FMT ": too many arguments or files", STR_ARG(s->command));
		return NULL;
	}
	int error = spawn(s, ends[1], &pid);
	(void)close(ends[1]);
	if (error) {
		(void)close(ends[0]);
		(void)fault_set(f, ERR_IO, "exec", STR_FMT ": %s", STR_ARG(s->command), strerror(error));
		return NULL;
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	program *p = calloc(1, sizeof(*p));
	assert(p);
	*p = (program){.loop = l, .pid = pid, .fd = ends[0], .on_done = s->on_done, .arg = s->arg};
	buf_init(&p->out, PROGRAM_OUT_MAX);
	p->watch = loop_watch_new(l, p->fd, LOOP_READ, on_output, p);
	p->timer = loop_timer_new(l, on_late, p);
	p->reap = loop_timer_new(l, program_reap, p);
	loop_timer_arm(p->timer, s->timeout_ms * 1000);
	return p;
}

void program_stop(program *p)
{
	if (!p)
		return;
	(void)kill(-p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	program_free(p);
}
