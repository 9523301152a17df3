#include "cli/simulate/decision_log.h"
#include "files.h"

Test(decision_log, has_the_lines_of_the_judge)
{
	AUTO_ARENA a = arena_new(0);
	const char *path =
		file_of(a, "an older and longer log that must not shine through the new one, whatever its length");
	static const uint8_t gpus[] = {0, 7, 63};
	decision_log *l = ARENA_NEW(a, decision_log);
	fault f = {0};

	cr_assert_eq(decision_log_open(l, path, &f), ERR_OK, "%s", f.detail);
	decision_log_place(l, 0, S("node-a"), gpus, 3);
	decision_log_place(l, 10, S("b"), gpus, 0);
	decision_log_fail(l, 4294967295);
	decision_log_free(l, 10);
	decision_log_move(l, 0, S("b"), gpus + 1, 1);
	cr_assert_eq(decision_log_close(l, &f), ERR_OK);
	str text = file_text(a, path);
	cr_assert(str_eq(text, S("op,seq,node,gpus\n"
				 "place,0,node-a,0-7-63\n"
				 "place,10,b,\n"
				 "fail,4294967295,,\n"
				 "free,10,,\n"
				 "move,0,b,7\n")),
		STR_FMT, STR_ARG(text));
}

/* Longer than the buffer by some, so that lines meet its end at different places. */
Test(decision_log, loses_nothing_when_its_buffer_is_full)
{
	enum { LINES = 20011 };
	AUTO_ARENA a = arena_new(0);
	const char *path = file_of(a, "");
	decision_log *l = ARENA_NEW(a, decision_log);
	fault f = {0};
	buf expected;

	buf_init(&expected, 1 << 20);
	buf_add_str(&expected, S("op,seq,node,gpus\n"));
	cr_assert_eq(decision_log_open(l, path, &f), ERR_OK);
	for (uint32_t i = 0; i < LINES; i++) {
		decision_log_place(l, i, S("some-node"), (const uint8_t[]){5}, 1);
		buf_printf(&expected, "place,%u,some-node,5\n", i);
	}
	cr_assert_eq(decision_log_close(l, &f), ERR_OK);
	cr_assert(expected.n > 2 * DECISION_LOG_BYTES);
	cr_assert(str_eq(file_text(a, path), buf_str(&expected)));
	buf_done(&expected);
}

Test(decision_log, tells_at_the_end_that_the_disk_was_full)
{
	AUTO_ARENA a = arena_new(0);
	decision_log *l = ARENA_NEW(a, decision_log);
	fault f = {0};

	cr_assert_eq(decision_log_open(l, "/dev/full", &f), ERR_OK);
	decision_log_fail(l, 1);
	cr_assert_eq(decision_log_close(l, &f), ERR_IO);
	cr_assert(strstr(f.detail, "/dev/full"), "%s", f.detail);
	cr_assert_eq(decision_log_open(l, "/nowhere/at/all", &f), ERR_IO);
	cr_assert_eq(decision_log_open(l, "", &f), ERR_OK, "no log is asked for");
	decision_log_fail(l, 1);
	cr_assert_eq(decision_log_close(l, &f), ERR_OK);
}
