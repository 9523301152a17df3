#include <stdio.h>

#include "cli/command.h"

typedef struct get_settings {
	client_settings client;
	const char *accept;
} get_settings;

static const setting rows[] = {
	CLIENT_SETTING_ROWS(get_settings),
	{.name = "accept",
		.kind = SETTING_TEXT,
		.at = offsetof(get_settings, accept),
		.initial = "application/json",
		.help = "Form of the answer: application/json, text/csv, application/x-ndjson."},
};
static const setting_table table = {
	.program = "reeve get",
	.usage = "[options] PATH",
	.about = "Prints what one path of the API answers, for example: reeve get /v1/devices",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

int command_get(int argc, char **argv)
{
	get_settings s = {0};
	fault f = {0};
	int operand = 0;
	bool is_done = false;
	AUTO_ARENA a = arena_new(0);

	if (setting_read(&table, &s, NULL, argc, argv, &operand, &is_done, &f))
		return command_fail("get", &f, 2);
	if (is_done)
		return 0;
	if (operand + 1 != argc || *argv[operand] != '/') {
		fault_set(&f, ERR_SETTING, NULL, "needs one PATH that begins with '/'; see reeve get --help");
		return command_fail("get", &f, 2);
	}
	client *c = client_open(&s.client);
	const char *headers[] = {str_print(a, "Accept: %s%c", s.accept, 0).p, NULL};
	client_reply r = client_call(c, a, "GET", argv[operand], headers, STR_NONE, 0);
	if (r.e)
		fault_set(&f, r.e, NULL, "%s: %s", s.client.url, r.why);
	else
		printf(STR_FMT "%s", STR_ARG(r.body), str_ends(r.body, S("\n")) ? "" : "\n");
	client_close(c);
	if (r.e)
		return command_fail("get", &f, 1);
	return r.status >= 200 && r.status < 300 ? 0 : 1;
}
