#include "shim/origin.h"

#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/look.h"
#include "shim/region.h"

static const char *const origin_folders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
	"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib", "/usr/lib"};

typedef struct origin_own {
	uintptr_t address;
	char path[ORIGIN_PATH_BYTES];
} origin_own;

bool origin_replaces(const char *name)
{
	return origin_taken && strcmp(name, origin_taken) == 0;
}

static int origin_visit(struct dl_phdr_info *info, size_t size, void *context)
{
	origin_own *own = context;
	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type != PT_LOAD || own->address - start >= info->dlpi_phdr[i].p_memsz)
			continue;
		snprintf(own->path, sizeof own->path, "%s", info->dlpi_name);
		return 1;
	}
	return 0;
}

/* Whether there is a file that is not our own. */
static bool origin_take(const char *path, const char *own)
{
	look at, mine;
	if (!look_at(path, &at))
		return false;
	return !look_at(own, &mine) || at.inode != mine.inode || at.device != mine.device;
}

static bool origin_named(const char *name, char *ret_path, size_t size)
{
	look at;
	const char *told = getenv(strcmp(name, "libcuda.so.1") == 0 ? "REEVE_SHIM_DRIVER" : "REEVE_SHIM_NVML");
	if (!told || look_at(region_mount, &at))
		return false;
	return snprintf(ret_path, size, "%s", told) < (int)size;
}

bool origin_find(const char *name, char *ret_path, size_t size)
{
	origin_own own = {.address = (uintptr_t)&origin_visit};
	dl_iterate_phdr(origin_visit, &own);
	if (origin_named(name, ret_path, size) && origin_take(ret_path, own.path))
		return true;
	const char *slash = strrchr(own.path, '/');
	int folder = slash ? (int)(slash - own.path) : 0;
	if (snprintf(ret_path, size, "%.*s/real/%s", folder, own.path, name) < (int)size &&
		origin_take(ret_path, own.path))
		return true;
	for (size_t i = 0; i < sizeof origin_folders / sizeof origin_folders[0]; i++)
		if (snprintf(ret_path, size, "%s/%s", origin_folders[i], name) < (int)size &&
			origin_take(ret_path, own.path))
			return true;
	return false;
}
