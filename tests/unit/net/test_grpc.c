#include <criterion/criterion.h>
#include "net/grpc.h"

Test(grpc, a_message_is_taken_when_it_is_whole)
{
	static const struct {
		str bytes;
		grpc_part part;
		grpc_status status;
		uint32_t n;
	} rows[] = {
		{{"", 0}, GRPC_PART, GRPC_OK, 0},
		{{"\0\0\0\0", 4}, GRPC_PART, GRPC_OK, 0},
		{{"\0\0\0\0\0", 5}, GRPC_WHOLE, GRPC_OK, 0},
		{{"\0\0\0\0\3ab", 7}, GRPC_PART, GRPC_OK, 0},
		{{"\0\0\0\0\3abc", 8}, GRPC_WHOLE, GRPC_OK, 3},
		{{"\0\0\0\0\3abcd", 9}, GRPC_WHOLE, GRPC_OK, 3},
		{{"\0\0\0\0\x64", 5}, GRPC_PART, GRPC_OK, 0},
		{{"\0\0\0\0\x65", 5}, GRPC_REFUSED, GRPC_RESOURCE_EXHAUSTED, 0},
		{{"\0\xff\xff\xff\xff", 5}, GRPC_REFUSED, GRPC_RESOURCE_EXHAUSTED, 0},
		{{"\1", 1}, GRPC_REFUSED, GRPC_UNIMPLEMENTED, 0},
		{{"\2", 1}, GRPC_REFUSED, GRPC_INTERNAL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		grpc_status status = GRPC_OK;
		str message = {"", 0};
		cr_expect_eq(grpc_message_read(rows[i].bytes, 100, &message, &status), rows[i].part, "row %zu", i);
		cr_expect_eq(status, rows[i].status, "row %zu", i);
		cr_expect_eq(message.n, rows[i].n, "row %zu", i);
	}
}

Test(grpc, a_prefix_is_read_back)
{
	static const size_t sizes[] = {0, 1, 255, 256, 65536, 16 << 20};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint8_t p[GRPC_PREFIX];
		grpc_prefix(p, sizes[i]);
		cr_expect_eq((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4], sizes[i]);
		cr_expect_eq(p[0], 0);
	}
}

Test(grpc, timeouts_have_digits_and_a_unit)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: none */
	} rows[] = {
		{"999979u", 999979},
		{"10S", 10000000},
		{"100m", 100000},
		{"1500n", 1},
		{"2M", 120000000},
		{"1H", 3600000000},
		{"99999999H", 99999999 * INT64_C(3600000000)},
		{"0u", 0},
		{"123456789u", -1},
		{"u", -1},
		{"1", -1},
		{"1s", -1},
		{"-1S", -1},
		{"1.5S", -1},
		{"", -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t us = -1;
		cr_expect_eq(grpc_timeout_read(str_from(rows[i].text), &us), rows[i].us >= 0, "%s", rows[i].text);
		cr_expect_eq(us, rows[i].us, "%s", rows[i].text);
	}
}

Test(grpc, timeouts_that_are_written_are_never_longer)
{
	static const int64_t times[] = {1, 999, 99999999, 100000000, INT64_C(5000000000), INT64_C(400000000000000)};

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		AUTO_ARENA a = arena_new(0);
		int64_t us = 0;
		cr_assert(grpc_timeout_read(grpc_timeout_print(times[i], a), &us));
		cr_expect(us <= times[i] && us > times[i] - times[i] / 1000 - 1, "%lld", (long long)times[i]);
	}
}

Test(grpc, texts_come_back_as_they_were)
{
	static const struct {
		const char *text, *sent;
	} rows[] = {
		{"OK", "OK"},
		{"100 %", "100 %25"},
		{"two\nlines", "two%0Alines"},
		{"\xc3\xa9", "%C3%A9"},
		{"", ""},
	};
	AUTO_ARENA a = arena_new(0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		str sent = grpc_text_print(str_from(rows[i].text), a);
		cr_expect(str_eq(sent, str_from(rows[i].sent)), STR_FMT, STR_ARG(sent));
		cr_expect(str_eq(grpc_text_read(sent, a), str_from(rows[i].text)));
	}
	cr_expect(str_eq(grpc_text_read(S("50%% %4 %zz %"), a), S("50%% %4 %zz %")), "what is no code stays");
	str longest = grpc_text_print(str_of(memset(arena_alloc(a, 5000), 'a', 5000), 5000), a);
	cr_expect_eq(longest.n, GRPC_TEXT_MAX);
}
