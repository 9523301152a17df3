#include <criterion/criterion.h>
#include "base/err.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(err, codes_are_unique_and_snake_case)
{
	for (err e = ERR_OK; e < ERR_COUNT; e++) {
		cr_assert_not_null(err_code(e));
		cr_assert_eq(strspn(err_code(e), "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(err_code(e)), "%s",
			err_code(e));
		for (err k = ERR_OK; k < e; k++)
			cr_assert_str_neq(err_code(e), err_code(k));
	}
}

Test(err, statuses_are_those_of_failures)
{
	for (err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		cr_assert(err_status(e) >= 400 && err_status(e) < 600, "%s: %d", err_code(e), err_status(e));
		cr_assert_gt(strlen(err_title(e)), 0);
	}
	cr_assert_eq(err_status(ERR_NOT_FOUND), 404);
	cr_assert_eq(err_status(ERR_IO), 500);
	cr_assert_str_eq(err_code(ERR_IO), "io");
}

Test(err, what_may_succeed_unchanged_is_retryable)
{
	const struct {
		err e;
		bool is_retryable;
	} rows[] = {
		{ERR_OK, false},
		{ERR_BAD_REQUEST, false},
		{ERR_REQUEST_TIMEOUT, true},
		{ERR_CONFLICT, false},
		{ERR_IDEMPOTENCY_IN_FLIGHT, true},
		{ERR_ETAG_MISMATCH, false},
		{ERR_IF_MATCH_REQUIRED, false},
		{ERR_RATE_LIMITED, true},
		{ERR_INTERNAL, true},
		{ERR_NOT_IMPLEMENTED, false},
		{ERR_OVERLOADED, true},
		{ERR_DECISION_TIMEOUT, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert_eq(err_is_retryable(rows[i].e), rows[i].is_retryable, "%s", err_code(rows[i].e));
}

Test(fault, set_writes_all_and_returns_the_error)
{
	fault f = {.retry_after_s = 9};

	cr_assert_eq(fault_set(&f, ERR_BAD_FIELD, "#/x", "at most %d", 7), ERR_BAD_FIELD);
	cr_assert_str_eq(f.pointer, "#/x");
	cr_assert_str_eq(f.detail, "at most 7");
	cr_assert_eq(f.retry_after_s, 0);
	fault_set(&f, ERR_BAD_FIELD, NULL, "x");
	cr_assert_str_eq(f.pointer, "");
	cr_assert_eq(fault_set(NULL, ERR_IO, "#/x", "%s", "nobody looks"), ERR_IO);
}

Test(fault, arguments_may_come_from_the_fault_itself)
{
	fault f;

	fault_set(&f, ERR_IO, "#/a", "inner");
	fault_set(&f, ERR_IO, f.pointer, "outer: %s", f.detail);
	cr_assert_str_eq(f.pointer, "#/a");
	cr_assert_str_eq(f.detail, "outer: inner");
}

Test(fault, long_details_are_cut_at_a_whole_character)
{
	const char *const characters[] = {"a", "\xc3\xa4", "\xe6\xb1\x89", "\xf0\x9f\x98\x80"};

	for (size_t i = 0; i < COUNT(characters); i++)
		for (int shift = 0; shift < 4; shift++) {
			char text[1024];
			memset(text, 'x', sizeof(text));
			size_t size = strlen(characters[i]), at = (size_t)shift;
			for (; at + size < sizeof(text); at += size)
				memcpy(text + at, characters[i], size);
			text[at] = '\0';
			fault f;
			fault_set(&f, ERR_IO, text, "%s", text);
			cr_assert(str_is_utf8(str_from(f.detail)) && str_is_utf8(str_from(f.pointer)));
			cr_assert_gt(strlen(f.detail), FAULT_DETAIL_MAX - 5);
			cr_assert_gt(strlen(f.pointer), FAULT_POINTER_MAX - 5);
		}
}

Test(fault, prefixes_build_a_pointer_from_the_inside_out)
{
	const struct {
		const char *pointer;
		str name;
		const char *result;
	} rows[] = {
		{"#/x", S("groups"), "#/groups/x"},
		{"", S("groups"), "#/groups"},
		{"#", S("0"), "#/0"},
		{"#/x", S("a~b/c"), "#/a~0b~1c/x"},
		{"#/x", S("a b%\"\xc3\xa4"), "#/a%20b%25%22%C3%A4/x"},
		{"#/x", S(""), "#//x"},
		{"#/x", S("\0"), "#/%00/x"},
		{"limit", S("groups"), "limit"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		fault f;
		fault_set(&f, ERR_IO, rows[i].pointer, "x");
		fault_prefix(&f, rows[i].name);
		cr_assert_str_eq(f.pointer, rows[i].result, "row %zu: %s", i, f.pointer);
	}
	fault_prefix(NULL, S("x"));
}

Test(fault, a_pointer_that_gets_too_long_loses_its_end)
{
	char name[400];
	memset(name, '"', sizeof(name));

	for (uint32_t n = 0; n < sizeof(name); n++) {
		fault f;
		fault_set(&f, ERR_IO, "#/inner", "x");
		fault_prefix(&f, (str){name, n});
		fault_prefix(&f, S("outer"));
		cr_assert(str_starts(str_from(f.pointer), n ? S("#/outer/%22") : S("#/outer//inner")), "%u: %s", n,
			f.pointer);
		cr_assert_lt(strlen(f.pointer), FAULT_POINTER_MAX);
	}
}
