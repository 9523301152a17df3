#include "shim/deleted.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool deleted_number(const char *name)
{
	return name[0] >= '0' && name[0] <= '9';
}

static int deleted_in(const char *process, const char *wanted, int flags)
{
	char path[64];
	char target[PATH_MAX];
	for (int fd = DELETED_FIRST; fd < DELETED_FIRST + DELETED_COUNT; fd++) {
		snprintf(path, sizeof path, "/proc/%.20s/fd/%d", process, fd);
		ssize_t n = readlink(path, target, sizeof target - 1);
		if (n <= 0)
			return -1;
		target[n] = 0;
		if (strcmp(target, wanted) == 0)
			return open(path, flags | O_CLOEXEC);
	}
	return -1;
}

static bool deleted_holds(const char *process, const look *file)
{
	char path[64];
	look at;
	for (int fd = DELETED_FIRST; fd < DELETED_FIRST + DELETED_COUNT; fd++) {
		snprintf(path, sizeof path, "/proc/%.20s/fd/%d", process, fd);
		if (!look_at(path, &at))
			return false;
		if (at.inode == file->inode && at.device == file->device)
			return true;
	}
	return false;
}

bool deleted_is_held(const look *file)
{
	bool held = false;
	DIR *list = opendir("/proc");
	if (!list)
		return true;
	const struct dirent *entry;
	while (!held && (entry = readdir(list)))
		held = deleted_number(entry->d_name) && deleted_holds(entry->d_name, file);
	closedir(list);
	return held;
}

int deleted_open(const char *path, int flags)
{
	char wanted[PATH_MAX];
	int found = -1;
	if ((size_t)snprintf(wanted, sizeof wanted, "%s (deleted)", path) >= sizeof wanted)
		return -1;
	DIR *list = opendir("/proc");
	if (!list)
		return -1;
	const struct dirent *entry;
	while (found < 0 && (entry = readdir(list)))
		if (deleted_number(entry->d_name))
			found = deleted_in(entry->d_name, wanted, flags);
	closedir(list);
	return found;
}
