#include <criterion/criterion.h>
#include "base/clock.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(clock, text_is_rfc_3339_with_milliseconds)
{
	const struct {
		int64_t at_us;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1795166040031000, "2026-11-20T09:14:00.031Z"},
		{1795166040031999, "2026-11-20T09:14:00.031Z"},
		{951782399999999, "2000-02-28T23:59:59.999Z"},
		{951782400000000, "2000-02-29T00:00:00.000Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-1000000, "1969-12-31T23:59:59.000Z"},
		{253402300799999999, "9999-12-31T23:59:59.999Z"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[CLOCK_TEXT_MAX];
		int n = clock_text(rows[i].at_us, out);
		cr_assert_str_eq(out, rows[i].text, "row %zu: %s", i, out);
		cr_assert_eq(n, (int)strlen(out));
	}
}

Test(clock, times_no_text_can_hold_clamp)
{
	char out[CLOCK_TEXT_MAX];

	cr_assert_eq(clock_text(INT64_MAX, out), 24);
	cr_assert(str_starts(str_from(out), S("9999-12-31T23:59:59.")));
	cr_assert_eq(clock_text(INT64_MIN, out), 24);
	cr_assert(str_starts(str_from(out), S("0000-01-01T00:00:00.")));
}

Test(clock, parse_reads_zones_and_fractions)
{
	const struct {
		str text;
		int64_t at_us;
	} rows[] = {
		{S("1970-01-01T00:00:00Z"), 0},
		{S("1970-01-01T00:00:00.5Z"), 500000},
		{S("1970-01-01T00:00:00.000001Z"), 1},
		{S("1970-01-01T00:00:00.123456789Z"), 123456},
		{S("1970-01-01t00:00:01z"), 1000000},
		{S("1970-01-01T02:00:00+02:00"), 0},
		{S("1969-12-31T18:30:00-05:30"), 0},
		{S("1969-12-31T23:59:59.999Z"), -1000},
		{S("2016-12-31T23:59:60Z"), 1483228800000000},
		{S("2000-02-29T00:00:00Z"), 951782400000000},
		{S("0000-01-01T00:00:00Z"), -62167219200000000},
		{S("9999-12-31T23:59:59.999999Z"), 253402300799999999},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t at = 4711;
		cr_assert(clock_parse(rows[i].text, &at), "row %zu", i);
		cr_assert_eq(at, rows[i].at_us, "row %zu: %ld", i, (long)at);
	}
}

Test(clock, parse_refuses_what_is_not_a_time)
{
	const str rows[] = {
		STR_NONE,
		S(""),
		S("1970-01-01"),
		S("1970-01-01T00:00:00"),
		S("1970-01-01 00:00:00Z"),
		S("1970-01-01T00:00:00ZZ"),
		S("1970-01-01T00:00:00.Z"),
		S("1970-01-01T00:00:00.1234567890Z"),
		S("1970-01-01T00:00:00,5Z"),
		S("1970-1-01T00:00:00Z"),
		S("1970-00-01T00:00:00Z"),
		S("1970-13-01T00:00:00Z"),
		S("1970-01-00T00:00:00Z"),
		S("1970-01-32T00:00:00Z"),
		S("1970-04-31T00:00:00Z"),
		S("1970-02-29T00:00:00Z"),
		S("1900-02-29T00:00:00Z"),
		S("1970-01-01T24:00:00Z"),
		S("1970-01-01T00:60:00Z"),
		S("1970-01-01T00:00:61Z"),
		S("1970-01-01T00:00:00+0200"),
		S("1970-01-01T00:00:00+24:00"),
		S("1970-01-01T00:00:00+02:60"),
		S("1970-01-01T00:00:00+02"),
		S("+970-01-01T00:00:00Z"),
		S("-970-01-01T00:00:00Z"),
		S(" 1970-01-01T00:00:00Z"),
		S("1970-01-01T00:00:00Z "),
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t at = 4711;
		cr_assert_not(clock_parse(rows[i], &at), "row %zu", i);
		cr_assert_eq(at, 4711, "row %zu", i);
	}
}

Test(clock, text_and_parse_are_inverse)
{
	/* A step of 97 days and an odd time of day meets every month and weekday over some centuries. */
	for (int64_t at = -6000000000000000; at < 9000000000000000; at += (97LL * 86400 + 12345) * 1000000 + 7000) {
		char out[CLOCK_TEXT_MAX];
		int64_t back = 0;
		int n = clock_text(at, out);
		cr_assert(clock_parse(str_of(out, (size_t)n), &back), "%s", out);
		cr_assert_eq(back, at, "%s", out);
	}
}

Test(clock, http_date_is_the_fixed_form)
{
	char out[CLOCK_TEXT_MAX];

	cr_assert_eq(clock_http_date(784111777000000, out), 29);
	cr_assert_str_eq(out, "Sun, 06 Nov 1994 08:49:37 GMT");
	clock_http_date(0, out);
	cr_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
}

Test(clock, monotonic_time_does_not_go_back)
{
	int64_t before = clock_mono_us();

	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_mono_us();
		cr_assert_geq(now, before);
		before = now;
	}
}
