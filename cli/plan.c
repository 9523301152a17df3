/* reeve plan, apply, export: a manifest of tenants, from a file to the server and back. Exit codes: 0 nothing to do or
 * done, 2 changes planned, 3 drift, 4 blocked, 1 anything that went wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cli/arguments.h"

enum {
	EXIT_CHANGES = 2,
	EXIT_DRIFT = 3,
	EXIT_BLOCKED = 4,
	FILE_BYTES_MAX = 4 << 20,
	PIECE_BYTES = 16384,
	PLAN_TIMEOUT_MS = 120000,
	STATUS_ACCEPTED = 202
};

typedef struct plan_settings {
	client_settings client;
	const char *output, *manager;
} plan_settings;

static const setting rows[] = {
	CLIENT_SETTING_ROWS(plan_settings),
	OUTPUT_SETTING_ROW(plan_settings, "text, markdown or json"),
};
static const setting_table plan_table = {
	.program = "reeve plan",
	.usage = "[options] FILE",
	.about =
		"Shows what applying a manifest would change; nothing changes. FILE is YAML when it ends in .yaml or .yml,\n"
		"else JSON; - is standard input. Exit codes: 0 nothing to do, 2 changes, 3 drift, 4 blocked, 1 an error.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};
static const setting_table apply_table = {
	.program = "reeve apply",
	.usage = "[options] FILE|PLAN_ID",
	.about =
		"Brings a plan about, all of it or nothing: one that was made before, by its id, or one made of a manifest\n"
		"now. Exit codes: 0 done or nothing to do, 3 drift stands in the way, 4 blocked, or done and something of it\n"
		"waits for approval, 1 an error.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};
static const setting export_rows[] = {
	CLIENT_SETTING_ROWS(plan_settings),
	{.name = "manager",
		.kind = SETTING_TEXT,
		.at = offsetof(plan_settings, manager),
		.initial = "",
		.help = "Manager that the manifest shall name. Empty: who keeps these objects."},
};
static const setting_table export_table = {
	.program = "reeve export",
	.usage = "[options] [TENANT]",
	.about = "Prints the manifest of a tenant and all below it, or of everything in sight: its plan is empty.",
	.rows = export_rows,
	.n = sizeof(export_rows) / sizeof(*export_rows),
};

/* The whole of a file, or of standard input. */
static err file_read(arena *a, const char *path, str *ret, fault *f)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char piece[PIECE_BYTES];
	buf text;

	if (!in)
		return fault_set(f, ERR_IO, NULL, "cannot open %s: %m", path);
	buf_init(&text, FILE_BYTES_MAX);
	for (size_t n; !text.over && (n = fread(piece, 1, sizeof(piece), in)) > 0;)
		buf_add(&text, piece, n);
	err e = ERR_OK;
	if (ferror(in) || text.over)
		e = fault_set(f, ERR_IO, NULL, "%s cannot be read, or is more than %d bytes", path, FILE_BYTES_MAX);
	else
		*ret = str_dup(a, buf_str(&text));
	buf_done(&text);
	if (in != stdin)
		fclose(in);
	return e;
}

static bool is_yaml(const char *path)
{
	return str_ends(str_from(path), S(".yaml")) || str_ends(str_from(path), S(".yml"));
}

static int exit_of(const client_reply *r)
{
	static const struct {
		const char *result;
		int code;
	} codes[] = {{"none", 0}, {"changes", EXIT_CHANGES}, {"drift", EXIT_DRIFT}, {"blocked", EXIT_BLOCKED}};
	fetch_reply reply = {.headers = r->headers};
	str result = fetch_header(&reply, S("Plan-Result"));

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (str_eq(result, str_from(codes[i].result)))
			return codes[i].code;
	return EXIT_FAILURE;
}

static const char *accept_of(const plan_settings *s)
{
	if (strcmp(s->output, "json") == 0)
		return "Accept: application/json";
	return strcmp(s->output, "markdown") == 0 ? "Accept: text/markdown" : "Accept: text/plain";
}

static void print(str body)
{
	printf(STR_FMT "%s", STR_ARG(body), str_ends(body, S("\n")) ? "" : "\n");
}

/* A call whose failure is told; 0: it went well. */
static int call(client *c, arena *a, const char *verb, const char *method, const char *path, const char *const *headers,
	str body, client_reply *ret)
{
	fault f = {0};

	*ret = client_call(c, a, method, path, headers, body, PLAN_TIMEOUT_MS);
	if (ret->e)
		fault_set(&f, ret->e, NULL, "%s", ret->why);
	else if (ret->status < 200 || ret->status > 299)
		(void)!client_problem(ret, a, method, path, &f);
	else
		return 0;
	return command_fail(verb, &f, EXIT_FAILURE);
}

static int plan_make(client *c, arena *a, const char *verb, const char *path, const char *accept, client_reply *ret)
{
	fault f = {0};
	str text;

	if (file_read(a, path, &text, &f))
		return command_fail(verb, &f, EXIT_FAILURE);
	const char *headers[] = {
		is_yaml(path) ? "Content-Type: application/yaml" : "Content-Type: application/json", accept, NULL};
	return call(c, a, verb, "POST", "/v1/plans", headers, text, ret);
}

/* Reads the command line; *ret_code is the exit code when there is nothing more to do. */
static bool begin(const setting_table *t, const char *verb, plan_settings *s, int argc, char **argv, arguments *args,
	int least, int *ret_code)
{
	fault f = {0};

	*ret_code = 0;
	if (arguments_read(t, s, argc, argv, args, &f)) {
		*ret_code = command_fail(verb, &f, EXIT_FAILURE);
		return false;
	}
	if (args->is_done)
		return false;
	if (args->operands_n >= least && args->operands_n <= 1)
		return true;
	fault_set(&f, ERR_SETTING, NULL, "usage: %s %s; see %s --help", t->program, t->usage, t->program);
	*ret_code = command_fail(verb, &f, EXIT_FAILURE);
	return false;
}

int command_plan(int argc, char **argv)
{
	plan_settings s = {0};
	arguments args = {0};
	client_reply r;
	int code;
	AUTO_ARENA a = arena_new(0);

	if (!begin(&plan_table, "plan", &s, argc, argv, &args, 1, &code))
		return code;
	client *c = client_open(&s.client);
	code = plan_make(c, a, "plan", args.operands[0], accept_of(&s), &r);
	client_close(c);
	if (code)
		return code;
	print(r.body);
	return exit_of(&r);
}

/* The refusal of an apply as an exit code. */
static int refusal_of(arena *a, const client_reply *r)
{
	str code = json_member(r->body, "code", a);

	if (str_eq(code, S("plan_drift")))
		return EXIT_DRIFT;
	return str_eq(code, S("plan_blocked")) ? EXIT_BLOCKED : EXIT_FAILURE;
}

static int apply_send(client *c, arena *a, const plan_settings *s, str plan_id, str etag)
{
	const char *path = str_z(a, str_print(a, "/v1/plans/" STR_FMT ":apply", STR_ARG(plan_id)));
	const char *headers[] = {str_z(a, str_print(a, "If-Match: " STR_FMT, STR_ARG(etag))), accept_of(s), NULL};
	client_reply r;
	int code = call(c, a, "apply", "POST", path, headers, STR_NONE, &r);

	if (code)
		return r.e ? code : refusal_of(a, &r);
	print(r.body);
	bool is_waiting = r.status == STATUS_ACCEPTED;
	if (strcmp(s->output, "json") != 0)
		printf("applied " STR_FMT "%s\n", STR_ARG(plan_id),
			is_waiting ? "; the rest waits for approval: reeve get quota-requests state=pending" : "");
	return is_waiting ? EXIT_BLOCKED : 0;
}

static bool is_plan_id(str s)
{
	return str_starts(s, S("pln_"));
}

static int apply(client *c, arena *a, const plan_settings *s, const char *what)
{
	const char *json[] = {"Accept: application/json", NULL};
	client_reply r;
	bool is_made = is_plan_id(str_from(what));
	int code = is_made ? call(c, a, "apply", "GET",
				     str_z(a, str_print(a, "/v1/plans/" STR_FMT, STR_ARG(url_text(a, str_from(what))))),
				     json, STR_NONE, &r)
			   : plan_make(c, a, "apply", what, json[0], &r);

	if (code)
		return code;
	/* There may be something to take note of where there is nothing to change: who keeps what. */
	return apply_send(c, a, s, json_member(r.body, "plan_id", a), json_member(r.body, "etag", a));
}

int command_apply(int argc, char **argv)
{
	plan_settings s = {0};
	arguments args = {0};
	int code;
	AUTO_ARENA a = arena_new(0);

	if (!begin(&apply_table, "apply", &s, argc, argv, &args, 1, &code))
		return code;
	client *c = client_open(&s.client);
	code = apply(c, a, &s, args.operands[0]);
	client_close(c);
	return code;
}

int command_export(int argc, char **argv)
{
	plan_settings s = {0};
	arguments args = {0};
	client_reply r;
	int code;
	AUTO_ARENA a = arena_new(0);

	if (!begin(&export_table, "export", &s, argc, argv, &args, 0, &code))
		return code;
	str tenant = url_text(a, str_from(args.operands_n ? args.operands[0] : ""));
	str manager = url_text(a, str_from(s.manager));
	str path = str_print(a, "/v1/export?%s" STR_FMT "%s%s" STR_FMT, tenant.n ? "tenant=" : "", STR_ARG(tenant),
		tenant.n ? "&" : "", manager.n ? "manager=" : "", STR_ARG(manager));
	if (str_ends(path, S("&")) || str_ends(path, S("?")))
		path.n--;
	client *c = client_open(&s.client);
	code = call(c, a, "export", "GET", str_z(a, path), NULL, STR_NONE, &r);
	client_close(c);
	if (!code)
		print(r.body);
	return code;
}
