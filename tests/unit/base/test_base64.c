#include <criterion/criterion.h>
#include "base/base64.h"

/* RFC 4648, section 10, and the two letters that are not alphanumeric. */
static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"}};

Test(base64, prints_and_reads_the_vectors_of_its_standard)
{
	AUTO_ARENA a = arena_new(0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		str back;
		cr_expect(str_eq(base64_print(str_from(rows[i][0]), a), str_from(rows[i][1])), "%s", rows[i][1]);
		cr_assert(base64_read(str_from(rows[i][1]), a, &back), "%s", rows[i][1]);
		cr_expect(str_eq(back, str_from(rows[i][0])), "%s", rows[i][1]);
	}
	str back;
	cr_expect(base64_read(S(" Zm9v\r\nYmFy\n"), a, &back) && str_eq(back, S("foobar")));
}

Test(base64, every_byte_comes_back)
{
	AUTO_ARENA a = arena_new(0);
	char all[512];

	for (uint32_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 7);
	for (uint32_t n = 0; n < sizeof(all); n++) {
		str back;
		cr_assert(base64_read(base64_print(str_of(all, n), a), a, &back));
		cr_assert(str_eq(back, str_of(all, n)), "%u bytes", n);
	}
}

Test(base64, refuses_what_nobody_wrote)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "Zm8", "Zm9v=", "=", "Zg=x", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm9v!"};
	AUTO_ARENA a = arena_new(0);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		str back = S("kept");
		cr_expect_not(base64_read(str_from(bad[i]), a, &back), "%s", bad[i]);
		cr_expect(str_eq(back, S("kept")), "%s", bad[i]);
	}
	str back;
	cr_expect_not(base64_read(str_of("Zg\0=", 4), a, &back));
}
