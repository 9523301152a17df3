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
	char path[300];
	char target[PATH_MAX];
	int found = -1;
	snprintf(path, sizeof path, "/proc/%.20s/fd", process);
	DIR *list = opendir(path);
	if (!list)
		return -1;
	const struct dirent *entry;
	while (found < 0 && (entry = readdir(list))) {
		if (!deleted_number(entry->d_name))
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", process, entry->d_name);
		ssize_t n = readlink(path, target, sizeof target - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		if (strcmp(target, wanted) == 0)
			found = open(path, flags | O_CLOEXEC);
	}
	closedir(list);
	return found;
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
