#include "server/supervisor/postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	VERSION_MIN = 15,
	SPACE_MIN_MIB = 256,
	START_TIMEOUT_MS = 60000, /* of attempts that end at once */
	STOP_TIMEOUT_MS = 30000,
	LOOK_EVERY_MS = 20,
	PID_FILE_STATUS_LINE = 8,
	ARGS_MAX = 96,
};

static const char debian_root[] = "/usr/lib/postgresql";

/* How a small, durable, write-heavy database is set up. Plans are made once per statement (plan_cache_mode is the
 * connection's). The log is kept short: recovery takes seconds, and its files are soon written over instead of made
 * anew, which stops every commit for tens of milliseconds each time. */
static const char *const tuning[] = {
	"listen_addresses=",
	"shared_buffers=128MB",
	"wal_buffers=16MB",
	"max_wal_size=512MB",
	"min_wal_size=512MB",
	"checkpoint_timeout=15min",
	"checkpoint_completion_target=0.9",
	"random_page_cost=1.1",
	"effective_io_concurrency=200",
	"autovacuum_naptime=15s",
	"jit=off",
	"log_timezone=UTC",
	"timezone=UTC",
	"log_line_prefix=%m [%p] %a ",
	"log_checkpoints=off",
	"idle_in_transaction_session_timeout=60s",
	NULL,
};

static bool has_programs(const char *folder)
{
	char path[POSTGRES_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/postgres", folder);
	if (access(path, X_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/initdb", folder);
	return access(path, X_OK) == 0;
}

/* The newest version Debian has installed. */
static bool debian_find(char out[POSTGRES_PATH_MAX])
{
	DIR *d = opendir(debian_root);
	int64_t best = VERSION_MIN - 1;

	for (struct dirent *entry; d && (entry = readdir(d));) {
		char folder[POSTGRES_PATH_MAX];
		int64_t version;
		if (!str_to_i64(str_from(entry->d_name), &version) || version <= best)
			continue;
		if (snprintf(folder, sizeof(folder), "%s/%lld/bin", debian_root, (long long)version) <
				POSTGRES_PATH_MAX &&
			has_programs(folder)) {
			best = version;
			memcpy(out, folder, sizeof(folder));
		}
	}
	if (d)
		closedir(d);
	return best >= VERSION_MIN;
}

static bool path_find(char out[POSTGRES_PATH_MAX])
{
	str rest = str_from(getenv("PATH"));

	while (rest.p) {
		str folder = str_split(&rest, ':');
		if (folder.n && folder.n < POSTGRES_PATH_MAX) {
			snprintf(out, POSTGRES_PATH_MAX, STR_FMT, STR_ARG(folder));
			if (has_programs(out))
				return true;
		}
	}
	return false;
}

static err programs_find(postgres *pg, const char *bin, fault *f)
{
	if (bin && *bin) {
		snprintf(pg->bin, sizeof(pg->bin), "%s", bin);
		return has_programs(pg->bin)
			       ? ERR_OK
			       : fault_set(f, ERR_SETTING, NULL, "no initdb and postgres in %s (--postgres-bin)", bin);
	}
	if (debian_find(pg->bin) || path_find(pg->bin))
		return ERR_OK;
	return fault_set(f, ERR_SETTING, NULL,
		"PostgreSQL %d or newer is not installed (Debian: apt install postgresql); or give --database URL to use one elsewhere",
		VERSION_MIN);
}

static err space_check(const char *folder, fault *f)
{
	struct statvfs v;

	if (statvfs(folder, &v) != 0)
		return fault_set(f, ERR_IO, NULL, "cannot look at %s: %s", folder, strerror(errno));
	unsigned long long free_mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20;
	if (free_mib < SPACE_MIN_MIB)
		return fault_set(f, ERR_IO, NULL, "the disk of %s is full: %llu MiB free, a database needs %d", folder,
			free_mib, SPACE_MIN_MIB);
	return ERR_OK;
}

err postgres_init(postgres *pg, const char *data_dir, const char *run_dir, const char *bin, bool has_fsync,
	int connections_max, fault *f)
{
	memset(pg, 0, sizeof(*pg));
	if (geteuid() == 0)
		return fault_set(f, ERR_IO, NULL,
			"PostgreSQL does not run as root: start reeved as another user, or give --database URL");
	err e = programs_find(pg, bin, f);
	if (!e)
		e = space_check(data_dir, f);
	if (e)
		return e;
	pg->has_fsync = has_fsync;
	pg->connections_max = connections_max;
	bool fits = snprintf(pg->data, sizeof(pg->data), "%s/postgres", data_dir) < (int)sizeof(pg->data) &&
		    snprintf(pg->log, sizeof(pg->log), "%s/postgres.log", data_dir) < (int)sizeof(pg->log) &&
		    snprintf(pg->socket, sizeof(pg->socket), "%s", run_dir) < (int)sizeof(pg->socket) &&
		    snprintf(pg->dsn, sizeof(pg->dsn), "host=%s dbname=postgres user=reeve", run_dir) <
			    (int)sizeof(pg->dsn);
	return fits ? ERR_OK : fault_set(f, ERR_IO, NULL, "the path of the data folder is too long: %s", data_dir);
}

static int log_open_file(const postgres *pg)
{
	return open(pg->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* In the child: output to the log, no input, end with the supervisor. */
_Noreturn static void child_exec(const postgres *pg, char *const *argv, pid_t supervisor)
{
	int log = log_open_file(pg);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGINT);
	if (getppid() != supervisor || log < 0)
		_exit(127);
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	setpgid(0, 0); /* a Ctrl-C at the terminal is for the supervisor */
	execv(argv[0], argv);
	_exit(127);
}

/* Runs a program to its end. */
static bool program_run(const postgres *pg, char *const *argv)
{
	pid_t self = getpid();
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		child_exec(pg, argv, self);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void folder_remove(const char *path)
{
	char *const argv[] = {"/bin/rm", "-rf", "--", (char *)path, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Made beside and renamed, so that a half-made cluster is never taken for a whole one. */
static err cluster_make(const postgres *pg, fault *f)
{
	char initdb[POSTGRES_PATH_MAX + 16], beside[POSTGRES_PATH_MAX + 8];
	char *const argv[] = {
		initdb, "-D", beside, "-U", "reeve", "-A", "trust", "-E", "UTF8", "--locale=C", "-k", NULL};

	snprintf(initdb, sizeof(initdb), "%s/initdb", pg->bin);
	snprintf(beside, sizeof(beside), "%s.new", pg->data);
	folder_remove(beside);
	if (!program_run(pg, argv) || rename(beside, pg->data) != 0) {
		folder_remove(beside);
		return fault_set(f, ERR_IO, NULL, "cannot make a database in %s; see %s", pg->data, pg->log);
	}
	return ERR_OK;
}

static bool pid_file_read(const postgres *pg, pid_t *ret_pid, bool *ret_ready)
{
	char path[POSTGRES_PATH_MAX + 32], line[256];
	bool has_pid = false;

	snprintf(path, sizeof(path), "%s/postmaster.pid", pg->data);
	FILE *in = fopen(path, "re");
	*ret_ready = false;
	for (int i = 1; in && fgets(line, sizeof(line), in); i++) {
		int64_t pid;
		str s = str_of(line, strcspn(line, "\n"));
		if (i == 1 && str_to_i64(str_trim(s), &pid)) {
			*ret_pid = (pid_t)pid;
			has_pid = true;
		}
		if (i == PID_FILE_STATUS_LINE)
			*ret_ready = str_starts(s, S("ready"));
	}
	if (in)
		fclose(in);
	return has_pid;
}

/* Process numbers are used again: what the file of a crashed server names may be anybody, even another PostgreSQL. A
 * server of this very cluster stands in its folder. */
static bool is_of_cluster(const postgres *pg, pid_t pid)
{
	char path[64], folder[PATH_MAX], ours[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%ld/cwd", (long)pid);
	ssize_t n = readlink(path, folder, sizeof(folder) - 1);
	if (n <= 0 || !realpath(pg->data, ours))
		return false;
	folder[n] = 0;
	return strcmp(folder, ours) == 0;
}

/* A server of an earlier supervisor may still be shutting down: it is told to, and true says that it is still there. */
static bool predecessor_is_there(const postgres *pg)
{
	pid_t pid;
	bool is_ready;

	if (!pid_file_read(pg, &pid, &is_ready) || pid <= 1 || pid == pg->pid || !is_of_cluster(pg, pid))
		return false;
	kill(pid, SIGINT);
	return true;
}

static pid_t server_spawn(const postgres *pg)
{
	char server[POSTGRES_PATH_MAX + 16], socket_arg[POSTGRES_PATH_MAX + 40], connections_arg[64];
	char *argv[ARGS_MAX];
	int n = 0;
	pid_t self = getpid();

	snprintf(server, sizeof(server), "%s/postgres", pg->bin);
	snprintf(socket_arg, sizeof(socket_arg), "unix_socket_directories=%s", pg->socket);
	snprintf(connections_arg, sizeof(connections_arg), "max_connections=%d", pg->connections_max);
	argv[n++] = server;
	argv[n++] = "-D";
	argv[n++] = (char *)pg->data;
	argv[n++] = "-c";
	argv[n++] = socket_arg;
	argv[n++] = "-c";
	argv[n++] = connections_arg;
	argv[n++] = "-c";
	argv[n++] = pg->has_fsync ? "fsync=on" : "fsync=off";
	for (int i = 0; tuning[i] && n + 3 < ARGS_MAX; i++) {
		argv[n++] = "-c";
		argv[n++] = (char *)tuning[i];
	}
	argv[n] = NULL;
	pid_t pid = fork();
	if (pid == 0)
		child_exec(pg, argv, self);
	return pid;
}

/* True: takes connections. False: it ended. Crash recovery takes what it takes. */
static bool server_wait(postgres *pg)
{
	pid_t pid = 0;
	bool is_ready = false;

	while (waitpid(pg->pid, NULL, WNOHANG) != pg->pid) {
		if (pid_file_read(pg, &pid, &is_ready) && pid == pg->pid && is_ready)
			return true;
		clock_sleep_ms(LOOK_EVERY_MS);
	}
	pg->pid = 0;
	return false;
}

bool postgres_spawn(postgres *pg)
{
	if (predecessor_is_there(pg))
		return false;
	pg->pid = server_spawn(pg);
	if (pg->pid < 0)
		pg->pid = 0;
	return pg->pid > 0;
}

err postgres_start(postgres *pg, fault *f)
{
	if (access(pg->data, F_OK) != 0) {
		err e = cluster_make(pg, f);
		if (e)
			return e;
	}
	/* Making it takes what it takes: on a machine that is busy enough, more than all of this. */
	int64_t deadline_us = clock_mono_us() + (int64_t)START_TIMEOUT_MS * 1000;
	/* Backends of a killed server hold its shared memory for a moment: the start is tried again. */
	while (clock_mono_us() < deadline_us) {
		if (postgres_spawn(pg) && server_wait(pg))
			return ERR_OK;
		clock_sleep_ms(LOOK_EVERY_MS);
	}
	return fault_set(f, ERR_IO, NULL, "PostgreSQL does not start; see %s", pg->log);
}

void postgres_stop(postgres *pg)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)STOP_TIMEOUT_MS * 1000;

	if (pg->pid <= 0)
		return;
	kill(pg->pid, SIGINT);
	while (waitpid(pg->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_us() > deadline_us)
			kill(pg->pid, SIGQUIT); /* immediate: the next start recovers */
		clock_sleep_ms(LOOK_EVERY_MS);
	}
	pg->pid = 0;
}
