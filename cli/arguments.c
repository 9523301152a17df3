#include "cli/arguments.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
	ret->operands = argv + operand;
	ret->operands_n = argc - operand;
	return e;
}
