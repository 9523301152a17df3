#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/id.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(id, ids_of_one_process_rise)
{
	id before = id_make("plc");

	for (int i = 0; i < 20000; i++) {
		id now = id_make("plc");
		cr_assert(strcmp(before.p, now.p) < 0, "%s then %s", before.p, now.p);
		cr_assert(id_is(id_str(&now), "plc"), "%s", now.p);
		before = now;
	}
}

Test(id, the_first_ten_characters_are_the_milliseconds)
{
	static const char set[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t before_ms = clock_now_us() / 1000, ms = 0;
	id made = id_make("tnt");

	for (int i = 0; i < 10; i++)
		ms = ms * 32 + (strchr(set, made.p[4 + i]) - set);
	cr_assert_geq(ms, before_ms);
	cr_assert_leq(ms, clock_now_us() / 1000);
}

Test(id, parent_and_child_do_not_count_the_same)
{
	/* They would only while the millisecond of the last id before the fork lasts, so it takes some tries to meet
	 * it. */
	for (int i = 0; i < 100; i++) {
		int ends[2];
		id ours, theirs;
		cr_assert_eq(pipe(ends), 0);
		id_make("plc");
		pid_t child = fork();
		id made = id_make("plc");
		if (child == 0)
			_exit(write(ends[1], &made, sizeof(made)) == sizeof(made) ? 0 : 1);
		ours = made;
		cr_assert_eq(read(ends[0], &theirs, sizeof(theirs)), (ssize_t)sizeof(theirs));
		waitpid(child, NULL, 0);
		close(ends[0]);
		close(ends[1]);
		cr_assert_str_neq(ours.p, theirs.p);
	}
}

Test(id, only_the_exact_form_is_an_id)
{
	const struct {
		str s;
		bool ok;
	} rows[] = {
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZZ"), true},
		{S("plc_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), true},
		{S("plc_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), false},
		{S("tnt_01J9ZZZZZZZZZZZZZZZZZZZZZZ"), false},
		{S("plc-01J9ZZZZZZZZZZZZZZZZZZZZZZ"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZ"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZZZ"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZI"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZL"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZO"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZU"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZz"), false},
		{S("plc_01J9ZZZZZZZZZZZZZZZZZZZZZ\0"), false},
		{S("plc_"), false},
		{S(""), false},
		{STR_NONE, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert_eq(id_is(rows[i].s, "plc"), rows[i].ok, "row %zu", i);
}

Test(id, random_text_uses_its_whole_set_evenly)
{
	enum { N = 62 * 2000 };
	static char text[N + 1];
	int counts[256] = {0}, kinds = 0;

	text[N] = 'x';
	random_text(text, N);
	cr_assert_eq(text[N], '\0');
	for (int i = 0; i < N; i++)
		counts[(unsigned char)text[i]]++;
	for (int c = 0; c < 256; c++) {
		bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		kinds += counts[c] > 0;
		/* 2000 expected; the bounds are more than six standard deviations away. A modulo of 256 would give
		 * 2421. */
		cr_assert(is_alnum ? counts[c] > 1700 && counts[c] < 2300 : counts[c] == 0, "%d: %d", c, counts[c]);
	}
	cr_assert_eq(kinds, 62);
}

Test(id, random_text_of_nothing_is_empty)
{
	char one = 'x';

	random_text(&one, 0);
	cr_assert_eq(one, '\0');
}
