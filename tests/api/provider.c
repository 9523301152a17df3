#include "provider.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/listen.h"

enum { PATH_BYTES = 512, OUTPUT_BYTES = 1 << 20, KEYS_MAX = 8 };

static struct {
	char url[PATH_BYTES], folder[PATH_BYTES];
	pid_t owner, child;
} provider;

static void ended(void)
{
	if (getpid() != provider.owner)
		return;
	kill(provider.child, SIGTERM);
	waitpid(provider.child, NULL, 0);
}

static void serve(int fd)
{
	char number[16], cert[PATH_BYTES], key[PATH_BYTES];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(cert, sizeof(cert), "%s/tls/cert.pem", served_folder());
	snprintf(key, sizeof(key), "%s/tls/key.pem", served_folder());
	execl(LOCAL_ISSUER, LOCAL_ISSUER, number, provider.folder, provider.url, cert, key, (char *)NULL);
	_exit(127);
}

static void start(const char *database, bool is_for_people)
{
	fault f = {0};
	char address[64];
	int fd;

	if (listen_open("127.0.0.1:0", &fd, &f) || listen_address(fd, address, sizeof(address)))
		exit(1);
	snprintf(provider.url, sizeof(provider.url), "https://localhost%s", strrchr(address, ':'));
	setenv("SERVED_ISSUER", provider.url, 1);
	if (is_for_people)
		setenv("SERVED_OIDC", provider.url, 1);
	served_start(database);
	snprintf(provider.folder, sizeof(provider.folder), "%s/provider", served_folder());
	mkdir(provider.folder, 0700);
	provider_publish("a");
	provider.owner = getpid();
	fflush(NULL);
	provider.child = fork();
	if (provider.child == 0)
		serve(fd);
	close(fd);
	atexit(ended);
}

void provider_start(const char *database)
{
	start(database, false);
}

void provider_start_for_people(const char *database)
{
	start(database, true);
	provider_file("client", "reeve:s3cret");
}

const char *provider_url(void)
{
	return provider.url;
}

mint_key *provider_key(arena *a, const char *kid)
{
	char path[PATH_BYTES * 2];

	snprintf(path, sizeof(path), "%s/%s.pem", provider.folder, kid);
	return mint_key_file(a, path, kid[0] == 'e' ? "P-256" : "RSA", str_z(a, str_from(kid)));
}

void provider_file(const char *name, const char *text)
{
	char path[PATH_BYTES * 2], fresh[PATH_BYTES * 2 + 8];

	snprintf(path, sizeof(path), "%s/%s", provider.folder, name);
	snprintf(fresh, sizeof(fresh), "%s.fresh", path);
	if (!text) {
		unlink(path);
		return;
	}
	FILE *f = fopen(fresh, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(fresh, path) != 0)
		abort();
}

void provider_publish(const char *kids)
{
	AUTO_ARENA a = arena_new(0);
	const mint_key *keys[KEYS_MAX];
	size_t n = 0;
	char command[PATH_BYTES * 4];
	str rest = str_from(kids), first = STR_NONE;

	while (rest.p && n < KEYS_MAX) {
		str one = str_split(&rest, ' ');
		if (!n)
			first = one;
		keys[n++] = provider_key(a, str_z(a, one));
	}
	provider_file("keys.json", str_z(a, mint_jwks(a, keys, n)));
	provider_file("kid", str_z(a, first));
	snprintf(command, sizeof(command), "cd %s && cp " STR_FMT ".pem sign.pem", provider.folder, STR_ARG(first));
	if (system(command) != 0)
		abort();
}

str provider_shell(arena *a, const char *command)
{
	char *out = malloc(OUTPUT_BYTES);
	str line = str_print(a,
		"cd %s && E=https://localhost:%d CURL='curl -sS -m 20 --cacert ca/cert.pem' && export E CURL && %s",
		served_folder(), served_tls_port(), command);
	FILE *f = popen(str_z(a, line), "r");
	size_t n = f ? fread(out, 1, OUTPUT_BYTES, f) : 0;

	if (f)
		pclose(f);
	str text = str_dup(a, str_of(out, n));
	free(out);
	return text;
}
