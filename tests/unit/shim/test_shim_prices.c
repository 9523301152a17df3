#include <criterion/criterion.h>
#include <stdlib.h>

#include "shim/array.h"
#include "shim/cost.h"
#include "shim/setting.h"
#include "shim/visible.h"

Test(array, bytes_by_description)
{
	static const struct {
		uint64_t width, height, depth;
		int format;
		unsigned channels, flags, levels;
		uint64_t bytes;
	} rows[] = {
		{1024, 0, 0, 0x20, 1, 0, 1, 4096},           /* a line of floats */
		{1024, 1024, 0, 0x20, 4, 0, 1, 16 << 20},    /* a plane of four */
		{64, 64, 64, 0x01, 1, 0, 1, 1 << 18},        /* bytes */
		{64, 64, 6, 0x10, 2, 4, 1, 64 * 64 * 6 * 4}, /* a cube of half floats */
		{8, 8, 0, 0x20, 1, 0, 4, (64 + 16 + 4 + 1) * 4},
		{8, 8, 0, 0x20, 1, 0, 99, (64 + 16 + 4 + 1) * 4},
		{8, 8, 2, 0x20, 1, 1, 2, (128 + 32) * 4}, /* layers do not halve */
		{1024, 1024, 0, 0x20, 4, 0x40, 1, 0},     /* sparse */
		{1024, 1024, 0, 0x20, 4, 0x80, 1, 0},     /* mapped later */
		{1024, 1024, 0, 0x91, 4, 0, 1, 1 << 19},  /* four bits a pixel */
		{UINT64_MAX, 2, 0, 0x20, 1, 0, 1, UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		cr_assert_eq(array_bytes(rows[i].width, rows[i].height, rows[i].depth, rows[i].format, rows[i].channels,
				     rows[i].flags, rows[i].levels),
			rows[i].bytes, "row %zu", i);
}

Test(setting, bytes_and_shares)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
		uint32_t milli;
	} rows[] = {
		{"8000m", UINT64_C(8000) << 20, 0},
		{"2g", UINT64_C(2) << 30, 0},
		{"2G", UINT64_C(2) << 30, 0},
		{"64k", 64 << 10, 0},
		{"50", 50, 500},
		{"0", 0, 0},
		{"", 0, 0},
		{"-1", 0, 0},
		{"m", 0, 0},
		{"8000Mi", UINT64_C(8000) << 20, 0},
		{"5mb", 0, 0},
		{"5mib", 0, 0},
		{"5 m", 0, 0},
		{"1", 1, 10},
		{"99", 99, 990},
		{"100", 100, 0},
		{"18446744073709551615g", 0, 0},
		{NULL, 0, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t bytes = 0;
		uint32_t milli = 0;
		cr_assert_eq(setting_bytes(rows[i].text, &bytes), rows[i].bytes != 0, "row %zu", i);
		cr_assert_eq(bytes, rows[i].bytes, "row %zu", i);
		cr_assert_eq(setting_milli(rows[i].text, &milli), rows[i].milli != 0, "row %zu", i);
		cr_assert_eq(milli, rows[i].milli, "row %zu", i);
	}
}

Test(visible, uuids_of_devices_and_instances)
{
	static const struct {
		const char *text;
		bool read;
	} rows[] = {
		{"GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", true},
		{"MIG-0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9", true},
		{"GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f", false},
		{"0", false},
		{"GPU-zz1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t uuid[16];
		cr_assert_eq(visible_uuid(rows[i].text, uuid), rows[i].read, "row %zu", i);
		cr_assert(!rows[i].read || (uuid[0] == 0x0a && uuid[15] == 0xf9), "row %zu", i);
	}
}

Test(cost, keys_tell_functions_and_sizes_apart)
{
	int f = 0, g = 0;
	cr_assert_neq(cost_key(&f, 1, 1, 1), cost_key(&g, 1, 1, 1));
	cr_assert_neq(cost_key(&f, 1, 1, 1), cost_key(&f, 100, 1, 1));
	cr_assert_eq(cost_key(&f, 100, 1, 1), cost_key(&f, 127, 1, 1));
	cr_assert_neq(cost_key(&f, 65536, 65535, 1), cost_key(&f, 1, 1, 1), "a product that overflows 32 bits");
	cr_assert_neq(cost_key(NULL, 0, 0, 0), 0);
}

/* Shorter samples are believed at once, longer ones slowly: a neighbour's slices lengthen some. */
Test(cost, an_estimate_follows_the_short_samples)
{
	cost c = {0};
	cost_learn(&c, 1000);
	cr_assert_eq(atomic_load(&c.ns), 1000);
	for (int i = 0; i < 400; i++)
		cost_learn(&c, i % 10 == 0 ? 2000000 : 1000);
	cr_assert_leq(atomic_load(&c.ns), 1100);
	for (int i = 0; i < 40; i++)
		cost_learn(&c, 500);
	cr_assert_leq(atomic_load(&c.ns), 505);
	for (int i = 0; i < 400; i++)
		cost_learn(&c, 3000);
	cr_assert_geq(atomic_load(&c.ns), 2900);
}

Test(cost, a_full_table_shares_places)
{
	cost *table = calloc(COST_ENTRIES, sizeof *table);
	for (uint64_t key = 1; key < 3 * COST_ENTRIES; key++)
		cr_assert_not_null(cost_find(table, key));
	cr_assert_eq(cost_find(table, 7), cost_find(table, 7));
	free(table);
}
