#include "shim/limits.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(limits_device) == 128, "the layout is shared between versions");
_Static_assert(offsetof(limits, gates) == 576, "the layout is shared between versions");
_Static_assert(offsetof(limits, devices) == 640, "the layout is shared between versions");

/* FNV-1a over what never changes: a torn or foreign file, not an enemy; the file is the node's alone. */
static uint64_t limits_sum(const limits *l)
{
	limits named;
	memcpy(&named, l, offsetof(limits, gates));
	named.checksum = 0;
	const unsigned char *at = (const unsigned char *)&named;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < offsetof(limits, gates); i++)
		sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
	for (unsigned d = 0; d < LIMITS_DEVICES; d++)
		for (size_t i = 0; i < sizeof l->devices[d].uuid; i++)
			sum = (sum ^ l->devices[d].uuid[i]) * UINT64_C(0x100000001b3);
	return sum;
}

void limits_init(limits *l, unsigned count)
{
	memset(l, 0, sizeof *l);
	l->magic = LIMITS_MAGIC;
	l->version = LIMITS_VERSION;
	l->size_bytes = sizeof *l;
	l->device_count = count;
	for (unsigned d = 0; d < LIMITS_DEVICES; d++) {
		atomic_init(&l->devices[d].memory_bytes, LIMITS_NONE);
		atomic_init(&l->devices[d].compute_milli, LIMITS_WHOLE);
	}
	limits_seal(l);
}

void limits_seal(limits *l)
{
	l->checksum = limits_sum(l);
}

bool limits_valid(const limits *l, size_t size)
{
	return size >= sizeof *l && l->magic == LIMITS_MAGIC && l->version == LIMITS_VERSION &&
	       l->size_bytes >= sizeof *l && l->device_count >= 1 && l->device_count <= LIMITS_DEVICES &&
	       l->checksum == limits_sum(l);
}

static void limits_changed(limits *l)
{
	bool gated = atomic_load(&l->priority) != LIMITS_HIGH || atomic_load(&l->watched);
	for (unsigned d = 0; d < l->device_count; d++)
		gated |= atomic_load(&l->devices[d].compute_milli) < LIMITS_WHOLE;
	atomic_store(&l->gates, gated);
	atomic_fetch_add(&l->turn, 1);
	syscall(SYS_futex, &l->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void limits_set_memory(limits *l, unsigned device, uint64_t bytes)
{
	atomic_store(&l->devices[device].memory_bytes, bytes);
	limits_changed(l);
}

void limits_set_compute(limits *l, unsigned device, uint32_t milli)
{
	atomic_store(&l->devices[device].compute_milli, milli < 1 ? 1 : milli > LIMITS_WHOLE ? LIMITS_WHOLE : milli);
	limits_changed(l);
}

void limits_set_lent(limits *l, unsigned device, uint32_t milli)
{
	atomic_store(&l->devices[device].lent_milli, milli);
	limits_changed(l);
}

void limits_set_hold(limits *l, unsigned device, bool held)
{
	atomic_store(&l->devices[device].hold, held);
	limits_changed(l);
}

void limits_set_priority(limits *l, uint32_t priority)
{
	atomic_store(&l->priority, priority);
	limits_changed(l);
}

void limits_set_watched(limits *l, bool watched)
{
	atomic_store(&l->watched, watched);
	limits_changed(l);
}

void limits_wait(const limits *l, uint32_t turn, int64_t ns)
{
	struct timespec span = {ns / 1000000000, ns % 1000000000};
	syscall(SYS_futex, &l->turn, FUTEX_WAIT, turn, &span, NULL, 0);
}
