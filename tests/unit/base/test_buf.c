#include <criterion/criterion.h>
#include "base/buf.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(buf, grows_and_keeps_its_bytes)
{
	buf b;
	buf_init(&b, 1 << 20);

	for (int i = 0; i < 10000; i++)
		buf_add_char(&b, (char)('a' + i % 26));
	buf_add_str(&b, S("end"));
	buf_add_str(&b, STR_NONE);
	cr_assert_not(b.over);
	cr_assert_eq(b.n, 10003);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(b.p[i], 'a' + i % 26);
	cr_assert(str_ends(buf_str(&b), S("end")));
	buf_done(&b);
}

Test(buf, empty_reads_as_empty_and_not_absent)
{
	buf b;
	buf_init(&b, 10);

	cr_assert(str_eq(buf_str(&b), S("")));
	buf_drop(&b, 0);
	buf_done(&b);
}

Test(buf, integers_print_in_decimal)
{
	const struct {
		int64_t v;
		const char *text;
	} rows[] = {
		{0, "0"},
		{7, "7"},
		{-7, "-7"},
		{1234567890123, "1234567890123"},
		{INT64_MAX, "9223372036854775807"},
		{INT64_MIN, "-9223372036854775808"},
	};
	buf b;
	buf_init(&b, 100);

	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		buf_add_i64(&b, rows[i].v);
		cr_assert(str_eq(buf_str(&b), str_from(rows[i].text)), "row %zu", i);
	}
	buf_clear(&b);
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_u64(&b, 12);
	cr_assert(str_eq(buf_str(&b), S("18446744073709551615 12")));
	buf_done(&b);
}

Test(buf, a_write_past_the_maximum_writes_nothing_and_sticks)
{
	buf b;
	buf_init(&b, 8);

	buf_add_str(&b, S("12345"));
	buf_add_str(&b, S("6789"));
	cr_assert(b.over);
	buf_add_str(&b, S("6"));
	buf_printf(&b, "%d", 6);
	cr_assert_null(buf_room(&b, 1));
	cr_assert(str_eq(buf_str(&b), S("12345")));

	buf_clear(&b);
	cr_assert_not(b.over);
	buf_add_str(&b, S("12345678"));
	cr_assert_not(b.over);
	cr_assert_eq(b.n, 8);
	buf_done(&b);
}

Test(buf, printf_fits_to_the_last_byte)
{
	for (int width = 0; width <= 600; width++) {
		buf b;
		buf_init(&b, 300);
		buf_add_char(&b, '>');
		buf_printf(&b, "%*d", width, 5);
		int n = width ? width : 1;
		cr_assert_eq(b.over, n + 1 > 300, "width %d", width);
		cr_assert_eq(b.n, b.over ? 1 : (size_t)n + 1, "width %d", width);
		cr_assert_eq(b.p[b.n - 1], b.over ? '>' : '5');
		buf_done(&b);
	}
}

Test(buf, room_takes_what_the_caller_wrote)
{
	buf b;
	buf_init(&b, 1000);

	memcpy(buf_room(&b, 500), "abc", 3);
	b.n += 3;
	cr_assert(str_eq(buf_str(&b), S("abc")));
	cr_assert_null(buf_room(&b, 998));
	cr_assert(b.over);
	buf_done(&b);
}

Test(buf, drop_takes_from_the_front)
{
	buf b;
	buf_init(&b, 100);

	buf_add_str(&b, S("HEADbody"));
	buf_drop(&b, 4);
	cr_assert(str_eq(buf_str(&b), S("body")));
	buf_add_str(&b, S("!"));
	buf_drop(&b, 5);
	cr_assert_eq(b.n, 0);
	buf_done(&b);
}
