#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/vnpu.h"
#include "npu_smi_double.h"

/* As recorded of npu-smi 23.0 and 25.5. */
static const char mapping_old[] =
	"\tNPU ID                         Chip ID                        Chip Logic ID                  Chip Name\n"
	"\t2                              0                              0                              Ascend 310P3\n"
	"\t2                              1                              -                              Mcu\n"
	"\t5                              0                              1                              Ascend 310P3\n";
static const char mapping_new[] = "\tNPU ID    Chip ID    Chip Logic ID   Chip Phy-ID   Chip Name\n"
				  "\t0         0          0               4             Ascend910\n"
				  "\t0         1          1               5             Ascend910\n"
				  "\t0         2          -               -             Mcu\n";
static const char listed[] = "+-------------------------------------------------------------------------------+\n"
			     "| NPU resource static info as follow:                                           |\n"
			     "| Format:Free/Total                   NA: Currently, query is not supported.    |\n"
			     "| AICORE    Memory    AICPU    VPC    VENC    VDEC    JPEGD    JPEGE    PNGD    |\n"
			     "|            GB                                                                 |\n"
			     "|===============================================================================|\n"
			     "| 1/8       3/21      1/7      1/12   0/3     1/12    2/16     1/8      NA/NA   |\n"
			     "+-------------------------------------------------------------------------------+\n"
			     "| Total number of vnpu: 3                                                       |\n"
			     "+-------------------------------------------------------------------------------+\n"
			     "|  Vnpu ID  |  Vgroup ID     |  Container ID  |  Status  |  Template Name       |\n"
			     "+-------------------------------------------------------------------------------+\n"
			     "|  100      |  0             |  ffffffffffff  |  1       |  vir01               |\n"
			     "|  101      |  1             |  ffffffffffff  |  1       |  vir02               |\n"
			     "|  102      |  2             |  ffffffffffff  |  1       |  vir04               |\n"
			     "+-------------------------------------------------------------------------------+\n";

Test(vnpu, chips_are_read_by_the_names_of_their_columns)
{
	vnpu_chip chips[VNPU_CHIPS_MAX];

	cr_assert_eq(vnpu_chips_read(str_from(mapping_old), chips), 2u);
	cr_expect(chips[1].npu == 5 && chips[1].chip == 0 && chips[1].physical == 1);
	cr_assert_eq(vnpu_chips_read(str_from(mapping_new), chips), 2u);
	cr_expect(chips[1].npu == 0 && chips[1].chip == 1 && chips[1].physical == 5);
	cr_expect_eq(vnpu_chips_read(S("NPU ID  Chip Colour\n0 0\n"), chips), 0u,
		"a table of another form is not guessed at");
	cr_expect_eq(vnpu_chips_read(S("dcmi module initialize failed. ret is -8005\n"), chips), 0u);
}

Test(vnpu, what_is_listed_is_known_by_its_number)
{
	cr_expect(str_eq(vnpu_template(str_from(listed), 101), S("vir02")));
	cr_expect(!vnpu_template(str_from(listed), 103).p && !vnpu_template(str_from(listed), 1).p);
	cr_expect(str_eq(vnpu_template(S("212      |  0   |  000000000000  |  0       |  vir04\n"), 212), S("vir04")));
	cr_expect(vnpu_board_is(S("\tNPU ID          : 1\n\tPCIe Bus Info   : 0000:C1:00.0\n"), S("0000:c1:00.0")));
	cr_expect(!vnpu_board_is(S("\tPCIe Bus Info   : 0000:C1:00.0\n"), S("0000:c2:00.0")));
}

Test(vnpu, what_the_tool_says_is_well_or_a_reason)
{
	str why;

	cr_expect(vnpu_is_well(S("\tStatus       : OK\n\tMessage      : Create vnpu success\n"), &why));
	cr_expect(vnpu_is_well(S("Status : OK Message : Destroy vnpu 103 success\n"), &why));
	cr_expect(!vnpu_is_well(S("create vnpu failed.\n"), &why) && str_eq(why, S("create vnpu failed.")));
	cr_expect(!vnpu_is_well(S("This device does not support setting create-vnpu.\n"), &why));
	cr_expect(!vnpu_is_well(S(""), &why));
}

static char root[64];

static void put(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	cr_assert_eq(file_write(path, 0700, str_from(text), NULL), ERR_OK);
}

static void drop(const char *name)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	(void)unlink(path);
}

static void expect_there(const char *wanted)
{
	AUTO_ARENA a = arena_new(0);
	char path[128];
	str text = S("");

	(void)snprintf(path, sizeof(path), "%s/there", root);
	(void)!file_read(path, a, &text, NULL);
	cr_expect(str_eq(text, str_from(wanted)), "\"" STR_FMT "\", \"%s\" was expected", STR_ARG(text), wanted);
}

/* What the program prints; "" when it is ended before. */
static const char *said_of(const char *whose, const char *verb, const char *template, const char *start, const char *id)
{
	static char line[256];
	char lock[96], program[96];
	int ends[2];

	(void)snprintf(lock, sizeof(lock), "%s/lock", root);
	(void)snprintf(program, sizeof(program), "%s/npu-smi", root);
	cr_assert_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char *words[] = {"vnpu", lock, program, (char *)(uintptr_t)verb, "PCI-0000:c1:00.0",
			(char *)(uintptr_t) template, (char *)(uintptr_t)start, (char *)(uintptr_t)id,
			(char *)(uintptr_t)whose, NULL};
		(void)dup2(ends[1], STDOUT_FILENO);
		int status = vnpu_main(9, words);
		(void)fflush(stdout);
		_exit(status);
	}
	close(ends[1]);
	ssize_t n = read(ends[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return line;
}

static const char *said(const char *verb, const char *template, const char *start, const char *id)
{
	return said_of("pod_main", verb, template, start, id);
}

static void begin(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/reeve-vnpu-XXXXXX");
	cr_assert(mkdtemp(root));
	put("npu-smi", npu_smi_double);
	put("there", "132 vir02\n");
}

static void end(void)
{
	static const char *const files[] = {"npu-smi", "there", "lock", "dies", "refuses",
		"lock.PCI-0000:c1:00.0.vir02.0.pod_main", "lock.PCI-0000:c1:00.0.vir01.0.pod_main"};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		drop(files[i]);
	(void)rmdir(root);
	arena_trim();
}

Test(vnpu, one_is_made_under_a_free_number_and_removed)
{
	begin();
	cr_expect_str_eq(said("make", "vir02", "0", "-1"), "ok 133 0 vnpu-133\n", "132 is an administrator's");
	expect_there("132 vir02\n133 vir02\n");
	cr_expect_str_eq(said("make", "vir01", "0", "-1"), "ok 134 0 vnpu-134\n");
	cr_expect_str_eq(said("remove", "vir01", "0", "132"), "ok\n");
	expect_there("132 vir02\n133 vir02\n134 vir01\n");
	cr_expect_str_eq(said("remove", "vir02", "0", "133"), "ok\n");
	cr_expect_str_eq(said("remove", "vir02", "0", "133"), "ok\n", "it is gone already");
	expect_there("132 vir02\n134 vir01\n");
	end();
}

Test(vnpu, one_that_was_made_when_its_maker_was_killed_is_removed_by_the_note)
{
	begin();
	put("dies", "");
	cr_expect_str_eq(said("make", "vir02", "0", "-1"), "");
	expect_there("132 vir02\n133 vir02\n");
	drop("dies");
	cr_expect_str_eq(said("remove", "vir02", "0", "-1"), "ok\n");
	expect_there("132 vir02\n");
	cr_expect_str_eq(said("remove", "vir02", "0", "-1"), "ok\n", "without a note nothing is ours");
	expect_there("132 vir02\n");
	end();
}

Test(vnpu, one_that_the_tool_refuses_leaves_nothing_behind)
{
	begin();
	put("refuses", "");
	cr_expect_str_eq(said("make", "vir02", "0", "-1"), "error make: create vnpu failed.\n");
	put("there", "132 vir02\n133 vir02\n");
	cr_expect_str_eq(said("remove", "vir02", "0", "-1"), "ok\n");
	expect_there("132 vir02\n133 vir02\n");
	end();
}

/* The tool may hang before anything is noted, and who waits for it is killed. */
Test(vnpu, what_was_not_begun_takes_nobody_elses)
{
	begin();
	cr_expect_str_eq(said("make", "vir02", "0", "-1"), "ok 133 0 vnpu-133\n");
	cr_expect_str_eq(said_of("pod_other", "remove", "vir02", "0", "-1"), "ok\n");
	expect_there("132 vir02\n133 vir02\n");
	end();
}

/* What `list` prints. */
static str list_said(char *text, size_t size)
{
	char program[96], *words[] = {"vnpu", "-", program, "list", NULL};
	int ends[2];

	(void)snprintf(program, sizeof(program), "%s/npu-smi", root);
	cr_assert_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		int status = vnpu_main(4, words);
		(void)fflush(stdout);
		_exit(status);
	}
	close(ends[1]);
	ssize_t got = read(ends[0], text, size - 1);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	text[got > 0 ? got : 0] = 0;
	return str_from(text);
}

Test(vnpu, what_there_is_is_listed)
{
	static vnpu_listed chips[VNPU_CHIPS_MAX];
	char text[512];
	uint32_t n;

	begin();
	str said = list_said(text, sizeof(text));
	cr_expect_str_eq(text, "chip 0000:c1:00.0 2 Ascend310P3\nvnpu 0000:c1:00.0 132 vir02\nend\n");
	cr_assert(vnpu_list_read(said, chips, &n) && n == 1);
	cr_expect_str_eq(chips[0].product, "Ascend310P3");
	cr_expect(chips[0].number == 2 && chips[0].n == 1 && chips[0].v[0].id == 132);
	cr_expect(!vnpu_list_read(S("chip 0000:c1:00.0 2 Ascend310P3\n"), chips, &n), "it was broken off");
	cr_expect(!vnpu_list_read(S("error list: x\n"), chips, &n));
	end();
}

Test(vnpu, a_chip_that_cannot_be_told_costs_the_sight_of_no_other)
{
	static const char *const odd[] = {
		"132 a\n133 b\n134 c\n135 d\n136 e\n137 f\n138 g\n139 h\n140 i\n",
		"132 a_template_that_is_longer_than_any_is\n",
	};
	static vnpu_listed chips[VNPU_CHIPS_MAX];
	char text[512];
	uint32_t n;

	begin();
	put("second", "");
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		put("there", odd[i]);
		cr_expect(vnpu_list_read(list_said(text, sizeof(text)), chips, &n) && n == 1, "%s", text);
		cr_expect_str_eq(text, "chip 0000:c2:00.0 3 Ascend310P3\nend\n");
	}
	drop("second");
	end();
}
