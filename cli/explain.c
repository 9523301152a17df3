/* reeve explain: why a placement stands where it stands, and what would help. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/arguments.h"
#include "cli/show.h"

enum { TEXT_MAX = 8 << 20 };

typedef struct explain_settings {
	client_settings client;
	const char *output;
} explain_settings;

static const setting rows[] = {
	CLIENT_SETTING_ROWS(explain_settings),
	OUTPUT_SETTING_ROW(explain_settings, "text or json"),
};
static const setting_table table = {
	.program = "reeve explain",
	.usage = "[options] PLACEMENT",
	.about =
		"Says why a placement stands where it stands: what it waits for, with numbers, and what would let it through.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

int command_explain(int argc, char **argv)
{
	explain_settings s = {0};
	arguments args = {0};
	fault f = {0};
	str body;
	buf out;
	AUTO_ARENA a = arena_new(0);

	if (arguments_read(&table, &s, argc, argv, &args, &f))
		return command_fail("explain", &f, EXIT_FAILURE);
	if (args.is_done)
		return 0;
	if (args.operands_n != 1) {
		fault_set(&f, ERR_SETTING, NULL, "needs the id of one placement; see reeve explain --help");
		return command_fail("explain", &f, EXIT_FAILURE);
	}
	client *c = client_open(&s.client);
	str path = str_print(a, "/v1/placements/" STR_FMT "/explain", STR_ARG(url_text(a, str_from(args.operands[0]))));
	err e = client_get(c, a, str_z(a, path), &body, &f);
	client_close(c);
	if (e)
		return command_fail("explain", &f, EXIT_FAILURE);
	if (strcmp(s.output, "json") == 0) {
		printf(STR_FMT "\n", STR_ARG(body));
		return 0;
	}
	buf_init(&out, TEXT_MAX);
	show_json(&out, body);
	fwrite(out.p, 1, out.n, stdout);
	buf_done(&out);
	return 0;
}
