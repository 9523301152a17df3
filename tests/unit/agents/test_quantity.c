#include <criterion/criterion.h>
#include <stdio.h>
#include "agents/kube/quantity.h"
#include "size.h"

typedef struct row {
	const char *text, *canonical;
	int64_t units, milli;
} row;

enum { TOO_LARGE = -999999 };

/* What the API server's own library says, but for amounts past 64 bits, where its own goes round. */
static const row rows[] = {
	{"0", "0", 0, 0},
	{"-0", "0", 0, 0},
	{"0Ki", "0", 0, 0},
	{"000", "0", 0, 0},
	{"0e9", "0", 0, 0},
	{"0e999999999999", "0", 0, 0},
	{"5.", "5", 5, 5000},
	{".5", "500m", 1, 500},
	{"+1", "1", 1, 1000},
	{"8000", "8k", 8000, 8000000},
	{"24576", "24576", 24576, 24576000},
	{"1000m", "1", 1, 1000},
	{"0.5", "500m", 1, 500},
	{"100m", "100m", 1, 100},
	{"1500m", "1500m", 2, 1500},
	{"1500000", "1500k", 1500000, 1500000000},
	{"00.5G", "500M", 500000000, 500000000000},
	{"2.5e3", "2500", 2500, 2500000},
	{"1e3", "1e3", 1000, 1000000},
	{"1E3", "1e3", 1000, 1000000},
	{"1e+3", "1e3", 1000, 1000000},
	{"1e4", "10e3", 10000, 10000000},
	{"1e5", "100e3", 100000, 100000000},
	{"10e2", "1e3", 1000, 1000000},
	{"123e1", "1230", 1230, 1230000},
	{"1e0", "1", 1, 1000},
	{"1e-3", "1e-3", 1, 1},
	{"1e-10", "1e-9", 1, 1},
	{"1e-400", "1e-9", 1, 1},
	{"1e-00003", "1e-3", 1, 1},
	{"1e21", "1e21", TOO_LARGE, TOO_LARGE},
	{"16384Mi", "16Gi", 17179869184, 17179869184000},
	{"16Gi", "16Gi", 17179869184, 17179869184000},
	{"1023Ki", "1023Ki", 1047552, 1047552000},
	{"1.5Ki", "1536", 1536, 1536000},
	{"1.5Gi", "1536Mi", 1610612736, 1610612736000},
	{"0.1Ki", "102400m", 103, 102400},
	{"0.0001Ki", "102400u", 1, 103},
	{"1Ki", "1Ki", 1024, 1024000},
	{"-1Ki", "-1Ki", -1024, -1024000},
	{"1Ei", "1Ei", 1152921504606846976, TOO_LARGE},
	{"8Ei", "9223372036854775807", INT64_MAX, TOO_LARGE},
	{"99999999999999999999999999999999999999999Ei", "9223372036854775807", INT64_MAX, TOO_LARGE},
	{"0.020008Ei", "23067653464173794295808u", 23067653464173795, TOO_LARGE},
	{"1.000904086Ei", "1153963844798260961855143936n", 1153963844798260962, TOO_LARGE},
	{"9223372036854775807", "9223372036854775807", INT64_MAX, TOO_LARGE},
	{"9223372036854775808", "9223372036854775808", TOO_LARGE, TOO_LARGE},
	{"1000E", "1000E", TOO_LARGE, TOO_LARGE},
	{"38412.0537E", "38412053700T", TOO_LARGE, TOO_LARGE},
	{"1.0000000001", "1000000001n", 2, 1001},
	{"25005506330.0004m", "25005506330000400n", 25005507, 25005506331},
	{"51408.6310007u", "51408632n", 1, 52},
	{"-1.5", "-1500m", -2, -1500},
	{"-1500u", "-1500u", -1, -2},
	{"0.00000000000000000000000000000000000000000000001", "1n", 1, 1},
	{"1.00000000000000000000000000000000000000000000000", "1", 1, 1000},
};

Test(quantity, reads_and_prints_as_the_api_server_does)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const row *r = &rows[i];
		quantity q;
		char text[QUANTITY_TEXT_MAX];
		int64_t v = TOO_LARGE, milli = TOO_LARGE;

		cr_assert_eq(quantity_read(str_from(r->text), &q), ERR_OK, "%s", r->text);
		cr_expect_eq(quantity_print(q, text), strlen(text));
		cr_expect_str_eq(text, r->canonical, "%s: %s", r->text, text);
		(void)quantity_to_i64(q, 0, &v);
		(void)quantity_to_i64(q, -3, &milli);
		cr_expect_eq(v, r->units, "%s: %lld", r->text, (long long)v);
		cr_expect_eq(milli, r->milli, "%s: %lld", r->text, (long long)milli);
	}
}

Test(quantity, refuses_what_is_none)
{
	static const char *const bad[] = {"", "+", "-", ".", "-.", "k", "Mi", "e3", "1.1.M", "1+1.0M", "0.1mi", "0.1am",
		"aoeu", ".5i", "1i", "1K", "1ki", "-3.01i", "-3.01e-", "12e", "1e", " 1", "1 ", "1 k", "0x10", "1e1.5",
		"--1", "1kk", "1MiB", "1_000", "1,5", "inf", "1e+-3", "1\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		quantity q = {7, QUANTITY_BINARY};
		cr_expect_eq(quantity_read(str_from(bad[i]), &q), ERR_BAD_FIELD, "\"%s\"", bad[i]);
		cr_expect(q.nano == 7 && q.form == QUANTITY_BINARY, "\"%s\" left a mark", bad[i]);
	}
	quantity q;
	cr_expect_eq(quantity_read(str_of("1\0k", 3), &q), ERR_BAD_FIELD);
	cr_expect_eq(quantity_read(STR_NONE, &q), ERR_BAD_FIELD);
}

Test(quantity, refuses_what_does_not_fit_instead_of_going_round)
{
	static const char *const large[] = {"1e28", "1e4294967296", "1e999999999999999999999",
		"1000000000000000000000000E", "99999999999999999999999999999999999999999999", "-1e30", "0.1e30"};

	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		quantity q;
		cr_expect_eq(quantity_read(str_from(large[i]), &q), ERR_LIMIT, "%s", large[i]);
	}
}

static uint64_t dice(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static uint32_t digits_write(char *out, uint64_t *state, uint64_t most)
{
	uint32_t n = (uint32_t)(dice(state) % (most + 1));

	for (uint32_t i = 0; i < n; i++)
		out[i] = (char)('0' + dice(state) % 3 * (dice(state) % 5));
	return n;
}

static uint32_t text_write(char *out, uint64_t *state)
{
	static const char *const ends[] = {"", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti",
		"Pi", "Ei", "e3", "E-4", "e+2"};
	uint32_t n = 0;

	if (dice(state) % 4 == 0)
		out[n++] = "+-"[dice(state) % 2];
	n += digits_write(out + n, state, 8);
	if (dice(state) % 3 == 0) {
		out[n++] = '.';
		n += digits_write(out + n, state, 30);
	}
	const char *end = ends[dice(state) % (sizeof(ends) / sizeof(ends[0]))];
	memcpy(out + n, end, strlen(end));
	return n + (uint32_t)strlen(end);
}

Test(quantity, canonical_text_means_the_same_and_stays)
{
	uint64_t state = 5;
	int64_t n_read = 0;

	for (int64_t i = 0; i < size_get("PROPERTY_CASES"); i++) {
		char text[128], first[QUANTITY_TEXT_MAX], again[QUANTITY_TEXT_MAX];
		uint32_t n = text_write(text, &state);
		quantity q, back;
		if (quantity_read(str_of(text, n), &q))
			continue;
		n_read++;
		uint32_t printed = quantity_print(q, first);
		cr_assert_eq(quantity_read(str_of(first, printed), &back), ERR_OK, "%.*s: %s", (int)n, text, first);
		cr_assert(q.nano == back.nano, "%.*s: %s", (int)n, text, first);
		(void)quantity_print(back, again);
		cr_assert_str_eq(first, again, "%.*s", (int)n, text);
	}
	cr_assert_gt(n_read, size_get("PROPERTY_CASES") / 2);
}

Test(quantity, rounds_away_from_zero_to_any_unit)
{
	quantity q;
	int64_t v;

	cr_assert_eq(quantity_read(S("1048577"), &q), ERR_OK);
	cr_expect(quantity_to_mib(q, &v) && v == 2);
	cr_expect(quantity_to_i64(q, 3, &v) && v == 1049);
	cr_expect(quantity_to_i64(q, 6, &v) && v == 2);
	cr_expect(quantity_to_i64(q, 18, &v) && v == 1);
	cr_expect(quantity_to_i64(q, -9, &v) && v == 1048577000000000);
	cr_expect(quantity_is_whole(q));
	cr_assert_eq(quantity_read(S("16Gi"), &q), ERR_OK);
	cr_expect(quantity_to_mib(q, &v) && v == 16384);
	cr_assert_eq(quantity_read(S("1m"), &q), ERR_OK);
	cr_expect_not(quantity_is_whole(q));
}

Test(quantity, adds_in_the_form_of_the_first_that_is_not_zero)
{
	quantity a, b, sum;
	char text[QUANTITY_TEXT_MAX];

	cr_assert_eq(quantity_read(S("0"), &a) | quantity_read(S("8Gi"), &b), ERR_OK);
	cr_assert(quantity_add(a, b, &sum));
	(void)quantity_print(sum, text);
	cr_expect_str_eq(text, "8Gi");
	cr_assert(quantity_add(quantity_of(7000, QUANTITY_DECIMAL), quantity_of(1000, QUANTITY_BINARY), &sum));
	(void)quantity_print(sum, text);
	cr_expect_str_eq(text, "8k");
	cr_expect_gt(quantity_cmp(b, a), 0);
	cr_assert_eq(quantity_read(S("1e27"), &a), ERR_OK);
	while (quantity_add(a, a, &a))
		;
	cr_expect(a.nano > 0, "a sum that does not fit changes nothing");
}
