/* fit: whether one pod fits one node, and with which devices.
 *
 * Both axes, the slots and exclusiveness of a device are looked at together. For a pod with one device entry the answer
 * is exact; for several entries the hardest is served first and, where the wanted device policy leaves no room, the
 * tightest fit is tried, which can miss a mix that fits. Flags of the cluster are the caller's to look at.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fleet.h"
#include "engine/why.h"

enum { FIT_PICKS_MAX = ASK_ENTRIES_MAX * ASK_COUNT_MAX };

typedef struct fit_blocked {
	uint64_t bits[FLEET_CLASSES_MAX / 64]; /* classes that must not be used: quota stands in the way */
	int32_t n;
} fit_blocked;

/* The pod of one group, prepared for many nodes of one cluster. */
typedef struct fit_need {
	const ask_group *group;
	ask_policy device_policy;
	const fit_blocked *blocked;     /* NULL: none */
	int32_t order[ASK_ENTRIES_MAX]; /* entries, hardest first */
} fit_need;

typedef struct fit_miss {
	why_code code;
	int32_t class_id; /* FLEET_NONE: any */
	axis axis;        /* of a device code */
	int64_t need, free;
} fit_miss;

void fit_prepare(fit_need *need, const ask_group *g, ask_policy device_policy);
void fit_block(fit_blocked *b, int32_t class_id);

/* Memory and compute that `e` books on device d, by the rules of absence. */
int64_t fit_memory_mib(const ask_entry *e, const fleet_device *d);
int64_t fit_compute_milli(const ask_entry *e, const fleet_class *c);

/* Whether the pod fits the node now. True gives how far down the class lists the choice lies (0: first choices only)
 * and the device_milli it will take; false gives the first reason. */
bool fit_node(const fleet *f, const fit_need *need, int32_t node, int32_t *ret_class_rank, int64_t *ret_milli,
	fit_miss *ret_miss);

/* Adds the pod, with its devices, to p: the node must fit. */
void fit_pick(const fleet *f, const fit_need *need, int32_t node, int32_t group, int32_t index, plan *p);

/* The agent's second look: whether a plan made elsewhere fits the live state: nothing closed, nothing above capacity.
 * False writes the first reason, with the node and class it is about. The fleet is as before in both cases. */
bool fit_plan(fleet *f, const plan *p, blocker *ret_blocker);
