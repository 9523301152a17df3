#include <criterion/criterion.h>
#include <stdio.h>
#include "agents/vendors/assigned.h"
#include "size.h"

typedef struct coded {
	const char *text;
	uint32_t places[6]; /* devices of each; 99 ends */
} coded;

Test(assigned, keeps_every_byte_there_and_back)
{
	static const coded rows[] = {
		{"GPU-a,NVIDIA,3000,30:;", {1, 99}},
		{";GPU-x,NVIDIA,1000,0:;;", {0, 1, 0, 99}},
		{"GPU-a,NVIDIA,8000,0:GPU-b,NVIDIA,8000,0:;", {2, 99}},
		{";;GPU-a,NVIDIA,500,3:;", {0, 0, 1, 99}},
		{";", {0, 99}},
		{"", {99}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		assigned all;
		fault f = {0};
		cr_assert_eq(assigned_read(str_from(rows[i].text), a, &all, &f), ERR_OK, "%s", f.detail);
		uint32_t n = 0;
		for (; rows[i].places[n] != 99; n++)
			cr_expect(n < all.n && all.containers[n].n == rows[i].places[n], "%s at %u", rows[i].text, n);
		cr_expect_eq(all.n, n, "%s: %u places", rows[i].text, all.n);
		str back = assigned_print(&all, a);
		cr_expect(str_eq(back, str_from(rows[i].text)), "%s: " STR_FMT, rows[i].text, STR_ARG(back));
	}
}

Test(assigned, reads_the_fields_of_a_device)
{
	AUTO_ARENA a = arena_new(0);
	assigned all;

	cr_assert_eq(assigned_read(S("n1-cambricon-mlu-0,MLU,5120,10,spare:;"), a, &all, NULL), ERR_OK);
	const assigned_device *d = all.containers[0].devices;
	cr_expect(str_eq(d->uuid, S("n1-cambricon-mlu-0")) && str_eq(d->type, S("MLU")));
	cr_expect(d->memory_mib == 5120 && d->compute == 10);
}

Test(assigned, refuses_what_is_no_device)
{
	static const char *const bad[] = {"GPU-a,NVIDIA,3000:;", "GPU-a,NVIDIA:;", "GPU-a,NVIDIA,many,0:;",
		"GPU-a,NVIDIA,1,-1:;", "GPU-a,NVIDIA,99999999999,1:;", "GPU-a,NVIDIA,3000,30:;,:;"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		assigned all;
		fault f = {0};
		cr_expect_eq(assigned_read(str_from(bad[i]), a, &all, &f), ERR_BAD_FIELD, "%s", bad[i]);
		cr_expect(f.detail[0], "%s", bad[i]);
	}
}

typedef struct dealt {
	const char *text;
	assigned_asker askers[4];
	uint32_t n;
	const char *current; /* NULL: it does not fit */
} dealt;

Test(assigned, reads_all_three_ways_of_writing_it_as_the_same)
{
#define INIT(c)                                                                                                        \
	{                                                                                                              \
		true, c                                                                                                \
	}
#define APP(c)                                                                                                         \
	{                                                                                                              \
		false, c                                                                                               \
	}
	/* A plain init container and two with a GPU each; then other shapes. */
	static const dealt rows[] = {
		{"A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;", {INIT(0), APP(1), APP(1)}, 3,
			";A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;"},
		{";A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;", {INIT(0), APP(1), APP(1)}, 3,
			";A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;"},
		{",,0,0:;A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;", {INIT(0), APP(1), APP(1)}, 3,
			";A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;"},
		{"A,NVIDIA,1,1:;", {APP(0), APP(1), APP(0)}, 3, ";A,NVIDIA,1,1:;;"},
		{"A,NVIDIA,1,1:;", {INIT(1), APP(1)}, 2, ";A,NVIDIA,1,1:;"},
		{"A,NVIDIA,1,1:;B,NVIDIA,1,1:;", {INIT(1), APP(1)}, 2, "A,NVIDIA,1,1:;B,NVIDIA,1,1:;"},
		{"A,NVIDIA,1,1:B,NVIDIA,1,1:;C,NVIDIA,1,1:;", {APP(1), APP(2)}, 2, NULL},
		{"A,NVIDIA,1,1:;B,NVIDIA,1,1:;", {APP(1)}, 1, NULL},
		{"", {APP(1)}, 1, NULL},
		{";;", {APP(0), APP(0)}, 2, ";;"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		assigned all, settled;
		fault f = {0};
		cr_assert_eq(assigned_read(str_from(rows[i].text), a, &all, &f), ERR_OK, "%s", f.detail);
		err e = assigned_settle(&all, rows[i].askers, rows[i].n, a, &settled, &f);
		cr_expect_eq(e, rows[i].current ? ERR_OK : ERR_CONFLICT, "row %zu: %s", i, f.detail);
		if (e == ERR_OK && rows[i].current)
			cr_expect(str_eq(assigned_print(&settled, a), str_from(rows[i].current)), "row %zu", i);
	}
}

Test(assigned, any_text_is_read_or_refused_and_what_is_read_stays)
{
	static const char letters[] = "AB,,,::;;0123456789x";
	uint64_t state = 11;

	for (int64_t i = 0; i < size_get("PROPERTY_CASES"); i++) {
		AUTO_ARENA a = arena_new(0);
		char text[48];
		uint32_t n = 0;
		assigned all, again;
		for (; n < sizeof(text); n++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			text[n] = letters[(state >> 33) % (sizeof(letters) - 1)];
		}
		if (assigned_read(str_of(text, n), a, &all, NULL))
			continue;
		str first = assigned_print(&all, a);
		cr_assert_eq(assigned_read(first, a, &again, NULL), ERR_OK, "%.*s", (int)n, text);
		cr_assert(str_eq(first, assigned_print(&again, a)), "%.*s", (int)n, text);
	}
}
