#include "shim/beside.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/books.h"
#include "shim/deleted.h"
#include "shim/limits.h"
#include "shim/look.h"

typedef struct beside_search {
	look mounts, numbers; /* of this process: the namespaces that a container is */
	look limits;          /* of what was found */
	bool is_found, is_torn;
	beside found;
} beside_search;

static bool beside_same(const look *a, const look *b)
{
	return a->inode == b->inode && a->device == b->device;
}

static bool beside_shares(const char *process, const char *kind, const look *own)
{
	char path[64];
	look at;
	snprintf(path, sizeof path, "/proc/%.20s/ns/%s", process, kind);
	return look_at(path, &at) && beside_same(&at, own);
}

/* The first eight bytes of what a descriptor stands for; 0: nothing that can be read. */
static uint64_t beside_magic(const char *path)
{
	uint64_t magic = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	if (pread(fd, &magic, sizeof magic, 0) != (ssize_t)sizeof magic)
		magic = 0;
	close(fd);
	return magic;
}

/* Descriptors are taken in turn from the first, so that the first that is not there is behind the last. */
static bool beside_descriptors(const char *process, beside *ret)
{
	char path[64];
	char target[2];
	*ret = (beside){0};
	for (int fd = DELETED_FIRST; fd < DELETED_FIRST + DELETED_COUNT; fd++) {
		snprintf(path, sizeof path, "/proc/%.20s/fd/%d", process, fd);
		if (readlink(path, target, sizeof target) < 0)
			break;
		uint64_t magic = beside_magic(path);
		if (magic == LIMITS_MAGIC)
			memcpy(ret->limits, path, sizeof path);
		if (magic == BOOKS_MAGIC)
			memcpy(ret->books, path, sizeof path);
	}
	if (ret->limits[0] && !ret->books[0])
		memcpy(ret->books, ret->limits, sizeof ret->books);
	return ret->limits[0];
}

static void beside_visit(beside_search *search, const char *process)
{
	beside one;
	look at;
	if (!beside_shares(process, "mnt", &search->mounts) || !beside_shares(process, "pid", &search->numbers) ||
		!beside_descriptors(process, &one) || !look_at(one.limits, &at))
		return;
	search->is_torn |= search->is_found && !beside_same(&at, &search->limits);
	search->is_found = true;
	search->limits = at;
	search->found = one;
}

bool beside_find(beside *ret)
{
	beside_search search = {0};
	if (!look_at("/proc/self/ns/mnt", &search.mounts) || !look_at("/proc/self/ns/pid", &search.numbers))
		return false;
	DIR *list = opendir("/proc");
	if (!list)
		return false;
	const struct dirent *entry;
	while ((entry = readdir(list)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			beside_visit(&search, entry->d_name);
	closedir(list);
	*ret = search.found;
	return search.is_found && !search.is_torn;
}
