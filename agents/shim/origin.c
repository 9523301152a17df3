#include "shim/origin.h"

#include <dirent.h>
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

typedef struct origin_search {
	const char *name;
	origin_own own;
	char *path;
	size_t size;
} origin_search;

/* A file called `file` in the first n bytes of folder. */
static bool origin_in(const origin_search *s, const char *folder, size_t n, const char *file)
{
	return snprintf(s->path, s->size, "%.*s/%s", (int)n, folder, file) < (int)s->size &&
	       origin_take(s->path, s->own.path);
}

/* Whether a file of a driver is called so: by its name and more, or by its version in place of the name's last part. */
static bool origin_named_like(const char *file, const char *name)
{
	size_t stem = (size_t)(strrchr(name, '.') - name) + 1; /* "libcuda.so." */
	size_t n = strlen(name);
	if (strncmp(file, name, n) == 0)
		return file[n] == '.';
	return strncmp(file, name, stem) == 0 && file[stem] >= '0' && file[stem] <= '9' && strchr(file + stem, '.');
}

/* What was moved aside for us, in our own folder. */
static bool origin_aside(const origin_search *s, size_t folder)
{
	char own[ORIGIN_PATH_BYTES];
	bool found = false;
	snprintf(own, sizeof own, "%.*s", (int)folder, s->own.path);
	DIR *list = folder ? opendir(own) : NULL;
	if (!list)
		return false;
	const struct dirent *entry;
	while (!found && (entry = readdir(list)))
		found = origin_named_like(entry->d_name, s->name) && origin_in(s, own, folder, entry->d_name);
	closedir(list);
	return found;
}

/* Behind us on the way that the loader searched. */
static bool origin_on_path(const origin_search *s)
{
	look at;
	const char *list = getenv("LD_LIBRARY_PATH");
	if (!list || look_at(region_mount, &at))
		return false;
	while (*list) {
		size_t n = strcspn(list, ":;");
		if (n > 0 && origin_in(s, list, n, s->name))
			return true;
		list += n + (list[n] != 0);
	}
	return false;
}

bool origin_find(const char *name, char *ret_path, size_t size)
{
	origin_search s = {.name = name, .own = {.address = (uintptr_t)&origin_visit}, .path = ret_path, .size = size};
	char aside[64];
	dl_iterate_phdr(origin_visit, &s.own);
	if (origin_named(name, ret_path, size) && origin_take(ret_path, s.own.path))
		return true;
	const char *slash = strrchr(s.own.path, '/');
	size_t folder = slash ? (size_t)(slash - s.own.path) : 0;
	snprintf(aside, sizeof aside, "real/%s", name);
	if (origin_in(&s, s.own.path, folder, aside) || origin_aside(&s, folder) || origin_on_path(&s))
		return true;
	for (size_t i = 0; i < sizeof origin_folders / sizeof origin_folders[0]; i++)
		if (origin_in(&s, origin_folders[i], strlen(origin_folders[i]), name))
			return true;
	return false;
}
