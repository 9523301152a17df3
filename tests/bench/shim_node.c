/* shim_node FOLDER...: settles the shares of a device once a millisecond, as the node does, until it is killed. Each
 * folder is one container's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "shim/lend.h"

#define SHARES 64

static void *map(const char *folder, const char *name, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDWR);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || at == MAP_FAILED)
		exit(1);
	return at;
}

int main(int argc, char **argv)
{
	static lend_share list[SHARES];
	unsigned count = 0;
	for (int i = 1; i < argc && count < SHARES; i++)
		list[count++] =
			(lend_share){map(argv[i], "limits", sizeof(limits)), map(argv[i], "books", sizeof(books)), 0};
	for (;;) {
		struct timespec now, nap = {0, 1000000};
		clock_gettime(CLOCK_MONOTONIC, &now);
		lend_settle(list, count, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
		nanosleep(&nap, NULL);
	}
}
