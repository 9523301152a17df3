#include "cli/trace/csv.h"
#include "files.h"

Test(csv, is_read_by_the_names_of_its_columns)
{
	AUTO_ARENA a = arena_new(0);
	fault f;
	csv c;
	int64_t n;
	double d;

	cr_assert_eq(csv_open(&c, a, file_of(a, "b,a\r\n 2 ,1.75\r\n\n,x\n5"), &f), ERR_OK);
	cr_assert(csv_has(&c, "a") && csv_has(&c, "b") && !csv_has(&c, "c"));
	cr_assert(csv_next(&c));
	cr_assert_eq(csv_i64(&c, "a", &n, &f), ERR_OK);
	cr_assert_eq(n, 1, "a fraction is cut off");
	cr_assert_eq(csv_double(&c, "a", &d, &f), ERR_OK);
	cr_assert_float_eq(d, 1.75, 1e-12);
	cr_assert(str_eq(csv_text(&c, "b"), S("2")), "blanks around a value are none of it");
	cr_assert(csv_next(&c), "an empty line is passed over");
	cr_assert_eq(csv_i64(&c, "b", &n, &f), ERR_OK);
	cr_assert_eq(n, 0, "an empty value counts as 0");
	cr_assert(csv_next(&c), "the last line may lack its end");
	cr_assert_null(csv_text(&c, "a").p, "a short row has no value there");
	cr_assert_not(csv_next(&c));
}

Test(csv, names_file_and_line_of_what_is_no_number)
{
	static const char *const values[] = {"x", "1x", "--1", "0x10x", "nan", "inf", "1e999"};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		csv c;
		double d;
		const char *path = file_of(a, str_print(a, "a\n\n%s\n%c", values[i], 0).p);
		cr_assert_eq(csv_open(&c, a, path, &f), ERR_OK);
		cr_assert(csv_next(&c));
		cr_assert_eq(csv_double(&c, "a", &d, &f), ERR_BAD_FIELD, "%s", values[i]);
		cr_assert(strstr(f.detail, path) && strstr(f.detail, "line 3: a is not a number"), "%s", f.detail);
	}
}

Test(csv, names_the_column_that_is_missing)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	csv c;

	cr_assert_eq(csv_open(&c, a, file_of(a, "a,b\n1,2\n"), &f), ERR_OK);
	cr_assert_eq(csv_need(&c, "a b", &f), ERR_OK);
	cr_assert_eq(csv_need(&c, "b who a", &f), ERR_BAD_FIELD);
	cr_assert(strstr(f.detail, "line 1: there is no column who"), "%s", f.detail);
	cr_assert_eq(csv_open(&c, a, file_of(a, ""), &f), ERR_BAD_FIELD, "an empty file has no columns");
	cr_assert_eq(csv_open(&c, a, "/nowhere/at/all", &f), ERR_IO);
}

Test(csv, values_may_stand_in_quotes)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	csv c;
	int64_t n;

	cr_assert_eq(
		csv_open(&c, a,
			file_of(a, "\xef\xbb\xbf\"a\",\"b, c\"\n\"V100|T4\", \"7\" \n\"say \"\"so\"\"\",\r\n\"\",1\n"),
			&f),
		ERR_OK, "%s", f.detail);
	cr_assert(csv_has(&c, "a") && csv_has(&c, "b, c"), "a byte order mark is no part of the first name");
	cr_assert(csv_next(&c));
	cr_assert_eq(csv_check(&c, &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(csv_text(&c, "a"), S("V100|T4")));
	cr_assert_eq(csv_i64(&c, "b, c", &n, &f), ERR_OK);
	cr_expect_eq(n, 7);
	cr_assert(csv_next(&c));
	cr_assert_eq(csv_check(&c, &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(csv_text(&c, "a"), S("say \"so\"")));
	cr_assert(csv_next(&c));
	cr_expect(str_is_empty(csv_text(&c, "a")));
}

Test(csv, rows_that_cannot_be_read_say_where)
{
	static const char *const rows[][2] = {
		{"1,\"2\n", "line 3: a quote is not closed"},
		{"1,\"2\"x\n", "line 3: a value goes on behind its closing quote"},
		{"1\n", "line 3: it has 1 values, and there are 2 columns"},
		{"1,2,3\n", "line 3: it has 3 values, and there are 2 columns"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		csv c;
		const char *path = file_of(a, str_print(a, "a,b\n\n%s%c", rows[i][0], 0).p);
		cr_assert_eq(csv_open(&c, a, path, &f), ERR_OK);
		cr_assert(csv_next(&c));
		cr_expect_eq(csv_check(&c, &f), ERR_BAD_FIELD, "row %zu", i);
		cr_expect(strstr(f.detail, path) && strstr(f.detail, rows[i][1]), "row %zu: %s", i, f.detail);
	}
}

Test(csv, a_column_stands_there_once)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	csv c;

	cr_assert_eq(csv_open(&c, a, file_of(a, "a,,b,,a\n"), &f), ERR_BAD_FIELD);
	cr_expect(strstr(f.detail, "line 1: the column a stands there twice"), "%s", f.detail);
	cr_assert_eq(csv_open(&c, a, file_of(a, ",b,\n"), &f), ERR_OK, "columns without names are nobody's");
}

Test(csv, a_fraction_has_digits_alone)
{
	static const char *const values[] = {"1.2.3", "4.x", ".5", "1.-5", "-.5"};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		csv c;
		int64_t n;
		cr_assert_eq(csv_open(&c, a, file_of(a, str_print(a, "a\n%s\n%c", values[i], 0).p), &f), ERR_OK);
		cr_assert(csv_next(&c));
		cr_expect_eq(csv_i64(&c, "a", &n, &f), ERR_BAD_FIELD, "%s", values[i]);
	}
}
