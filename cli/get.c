/* reeve get: a list, or one object, of any kind the API has. */
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "cli/arguments.h"
#include "cli/pages.h"
#include "cli/show.h"

enum { TEXT_MAX = 64 << 20, PATH_MAX_BYTES = 4096 };

typedef struct get_settings {
	client_settings client;
	const char *accept, *output;
	int64_t limit;
} get_settings;

static const setting rows[] = {
	CLIENT_SETTING_ROWS(get_settings),
	OUTPUT_SETTING_ROW(get_settings, "table, json or csv"),
	{.name = "limit",
		.kind = SETTING_I64,
		.at = offsetof(get_settings, limit),
		.initial = "1000",
		.max = 100000000,
		.help = "Most items of a list. 0: all of them."},
	{.name = "accept",
		.kind = SETTING_TEXT,
		.at = offsetof(get_settings, accept),
		.initial = "",
		.help = "Media type to ask for, in place of --output."},
};
static const setting_table table = {
	.program = "reeve get",
	.usage = "[options] KIND [NAME] [FILTER=VALUE...] | PATH",
	.about =
		"Prints a list of some kind, or one object by name, for example: reeve get tenants; reeve get quota\n"
		"acme/research; reeve get placements state=pending. A PATH begins with '/': what it answers, as it is.\n"
		"Kinds are the collections of the API: reeve get kinds lists them.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

/* "tenants" of /v1/tenants and /v1/tenants/{tenant}, "quota" of /v1/tenants/{tenant}/quota; absent for others. */
static str kind_of(const route *t, bool *ret_is_one)
{
	str rest = str_from(t->path), first, kind;

	if (strcmp(t->method, "GET") != 0 || !str_starts(rest, S("/v1/")))
		return STR_NONE;
	rest = str_cut(rest, 4, rest.n);
	first = str_split(&rest, '/');
	*ret_is_one = rest.p != NULL;
	kind = first;
	if (rest.p) {
		str var = str_split(&rest, '/');
		if (!str_starts(var, S("{")) || !str_ends(var, S("}")))
			return STR_NONE;
		if (rest.p)
			kind = rest;
	}
	return str_find(kind, '/', 0) >= 0 || str_find(kind, '{', 0) >= 0 ? STR_NONE : kind;
}

static const route *route_find(str kind, bool is_one)
{
	for (op o = 0; o < OP_COUNT; o++) {
		bool is_of_one;
		str k = kind_of(&routes[o], &is_of_one);
		if (k.p && is_of_one == is_one && str_eq(k, kind))
			return &routes[o];
	}
	return NULL;
}

static int kinds_print(void)
{
	for (op o = 0; o < OP_COUNT; o++) {
		bool is_one;
		str k = kind_of(&routes[o], &is_one);
		if (k.p && !(is_one && route_find(k, false)))
			printf("%-16.*s %s%s\n", STR_ARG(k), is_one ? "NAME  " : "", routes[o].summary);
	}
	return 0;
}

/* The route's path with the name in it; a tenant's path is written with '~' there. */
static str path_of(arena *a, const route *t, str name)
{
	str rest = str_from(t->path), head = str_split(&rest, '{');
	char *z = (char *)str_z(a, name);

	if (!rest.p)
		return head;
	for (char *p = z; *p; p++)
		if (*p == '/')
			*p = '~';
	(void)str_split(&rest, '}');
	return str_print(a, STR_FMT STR_FMT STR_FMT, STR_ARG(head), STR_ARG(url_text(a, str_from(z))), STR_ARG(rest));
}

static str filters_of(arena *a, char **v, int n)
{
	str all = S("");

	for (int i = 0; i < n; i++) {
		str value = str_from(v[i]), name = str_split(&value, '=');
		all = str_print(a, STR_FMT "%c" STR_FMT "=" STR_FMT, STR_ARG(all), i ? '&' : '?',
			STR_ARG(url_text(a, name)), STR_ARG(url_text(a, value)));
	}
	return all;
}

/* What is asked of the server. */
typedef struct target {
	str path;
	const char *accept;
	bool has_pages; /* a list, of which the operands name no page */
} target;

static bool is_page_named(char **v, int n)
{
	bool is_named = false;

	for (int i = 0; i < n; i++)
		is_named |= str_starts(str_from(v[i]), S("limit=")) || str_starts(str_from(v[i]), S("cursor="));
	return is_named;
}

/* What the operands mean; the fault says what is wrong with them. */
static err target_of(arena *a, const get_settings *s, const arguments *args, target *ret, fault *f)
{
	int n = args->operands_n;
	bool has_name = n > 1 && !strchr(args->operands[1], '=');

	*ret = (target){.accept = *s->accept ? s->accept : "application/json"};
	if (n == 0)
		return fault_set(
			f, ERR_SETTING, NULL, "needs a kind, or a path that begins with '/'; see reeve get --help");
	ret->path = str_from(args->operands[0]);
	if (args->operands[0][0] == '/')
		return ERR_OK;
	const route *t = route_find(ret->path, has_name);
	if (!t)
		return fault_set(f, ERR_SETTING, NULL, "there is no %s %s%s; reeve get kinds lists what there is",
			has_name ? "single" : "list of", args->operands[0], has_name ? " by name" : "");
	int used = has_name ? 2 : 1;
	str path = path_of(a, t, has_name ? str_from(args->operands[1]) : S(""));
	str filters = filters_of(a, args->operands + used, n - used);
	ret->path = str_print(a, STR_FMT STR_FMT, STR_ARG(path), STR_ARG(filters));
	bool is_table = !*s->output || strcmp(s->output, "table") == 0;
	if (is_table && !*s->accept && route_has_pages(t))
		ret->accept = "text/plain";
	ret->has_pages = route_has_pages(t) && !*s->accept && !is_page_named(args->operands + used, n - used);
	return ERR_OK;
}

static void print(const get_settings *s, const arguments *args, const char *accept, str body)
{
	bool is_csv = strcmp(s->output, "csv") == 0;
	bool is_shown = args->operands[0][0] != '/' && strcmp(s->output, "json") != 0 && !*s->accept &&
			strcmp(accept, "application/json") == 0;
	buf out;

	buf_init(&out, TEXT_MAX);
	if (is_csv)
		show_csv(&out, body);
	else if (is_shown)
		show_json(&out, body);
	else
		buf_add_str(&out, body);
	printf(STR_FMT "%s", STR_ARG(buf_str(&out)), str_ends(buf_str(&out), S("\n")) ? "" : "\n");
	buf_done(&out);
}

static err one_print(client *c, arena *a, const get_settings *s, const arguments *args, const target *t, fault *f)
{
	const char *headers[] = {str_print(a, "Accept: %s%c", t->accept, 0).p, NULL};
	const char *path = str_z(a, t->path);
	client_reply r = client_call(c, a, "GET", path, headers, STR_NONE, 0);

	if (r.e)
		return fault_set(f, r.e, NULL, "%s: %s", s->client.url, r.why);
	if (r.status < 200 || r.status > 299)
		return client_problem(&r, a, "GET", path, f);
	print(s, args, t->accept, r.body);
	return ERR_OK;
}

/* What is left out is said, where it disturbs no program that reads the list. */
static err list_print(client *c, arena *a, const get_settings *s, const arguments *args, const target *t, fault *f)
{
	bool has_more = false;
	buf text;

	buf_init(&text, TEXT_MAX);
	err e = pages_get(c, s->client.url, str_z(a, t->path), t->accept, s->limit, &text, &has_more, f);
	if (!e)
		print(s, args, t->accept, buf_str(&text));
	if (!e && has_more)
		fprintf(stderr, "reeve get: there are more; --limit=0 shows all\n");
	buf_done(&text);
	return e;
}

int command_get(int argc, char **argv)
{
	get_settings s = {0};
	arguments args = {0};
	fault f = {0};
	target t;
	AUTO_ARENA a = arena_new(0);

	if (arguments_read(&table, &s, argc, argv, &args, &f))
		return command_fail("get", &f, 2);
	if (args.is_done)
		return 0;
	if (args.operands_n == 1 && strcmp(args.operands[0], "kinds") == 0)
		return kinds_print();
	if (target_of(a, &s, &args, &t, &f))
		return command_fail("get", &f, 2);
	client *c = client_open(&s.client);
	err e = t.has_pages ? list_print(c, a, &s, &args, &t, &f) : one_print(c, a, &s, &args, &t, &f);
	client_close(c);
	return e ? command_fail("get", &f, 1) : 0;
}
