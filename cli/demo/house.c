#include "cli/demo/house.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/listen.h"

enum {
	READY_TIMEOUT_MS = 60000,
	PREDECESSOR_TIMEOUT_MS = 20000,
	POLL_MS = 50,
	AGENT_GRACE_MS = 5000,
	SERVER_GRACE_MS = 50000, /* reeved's own limits are shorter */
	SPACE_MIN_MIB = 300,
	LINE_MAX_BYTES = 1024,
	PATH_ROOM_MAX = DEMO_PATH_MAX - 100, /* of the folder: names below it take the rest */
};

err house_write(const char *path, str text, fault *f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
	int why = errno;

	if (fd >= 0 && close(fd) != 0)
		ok = false;
	return ok ? ERR_OK : fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(why));
}

bool house_read_line(const char *path, char *out, size_t n)
{
	FILE *in = fopen(path, "re");
	bool ok = in && fgets(out, (int)n, in);

	if (in)
		fclose(in);
	if (ok)
		out[strcspn(out, "\n")] = 0;
	return ok && *out;
}

static err folder_make(const char *path, fault *f)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return ERR_OK;
	return fault_set(f, ERR_IO, NULL, "cannot make the folder %s: %s", path, strerror(errno));
}

static err space_check(const char *path, fault *f)
{
	struct statvfs v;

	if (statvfs(path, &v) != 0)
		return fault_set(f, ERR_IO, NULL, "cannot look at the disk of %s: %s", path, strerror(errno));
	unsigned long long free_mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20;
	if (free_mib >= SPACE_MIN_MIB)
		return ERR_OK;
	return fault_set(f, ERR_IO, NULL, "the disk of %s is full: %llu MiB free, the demo needs %d", path, free_mib,
		SPACE_MIN_MIB);
}

/* The lock's text is for the sentence that a second demo says. */
static err lock_take(demo *d, fault *f)
{
	char path[DEMO_PATH_MAX + 8], pid[32] = "";

	snprintf(path, sizeof(path), "%s/lock", d->state);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		(void)house_read_line(path, pid, sizeof(pid));
		return fault_set(
			f, ERR_CONFLICT, NULL, "another demo runs here (process %s); end it with Ctrl-C first", pid);
	}
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	d->lock_fd = fd;
	if (ftruncate(fd, 0) != 0 || write(fd, pid, (size_t)n) != n)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	return ERR_OK;
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

/* The server of a demo that was killed may still be ending: it holds its folder until then. */
static err predecessor_wait(demo *d, fault *f)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)PREDECESSOR_TIMEOUT_MS * 1000;
	char path[DEMO_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/lock", d->data);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return ERR_OK;
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (!demo_pause(d, POLL_MS) || clock_mono_us() > deadline_us) {
			close(fd);
			return fault_set(f, ERR_CONFLICT, NULL, "a server still runs on %s", d->data);
		}
	}
	close(fd);
	return ERR_OK;
}

static err world_open(demo *d, bool is_new, fault *f)
{
	char made[DEMO_PATH_MAX + 8], edition[DEMO_TOKEN_MAX];
	err e = space_check(d->state, f);

	if (!e)
		e = lock_take(d, f);
	if (!e)
		e = predecessor_wait(d, f);
	if (e)
		return e;
	(void)unlink(d->env); /* of one that was killed */
	snprintf(made, sizeof(made), "%s/made", d->world);
	if (is_new || !house_read_line(made, edition, sizeof(edition)) || strcmp(edition, d->settings->edition) != 0)
		folder_remove(d->world);
	e = folder_make(d->world, f);
	if (!e && unlink(d->log) != 0 && errno != ENOENT)
		e = fault_set(f, ERR_IO, NULL, "cannot remove %s: %s", d->log, strerror(errno));
	return e;
}

/* A taken port is found before anything is started; port 0 becomes a number. */
static err port_find(demo *d, char address[96], fault *f)
{
	int fd = -1;
	err e = listen_open(d->settings->demo_listen, &fd, f);

	if (!e && listen_address(fd, address, 96))
		e = fault_set(f, ERR_IO, NULL, "the address %s has no number", d->settings->demo_listen);
	if (fd >= 0)
		close(fd);
	snprintf(d->url, sizeof(d->url), "https://%s", address);
	return e;
}

err house_paths(demo *d, fault *f)
{
	const demo_settings *s = d->settings;
	char self[DEMO_PATH_MAX] = "", state[PATH_MAX];
	err e = folder_make(s->state, f);

	if (e)
		return e;
	if (!realpath(s->state, state) || strlen(state) > PATH_ROOM_MAX)
		return fault_set(f, ERR_SETTING, NULL, "the path %s is too long", s->state);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || strlen(s->bin) > PATH_ROOM_MAX)
		return fault_set(f, ERR_IO, NULL, "cannot find this program: %s", strerror(errno));
	snprintf(d->bin, sizeof(d->bin), "%s", *s->bin ? s->bin : dirname(self));
	snprintf(d->state, sizeof(d->state), "%.*s", PATH_ROOM_MAX, state);
	snprintf(d->world, sizeof(d->world), "%.*s/%s", PATH_ROOM_MAX, state, s->once ? "once" : "live");
	snprintf(d->data, sizeof(d->data), "%.*s/server", PATH_ROOM_MAX + 8, d->world);
	snprintf(d->log, sizeof(d->log), "%.*s/server.log", PATH_ROOM_MAX + 8, d->world);
	snprintf(d->env, sizeof(d->env), "%.*s/env", PATH_ROOM_MAX, state);
	snprintf(d->ca, sizeof(d->ca), "%.*s/ca/cert.pem", PATH_ROOM_MAX + 16, d->data);
	return ERR_OK;
}

static err server_start(demo *d, fault *f)
{
	char program[DEMO_PATH_MAX + 16], address[96];
	char *argv[16];
	int n = 0;
	err e = port_find(d, address, f);

	if (e)
		return e;
	snprintf(program, sizeof(program), "%s/reeved", d->bin);
	argv[n++] = program;
	argv[n++] = "--data-dir";
	argv[n++] = d->data;
	argv[n++] = "--listen";
	argv[n++] = address;
	argv[n++] = "--database";
	argv[n++] = "";
	argv[n++] = "--web-dir";
	argv[n++] = (char *)d->settings->web_dir;
	argv[n++] = "--postgres-bin";
	argv[n++] = (char *)d->settings->pg_bin;
	argv[n] = NULL;
	return spawn_start(&d->reeved, argv, d->log, f);
}

/* reeved says on one line why it does not run. */
static err server_ended(demo *d, fault *f)
{
	char line[LINE_MAX_BYTES], said[LINE_MAX_BYTES] = "";
	FILE *in = fopen(d->log, "re");

	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, "reeved: ", 8) == 0)
			snprintf(said, sizeof(said), "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
	if (in)
		fclose(in);
	if (*said)
		return fault_set(f, ERR_IO, NULL, "the server did not start: %s", said);
	return fault_set(f, ERR_IO, NULL, "the server has ended; see %s", d->log);
}

static bool is_ready(demo *d)
{
	AUTO_ARENA a = arena_new(0);
	char path[DEMO_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/admin-token", d->data);
	if (access(d->ca, R_OK) != 0 || !house_read_line(path, d->admin, sizeof(d->admin)))
		return false;
	client_reply r = client_call(d->client, a, "GET", "/readyz", NULL, STR_NONE, DEMO_CALL_MS);
	if (r.e || r.status != 200)
		return false;
	/* The token's row may be a moment behind its file. */
	fault f = {0};
	return demo_ask(d, a, &(demo_call){.method = "GET", .path = "/v1/whoami", .token = d->admin}, &r, &f) ==
		       ERR_OK &&
	       r.status == 200;
}

static err server_wait(demo *d, fault *f)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)READY_TIMEOUT_MS * 1000;

	while (!is_ready(d)) {
		if (spawn_has_ended(&d->reeved))
			return server_ended(d, f);
		if (clock_mono_us() > deadline_us)
			return fault_set(f, ERR_TIMEOUT, NULL, "the server is not ready after %d s; see %s",
				READY_TIMEOUT_MS / 1000, d->log);
		if (!demo_pause(d, POLL_MS))
			return fault_set(f, ERR_CLOSED, NULL, "stopped");
	}
	return ERR_OK;
}

err house_open(demo *d, bool is_new_world, fault *f)
{
	err e = world_open(d, is_new_world, f);

	if (!e)
		e = server_start(d, f);
	return e ? e : server_wait(d, f);
}

static err agent_files(demo *d, int i, int64_t start_ms, const char *join_token, fault *f)
{
	char path[DEMO_PATH_MAX + 80];
	buf b;
	err e;

	snprintf(path, sizeof(path), "%s/%s", d->world, cast_clusters[i].name);
	e = folder_make(path, f);
	if (e)
		return e;
	buf_init(&b, 1 << 20);
	cast_scene(&cast_clusters[i], start_ms, &b);
	snprintf(path, sizeof(path), "%s/%s/scene.json", d->world, cast_clusters[i].name);
	e = house_write(path, buf_str(&b), f);
	buf_done(&b);
	snprintf(path, sizeof(path), "%s/%s/join-token", d->world, cast_clusters[i].name);
	if (!e && join_token)
		e = house_write(path, str_from(join_token), f);
	return e;
}

err house_agent_start(demo *d, int i, int64_t start_ms, const char *join_token, fault *f)
{
	char program[DEMO_PATH_MAX + 16], base[DEMO_PATH_MAX], state[DEMO_PATH_MAX + 16], scene[DEMO_PATH_MAX + 16],
		join[DEMO_PATH_MAX + 16], log[DEMO_PATH_MAX + 16];
	char *argv[16];
	int n = 0;
	err e = agent_files(d, i, start_ms, join_token, f);

	if (e)
		return e;
	snprintf(program, sizeof(program), "%s/reeve-agent", d->bin);
	snprintf(base, sizeof(base), "%.900s/%s", d->world, cast_clusters[i].name);
	snprintf(state, sizeof(state), "%s/state", base);
	snprintf(scene, sizeof(scene), "%s/scene.json", base);
	snprintf(join, sizeof(join), "%s/join-token", base);
	snprintf(log, sizeof(log), "%s/log", base);
	argv[n++] = program;
	argv[n++] = "--server";
	argv[n++] = d->url;
	argv[n++] = "--ca";
	argv[n++] = d->ca;
	argv[n++] = "--state-dir";
	argv[n++] = state;
	argv[n++] = "--simulate";
	argv[n++] = scene;
	argv[n++] = "--join-token-file";
	argv[n++] = join;
	argv[n] = NULL;
	return spawn_start(&d->agents[i], argv, log, f);
}

err house_check(demo *d, fault *f)
{
	if (spawn_has_ended(&d->reeved))
		return server_ended(d, f);
	for (int i = 0; i < CAST_CLUSTERS; i++)
		if (spawn_has_ended(&d->agents[i]))
			return fault_set(f, ERR_IO, NULL, "the agent of %s has ended; see %s/%s/log",
				cast_clusters[i].name, d->world, cast_clusters[i].name);
	return ERR_OK;
}

err house_announce(demo *d, fault *f)
{
	AUTO_ARENA a = arena_new(0);

	return house_write(
		d->env, str_print(a, "export REEVE_URL=%s REEVE_TOKEN=%s REEVE_CA='%s'\n", d->url, d->admin, d->ca), f);
}

void house_close(demo *d)
{
	if (d->lock_fd >= 0)
		(void)unlink(d->env);
	spawn_stop(d->agents, CAST_CLUSTERS, AGENT_GRACE_MS);
	spawn_stop(&d->reeved, 1, SERVER_GRACE_MS);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	d->lock_fd = -1;
}
