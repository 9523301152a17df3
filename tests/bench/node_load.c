/* node_load STATE make DEVICES SHARES                   allocations, so many on each device, that lend and borrow
 * node_load STATE work DEVICES SHARES ACTIVE SECONDS    a process in each of them; the first ACTIVE of a device launch
 * all the time
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agents/node/allocation.h"
#include "base/clock.h"
#include "shim/alive.h"

enum { BOOKS_MAX = 1024, LAUNCH_EVERY_MS = 5 };

static void names(char id[64], char uuid[64], long device, long n)
{
	snprintf(id, 64, "pod-%ld-%ld", device, n);
	snprintf(uuid, 64, "GPU-%08lx-0000-0000-0000-000000000000", device);
}

static int make(const char *state, long devices, long shares)
{
	char id[64], uuid[64];
	allocations *all;
	const allocation *of;
	fault f = {0};
	err e = allocations_open(state, NULL, NULL, &all, &f);

	for (long i = 0; i < devices * shares && !e; i++) {
		names(id, uuid, i / shares, i % shares);
		allocation_ask ask = {
			.id = id,
			.owner = {.pod = str_from(id), .namespace = S("bench"), .container = S("main")},
			.share = {.devices = {{uuid, 8000, 100}}, .n = 1, .may_borrow = true},
		};
		e = allocation_make(all, &ask, &of, &f);
	}
	if (e)
		fprintf(stderr, "%s: %s\n", f.pointer, f.detail);
	return e != ERR_OK;
}

static books *mapped(const char *state, const char *id)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/allocations/%s/books", state, id);
	int fd = open(path, O_RDWR);
	books *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || b == MAP_FAILED)
		exit(1);
	close(fd);
	return b;
}

static int work(const char *state, long devices, long shares, long active, long seconds)
{
	static books_slot *slots[BOOKS_MAX];
	char id[64], uuid[64];
	int64_t until_us = clock_mono_us() + seconds * 1000000;

	for (long i = 0; i < devices * shares && i < BOOKS_MAX; i++) {
		names(id, uuid, i / shares, i % shares);
		slots[i] = books_join(mapped(state, id), alive_self(), alive_space());
	}
	while (clock_mono_us() < until_us) {
		for (long i = 0; i < devices * shares && i < BOOKS_MAX; i++)
			if (i % shares < active)
				atomic_store(&slots[i]->launched_at_ns, (uint64_t)clock_mono_ns());
		clock_sleep_ms(LAUNCH_EVERY_MS);
	}
	return 0;
}

int main(int argc, char **argv)
{
	long n[4] = {0};

	for (int i = 3; i < argc && i < 7; i++)
		n[i - 3] = strtol(argv[i], NULL, 10);
	if (argc == 5)
		return make(argv[1], n[0], n[1]);
	if (argc == 7)
		return work(argv[1], n[0], n[1], n[2], n[3]);
	return 2;
}
