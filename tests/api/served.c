#include "served.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "json/doc.h"
#include "net/listen.h"
#include "pg/pg.h"
#include "server/audit/seal.h"
#include "server/audit/seal.h"
#include "server/identity/ca.h"

enum { PATH_BYTES = 256, SEAL_WAIT_MS = 10000, ANSWER_BYTES = 4 << 20, CALL_TIMEOUT_S = 20, REQUEST_BYTES = 9 << 20 };

static struct {
	char dir[PATH_BYTES];
	const char *dsn;
	const char *program;
	int port, tls_port;
	pid_t owner, child;
	struct {
		char key[PATH_BYTES];
		token_made made;
	} tokens[SERVED_TOKENS];
	int n_tokens;
} served = {.program = SERVED_EDGE};

static void fail(const char *what, const fault *f)
{
	fprintf(stderr, "%s: %s\n", what, f ? f->detail : "");
	exit(1);
}

static void file_put(const char *name, const char *text)
{
	char path[PATH_BYTES * 2];

	snprintf(path, sizeof(path), "%s/%s", served.dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		fail("cannot write", NULL);
}

/* The edge is a program of its own, so that its leaks are seen apart from ours. */
/* SERVED_LOG names a file of the data folder that takes what the edge logs. */
static void log_turn(void)
{
	const char *name = getenv("SERVED_LOG");
	char path[PATH_BYTES * 2];

	snprintf(path, sizeof(path), "%s/%s", served.dir, name ? name : "");
	int fd = name ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
}

static void serve(int plain, int tls)
{
	char plain_fd[16], tls_fd[16];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fcntl(plain, F_SETFD, 0);
	fcntl(tls, F_SETFD, 0);
	snprintf(plain_fd, sizeof(plain_fd), "%d", plain);
	snprintf(tls_fd, sizeof(tls_fd), "%d", tls);
	log_turn();
	execl(served.program, served.program, plain_fd, tls_fd, served.dir, served.dsn, (char *)NULL);
	_exit(127);
}

static void served_end(void)
{
	char command[PATH_BYTES + 16];

	if (getpid() != served.owner)
		return;
	kill(served.child, SIGTERM);
	waitpid(served.child, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", served.dir);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", served.dir);
}

static int listener(int *ret_port)
{
	fault f = {0};
	char address[64];
	int fd;

	if (listen_open("127.0.0.1:0", &fd, &f) || listen_address(fd, address, sizeof(address)))
		fail("listen", &f);
	*ret_port = (int)strtol(strrchr(address, ':') + 1, NULL, 10);
	return fd;
}

static void child_start(void)
{
	int plain = listener(&served.port), tls = listener(&served.tls_port);

	char url[PATH_BYTES];
	snprintf(url, sizeof(url), "https://localhost:%d", served.tls_port);
	setenv("SERVED_URL", url, 1);
	fflush(NULL);
	served.child = fork();
	if (served.child == 0)
		serve(plain, tls);
	close(plain);
	close(tls);
}

void served_restart(void)
{
	kill(served.child, SIGTERM);
	waitpid(served.child, NULL, 0);
	child_start();
}

#ifdef SERVED_EDGE_BARE
void served_without_rights(void)
{
	served.program = SERVED_EDGE_BARE;
}
#endif

void served_start(const char *name)
{
	fault f = {0};
	char web[PATH_BYTES + 8];

	snprintf(served.dir, sizeof(served.dir), "/tmp/reeve-edge-XXXXXX");
	if (!mkdtemp(served.dir))
		fail("no folder", NULL);
	snprintf(web, sizeof(web), "%s/web", served.dir);
	mkdir(web, 0700);
	file_put("web/index.html", "<!doctype html><title>Reeve</title>");
	file_put("secret.txt", "not yours");
	if (ca_ensure(served.dir, "", &f) || seal_ensure(served.dir, &f))
		fail("keys", &f);
	served.owner = getpid();
	served.dsn = strdup(pg_database(name));
	child_start();
	atexit(served_end);
}

const char *served_dsn(void)
{
	return served.dsn;
}

int served_port(void)
{
	return served.port;
}

int served_tls_port(void)
{
	return served.tls_port;
}

const char *served_folder(void)
{
	return served.dir;
}

answer served_tls_call(arena *a, const char *path, const char *body, const char *pair)
{
	char command[PATH_BYTES * 8];
	char *got = malloc(ANSWER_BYTES);
	answer r = {0};

	file_put("body.json", body);
	snprintf(command, sizeof(command),
		"cd %s && curl -s -m 20 --cacert ca/cert.pem %s%s%s%s%s -H 'Content-Type: application/json' --data-binary "
		"@body.json -w '\n%%{http_code}' https://localhost:%d%s",
		served.dir, pair ? "--cert " : "", pair ? pair : "", pair ? ".pem --key " : "", pair ? pair : "",
		pair ? ".key" : "", served.tls_port, path);
	FILE *f = popen(command, "r");
	size_t n = fread(got, 1, ANSWER_BYTES, f);
	pclose(f);
	str all = str_dup(a, str_of(got, n));
	free(got);
	if (all.n >= 4) {
		r.status = (int)strtol(str_z(a, str_cut(all, all.n - 3, all.n)), NULL, 10);
		r.body = str_cut(all, 0, all.n - 4);
	}
	r.doc = r.body.n ? json_loadb(r.body.p, r.body.n, 0, NULL) : NULL;
	if (r.doc)
		arena_on_end(a, (void (*)(void *))json_decref, r.doc);
	return r;
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static void run_for(loop *l, int64_t us)
{
	loop_timer *t = loop_timer_new(l, stop_loop, l);

	loop_timer_arm(t, us);
	loop_run(l);
	loop_timer_free(t);
}

void served_seal(int64_t records)
{
	loop *l = loop_new();
	db_options jobs = {.dsn = served_dsn(), .kind = "seal", .role = "reeve_jobs", .is_platform = true};
	lane *write = lane_new(l, &(lane_options){.db = jobs});
	db_reader *read = reader_new(l, &(reader_options){.platform = jobs, .platform_n = 1});
	seal_options o = {.data_dir = served_folder(), .file = "", .records = records, .write = write, .read = read};
	seal *s;
	fault f = {0};

	if (seal_new(l, &o, &s, &f))
		fail("seal", &f);
	for (int i = 0; i < SEAL_WAIT_MS / 10; i++) {
		run_for(l, 10000);
		if (pg_int(served_dsn(),
			    "SELECT count(*) FROM (SELECT 'g' AS c, n FROM chain UNION ALL SELECT 'p', n FROM leader) h "
			    "WHERE n > (SELECT coalesce(max(size), 0) FROM audit_checkpoint k WHERE k.chain = h.c)") ==
			0)
			break;
	}
	lane_free(write);
	reader_free(read);
	seal_free(s);
	loop_free(l);
}

static void hex(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

const char *served_token(const char *role, const char *tenant)
{
	char key[PATH_BYTES], hash[2 * TOKEN_HASH + 1], sql[1024];

	snprintf(key, sizeof(key), "%s@%s", role, tenant ? tenant : "");
	for (int i = 0; i < served.n_tokens; i++)
		if (strcmp(served.tokens[i].key, key) == 0)
			return served.tokens[i].made.text;
	token_made *made = &served.tokens[served.n_tokens].made;
	snprintf(served.tokens[served.n_tokens++].key, PATH_BYTES, "%s", key);
	*made = token_make(TOKEN_PAT);
	hex(made->hash, TOKEN_HASH, hash);
	snprintf(sql, sizeof(sql),
		"INSERT INTO token (id, name, hash, role, tenant_key, created_by, expires_at) SELECT '%s', 'test', "
		"'\\x%s', '%s', key, 'test', now() + interval '1 day' FROM tenant WHERE path = '%s' AND deleted_at IS NULL",
		made->id.p, hash, role, tenant ? tenant : "");
	pg_do(served.dsn, sql);
	return made->text;
}

const char *served_person(const char *role, const char *tenant, const char *subject)
{
	const char *token = served_token(role, tenant), *at = tenant ? tenant : "";
	char sql[1024];

	snprintf(sql, sizeof(sql),
		"UPDATE token SET subject = '%s' WHERE role = '%s' AND tenant_key = (SELECT key FROM tenant WHERE path = '%s' "
		"AND deleted_at IS NULL); INSERT INTO binding (id, subject, role, tenant_key, created_by) SELECT 'bnd_%s_%s_%s', "
		"'%s', '%s', key, 'test' FROM tenant WHERE path = '%s' AND deleted_at IS NULL",
		subject, role, at, subject, role, at, subject, role, at);
	pg_do(served.dsn, sql);
	return token;
}

int served_dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)served.port)};
	struct timeval limit = {.tv_sec = CALL_TIMEOUT_S};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail("cannot connect", NULL);
	return fd;
}

str answer_header(const answer *r, const char *name)
{
	str rest = r->head;

	while (rest.p) {
		str line = str_split(&rest, '\n'), key = str_split(&line, ':');
		if (line.p && str_eq_nocase(key, str_from(name))) {
			line = str_trim(line);
			return str_ends(line, S("\r")) ? str_cut(line, 0, line.n - 1) : line;
		}
	}
	return STR_NONE;
}

answer served_raw(arena *a, const char *bytes, size_t n)
{
	int fd = served_dial();
	char *got = malloc(ANSWER_BYTES);
	size_t len = 0;
	answer r = {0};

	for (size_t sent = 0; sent < n;) {
		ssize_t k = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);
		if (k <= 0)
			break;
		sent += (size_t)k;
	}
	for (ssize_t k; len < ANSWER_BYTES && (k = recv(fd, got + len, ANSWER_BYTES - len, 0)) > 0;)
		len += (size_t)k;
	close(fd);
	str all = str_dup(a, str_of(got, len));
	free(got);
	for (uint32_t i = 0; i + 4 <= all.n && !r.head.p; i++)
		if (memcmp(all.p + i, "\r\n\r\n", 4) == 0) {
			r.head = str_cut(all, 0, i);
			r.body = str_cut(all, i + 4, all.n);
		}
	if (r.head.n > 12)
		r.status = (int)strtol(r.head.p + 9, NULL, 10);
	r.doc = r.body.n ? json_loadb(r.body.p, r.body.n, 0, NULL) : NULL;
	if (r.doc)
		arena_on_end(a, (void (*)(void *))json_decref, r.doc);
	return r;
}

answer served_call(
	arena *a, const char *token, const char *method, const char *path, const char *head, const char *body)
{
	size_t n = body ? strlen(body) : 0;
	char *text = malloc(REQUEST_BYTES);
	int len = snprintf(text, REQUEST_BYTES, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", method, path);

	if (token)
		len += snprintf(text + len, REQUEST_BYTES - (size_t)len, "Authorization: Bearer %s\r\n", token);
	if (head)
		len += snprintf(text + len, REQUEST_BYTES - (size_t)len, "%s", head);
	if (body && !(head && strstr(head, "Content-Type")))
		len += snprintf(text + len, REQUEST_BYTES - (size_t)len, "Content-Type: application/json\r\n");
	if (body)
		len += snprintf(text + len, REQUEST_BYTES - (size_t)len, "Content-Length: %zu\r\n", n);
	len += snprintf(text + len, REQUEST_BYTES - (size_t)len, "\r\n%s", body ? body : "");
	answer r = served_raw(a, text, (size_t)len);
	free(text);
	return r;
}

bool json_has(const json_t *whole, const json_t *part)
{
	const char *key;
	json_t *v;

	if (json_is_array(part)) {
		for (size_t i = 0; i < json_array_size(part); i++)
			if (!json_has(json_array_get(whole, i), json_array_get(part, i)))
				return false;
		return json_array_size(whole) == json_array_size(part);
	}
	if (json_is_null(part))
		return !whole || json_is_null(whole);
	if (!json_is_object(part))
		return json_equal(whole, part);
	json_object_foreach((json_t *)part, key, v)
	{
		if (!json_has(json_object_get(whole, key), v))
			return false;
	}
	return json_is_object(whole);
}
