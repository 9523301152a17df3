#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/setting.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct knobs {
	const char *data_dir, *password;
	int64_t lanes, port_base;
	bool follow, colour;
} knobs;

static const setting rows[] = {
	{"data-dir", SETTING_TEXT, offsetof(knobs, data_dir), "/var/lib/reeve", 1, 20, false,
		"Where the journal lives."},
	{"password", SETTING_TEXT, offsetof(knobs, password), NULL, 0, 0, true, "What the database asks for."},
	{"lanes", SETTING_I64, offsetof(knobs, lanes), "4", 1, 64, false, "Write lanes."},
	{"port-base", SETTING_I64, offsetof(knobs, port_base), NULL, 0, 0, false, "The first port."},
	{"follow", SETTING_BOOL, offsetof(knobs, follow), NULL, 0, 0, false, "Follow changes."},
	{"colour", SETTING_BOOL, offsetof(knobs, colour), "true", 0, 0, false, "Use colours."},
};
static const setting_table table = {"reeved", "[options] [word...]", "The server.", rows, COUNT(rows)};

enum { ARGS_MAX = 8 };

typedef struct outcome {
	err e;
	int operand;
	bool is_done;
	knobs k;
	fault f;
} outcome;

/* args is one line; its words are the arguments. */
static outcome read_words(const char *args, const char *file)
{
	static char words[512];
	char *argv[ARGS_MAX] = {words}, *rest = words;
	int argc = 0;
	outcome o = {0};

	memset(&o.k, 0xee, offsetof(knobs, follow));
	snprintf(words, sizeof(words), "reeved%s%s", *args ? " " : "", args);
	for (char *word; (word = strsep(&rest, " "));)
		argv[argc++] = word;
	o.e = setting_read(&table, &o.k, file, argc, argv, &o.operand, &o.is_done, &o.f);
	return o;
}

static const char *file_with(const char *text)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/test_setting.%d", (int)getpid());
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	return path;
}

Test(setting, defaults_fill_what_nobody_sets)
{
	outcome o = read_words("", NULL);

	cr_assert_eq(o.e, ERR_OK);
	cr_assert_str_eq(o.k.data_dir, "/var/lib/reeve");
	cr_assert_null(o.k.password);
	cr_assert(o.k.lanes == 4 && o.k.port_base == 0 && !o.k.follow && o.k.colour);
	cr_assert_eq(o.operand, 1);
	cr_assert_not(o.is_done);
}

Test(setting, flags_take_their_value_in_either_form)
{
	const struct {
		const char *args, *data_dir;
		int64_t lanes;
		bool follow, colour;
		int operand;
	} good[] = {
		{"--lanes 8", "/var/lib/reeve", 8, false, true, 3},
		{"--lanes=8 --data-dir=/x=y", "/x=y", 8, false, true, 3},
		{"--follow --no-colour", "/var/lib/reeve", 4, true, false, 3},
		{"--follow=no --colour=off", "/var/lib/reeve", 4, false, false, 3},
		{"--follow word --lanes 9", "/var/lib/reeve", 4, true, true, 2},
		{"--follow -- --lanes", "/var/lib/reeve", 4, true, true, 3},
		{"--data-dir --follow", "--follow", 4, false, true, 3},
		{"--lanes 1 --lanes 2", "/var/lib/reeve", 2, false, true, 5},
		{"--lanes 64", "/var/lib/reeve", 64, false, true, 3},
		{"-", "/var/lib/reeve", 4, false, true, 1},
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		outcome o = read_words(good[i].args, NULL);
		cr_assert_eq(o.e, ERR_OK, "%s: %s", good[i].args, o.f.detail);
		cr_assert_str_eq(o.k.data_dir, good[i].data_dir, "%s", good[i].args);
		cr_assert_eq(o.k.lanes, good[i].lanes, "%s", good[i].args);
		cr_assert(o.k.follow == good[i].follow && o.k.colour == good[i].colour, "%s", good[i].args);
		cr_assert_eq(o.operand, good[i].operand, "%s", good[i].args);
	}
}

Test(setting, what_is_wrong_is_said_with_its_place)
{
	const struct {
		const char *args, *pointer, *detail;
	} bad[] = {
		{"--lane 8", "--lane", "unknown setting \"lane\"; did you mean \"lanes\"?"},
		{"--datadir=x", "--datadir", "unknown setting \"datadir\"; did you mean \"data-dir\"?"},
		{"--no-color", "--no-color", "unknown setting \"no-color\"; did you mean \"colour\"?"},
		{"--zzzzzzzz", "--zzzzzzzz", "unknown setting \"zzzzzzzz\""},
		{"--no-lanes", "--no-lanes", "unknown setting \"no-lanes\"; did you mean \"lanes\"?"},
		{"-v", "-v", "unknown flag; see --help"},
		{"--lanes", "--lanes", "\"lanes\" needs a value"},
		{"--lanes 0", "--lanes", "\"lanes\" takes 1 to 64"},
		{"--lanes 65", "--lanes", "\"lanes\" takes 1 to 64"},
		{"--lanes four", "--lanes", "\"lanes\" takes an integer"},
		{"--lanes=", "--lanes", "\"lanes\" takes an integer"},
		{"--data-dir=", "--data-dir", "\"data-dir\" takes 1 to 20 characters"},
		{"--data-dir 123456789012345678901", "--data-dir", "\"data-dir\" takes 1 to 20 characters"},
		{"--follow=maybe", "--follow", "\"follow\" takes true or false"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		outcome o = read_words(bad[i].args, NULL);
		cr_assert_eq(o.e, ERR_SETTING, "%s", bad[i].args);
		cr_assert_str_eq(o.f.pointer, bad[i].pointer);
		cr_assert_str_eq(o.f.detail, bad[i].detail);
	}
}

Test(setting, flags_win_over_variables_over_the_file_over_defaults)
{
	const char *path =
		file_with("# a comment\n\n lanes = 10 \r\nport-base=10\n\tdata-dir = /in the file\nfollow = on\n"
			  "  # another\npassword =");

	setenv("REEVE_LANES", "20", 1);
	setenv("REEVE_DATA_DIR", "/env", 1);
	setenv("REEVE_PORT_BASE", "", 1);
	setenv("REEVE_PORT", "tcp://10.0.0.1:80", 1);
	outcome o = read_words("--lanes 30", path);
	cr_assert_eq(o.e, ERR_OK, "%s %s", o.f.pointer, o.f.detail);
	cr_assert_eq(o.k.lanes, 30);
	cr_assert_str_eq(o.k.data_dir, "/env");
	cr_assert_eq(o.k.port_base, 10, "an empty variable is not set");
	cr_assert(o.k.follow);
	cr_assert_str_eq(o.k.password, "");
	unsetenv("REEVE_DATA_DIR");
	cr_assert_str_eq(read_words("", path).k.data_dir, "/in the file");
	setenv("REEVE_LANES", "99", 1);
	o = read_words("--lanes 30", path);
	cr_assert_eq(o.e, ERR_SETTING, "a wrong value is refused even where a flag covers it");
	cr_assert_str_eq(o.f.pointer, "REEVE_LANES");
	unlink(path);
}

Test(setting, a_broken_file_is_refused_with_its_line)
{
	const struct {
		const char *text, *place, *detail;
	} bad[] = {
		{"lanes = 1\nlane = 2\n", ":2", "unknown setting \"lane\"; did you mean \"lanes\"?"},
		{"\n\nlanes\n", ":3", "expected \"name = value\""},
		{"lanes = 1 # one\n", ":1", "\"lanes\" takes an integer"},
		{"= 1\n", ":1", "unknown setting \"\""},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *path = file_with(bad[i].text);
		outcome o = read_words("", path);
		unlink(path);
		cr_assert_eq(o.e, ERR_SETTING, "row %zu", i);
		cr_assert(str_ends(str_from(o.f.pointer), str_from(bad[i].place)), "%s", o.f.pointer);
		cr_assert_str_eq(o.f.detail, bad[i].detail);
	}
	cr_assert_eq(read_words("", "/does/not/exist").e, ERR_SETTING);
}

Test(setting, help_and_version_answer_even_when_the_file_is_broken)
{
	const char *const asks[] = {"--help", "-h", "--lanes 3 --help", "--version"};

	for (size_t i = 0; i < COUNT(asks); i++) {
		outcome o = read_words(asks[i], "/does/not/exist");
		cr_assert(o.e == ERR_OK && o.is_done, "%s", asks[i]);
	}
}

Test(setting, help_is_a_table_of_the_rows)
{
	buf out;
	buf_init(&out, 4096);

	setting_help(&table, &out);
	buf_add_char(&out, '\0');
	cr_assert_str_eq(out.p,
		"Usage: reeved [options] [word...]\n"
		"\n"
		"The server.\n"
		"\n"
		"  --data-dir TEXT  Where the journal lives. [default /var/lib/reeve]\n"
		"  --password TEXT  What the database asks for.\n"
		"  --lanes N        Write lanes. [1 to 64, default 4]\n"
		"  --port-base N    The first port.\n"
		"  --[no-]follow    Follow changes.\n"
		"  --[no-]colour    Use colours. [default true]\n"
		"  --help           Print this page.\n"
		"  --version        Print the version.\n"
		"\n"
		"A flag --some-name is also the variable REEVE_SOME_NAME and the line \"some-name = value\"\n"
		"of a settings file. Flags win over variables, variables over the file.\n");
	buf_done(&out);
}

Test(setting, print_hides_secrets_and_reads_back)
{
	outcome o = read_words("--lanes 7 --follow --password hunter2", NULL);
	buf out;
	buf_init(&out, 4096);

	setting_print(&table, &o.k, &out);
	buf_add_char(&out, '\0');
	cr_assert_str_eq(out.p, "data-dir = /var/lib/reeve\npassword = ***\nlanes = 7\nport-base = 0\nfollow = true\n"
				"colour = true\n");
	const char *path = file_with(out.p);
	outcome back = read_words("", path);
	unlink(path);
	cr_assert(back.e == ERR_OK && back.k.lanes == 7 && back.k.follow);
	buf_clear(&out);
	back = read_words("", NULL);
	setting_print(&table, &back.k, &out);
	cr_assert_geq(str_find(buf_str(&out), '#', 0), 0, "a text that is not set stays a comment");
	buf_done(&out);
}
