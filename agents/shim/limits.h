/* limits: what a container may use, in one small file that the node writes and the container can only read.
 *
 * The file is mapped by every process of the container and by the node. Each value that can change while a container
 * runs is one word, so that a change is one store and nobody ever sees half of it: a resize, a flip of priority or a
 * loan takes effect with the next call. What names the file (magic to devices' uuids, paths) never changes and is under
 * a checksum.
 *
 * Writers (the node, `reeve-node region create`, the fallback without a node) go through the functions below, which
 * keep `gates` true and wake who waits. Shared by agents/shim and agents/node; stands on libc alone.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a container finds `limits` and `books`: right under the root, since what is mounted on cannot be renamed but
 * the folders above it can. */
#define LIMITS_FOLDER  "/.reeve"
#define LIMITS_MAGIC   UINT64_C(0x314d494c56454552)
#define LIMITS_VERSION 1
#define LIMITS_DEVICES 16
#define LIMITS_WHOLE   1000       /* compute_milli: the whole device */
#define LIMITS_NONE    UINT64_MAX /* memory_bytes: as much as there is */

/* limits.flags */
enum {
	LIMITS_LEND = 1, /* idle time of neighbours may be used; else compute_milli is a hard cap */
	LIMITS_OVERSUBSCRIBE =
		2, /* plain allocations over the limit, or over what the device has, become managed memory */
};

/* limits.priority */
enum { LIMITS_HIGH = 0, LIMITS_LOW = 1 };

typedef struct limits_device {
	uint8_t uuid[16];                  /* of the device or MIG instance; zeros: the device with this ordinal */
	_Atomic uint64_t memory_bytes;     /* LIMITS_NONE: no limit */
	_Atomic uint64_t context_bytes;    /* what a context costs here; 0: the shim finds it out */
	_Atomic uint64_t correction_bytes; /* what the node's audit found beyond the books; counts as used */
	_Atomic uint32_t compute_milli;    /* share of device time, 1 to LIMITS_WHOLE */
	_Atomic uint32_t lent_milli;       /* on top of it, while neighbours are idle; only with LIMITS_LEND */
	_Atomic uint32_t hold;             /* not 0: work of high priority is on the device, low priority waits */
	_Atomic uint32_t trim_milli;       /* charge so much for each measured second; 0: the shim finds it out */
	uint8_t rest[72];
} limits_device;

typedef struct limits {
	uint64_t magic;
	uint32_t version;
	uint32_t size_bytes;
	uint64_t checksum;
	uint32_t device_count;
	uint32_t flags;
	char driver_path[256]; /* the real libcuda.so.1 where the shim has taken its name; empty: as the loader finds it
				*/
	char nvml_path[256];   /* likewise libnvidia-ml.so.1 */
	uint8_t rest[32];
	_Atomic uint32_t gates;    /* not 0: launches pass the gate (gate.h) */
	_Atomic uint32_t turn;     /* goes up with every change; what waiters of the gate sleep on */
	_Atomic uint32_t priority; /* LIMITS_HIGH or LIMITS_LOW */
	_Atomic uint32_t watched;  /* not 0: launches pass the gate to be seen, though nothing holds them back */
	uint8_t rest_live[48];
	limits_device devices[LIMITS_DEVICES];
} limits;

/* Fills a fresh file's content: no limit for any of count devices (at most LIMITS_DEVICES). */
void limits_init(limits *l, unsigned count);

/* Computes the checksum anew; after a change of what names the file, before anybody maps it. */
void limits_seal(limits *l);

/* Whether what was mapped, size bytes, is a limits file of this version that nobody has cut or damaged. */
bool limits_valid(const limits *l, size_t size);

/* The setters: each takes effect in all processes that map the file, and wakes those who wait at a gate. */
void limits_set_memory(limits *l, unsigned device, uint64_t bytes);
void limits_set_compute(limits *l, unsigned device, uint32_t milli);
void limits_set_lent(limits *l, unsigned device, uint32_t milli);
void limits_set_hold(limits *l, unsigned device, bool held);
void limits_set_priority(limits *l, uint32_t priority);
void limits_set_watched(limits *l, bool watched);

/* Sleeps until the file changes after `turn` was read, or for at most ns nanoseconds. */
void limits_wait(const limits *l, uint32_t turn, int64_t ns);
