/* lanes: the nodes once more, as columns of numbers, for a look at all of them at once.
 *
 * A group holds the nodes of one cluster whose devices are of one class and one size, so that what a pod takes of a
 * device is one number for all of them; LANES of them make a block, column by column. Nodes on which nothing is booked
 * and which are built alike have a group of their own, while there are few kinds: one look serves them all. The others,
 * of mixed or cut devices, stand in their cluster's odd group, and are looked at one by one.
 *
 * It follows the fleet by its log: O(nodes that changed), of which few change their group. The order of lanes means
 * nothing. Memory is some 60 bytes a node.
 */
#pragma once
#include "engine/fleet.h"

enum {
	LANES = 64,
	LANE_GROUPS_MAX = 512,          /* past these groups new kinds of nodes are odd */
	LANE_PRISTINE_GROUPS_MAX = 256, /* past these untouched nodes stand with the others of their class */
};

typedef enum lane_state {
	LANE_OPEN,
	LANE_EMPTY,   /* no node; its rank is behind all others */
	LANE_CLOSED,  /* it has flags */
	LANE_CROWDED, /* it holds as many pods as it may */
	LANE_TAINTED, /* whether it may be used hangs on the pod */
} lane_state;

typedef struct lane_block {
	int32_t node[LANES], rank[LANES];
	int32_t state[LANES];
	int32_t cpu_milli[LANES], memory_mib[LANES];             /* free on the host */
	int32_t cpu_total_milli[LANES], memory_total_mib[LANES]; /* there */
	int32_t free_milli[LANES];                               /* of all open devices */
	int32_t n_open[LANES], n_idle[LANES];
	/* Over the devices that others use and one more may: the most that is free of each. */
	int32_t shared_milli[LANES], shared_memory_mib[LANES], shared_compute_milli[LANES];
	int32_t most[LANES]; /* room for who looks: fit_bound */
} lane_block;

typedef struct lane_group {
	int32_t cluster;
	int32_t class_id;          /* FLEET_NONE: odd ones */
	int32_t device_memory_mib; /* of each open device */
	bool is_pristine;
	fleet_view like; /* of pristine ones: all look like this */
	uint32_t n;      /* nodes; lanes past them are empty */
	vec(lane_block) blocks;
	int32_t first; /* the node of the lowest rank; FLEET_NONE: not known */
} lane_group;

typedef struct lane_place {
	int32_t group; /* FLEET_NONE: none */
	uint32_t lane;
} lane_place;

typedef struct lanes {
	vec(lane_group) groups;
	vec(lane_place) places; /* by node */
	const fleet *fleet;
	uint64_t log_at;
} lanes;

/* Zeroed is empty. */
void lanes_done(lanes *all);

/* Brings it up to date; after the first time O(what changed). */
void lanes_follow(lanes *all, const fleet *f);

/* The lowest rank's node of a group that has any. */
int32_t lane_first(lane_group *g);

static inline uint32_t lane_blocks(const lane_group *g)
{
	return (g->n + LANES - 1) / LANES;
}
