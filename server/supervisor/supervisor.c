#include "server/supervisor/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/vec.h"
#include "db/migrate.h"
#include "net/listen.h"
#include "net/loop.h"
#include "server/audit/seal.h"
#include "server/identity/ca.h"
#include "server/process.h"
#include "server/supervisor/child.h"
#include "server/supervisor/folders.h"
#include "server/supervisor/postgres.h"

enum {
	SLOT_PLACER = 1,
	SLOT_WORKER = 2,
	SLOT_EDGE_0 = 3,
	EDGES_BY_THEMSELVES_MAX = 16, /* more only when asked for */
	CONNECTIONS_PER_EDGE = 12,    /* readers, lanes and ledgers, with some to spare */
	CONNECTIONS_BESIDE = 30,      /* placer, worker, a person with psql */
	STOP_GRACE_MS = 15000,
	POSTGRES_RETRY_MS = 200,
};
static_assert(SLOT_EDGE_0 + SERVER_EDGES_MAX <= METRIC_SLOTS, "every edge has its slot");

typedef struct supervisor {
	const server_settings *settings;
	char **argv;
	loop *loop;
	loop_timer *restart, *stop_limit;
	char run_dir[FOLDER_PATH_MAX];
	int lock_fd, metric_fd;
	bool has_postgres, is_stopping;
	postgres pg;
	const char *dsn;
	vec(child) children;
	int64_t *due_us; /* per child: when to start it again; 0: runs, or never */
	int64_t postgres_due_us;
} supervisor;

static int edges_wanted(const server_settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (s->edges)
		return (int)s->edges;
	if (cores / 2 > EDGES_BY_THEMSELVES_MAX)
		return EDGES_BY_THEMSELVES_MAX;
	return cores / 2 > 1 ? (int)(cores / 2) : 1;
}

/* One socket per edge on one address; the first decides the port when it is 0. */
static err sockets_open(const char *address, int n, int *ret_fds, fault *f)
{
	err e;

	for (int i = 0; i < n; i++)
		ret_fds[i] = -1;
	if (!*address)
		return ERR_OK;
	e = listen_open(address, &ret_fds[0], f);
	for (int i = 1; i < n && !e; i++)
		e = listen_again(ret_fds[0], &ret_fds[i], f);
	return e;
}

static err plain_is_local(const char *address, fault *f)
{
	str a = str_from(address);

	if (!*address || str_starts(a, S("127.")) || str_starts(a, S("localhost:")) || str_starts(a, S("[::1]:")))
		return ERR_OK;
	return fault_set(
		f, ERR_SETTING, NULL, "--listen-plain %s: without TLS only loopback addresses are served", address);
}

static void child_add(supervisor *s, const char *role, int index, int listen_fd, int plain_fd)
{
	child *c = vec_add(&s->children);

	*c = (child){
		.role = role, .index = index, .listen_fd = listen_fd, .plain_fd = plain_fd, .metric_fd = s->metric_fd};
}

static err children_plan(supervisor *s, fault *f)
{
	int n = edges_wanted(s->settings);
	int tls[SERVER_EDGES_MAX], plain[SERVER_EDGES_MAX];
	err e = plain_is_local(s->settings->listen_plain, f);

	if (!e)
		e = sockets_open(s->settings->listen, n, tls, f);
	if (!e)
		e = sockets_open(s->settings->listen_plain, n, plain, f);
	if (e)
		return e;
	child_add(s, "placer", 0, -1, -1);
	child_add(s, "worker", 0, -1, -1);
	for (int i = 0; i < n; i++)
		child_add(s, "edge", i, tls[i], plain[i]);
	s->due_us = calloc(s->children.n, sizeof(*s->due_us));
	return s->due_us ? ERR_OK : ERR_IO;
}

static err database_prepare(supervisor *s, fault *f)
{
	const server_settings *set = s->settings;
	uint32_t applied = 0;
	err e = ERR_OK;

	s->has_postgres = !*set->database;
	s->dsn = s->has_postgres ? s->pg.dsn : set->database;
	if (s->has_postgres)
		e = postgres_start(&s->pg, f);
	if (!e)
		e = migrate_up(s->dsn, migrations, migrations_n, &applied, f);
	if (!e && applied)
		log_info("database.migrated", KV_I64("steps", applied));
	return e;
}

static err house_prepare(supervisor *s, fault *f)
{
	const server_settings *set = s->settings;
	err e = folders_take(set->data_dir, &s->lock_fd, f);

	if (!e)
		e = folders_run(set->data_dir, s->run_dir, f);
	if (!e && !*set->database)
		e = postgres_init(&s->pg, set->data_dir, s->run_dir, set->postgres_bin, set->fsync,
			edges_wanted(set) * CONNECTIONS_PER_EDGE + CONNECTIONS_BESIDE, f);
	if (!e)
		e = ca_ensure(set->data_dir, set->public_names, f);
	if (!e)
		e = seal_ensure(set->data_dir, f);
	s->metric_fd = metric_region_new();
	if (!e)
		e = children_plan(s, f);
	if (!e)
		e = database_prepare(s, f);
	return e;
}

static void start_child(supervisor *s, uint32_t i)
{
	child *c = &s->children.v[i];
	fault f = {0};

	s->due_us[i] = 0;
	if (child_start(c, s->argv, s->dsn, &f)) {
		log_error("process.start_failed", KV_Z("role", c->role), KV_Z("why", f.detail));
		s->due_us[i] = clock_mono_us() + child_ended(c, clock_mono_us()) * 1000;
	}
}

static void restart_arm(supervisor *s)
{
	int64_t next = s->postgres_due_us;

	for (uint32_t i = 0; i < s->children.n; i++)
		if (s->due_us[i] && (!next || s->due_us[i] < next))
			next = s->due_us[i];
	if (next) {
		int64_t delay = next - clock_mono_us();
		loop_timer_arm(s->restart, delay > 0 ? delay : 0);
	}
}

static void postgres_again(supervisor *s)
{
	s->postgres_due_us = 0;
	if (postgres_spawn(&s->pg))
		log_info("database.started", KV_I64("pid", s->pg.pid));
	else
		s->postgres_due_us = clock_mono_us() + POSTGRES_RETRY_MS * 1000;
}

static void on_restart(void *arg)
{
	supervisor *s = arg;
	int64_t now = clock_mono_us();

	if (s->is_stopping)
		return;
	if (s->postgres_due_us && s->postgres_due_us <= now)
		postgres_again(s);
	for (uint32_t i = 0; i < s->children.n; i++)
		if (s->due_us[i] && s->due_us[i] <= now)
			start_child(s, i);
	restart_arm(s);
}

static bool any_child(const supervisor *s)
{
	for (uint32_t i = 0; i < s->children.n; i++)
		if (s->children.v[i].pid)
			return true;
	return false;
}

static void log_end(const child *c, int status)
{
	if (WIFSIGNALED(status))
		log_warn("process.ended", KV_Z("role", c->role), KV_I64("index", c->index),
			KV_I64("signal", WTERMSIG(status)));
	else
		log_warn("process.ended", KV_Z("role", c->role), KV_I64("index", c->index),
			KV_I64("status", WEXITSTATUS(status)));
}

static void child_reaped(supervisor *s, pid_t pid, int status)
{
	if (s->has_postgres && pid == s->pg.pid) {
		s->pg.pid = 0;
		log_warn("database.ended", KV_I64("status", status));
		s->postgres_due_us = clock_mono_us() + POSTGRES_RETRY_MS * 1000;
		return;
	}
	for (uint32_t i = 0; i < s->children.n; i++) {
		child *c = &s->children.v[i];
		if (c->pid != pid)
			continue;
		if (!s->is_stopping) {
			log_end(c, status);
			metric_add(METRIC_PROCESS_RESTARTS, 0, 1);
		}
		s->due_us[i] = clock_mono_us() + child_ended(c, clock_mono_us()) * 1000;
	}
}

static void on_child(void *arg, int signo)
{
	supervisor *s = arg;
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_reaped(s, pid, status);
	if (s->is_stopping && !any_child(s))
		loop_stop(s->loop);
	else if (!s->is_stopping)
		restart_arm(s);
}

static void children_signal(supervisor *s, int signo)
{
	for (uint32_t i = 0; i < s->children.n; i++)
		if (s->children.v[i].pid)
			kill(s->children.v[i].pid, signo);
}

static void on_stop_limit(void *arg)
{
	supervisor *s = arg;

	log_warn("server.stop_forced", KV_I64("after_ms", STOP_GRACE_MS));
	children_signal(s, SIGKILL);
}

static void on_stop(void *arg, int signo)
{
	supervisor *s = arg;

	if (s->is_stopping)
		return;
	s->is_stopping = true;
	log_info("server.stopping", KV_I64("signal", signo));
	children_signal(s, SIGTERM);
	loop_timer_arm(s->stop_limit, (int64_t)STOP_GRACE_MS * 1000);
	if (!any_child(s))
		loop_stop(s->loop);
}

/* Tells systemd (Type=notify) that the server is up; sd_notify(3). */
static void tell_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (*path == '@')
		to.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd >= 0 && sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&to, n) < 0)
		log_warn("server.notify_failed", KV_Z("why", strerror(errno)));
	if (fd >= 0)
		close(fd);
}

static void log_started(const supervisor *s)
{
	char tls[128] = "", plain[128] = "";
	const child *c = &s->children.v[s->children.n - 1];

	if (c->listen_fd >= 0 && listen_address(c->listen_fd, tls, sizeof(tls)))
		tls[0] = 0;
	if (c->plain_fd >= 0 && listen_address(c->plain_fd, plain, sizeof(plain)))
		plain[0] = 0;
	log_info("server.started", KV_Z("listen", tls), KV_Z("plain", plain), KV_Z("data_dir", s->settings->data_dir),
		KV_Z("database", s->has_postgres ? "private" : "given"));
}

static void serve(supervisor *s)
{
	s->restart = loop_timer_new(s->loop, on_restart, s);
	s->stop_limit = loop_timer_new(s->loop, on_stop_limit, s);
	loop_on_signal(s->loop, SIGCHLD, on_child, s);
	loop_on_signal(s->loop, SIGTERM, on_stop, s);
	loop_on_signal(s->loop, SIGINT, on_stop, s);
	for (uint32_t i = 0; i < s->children.n; i++)
		start_child(s, i);
	on_child(s, SIGCHLD); /* who ended before there was a handler */
	log_started(s);
	tell_ready();
	loop_run(s->loop);
	loop_timer_free(s->restart);
	loop_timer_free(s->stop_limit);
}

int supervisor_run(const server_settings *settings, char **argv)
{
	supervisor s = {.settings = settings, .argv = argv, .lock_fd = -1, .metric_fd = -1};
	fault f = {0};

	signal(SIGPIPE, SIG_IGN);
	err e = house_prepare(&s, &f);
	if (e) {
		fprintf(stderr, "reeved: %s\n", *f.detail ? f.detail : err_title(e));
		postgres_stop(&s.pg);
		return 1;
	}
	if (metric_share(s.metric_fd, 0))
		log_warn("metrics.not_shared", KV_I64("fd", s.metric_fd));
	s.loop = loop_new();
	serve(&s);
	postgres_stop(&s.pg);
	log_info("server.stopped", KV_I64("pid", getpid()));
	loop_free(s.loop);
	vec_done(&s.children);
	free(s.due_us);
	return 0;
}

int supervisor_child(server_settings *settings)
{
	char run_dir[FOLDER_PATH_MAX];
	fault f = {0};
	str role = str_from(settings->role);
	bool is_edge = str_eq(role, S("edge"));
	int slot = is_edge ? SLOT_EDGE_0 + (int)settings->index : str_eq(role, S("placer")) ? SLOT_PLACER : SLOT_WORKER;

	child_follow_parent((pid_t)settings->supervisor_pid);
	signal(SIGPIPE, SIG_IGN);
	if (folders_run(settings->data_dir, run_dir, &f)) {
		log_error("process.failed", KV_Z("why", f.detail));
		return 1;
	}
	if (settings->metric_fd >= 0 && metric_share((int)settings->metric_fd, slot))
		log_warn("metrics.not_shared", KV_I64("slot", slot));
	process p = {.settings = settings,
		.loop = loop_new(),
		.dsn = settings->dsn,
		.run_dir = run_dir,
		.edges = edges_wanted(settings)};
	int status = is_edge ? edge_run(&p) : str_eq(role, S("placer")) ? placer_run(&p) : worker_run(&p);
	loop_free(p.loop);
	arena_trim();
	return status;
}
