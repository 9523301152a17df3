/* reeve login: remembers a server and a token in a file that only its owner reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli/arguments.h"

enum { TOKEN_LINE_MAX = 512 };

typedef struct login_settings {
	client_settings client;
} login_settings;

static const setting rows[] = {CLIENT_SETTING_ROWS(login_settings)};
static const setting_table table = {
	.program = "reeve login",
	.usage = "--url URL [--token TOKEN] [--ca FILE]",
	.about =
		"Remembers a server and a token for the other verbs, once the server has taken them. The token is read\n"
		"from standard input when it is not given. REEVE_URL, REEVE_TOKEN and REEVE_CA go before what is stored.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

/* A line of standard input, not shown where it is typed. */
static const char *token_ask(arena *a)
{
	char line[TOKEN_LINE_MAX];
	struct termios was, quiet;
	bool is_typed = tcgetattr(STDIN_FILENO, &was) == 0;

	if (is_typed) {
		fprintf(stderr, "Token: ");
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	bool is_there = fgets(line, sizeof(line), stdin) != NULL;
	if (is_typed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	return is_there ? str_z(a, str_trim(str_of(line, strcspn(line, "\r\n")))) : "";
}

static err folders_make(arena *a, str path, fault *f)
{
	for (uint32_t i = 1; i < path.n; i++) {
		if (path.p[i] != '/')
			continue;
		const char *folder = str_z(a, str_cut(path, 0, i));
		if (mkdir(folder, 0700) != 0 && errno != EEXIST)
			return fault_set(f, ERR_IO, NULL, "cannot make %s: %m", folder);
	}
	return ERR_OK;
}

static err file_write(const char *path, str text, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	const char *fresh = str_z(a, str_print(a, "%s.new", path));
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n;

	if (fd >= 0)
		close(fd);
	if (!ok || rename(fresh, path) != 0)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %m", path);
	return ERR_OK;
}

static err store(arena *a, const client_settings *s, str *ret_path, fault *f)
{
	str path = login_path(a);

	if (!path.p)
		return fault_set(f, ERR_IO, NULL, "neither XDG_CONFIG_HOME nor HOME says where to keep it");
	err e = folders_make(a, path, f);
	if (e)
		return e;
	str text = str_print(a, "# Written by reeve login.\nurl = %s\ntoken = %s\n%s%s%s", s->url, s->token,
		*s->ca ? "ca = " : "", s->ca, *s->ca ? "\n" : "");
	*ret_path = path;
	return file_write(str_z(a, path), text, f);
}

/* Relative to where the command stands now, it would be lost. */
static const char *ca_path(arena *a, const char *ca)
{
	char folder[4096];

	if (!*ca || *ca == '/' || !getcwd(folder, sizeof(folder)))
		return ca;
	return str_z(a, str_print(a, "%s/%s", folder, ca));
}

int command_login(int argc, char **argv)
{
	login_settings s = {0};
	arguments args = {0};
	fault f = {0};
	str body, path = STR_NONE;
	AUTO_ARENA a = arena_new(0);

	if (arguments_read(&table, &s, argc, argv, &args, &f))
		return command_fail("login", &f, 1);
	if (args.is_done)
		return 0;
	if (!*s.client.token)
		s.client.token = token_ask(a);
	s.client.ca = ca_path(a, s.client.ca);
	client *c = client_open(&s.client);
	err e = client_get(c, a, "/v1/whoami", &body, &f);
	client_close(c);
	if (!e)
		e = store(a, &s.client, &path, &f);
	if (e)
		return command_fail("login", &f, 1);
	str name = json_member(body, "name", a);
	printf("%s knows you as " STR_FMT "; kept in " STR_FMT "\n", s.client.url, STR_ARG(name), STR_ARG(path));
	return 0;
}
