/* score: which of the nodes and devices that fit is the better one. Higher wins; equals go to the lowest rank or index.
 *
 * A policy is a row of functions. Ratings are whole numbers on a coarse scale on purpose: equal ratings fall to the
 * lowest rank, which fills nodes one after another and keeps empty ones whole. A finer scale packs measurably worse.
 * The devices of a node are chosen first, by the policy for devices; then the node is rated with them.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fleet.h"
#include "engine/lanes.h"

enum { SCORE_MAX = 100, SCORE_LIMIT = 1 << 24 }; /* ratings of nodes: 0 to SCORE_LIMIT - 1 */
enum { SCORE_PRICE_MAX = 1 << 30 };

/* One device chosen for one entry of a pod. */
typedef struct score_slice {
	int32_t cell; /* of the fleet */
	int32_t memory_mib, compute_milli;
	int16_t milli; /* dominant share, 0 to 1000 */
	int16_t loss;  /* of an instance: what later ones lose by it (engine/geometry_choose.h), 1000 a profile */
	int8_t entry;
	int8_t profile, start; /* of an instance, as in a plan */
} score_slice;

struct reference;
struct fragmentation;

/* What policies know beside the fleet. Whoever changes it counts `epoch` up: ratings that were kept are then stale. */
typedef struct score_tables {
	uint64_t epoch;
	uint64_t moves;                            /* counted up when what settle adds has changed */
	struct reference *reference;               /* of POLICY_REFERENCE */
	const struct fragmentation *fragmentation; /* of POLICY_FRAGMENTATION */
	const int64_t *prices; /* of POLICY_COST: by class, of a thousandth of a device; 0 to SCORE_PRICE_MAX */
	int32_t n_prices;      /* classes past these cost nothing */
} score_tables;

/* A pod on a node that it fits. */
typedef struct score_case {
	const fleet *f;
	const score_tables *tables;
	const ask *a;
	const ask_group *group;
	const fleet_view *view;
	int32_t node;
	int32_t n_slices;
	const score_slice *slices; /* chosen so far; for a node: all of them */
	int64_t device_milli;      /* their sum */
	const void *prepared;      /* what the device policy made of the case before it looks at devices */
} score_case;

/* A pod beside many nodes, whose devices are of one class and one size; or one without devices. */
typedef struct score_many {
	const score_tables *tables;
	int32_t class_id;
	int32_t host_cpu_milli, host_memory_mib;
	int32_t count, milli;                            /* devices, and what is taken of each */
	int32_t memory_mib, compute_milli;               /* that must be free on one that others use */
	int32_t least_milli;                             /* and what its residue then is at least */
	float prices[SHARE_WHOLE_MILLI + 1], idle_price; /* the policy's */
} score_many;

typedef struct score_policy {
	const char *name;
	/* Any int64: `cell` is a device as it stands with the slices chosen before it, `slice` what it would take. */
	int64_t (*device)(const score_case *c, const fleet_cell *cell, const score_slice *slice);
	int32_t (*node)(const score_case *c); /* 0 to `most`, or to SCORE_MAX where that is 0 */
	/* NULL, or what is the same for all devices of a node: the case's `prepared`. */
	const void *(*prepare)(const score_case *c);
	/* Both NULL, or: part of the score moves with the fleet as a whole, alike for all nodes of one tag. `unsettled`
	 * gives the rest, below SCORE_LIMIT, and the tag; settle the whole score, for n ratings at once. What a rating
	 * holds above the score, and ratings below 0, it leaves as they are. `node` does both. */
	int32_t (*unsettled)(const score_case *c, uint32_t *ret_tag);
	void (*settle)(const score_tables *t, int32_t n, const int32_t *ratings, const uint32_t *tags, int32_t *ret);
	/* Both NULL, or: no less than `node` gives once the devices are chosen, for every lane of a block, and what is
	 * the same for all of equal count, milli and least_milli before. Of a lane that can not take the pod it says
	 * anything. */
	void (*bound_prepare)(score_many *m);
	void (*bound)(const score_many *m, const lane_block *b, int32_t ret[LANES]);
	int32_t most;
	/* Beside other policies, weighed, this part of the scale is 0 to SCORE_MAX, and what is past its ends is as its
	 * ends. Both 0: all of it. */
	int32_t weighed_from, weighed_to;
	bool is_linked; /* of devices: sets are chosen by their links */
	bool is_hami;   /* devices and instances are chosen in HAMi's order, by HAMi's rules */
} score_policy;

extern const score_policy score_policies[POLICY_COUNT];
/* A node by the weights of the ask, of which there are some: their sum, each of its policy's score from 0 to SCORE_MAX.
 */
int32_t score_of_node(const score_case *c);
/* POLICY_COUNT when there is none of that name. */
ask_policy score_policy_named(str name);
