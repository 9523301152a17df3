#include <criterion/criterion.h>
#include "base/str.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(str, absent_differs_from_empty)
{
	cr_assert(str_eq(STR_NONE, STR_NONE));
	cr_assert(str_eq(S(""), S("")));
	cr_assert_not(str_eq(STR_NONE, S("")));
	cr_assert_not(str_eq_nocase(S(""), STR_NONE));
	cr_assert_null(str_from(NULL).p);
	cr_assert_null(str_cut(STR_NONE, 0, 4).p);
	cr_assert_null(str_trim(STR_NONE).p);
	cr_assert_not_null(str_trim(S("  ")).p);
	cr_assert(str_cmp(STR_NONE, S("")) < 0 && str_cmp(S(""), STR_NONE) > 0 && str_cmp(STR_NONE, STR_NONE) == 0);
}

Test(str, order_is_bytewise_and_shorter_first)
{
	const str sorted[] = {STR_NONE, S(""), S("\0"), S("A"), S("a"), S("a\0"), S("aa"), S("b"), S("\xff")};

	for (int i = 0; i < (int)COUNT(sorted); i++)
		for (int k = 0; k < (int)COUNT(sorted); k++) {
			int order = str_cmp(sorted[i], sorted[k]);
			cr_assert_eq((order > 0) - (order < 0), (i > k) - (i < k), "rows %d and %d: %d", i, k, order);
			cr_assert_eq(str_eq(sorted[i], sorted[k]), i == k);
		}
}

Test(str, case_folds_for_ascii_letters_only)
{
	const struct {
		str a, b;
		bool is_equal;
	} rows[] = {
		{S("Content-Length"), S("content-lENGTH"), true},
		{S("a"), S("b"), false},
		{S("a"), S("aa"), false},
		{S("@"), S("`"), false},
		{S("["), S("{"), false},
		{S("\xc3\x84"), S("\xc3\xa4"), false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert_eq(str_eq_nocase(rows[i].a, rows[i].b), rows[i].is_equal, "row %zu", i);
}

Test(str, starts_and_ends)
{
	cr_assert(str_starts(S("quota"), S("quo")) && str_starts(S("quota"), S("")) && str_starts(STR_NONE, STR_NONE));
	cr_assert_not(str_starts(S("quo"), S("quota")));
	cr_assert_not(str_starts(S("quota"), S("uo")));
	cr_assert(str_ends(S("quota"), S("ota")) && str_ends(S("quota"), STR_NONE));
	cr_assert_not(str_ends(S("ota"), S("quota")));
	cr_assert_not(str_ends(S("quota"), S("ot")));
}

Test(str, find_starts_where_told)
{
	cr_assert_eq(str_find(S("a/b/c"), '/', 0), 1);
	cr_assert_eq(str_find(S("a/b/c"), '/', 1), 1);
	cr_assert_eq(str_find(S("a/b/c"), '/', 2), 3);
	cr_assert_eq(str_find(S("a/b/c"), '/', 4), -1);
	cr_assert_eq(str_find(S("a/b/c"), 'c', 99), -1);
	cr_assert_eq(str_find(STR_NONE, 'c', 0), -1);
}

Test(str, cut_clamps_both_ends)
{
	const struct {
		size_t from, to;
		str part;
	} rows[] = {
		{0, 3, S("abc")},
		{1, 2, S("b")},
		{1, 99, S("bc")},
		{2, 1, S("")},
		{99, 99, S("")},
		{0, SIZE_MAX, S("abc")},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert(str_eq(str_cut(S("abc"), rows[i].from, rows[i].to), rows[i].part), "row %zu", i);
}

Test(str, trim_takes_blanks_and_tabs_only)
{
	cr_assert(str_eq(str_trim(S(" \t a b\t ")), S("a b")));
	cr_assert(str_eq(str_trim(S("\ra\n")), S("\ra\n")));
	cr_assert(str_eq(str_trim(S(" \t")), S("")));
}

Test(str, split_takes_every_part_once)
{
	const struct {
		str text, parts[4];
		int n;
	} rows[] = {
		{S("a,b,c"), {S("a"), S("b"), S("c")}, 3},
		{S("a"), {S("a")}, 1},
		{S(""), {S("")}, 1},
		{S(","), {S(""), S("")}, 2},
		{S("a,,"), {S("a"), S(""), S("")}, 3},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		str rest = rows[i].text;
		int n = 0;
		while (rest.p) {
			str part = str_split(&rest, ',');
			cr_assert(n < rows[i].n && str_eq(part, rows[i].parts[n]), "row %zu part %d", i, n);
			n++;
		}
		cr_assert_eq(n, rows[i].n, "row %zu", i);
		cr_assert_null(str_split(&rest, ',').p);
	}
}

Test(str, integers_are_read_strictly)
{
	const struct {
		str text;
		bool ok;
		int64_t v;
	} rows[] = {
		{S("0"), true, 0},
		{S("7"), true, 7},
		{S("-7"), true, -7},
		{S("9223372036854775807"), true, INT64_MAX},
		{S("-9223372036854775808"), true, INT64_MIN},
		{S("9223372036854775808"), false, 0},
		{S("-9223372036854775809"), false, 0},
		{S("18446744073709551616"), false, 0},
		{S("-0"), false, 0},
		{S("00"), false, 0},
		{S("07"), false, 0},
		{S("-07"), false, 0},
		{S("+7"), false, 0},
		{S("--7"), false, 0},
		{S("-"), false, 0},
		{S(""), false, 0},
		{STR_NONE, false, 0},
		{S(" 7"), false, 0},
		{S("7 "), false, 0},
		{S("7\0"), false, 0},
		{S("7.0"), false, 0},
		{S("1e3"), false, 0},
		{S("0x7"), false, 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t v = 4711;
		cr_assert_eq(str_to_i64(rows[i].text, &v), rows[i].ok, "row %zu", i);
		cr_assert_eq(v, rows[i].ok ? rows[i].v : 4711, "row %zu", i);
	}
}

Test(str, unsigned_integers_reach_their_maximum)
{
	uint64_t v = 4711;

	cr_assert_not(str_to_u64(S("18446744073709551616"), &v));
	cr_assert_not(str_to_u64(S("99999999999999999999"), &v));
	cr_assert_not(str_to_u64(S("-1"), &v));
	cr_assert_eq(v, 4711);
	cr_assert(str_to_u64(S("18446744073709551615"), &v));
	cr_assert_eq(v, UINT64_MAX);
}

Test(str, hash_depends_on_every_byte_and_the_length)
{
	char text[40] = {0};
	uint64_t seen[2 * sizeof(text)];
	int n = 0;

	for (uint32_t i = 0; i < sizeof(text); i++) {
		seen[n++] = str_hash((str){text, i});
		text[i] = 1;
		seen[n++] = str_hash((str){text, sizeof(text)});
		text[i] = 0;
	}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			cr_assert_neq(seen[i], seen[k], "%d and %d", i, k);
	cr_assert_eq(str_hash(S("same")), str_hash(S("same")));
}

Test(str, secrets_compare_by_bytes_and_length)
{
	cr_assert(str_eq_secret(S("abc"), S("abc")));
	cr_assert(str_eq_secret(S(""), S("")));
	cr_assert_not(str_eq_secret(S("abc"), S("abd")));
	cr_assert_not(str_eq_secret(S("bbc"), S("abc")));
	cr_assert_not(str_eq_secret(S("abc"), S("ab")));
}

Test(str, names_follow_their_grammar)
{
	char longest[64];
	memset(longest, 'a', sizeof(longest));
	const struct {
		str s;
		bool is_name, is_class_name;
	} rows[] = {
		{S("a"), true, true},
		{S("0"), true, true},
		{S("a-b"), true, true},
		{S("a--9"), true, true},
		{S("h100.80g"), false, true},
		{S(".a"), false, false},
		{S("a."), false, false},
		{S("-a"), false, false},
		{S("a-"), false, false},
		{S("-"), false, false},
		{S(""), false, false},
		{STR_NONE, false, false},
		{S("A"), false, false},
		{S("a_b"), false, false},
		{S("a/b"), false, false},
		{S("a\0b"), false, false},
		{S("\xc3\xa4"), false, false},
		{{longest, 63}, true, true},
		{{longest, 64}, false, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_assert_eq(str_is_name(rows[i].s), rows[i].is_name, "row %zu", i);
		cr_assert_eq(str_is_class_name(rows[i].s), rows[i].is_class_name, "row %zu", i);
	}
}

Test(str, utf8_is_exactly_rfc_3629)
{
	const struct {
		str s;
		bool ok;
	} rows[] = {
		{S(""), true},
		{STR_NONE, true},
		{S("plain, longer than a block"), true},
		{S("\0"), true},
		{S("\x7f"), true},
		{S("\xc2\x80"), true},
		{S("\xdf\xbf"), true},
		{S("\xe0\xa0\x80"), true},
		{S("\xed\x9f\xbf"), true},
		{S("\xee\x80\x80"), true},
		{S("\xef\xbf\xbf"), true},
		{S("\xf0\x90\x80\x80"), true},
		{S("\xf4\x8f\xbf\xbf"), true},
		{S("12345678\xe6\xb1\x89"), true},
		{S("\x80"), false},
		{S("\xbf"), false},
		{S("\xc0\x80"), false},
		{S("\xc1\xbf"), false},
		{S("\xc2"), false},
		{S("\xc2\x41"), false},
		{S("\xe0\x9f\xbf"), false},
		{S("\xed\xa0\x80"), false},
		{S("\xed\xbf\xbf"), false},
		{S("\xe6\xb1"), false},
		{S("\xe6\xb1\x41"), false},
		{S("\xf0\x8f\xbf\xbf"), false},
		{S("\xf4\x90\x80\x80"), false},
		{S("\xf5\x80\x80\x80"), false},
		{S("\xf0\x90\x80"), false},
		{S("\xff"), false},
		{S("12345678\x80"), false},
		{S("1234567\x80"
		   "12345678"),
			false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert_eq(str_is_utf8(rows[i].s), rows[i].ok, "row %zu", i);
}
