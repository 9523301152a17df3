/* arguments: a verb's command line as people type it: flags also behind the operands, -o for --output, and the settings
 * that `reeve login` stored beneath flags and environment.
 */
#pragma once
#include "cli/command.h"

enum { OPERANDS_MAX = 64 };

typedef struct arguments {
	char **operands; /* in argv */
	int operands_n;
	bool is_done; /* --help or --version answered */
} arguments;

/* Reads argv by the table into *target; argv is put in another order. */
err arguments_read(const setting_table *t, void *target, int argc, char **argv, arguments *ret, fault *f) MUST_CHECK;

/* The file that login writes: $XDG_CONFIG_HOME/reeve/login, else ~/.config/reeve/login. Absent without a home. */
str login_path(arena *a);

#define OUTPUT_SETTING_ROW(T, forms)                                                                                   \
	{                                                                                                              \
		.name = "output", .kind = SETTING_TEXT, .at = offsetof(T, output), .initial = "",                      \
		.help = "Form of what is printed: " forms "; also -o."                                                 \
	}
