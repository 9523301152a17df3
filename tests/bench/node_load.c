/* node_load STATE make DEVICES SHARES                   allocations, so many on each device, that lend and borrow
 * node_load STATE work DEVICES SHARES ACTIVE SECONDS    a process in each of them; the first ACTIVE of a device launch
 * all the time
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agents/node/allocation.h"
#include "base/clock.h"
#include "shim/alive.h"

enum { BOOKS_MAX = 1024, LAUNCH_EVERY_MS = 5, FLIPS = 300 };

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

/* A program that is held: it sleeps on its limits and notes when it saw each flip. */
static void wait_for_flips(const limits *l, _Atomic int64_t *seen_ns)
{
	uint32_t priority = atomic_load(&l->priority);

	for (;;) {
		uint32_t turn = atomic_load(&l->turn);
		if (atomic_load(&l->priority) != priority) {
			priority = atomic_load(&l->priority);
			atomic_store(seen_ns, clock_mono_ns());
		} else {
			limits_wait(l, turn, INT64_C(1000000000));
		}
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t flip_us(allocations *all, const allocation *of, _Atomic int64_t *seen_ns)
{
	share s = of->share;
	fault f;

	s.is_low = !s.is_low;
	atomic_store(seen_ns, 0);
	int64_t begun_ns = clock_mono_ns();
	if (allocation_change(all, str_from(of->id), &s, &f))
		exit(1);
	while (!atomic_load(seen_ns))
		clock_sleep_ms(1);
	clock_sleep_ms(2);
	return (atomic_load(seen_ns) - begun_ns) / 1000;
}

static int flip(const char *state)
{
	static int64_t us[FLIPS];
	allocations *all;
	const allocation *of;
	fault f;
	allocation_ask ask = {.id = "flip", .share = {.devices = {{NULL, 8000, 100}}, .n = 1}};
	_Atomic int64_t *seen_ns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (seen_ns == MAP_FAILED || allocations_open(state, NULL, NULL, &all, &f) ||
		allocation_make(all, &ask, &of, &f))
		return 1;
	pid_t child = fork();
	if (child == 0)
		wait_for_flips(of->lot.limits, seen_ns);
	clock_sleep_ms(100);
	for (int i = 0; i < FLIPS; i++)
		us[i] = flip_us(all, of, seen_ns);
	kill(child, SIGKILL);
	qsort(us, FLIPS, sizeof(*us), by_size);
	printf("%lld %lld\n", (long long)us[FLIPS / 2], (long long)us[FLIPS - FLIPS / 100 - 1]);
	return 0;
}

int main(int argc, char **argv)
{
	long n[4] = {0};

	for (int i = 3; i < argc && i < 7; i++)
		n[i - 3] = strtol(argv[i], NULL, 10);
	if (argc == 3)
		return flip(argv[1]);
	if (argc == 5)
		return make(argv[1], n[0], n[1]);
	if (argc == 7)
		return work(argv[1], n[0], n[1], n[2], n[3]);
	return 2;
}
