#include "cli/arguments.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STORED_LINE_MAX = 8192 };

/* Whether a flag's value is the next argument. */
static bool takes_next(const setting_table *t, const char *flag)
{
	if (strcmp(flag, "-o") == 0)
		return true;
	if (strncmp(flag, "--", 2) != 0 || strchr(flag, '='))
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].name, flag + 2) == 0)
			return t->rows[i].kind != SETTING_BOOL;
	return false;
}

/* Flags to the front, operands behind a "--" to the end; each part keeps its order. */
static int flags_first(const setting_table *t, int argc, char **argv)
{
	static char output[] = "--output";
	char *flags[2 * OPERANDS_MAX], *operands[OPERANDS_MAX];
	int n_flags = 0, n_operands = 0, i = 1;

	for (; i < argc && n_flags + 2 < 2 * OPERANDS_MAX && n_operands < OPERANDS_MAX; i++) {
		bool is_flag = argv[i][0] == '-' && argv[i][1];
		if (strcmp(argv[i], "--") == 0)
			break;
		if (!is_flag) {
			operands[n_operands++] = argv[i];
			continue;
		}
		bool has_next = takes_next(t, argv[i]) && i + 1 < argc;
		flags[n_flags++] = strcmp(argv[i], "-o") == 0 ? output : argv[i];
		if (has_next)
			flags[n_flags++] = argv[++i];
	}
	if (i < argc)
		return argc;
	memcpy(argv + 1, flags, (size_t)n_flags * sizeof(*argv));
	memcpy(argv + 1 + n_flags, operands, (size_t)n_operands * sizeof(*argv));
	return argc;
}

str login_path(arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config)
		return str_print(a, "%s/reeve/login", config);
	return home && *home ? str_print(a, "%s/.config/reeve/login", home) : STR_NONE;
}

/* A line of the login file; absent: it has none. */
static str stored(const char *file, const char *name, arena *a)
{
	FILE *in = fopen(file, "re");
	char line[STORED_LINE_MAX];
	str found = STR_NONE;

	while (in && fgets(line, sizeof(line), in)) {
		str value = str_trim(str_of(line, strcspn(line, "\r\n"))), key = str_trim(str_split(&value, '='));
		if (value.p && str_eq(key, str_from(name)))
			found = str_dup(a, str_trim(value));
	}
	if (in)
		fclose(in);
	return found;
}

static const char **text_at(const setting_table *t, void *target, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return (const char **)((char *)target + t->rows[i].at);
	return NULL;
}

static bool is_given(const char *flag, const char *variable, int argc, char **argv)
{
	const char *value = getenv(variable);
	bool is_there = value && *value;
	size_t n = strlen(flag);

	for (int i = 1; i < argc; i++)
		is_there |= strncmp(argv[i], flag, n) == 0 && (!argv[i][n] || argv[i][n] == '=');
	return is_there;
}

/* The token that login stored is for the server that login stored, and for no other. */
static void token_withhold(const setting_table *t, void *target, const char *file, int argc, char **argv)
{
	AUTO_ARENA a = arena_new(0);
	const char **url = text_at(t, target, "url"), **token = text_at(t, target, "token");

	if (!url || !token || !file || is_given("--token", "REEVE_TOKEN", argc, argv))
		return;
	if (!str_eq(stored(file, "url", a), str_from(*url)))
		*token = "";
}

err arguments_read(const setting_table *t, void *target, int argc, char **argv, arguments *ret, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	str path = login_path(a);
	const char *file = path.p ? str_z(a, path) : NULL;
	int operand = argc;

	argc = flags_first(t, argc, argv);
	if (file && access(file, R_OK) != 0)
		file = NULL;
	err e = setting_read(t, target, file, argc, argv, &operand, &ret->is_done, f);
	if (!e && !ret->is_done)
		token_withhold(t, target, file, argc, argv);
	ret->operands = argv + operand;
	ret->operands_n = argc - operand;
	return e;
}
