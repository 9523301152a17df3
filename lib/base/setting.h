/* setting: every knob of a program as one table row.
 *
 * A program declares a struct, and a table that names each member's flag, environment variable, default and range. From
 * the table come parsing, --help, the reference page and the refusal of unknown names. Order of precedence: command
 * line, environment, file ("name = value" lines, '#' comments), default. An empty variable counts as not set. Variables
 * that match no row are left alone, since platforms add their own (Kubernetes sets REEVE_PORT for a service named
 * reeve: no setting may be called "port" or "service-...").
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

typedef enum setting_kind { SETTING_TEXT, SETTING_I64, SETTING_BOOL } setting_kind;

typedef struct setting {
	const char *name; /* "data-dir": the flag is --data-dir, the variable REEVE_DATA_DIR */
	setting_kind kind;
	size_t at;           /* offsetof in the program's struct: const char *, int64_t or bool */
	const char *initial; /* default, as text; NULL: none */
	int64_t min, max;    /* of the number, or of a text's length in bytes; both 0: no limit */
	bool is_secret;
	const char *help;
} setting;

typedef struct setting_table {
	const char *program; /* "reeved" */
	const char *usage;   /* "[options]" */
	const char *about;   /* one or two sentences */
	const setting *rows;
	size_t n;
} setting_table;

/* Fills *target from defaults, file (path or NULL), environment and argv. Leaves the first operand's index in
 * *ret_operand (argc when there is none). Flags end at the first operand or "--"; a bool is --name or --no-name.
 * "--help" and "--version" print and set *ret_done; *target holds nothing of use then. On ERR_SETTING the fault's
 * pointer is the flag, the variable or "file:line". Text values live until exit; a default out of its own range is our
 * mistake and aborts. */
err setting_read(const setting_table *t, void *target, const char *file, int argc, char **argv, int *ret_operand,
	bool *ret_done, fault *f) MUST_CHECK;

void setting_help(const setting_table *t, buf *out);
/* "name = value" lines of the present values; secrets print as ***. */
void setting_print(const setting_table *t, const void *values, buf *out);
