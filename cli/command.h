/* command: what the verbs of `reeve` share: the connection to a server, calls, and how to fail.
 *
 * Settings come from flags or REEVE_URL, REEVE_TOKEN and REEVE_CA. Exit codes: 0 done, 1 failed, 2 wrong use.
 */
#pragma once
#include "base/arena.h"
#include "base/setting.h"
#include "json/js.h"
#include "net/fetch.h"

typedef struct client_settings {
	const char *url, *token, *ca;
} client_settings;

#define CLIENT_SETTING_ROWS(T)                                                                                         \
	{.name = "url",                                                                                                \
		.kind = SETTING_TEXT,                                                                                  \
		.at = offsetof(T, client.url),                                                                         \
		.initial = "https://localhost:8443",                                                                   \
		.help = "Where the server is."},                                                                       \
		{.name = "token",                                                                                      \
			.kind = SETTING_TEXT,                                                                          \
			.at = offsetof(T, client.token),                                                               \
			.initial = "",                                                                                 \
			.is_secret = true,                                                                             \
			.help = "Bearer token."},                                                                      \
	{                                                                                                              \
		.name = "ca", .kind = SETTING_TEXT, .at = offsetof(T, client.ca), .initial = "",                       \
		.help = "PEM file of the server's CA. Empty: the system's."                                            \
	}

typedef struct client client;

client *client_open(const client_settings *s);
void client_close(client *c); /* NULL-safe */
loop *client_loop(client *c);

typedef struct client_reply {
	err e; /* OK: status and body are there */
	long status;
	str body; /* in the arena */
	str headers;
	const char *why;
} client_reply;

/* One call. headers: more "Name: value" lines, NULL-terminated, or NULL. */
client_reply client_call(client *c, arena *a, const char *method, const char *path, const char *const *headers,
	str body, int64_t timeout_ms);

/* An answer that is not 2xx as an error, with the problem's own words in f. */
err client_problem(const client_reply *r, arena *a, const char *method, const char *path, fault *f);

/* The same, and an answer other than 2xx becomes an error with the problem's own words in f. The body is parsed as t
 * into *out when t is not NULL; unknown members are taken (a newer server may say more). */
err client_get(client *c, arena *a, const char *path, str *ret_body, fault *f) MUST_CHECK;
err client_send(
	client *c, arena *a, const char *method, const char *path, str body, str *ret_body, fault *f) MUST_CHECK;

/* A value as it stands in a URL's path or query: what would mean something else there is percent-encoded; '/', ':', ','
 * and '*' stay. */
str url_text(arena *a, str s);

/* The text of a top-level text or number member of a JSON object; absent when there is none. */
str json_member(str object, const char *name, arena *a);

/* A verb: reads its own settings from argv (argv[0] is the verb) and returns the exit code. */
typedef struct command {
	const char *name, *about;
	int (*run)(int argc, char **argv);
} command;
extern const command commands[];
extern const size_t commands_n;

int command_login(int argc, char **argv);
int command_get(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_apply(int argc, char **argv);
int command_export(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_simulate(int argc, char **argv);
int command_verify_audit(int argc, char **argv);
int command_demo(int argc, char **argv); /* for ./dev demo; not in the list */

/* Prints "reeve VERB: <detail>" and returns `code`. */
int command_fail(const char *verb, const fault *f, int code);
