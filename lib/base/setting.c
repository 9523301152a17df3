#include "base/setting.h"
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/arena.h"

enum { SETTING_NAME_MAX = 48, SETTING_FILE_MAX = 256 * 1024, SETTING_PAGE_MAX = 256 * 1024 };

/* One run of setting_read: what every source needs. `where` names the source of the value at hand in a fault. */
typedef struct reader {
	const setting_table *t;
	void *target;
	fault *f;
	char where[FAULT_POINTER_MAX];
} reader;

static const setting *row_find(const setting_table *t, str name)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(str_from(t->rows[i].name), name))
			return &t->rows[i];
	return NULL;
}

/* How many letters must be added, dropped or changed to get from a to b (Levenshtein), one row of the table at a time.
 */
static uint32_t distance(str a, str b)
{
	uint32_t row[SETTING_NAME_MAX + 1];

	for (uint32_t k = 0; k <= b.n; k++)
		row[k] = k;
	for (uint32_t i = 0; i < a.n; i++) {
		uint32_t diagonal = row[0];
		row[0] = i + 1;
		for (uint32_t k = 0; k < b.n; k++) {
			uint32_t change = diagonal + (a.p[i] != b.p[k]);
			uint32_t shift = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;
			diagonal = row[k + 1];
			row[k + 1] = change < shift ? change : shift;
		}
	}
	return row[b.n];
}

static err fail_unknown(reader *r, str name)
{
	const setting *nearest = NULL;
	uint32_t least = name.n / 2 + 1;

	for (size_t i = 0; i < r->t->n && name.n <= SETTING_NAME_MAX; i++) {
		uint32_t d = distance(name, str_from(r->t->rows[i].name));
		if (d < least) {
			least = d;
			nearest = &r->t->rows[i];
		}
	}
	if (!nearest)
		return fault_set(r->f, ERR_SETTING, r->where, "unknown setting \"" STR_FMT "\"", STR_ARG(name));
	return fault_set(r->f, ERR_SETTING, r->where, "unknown setting \"" STR_FMT "\"; did you mean \"%s\"?",
		STR_ARG(name), nearest->name);
}

static bool has_range(const setting *row)
{
	return row->min != 0 || row->max != 0;
}

/* Values live until exit, so this arena is never ended; it holds only what came from a file. */
static const char *keep_text(str value)
{
	static arena *texts;

	if (!texts)
		texts = arena_new(0);
	return str_z(texts, value);
}

static err take_text(reader *r, const setting *row, str value, const char *z)
{
	if (has_range(row) && (value.n < row->min || value.n > row->max))
		return fault_set(r->f, ERR_SETTING, r->where, "\"%s\" takes %" PRId64 " to %" PRId64 " characters",
			row->name, row->min, row->max);
	*(const char **)((char *)r->target + row->at) = z ? z : keep_text(value);
	return ERR_OK;
}

static err take_i64(reader *r, const setting *row, str value)
{
	int64_t v;

	if (!str_to_i64(value, &v))
		return fault_set(r->f, ERR_SETTING, r->where, "\"%s\" takes an integer", row->name);
	if (has_range(row) && (v < row->min || v > row->max))
		return fault_set(r->f, ERR_SETTING, r->where, "\"%s\" takes %" PRId64 " to %" PRId64, row->name,
			row->min, row->max);
	*(int64_t *)((char *)r->target + row->at) = v;
	return ERR_OK;
}

static err take_bool(reader *r, const setting *row, str value)
{
	static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int v = 0; v < 2; v++)
			if (str_eq_nocase(value, str_from(words[i][v]))) {
				*(bool *)((char *)r->target + row->at) = v;
				return ERR_OK;
			}
	return fault_set(r->f, ERR_SETTING, r->where, "\"%s\" takes true or false", row->name);
}

/* z is value as a C string that lives until exit, or NULL. */
static err take_value(reader *r, const setting *row, str value, const char *z)
{
	switch (row->kind) {
	case SETTING_I64:
		return take_i64(r, row, value);
	case SETTING_BOOL:
		return take_bool(r, row, value);
	case SETTING_TEXT:
		break;
	}
	return take_text(r, row, value, z);
}

static void read_defaults(reader *r)
{
	static const size_t size[] = {
		[SETTING_TEXT] = sizeof(char *), [SETTING_I64] = sizeof(int64_t), [SETTING_BOOL] = sizeof(bool)};

	for (size_t i = 0; i < r->t->n; i++) {
		const setting *row = &r->t->rows[i];
		assert(strlen(row->name) <= SETTING_NAME_MAX);
		memset((char *)r->target + row->at, 0, size[row->kind]);
		err e = row->initial ? take_value(r, row, str_from(row->initial), row->initial) : ERR_OK;
		assert(e == ERR_OK);
	}
}

static err read_line(reader *r, str line)
{
	str name = str_trim(str_split(&line, '='));

	if (name.n == 0 && !line.p)
		return ERR_OK;
	if (!line.p)
		return fault_set(r->f, ERR_SETTING, r->where, "expected \"name = value\"");
	const setting *row = row_find(r->t, name);
	if (!row)
		return fail_unknown(r, name);
	return take_value(r, row, str_trim(line), NULL);
}

static err read_lines(reader *r, const char *path, str rest)
{
	for (int at = 1; rest.p; at++) {
		str line = str_split(&rest, '\n');
		if (str_ends(line, S("\r")))
			line.n--;
		if (str_starts(str_trim(line), S("#")))
			continue;
		snprintf(r->where, sizeof(r->where), "%s:%d", path, at);
		err e = read_line(r, line);
		if (e)
			return e;
	}
	return ERR_OK;
}

static err read_file(reader *r, const char *path)
{
	buf text;
	FILE *file = fopen(path, "re");

	if (!file)
		return fault_set(r->f, ERR_SETTING, path, "the settings file cannot be opened: %m");
	buf_init(&text, SETTING_FILE_MAX);
	for (char part[BUFSIZ]; !feof(file) && !ferror(file) && !text.over;)
		buf_add(&text, part, fread(part, 1, sizeof(part), file));

	err e;
	if (ferror(file) || text.over)
		e = fault_set(r->f, ERR_SETTING, path, "the settings file cannot be read or is too large");
	else
		e = read_lines(r, path, buf_str(&text));
	buf_done(&text);
	fclose(file);
	return e;
}

static void variable_name(char out[SETTING_NAME_MAX + 8], const setting *row)
{
	snprintf(out, SETTING_NAME_MAX + 8, "REEVE_%s", row->name);
	for (char *c = out; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static err read_environment(reader *r)
{
	char name[SETTING_NAME_MAX + 8];

	for (size_t i = 0; i < r->t->n; i++) {
		variable_name(name, &r->t->rows[i]);
		const char *z = getenv(name);
		/* An empty variable is how people unset one in a unit or container file. */
		if (!z || !*z)
			continue;
		snprintf(r->where, sizeof(r->where), "%s", name);
		err e = take_value(r, &r->t->rows[i], str_from(z), z);
		if (e)
			return e;
	}
	return ERR_OK;
}

/* One flag, argv[*at] without its dashes; takes the next argument where the value stands there. */
static err read_flag(reader *r, str flag, int argc, char **argv, int *at)
{
	str value = flag, name = str_split(&value, '=');
	const setting *row = row_find(r->t, name);

	snprintf(r->where, sizeof(r->where), "--" STR_FMT, STR_ARG(name));
	if (!row && !value.p && str_starts(name, S("no-"))) {
		row = row_find(r->t, str_cut(name, 3, name.n));
		if (row && row->kind == SETTING_BOOL)
			return take_bool(r, row, S("false"));
		row = NULL;
	}
	if (!row)
		return fail_unknown(r, name);
	if (!value.p && row->kind == SETTING_BOOL)
		return take_bool(r, row, S("true"));
	if (!value.p && *at + 1 == argc)
		return fault_set(r->f, ERR_SETTING, r->where, "\"%s\" needs a value", row->name);
	if (!value.p)
		value = str_from(argv[++*at]);
	/* An argument, or the end of one: it ends with a NUL either way. */
	return take_value(r, row, value, value.p);
}

static void print_now(const setting_table *t, bool is_version)
{
	buf out;

	buf_init(&out, SETTING_PAGE_MAX);
	if (is_version)
		buf_printf(&out, "%s " REEVE_VERSION "\n", t->program);
	else
		setting_help(t, &out);
	fwrite(out.p, 1, out.n, stdout);
	fflush(stdout);
	buf_done(&out);
}

static err read_flags(reader *r, int argc, char **argv, int *ret_operand, bool *ret_done)
{
	int at = 1;

	for (; at < argc; at++) {
		str s = str_from(argv[at]);
		bool is_help = str_eq(s, S("--help")) || str_eq(s, S("-h"));
		if (str_eq(s, S("--"))) {
			at++;
			break;
		}
		if (!str_starts(s, S("-")) || s.n == 1)
			break;
		if (is_help || str_eq(s, S("--version"))) {
			print_now(r->t, !is_help);
			*ret_done = true;
			return ERR_OK;
		}
		err e = str_starts(s, S("--")) ? read_flag(r, str_cut(s, 2, s.n), argc, argv, &at)
					       : fault_set(r->f, ERR_SETTING, argv[at], "unknown flag; see --help");
		if (e)
			return e;
	}
	*ret_operand = at;
	return ERR_OK;
}

err setting_read(const setting_table *t, void *target, const char *file, int argc, char **argv, int *ret_operand,
	bool *ret_done, fault *f)
{
	reader r = {.t = t, .target = target, .f = f};

	*ret_done = false;
	*ret_operand = argc;
	/* Flags are read once alone, so that --help answers when the file is broken, and once more over all else. */
	err e = read_flags(&r, argc, argv, ret_operand, ret_done);
	if (e || *ret_done)
		return e;
	read_defaults(&r);
	e = file ? read_file(&r, file) : ERR_OK;
	if (!e)
		e = read_environment(&r);
	return e ? e : read_flags(&r, argc, argv, ret_operand, ret_done);
}

static void help_flag(char out[SETTING_NAME_MAX + 16], const setting *row)
{
	static const char *const forms[] = {
		[SETTING_TEXT] = "--%s TEXT", [SETTING_I64] = "--%s N", [SETTING_BOOL] = "--[no-]%s"};

	snprintf(out, SETTING_NAME_MAX + 16, forms[row->kind], row->name);
}

static void help_notes(const setting *row, buf *out)
{
	bool has_default = row->initial && *row->initial && !row->is_secret;
	bool has_limits = row->kind == SETTING_I64 && has_range(row);

	if (!has_default && !has_limits)
		return;
	buf_add_str(out, S(" ["));
	if (has_limits)
		buf_printf(out, "%" PRId64 " to %" PRId64, row->min, row->max);
	if (has_default)
		buf_printf(out, "%sdefault %s", has_limits ? ", " : "", row->initial);
	buf_add_char(out, ']');
}

void setting_help(const setting_table *t, buf *out)
{
	char flag[SETTING_NAME_MAX + 16];
	int width = sizeof("--version") - 1;

	for (size_t i = 0; i < t->n; i++) {
		help_flag(flag, &t->rows[i]);
		width = (int)strlen(flag) > width ? (int)strlen(flag) : width;
	}
	buf_printf(out, "Usage: %s %s\n\n%s\n\n", t->program, t->usage, t->about);
	for (size_t i = 0; i < t->n; i++) {
		help_flag(flag, &t->rows[i]);
		buf_printf(out, "  %-*s  %s", width, flag, t->rows[i].help);
		help_notes(&t->rows[i], out);
		buf_add_char(out, '\n');
	}
	buf_printf(out, "  %-*s  %s\n", width, "--help", "Print this page.");
	buf_printf(out, "  %-*s  %s\n\n", width, "--version", "Print the version.");
	buf_add_str(
		out, S("A flag --some-name is also the variable REEVE_SOME_NAME and the line \"some-name = value\"\n"
		       "of a settings file. Flags win over variables, variables over the file.\n"));
}

static void print_value(const setting *row, const void *at, buf *out)
{
	if (row->is_secret)
		buf_add_str(out, S("***"));
	else if (row->kind == SETTING_TEXT)
		buf_add_str(out, str_from(*(const char *const *)at));
	else if (row->kind == SETTING_I64)
		buf_add_i64(out, *(const int64_t *)at);
	else
		buf_add_str(out, *(const bool *)at ? S("true") : S("false"));
}

void setting_print(const setting_table *t, const void *values, buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const setting *row = &t->rows[i];
		const void *at = (const char *)values + row->at;
		/* A text that is not set stays a comment, so that the output can be read back. */
		if (row->kind == SETTING_TEXT && !*(const char *const *)at) {
			buf_printf(out, "# %s =\n", row->name);
			continue;
		}
		buf_printf(out, "%s = ", row->name);
		print_value(row, at, out);
		buf_add_char(out, '\n');
	}
}
