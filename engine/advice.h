/* advice: what would have to change so that a refused placement fits now.
 *
 * Each piece of advice is one change of the request or of what is allowed, all else as asked: "at most 30720 MiB per
 * device", "cluster par-2 allowed", "if quota allowed it". It is found by deciding the changed request on the fleet as
 * it is and taking the decision back, so what it says is true: who applies it gets a place. Amounts are the most that
 * fit; one more does not. Beside it stand the largest free blocks, class by class. For who asks why, not for the
 * decision path: it may take ADVICE_TRIES_MAX decisions.
 */
#pragma once
#include "engine/place.h"

typedef enum advice_kind {
	ADVICE_CLUSTER,    /* handle: a cluster that the request leaves out */
	ADVICE_CLASS,      /* handle: a class that the entry does not list */
	ADVICE_MEMORY_MIB, /* most, per device of the entry */
	ADVICE_MEMORY_PERCENT,
	ADVICE_COMPUTE_MILLI,
	ADVICE_COUNT, /* devices of the entry */
	ADVICE_HOST_CPU_MILLI,
	ADVICE_HOST_MEMORY_MIB,
	ADVICE_REPLICAS, /* of the group, all that must start together */
	ADVICE_QUOTA,    /* capacity is there: only quota stands in the way */
	/* Without that, all else as asked. */
	ADVICE_UUIDS,       /* the devices that the entry names or leaves out */
	ADVICE_NUMA_BIND,   /* of the entry */
	ADVICE_TOPOLOGY,    /* required of the entry: as good as there is */
	ADVICE_SELECTOR,    /* of the group */
	ADVICE_TOLERATIONS, /* all taints tolerated */
	ADVICE_COUNT_OF_KINDS,
} advice_kind;

typedef struct advice {
	advice_kind kind;
	int32_t group, entry; /* FLEET_NONE: not about one */
	int32_t handle;       /* of a cluster or class; FLEET_NONE */
	int64_t most;         /* 0 where the kind has no amount */
} advice;

enum { ADVICES_MAX = 16, ADVICE_TRIES_MAX = 400, ADVICE_CLUSTERS_MAX = 8, ADVICE_CLASSES_MAX = 8 };

typedef struct advices {
	int32_t n;
	bool is_cut; /* more was not looked for: limits were met */
	advice v[ADVICES_MAX];
} advices;

const char *advice_name(advice_kind k); /* "memory_mib" */

/* Advice for an ask that place_find refuses now, sorted by kind, group, entry, handle. None for one that fits. The
 * fleet and q are as before. w is the room that place_find works in; q may be NULL. */
void advise(place *w, fleet *f, quota *q, int32_t tenant, const ask *a, advices *ret);

/* The same with fewer decisions: what was not looked for is told by is_cut. */
void advise_within(place *w, fleet *f, quota *q, int32_t tenant, const ask *a, int32_t tries_max, advices *ret);

/* The most that one request could get of a class now: on one device, and of idle devices on one node. */
typedef struct free_block {
	int32_t class_id;
	int32_t device, node; /* where; FLEET_NONE: nothing is free */
	int64_t memory_mib, compute_milli;
	int32_t idle_devices;
} free_block;

/* One row per class that has devices, by class handle, over clusters and nodes that are open; at most n rows. Returns
 * how many. */
int32_t free_blocks(const fleet *f, free_block *out, int32_t n);
