#include <criterion/criterion.h>
#include <unistd.h>
#include "base/log.h"
#include "base/clock.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int ends[2], terminal;
static char line[1 << 16];

static void capture_begin(void)
{
	cr_assert_eq(pipe(ends), 0);
	terminal = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

/* All that was written to standard error since capture_begin. */
static str capture_end(void)
{
	size_t n = 0;
	ssize_t got;

	dup2(terminal, STDERR_FILENO);
	close(terminal);
	while ((got = read(ends[0], line + n, sizeof(line) - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	return str_of(line, n);
}

static str written(str value)
{
	capture_begin();
	log_info("test.value", KV("k", value));
	str all = capture_end();
	cr_assert(str_ends(all, S("\n")) && str_find(all, '\n', 0) == (int64_t)all.n - 1, "not one line");
	const char *from = memmem(all.p, all.n, " k=", 3);
	cr_assert_not_null(from);
	return str_cut(all, (size_t)(from + 3 - all.p), all.n - 1);
}

Test(log, a_line_has_time_level_process_event_and_pairs)
{
	log_open("edge", LOG_INFO);
	capture_begin();
	log_warn("grant.refused", KV("tenant", S("lab/vision")), KV_I64("milli", -300), KV_Z("why", "no room"),
		KV_ERR(ERR_OVERLOADED));
	str all = capture_end(), time = str_cut(all, 3, 27);
	int64_t at;

	cr_assert(str_starts(all, S("ts=")) && clock_parse(time, &at), STR_FMT, STR_ARG(all));
	cr_assert(str_eq(str_cut(all, 27, all.n),
			  S(" level=warn proc=edge event=grant.refused tenant=lab/vision milli=-300 why=\"no room\" "
			    "error=overloaded\n")),
		STR_FMT, STR_ARG(all));
}

Test(log, values_are_quoted_when_needed_and_cannot_forge_a_line)
{
	const struct {
		str value, text;
	} rows[] = {
		{S("plain-1.2/3:4"), S("plain-1.2/3:4")},
		{S(""), S("\"\"")},
		{STR_NONE, S("")},
		{S("two words"), S("\"two words\"")},
		{S("a=b"), S("\"a=b\"")},
		{S("say \"hi\""), S("\"say \\\"hi\\\"\"")},
		{S("back\\slash"), S("\"back\\\\slash\"")},
		{S("x\nts=2026 level=error"), S("\"x\\nts=2026 level=error\"")},
		{S("\r\t\0\x1b[31m\x7f"), S("\"\\x0d\\x09\\x00\\x1b[31m\\x7f\"")},
		{S("\xe6\xb1\x89\xe5\xad\x97"), S("\"\xe6\xb1\x89\xe5\xad\x97\"")},
		{S("csi \xc2\x9b"
		   "31m \xc2\xa0"),
			S("\"csi \\xc2\\x9b31m \xc2\xa0\"")},
		{S("bad \xff\xc3"), S("\"bad \\xff\\xc3\"")},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		str text = written(rows[i].value);
		cr_assert(str_eq(text, rows[i].text), "row %zu: " STR_FMT, i, STR_ARG(text));
	}
}

Test(log, levels_below_the_lowest_are_silent)
{
	log_open("edge", LOG_WARN);
	capture_begin();
	log_debug("a", KV_I64("n", 1));
	log_info("b", KV_I64("n", 1));
	cr_assert_eq(capture_end().n, 0);
	capture_begin();
	log_error("c", KV_I64("n", INT64_MIN));
	cr_assert(str_ends(capture_end(), S(" event=c n=-9223372036854775808\n")));
}

Test(log, long_values_are_cut_at_a_whole_character)
{
	char value[4096];
	for (size_t i = 0; i + 3 <= sizeof(value); i += 3)
		memcpy(value + i, "\xe6\xb1\x89", 3);
	str text = written(str_of(value, 4095));

	cr_assert(str_is_utf8(text));
	cr_assert(str_ends(text, S("\"...")));
	cr_assert_eq(text.n, 1023 + 2 + 3);
}

Test(log, pairs_that_do_not_fit_are_left_out_whole)
{
	char value[1024];
	memset(value, '"', sizeof(value));
	str long_value = str_of(value, sizeof(value));

	capture_begin();
	log_error("big", KV("a", long_value), KV("b", long_value), KV("c", long_value), KV("d", long_value),
		KV("e", S("last")));
	str all = capture_end();
	cr_assert_leq(all.n, 8192);
	cr_assert(str_ends(all, S("\"\n")));
	cr_assert_null(memmem(all.p, all.n, " d=", 3));
	cr_assert_null(memmem(all.p, all.n, " e=", 3), "what follows a gap would look complete");
}
