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
