/* fit: whether one pod fits one node, and with which devices.
 *
 * Both axes, the slots and exclusiveness of a device are looked at together. For a pod with one device entry the answer
 * is exact; for several entries the hardest is served first and, where the wanted device policy leaves no room, the
 * tightest fit is tried, which can miss a mix that fits. Flags of the cluster are the caller's to look at.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fleet.h"
#include "engine/score.h"
#include "engine/why.h"

enum { FIT_SLICES_MAX = ASK_ENTRIES_MAX * ASK_COUNT_MAX };

typedef struct fit_blocked {
	uint64_t bits[FLEET_CLASSES_MAX / 64]; /* classes that must not be used: quota stands in the way */
	int32_t n;
} fit_blocked;

/* The pod of one group, prepared for many nodes. What it points to must outlive it. */
typedef struct fit_need {
	const ask *a;
	const ask_group *group;
	ask_policy node_policy, device_policy;
	const score_tables *tables;
	const fit_blocked *blocked; /* NULL: none */
	bool is_simple;             /* one entry of amounts, and it names no device and ties none together */
	bool is_common; /* simple or without devices, and nodes that are built alike are alike to it whatever their
			   labels and links */
	int32_t order[ASK_ENTRIES_MAX]; /* entries, hardest first */
} fit_need;

/* The devices for one pod. */
typedef struct fit_choice {
	int32_t class_rank; /* how far down the class lists it lies; 0: first choices only */
	int32_t n;
	int64_t device_milli;
	score_slice v[FIT_SLICES_MAX];
} fit_choice;

typedef struct fit_miss {
	why_code code;
	int32_t class_id; /* FLEET_NONE: any */
	axis axis;        /* of a device code */
	int64_t need, free;
} fit_miss;

/* tables may be NULL where neither policy asks for any. */
void fit_prepare(fit_need *need, const ask *a, const ask_group *g, const score_tables *tables);
void fit_block(fit_blocked *b, int32_t class_id);

/* Memory and compute that `e` books on device d, by the rules of absence. */
int64_t fit_memory_mib(const ask_entry *e, int64_t device_memory_mib);
int64_t fit_compute_milli(const ask_entry *e, const fleet_class *c);

/* Whether the pod fits the node now. True gives the devices; false the first reason. */
bool fit_choose(const fleet *f, const fit_need *need, int32_t node, fit_choice *ret_choice, why_code *ret_code);

/* How good the node is: fit_choose and the policy for nodes in one number. At least 0: it fits, and more is better; a
 * better class choice counts more than any score. Below 0: fit_rate_code says why not. FIT_NO_NODE: an unused handle.
 */
int32_t fit_rate(const fleet *f, const fit_need *need, int32_t node);
#define FIT_NO_NODE INT32_MIN

/* What a group of nodes has in common for the pod, so that many can be passed over without a look at their devices. */
typedef struct fit_bounds {
	const fleet *f;
	const fit_need *need;
	bool tells;      /* false: each node needs a look */
	int32_t refusal; /* below 0: what all of the group rate */
	int32_t refusal_by_devices, least_idle;
	int32_t above; /* what is added to a score */
	const score_policy *policy;
	bool is_prepared; /* `many` is as the policy left it for the group before */
	score_many many;
} fit_bounds;

/* For one pod; then for each group before its blocks. */
void fit_bounds_init(fit_bounds *b, const fleet *f, const fit_need *need);
/* Whether the pod's policy takes part, so that bounds tell apart nodes that have room. */
bool fit_bounds_by_policy(const fit_need *need);
void fit_bounds_begin(fit_bounds *b, const lane_group *g);
/* Writes to `most` of every lane what its node can rate at most; below 0 it is what it rates. Returns the highest. */
int32_t fit_bound(const fit_bounds *b, lane_block *l);
#define FIT_NOT_TOLD INT32_MAX

/* The same in two steps, for who keeps the first: a rating without what moves with the fleet as a whole, and its tag.
 */
int32_t fit_rate_unsettled(const fleet *f, const fit_need *need, int32_t node, uint32_t *ret_tag);
int32_t fit_settle(const fit_need *need, int32_t unsettled, uint32_t tag);
void fit_settle_all(const fit_need *need, int32_t n, const int32_t *unsettled, const uint32_t *tags, int32_t *ret);
/* Whether the second step does anything. */
bool fit_settles(const fit_need *need);

static inline why_code fit_rate_code(int32_t rating)
{
	return (why_code)(-1 - rating);
}

/* Why a pod that does not fit the node does not, with numbers. */
void fit_explain(const fleet *f, const fit_need *need, int32_t node, fit_miss *ret_miss);

/* Adds the pod, with its devices, to p: the node must fit. */
void fit_pick(const fleet *f, const fit_need *need, int32_t node, int32_t group, int32_t index, plan *p);

/* The agent's second look: whether a plan made elsewhere fits the live state: nothing closed, nothing above capacity.
 * False writes the first reason, with the node and class it is about. The fleet is as before in both cases. */
bool fit_plan(fleet *f, const plan *p, blocker *ret_blocker);
