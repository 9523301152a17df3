#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "agents/node/pci.h"

static char root[] = "/tmp/pci-XXXXXX";

static void made_file(const char *bus_id, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", root, bus_id, name);
	FILE *f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
}

static void made_device(const char *bus_id, const char *vendor, const char *device, const char *class)
{
	char path[256];

	for (const char *const *part = (const char *const[]){"/bus", "/bus/pci", "/bus/pci/devices", NULL}; *part;
		part++) {
		snprintf(path, sizeof(path), "%s%s", root, *part);
		(void)mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", root, bus_id);
	cr_assert_eq(mkdir(path, 0755), 0);
	made_file(bus_id, "vendor", vendor);
	made_file(bus_id, "device", device);
	made_file(bus_id, "class", class);
}

/* What sysfs alone tells of a machine with devices of several makers, and parts of theirs that are none. */
Test(pci, knows_the_accelerators_of_each_maker_and_nothing_else)
{
	static const struct {
		const char *bus_id, *vendor, *device, *class;
		const char *maker, *product; /* NULL: no accelerator */
		int64_t memory_mib;
	} rows[] = {
		{"0000:01:00.0", "0x10de", "0x2335", "0x030200", "nvidia", "NVIDIA H200", 143771},
		{"0000:02:00.0", "0x1002", "0x74a1", "0x120000", "amd", "AMD 1002:74a1", 196592},
		{"0000:03:00.0", "0x1d94", "0x54b7", "0x0b4000", "hygon", "DCU 1d94:54b7", 16368},
		{"0000:04:00.0", "0x1d0f", "0x7164", "0x120000", "aws", "AWSNeuron Trainium", 32768},
		{"0000:05:00.0", "0x19e5", "0xd802", "0x120000", "huawei", "Ascend 19e5:d802", 0},
		{"0000:06:00.0", "0x10de", "0x22bc", "0x040300", NULL, NULL, 0},
		{"0000:07:00.0", "0x1d94", "0x1452", "0x060000", NULL, NULL, 0},
		{"0000:08:00.0", "0x1ed5", "0x0323", "0x030000", "mthreads", "Mthreads 1ed5:0323", 0},
		{"0000:08:00.1", "0x1ed5", "0x03ff", "0x040300", NULL, NULL, 0},
		{"0000:09:00.0", "0x9999", "0x4001", "0x038000", "metax", "MetaX 9999:4001", 0},
		{"0000:0a:00.0", "0x9999", "0x4000", "0x060400", NULL, NULL, 0},
		{"0000:0b:00.0", "0x1ee0", "0x0011", "0x120000", "biren", "Biren 1ee0:0011", 0},
		{"0000:0b:00.1", "0x1ee0", "0x0011", "0x120000", NULL, NULL, 0}, /* a virtual function */
	};
	enum { ROWS = sizeof(rows) / sizeof(*rows), DEVICES = 8 };
	static card list[CARDS_MAX];
	char command[64];

	cr_assert(mkdtemp(root));
	for (size_t i = 0; i < ROWS; i++)
		made_device(rows[i].bus_id, rows[i].vendor, rows[i].device, rows[i].class);
	made_file("0000:02:00.0", "mem_info_vram_total", "206141652992\n");
	made_file("0000:02:00.0", "unique_id", "8f2c1a7be0d34455\n");
	made_file("0000:03:00.0", "mem_info_vram_total", "17163091968\n");
	made_file("0000:0b:00.1", "physfn", "");
	pci_roots roots = {root, root};
	cr_assert_eq(pci_scan(&roots, list, CARDS_MAX), DEVICES);
	for (size_t row = 0, i = 0; row < ROWS; row++) {
		if (!rows[row].maker)
			continue;
		cr_expect_str_eq(list[i].bus_id, rows[row].bus_id);
		cr_expect_str_eq(list[i].maker, rows[row].maker);
		cr_expect_str_eq(list[i].product, rows[row].product);
		cr_expect_eq(list[i].memory_mib, rows[row].memory_mib, "%s", rows[row].bus_id);
		cr_expect_eq(list[i++].state, CARD_UNMONITORED);
	}
	cr_expect_str_eq(list[1].uuid, "GPU-8f2c1a7be0d34455");
	cr_expect_str_eq(list[2].uuid, "PCI-0000:03:00.0");
	snprintf(command, sizeof(command), "rm -rf %s", root);
	cr_expect_eq(system(command), 0);
}
