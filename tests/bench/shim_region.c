/* shim_region make FOLDER MEMORY_MIB COMPUTE_MILLI [lend|low|over|uuids|driver=PATH|nvml=PATH]...    what the node
 * makes for a container shim_region set FOLDER memory|compute|lent|hold|priority VALUE          what the node changes
 * while it runs
 *
 * It writes as the node does: the container's side maps `limits` for reading alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/region.h"

/* Two devices, the second with twice as much, known by uuids of nothing but 1s and 2s. */
static void name_two(limits *l)
{
	l->device_count = 2;
	limits_set_memory(l, 1, 2 * atomic_load(&l->devices[0].memory_bytes));
	for (unsigned d = 0; d < 2; d++)
		memset(l->devices[d].uuid, (int)d + 1, sizeof l->devices[d].uuid);
}

static int make(int argc, char **argv)
{
	static limits l;
	limits_init(&l, 1);
	uint64_t mib = strtoull(argv[3], NULL, 10);
	if (mib)
		limits_set_memory(&l, 0, mib << 20);
	limits_set_compute(&l, 0, (uint32_t)strtoul(argv[4], NULL, 10));
	for (int i = 5; i < argc; i++) {
		if (strcmp(argv[i], "lend") == 0)
			l.flags |= LIMITS_LEND;
		else if (strcmp(argv[i], "over") == 0)
			l.flags |= LIMITS_OVERSUBSCRIBE;
		else if (strncmp(argv[i], "driver=", 7) == 0)
			snprintf(l.driver_path, sizeof l.driver_path, "%s", argv[i] + 7);
		else if (strncmp(argv[i], "nvml=", 5) == 0)
			snprintf(l.nvml_path, sizeof l.nvml_path, "%s", argv[i] + 5);
		else if (strcmp(argv[i], "uuids") == 0)
			name_two(&l);
		else
			limits_set_priority(&l, LIMITS_LOW);
	}
	limits_seal(&l);
	return region_create(argv[2], &l) ? 0 : 1;
}

static int set(char **argv)
{
	char path[512];
	snprintf(path, sizeof path, "%s/limits", argv[2]);
	int fd = open(path, O_RDWR);
	limits *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint64_t value = strtoull(argv[4], NULL, 10);
	if (l == MAP_FAILED)
		return 1;
	if (strcmp(argv[3], "memory") == 0)
		limits_set_memory(l, 0, value << 20);
	else if (strcmp(argv[3], "compute") == 0)
		limits_set_compute(l, 0, (uint32_t)value);
	else if (strcmp(argv[3], "lent") == 0)
		limits_set_lent(l, 0, (uint32_t)value);
	else if (strcmp(argv[3], "hold") == 0)
		limits_set_hold(l, 0, value != 0);
	else
		limits_set_priority(l, (uint32_t)value);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "make") == 0)
		return make(argc, argv);
	if (argc == 5 && strcmp(argv[1], "set") == 0)
		return set(argv);
	return 2;
}
