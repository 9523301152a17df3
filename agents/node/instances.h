/* instances: the instances of cut devices that this node has made for allocations, and has yet to remove.
 *
 * Each is written down before anything is done and after it was done (a file of the state folder), so that whatever
 * ends the daemon, the next one knows what it may find: what was being made or removed is removed, what was made stays
 * with its allocation, and what stood there before is left alone (instance.h). One change at a time is under way, in a
 * process of its own with a deadline; one that fails is told to who asks, and removing is tried again for as long as
 * the device refuses it, since a program may still run there.
 */
#pragma once
#include "agents/node/allocation.h"
#include "agents/node/inventory.h"
#include "net/loop.h"

enum {
	INSTANCES_MAX = 512,
	INSTANCE_TEXT_MAX = 96,
	INSTANCES_AGAIN_MS = 5000, /* until removing is tried again */
};

typedef struct instances instances;

typedef struct instances_config {
	loop *loop;
	const char *state_dir; /* copied, as is what follows */
	const char *program;   /* reeve-node: its word is run */
	const char *word;      /* "instance" (also NULL), or "vnpu" (vnpu.h); also begins the names of the files */
	const char *nvml;      /* for "vnpu": npu-smi */
	const char *boot;      /* of the machine: with it all instances go. NULL: not told, or they stay */
	int64_t timeout_ms;    /* of one change */
	int64_t again_ms;      /* 0: INSTANCES_AGAIN_MS */
	void (*on_change)(void *arg); /* something is ready, or has failed */
	void *arg;
} instances_config;

typedef struct instances_want {
	str allocation, uuid, profile; /* uuid: of the device that is cut */
	int32_t start;
} instances_want;

typedef struct instance_found {
	char uuid[INSTANCE_TEXT_MAX]; /* "MIG-..." */
	int64_t gpu_instance, compute_instance;
} instance_found;

/* ERR_IO, ERR_BAD_FIELD: what was written down cannot be read. */
err instances_open(const instances_config *c, instances **ret, fault *f) MUST_CHECK;
void instances_close(instances *all); /* NULL-safe; what is under way goes on without us, and is known to the next */

/* The instance for an allocation. ERR_UNAVAILABLE: it is being made, or what stood on its device is being removed
 * first; ask again after on_change. ERR_CONFLICT: it cannot
 * be made (the fault says why); asked again, it is tried again. */
err instances_get(instances *all, const instances_want *w, instance_found *ret, fault *f) MUST_CHECK;
/* The allocation has ended: its instances go. */
void instances_release(instances *all, str of);
/* Those of allocations that are not used go: after a start, and of what was asked for and never given. */
void instances_sweep(instances *all, bool (*is_used)(void *arg, str of), void *arg);
/* What stands on a device, after each look at all of it: one of ours that is twice not among it is gone (somebody has
 * removed it, or cut the device anew), and is made again for who asks. A look that did not come to its end says
 * nothing.
 */
void instances_seen(instances *all, const card *c);
/* How many there are, in whatever state. */
uint32_t instances_count(const instances *all);
