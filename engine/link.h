/* link: which devices of a node belong together, and the best set of them.
 *
 * A topology is data: a symmetric matrix of pair weights, a NUMA node and a group per device. Weights of what a pair is
 * linked by are summed (LINK_*: HAMi's pair scores); whoever knows more ways of being close (one network, one wing, one
 * board) adds to the weights of those pairs. Groups are what may only be given whole (modules of two dies) or not be
 * left (a wing), as the request's rule says. Nothing here knows a vendor.
 *
 * Nodes that are built alike share one topology. Choices are exact up to LINK_EXACT_MAX units (devices, or whole
 * groups) that may serve, at most 24,310 partial sets; beyond that greedy from every unit with swaps, at most
 * LINK_SWAPS_MAX of them. Nothing allocates; results depend on the arguments alone.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	LINK_NONE = -1,
	LINK_DEVICES_MAX = 64,
	LINK_EXACT_MAX = 16,
	LINK_SWAPS_MAX = 256,
	LINK_WEIGHT_MAX = 4095,
	LINK_COST_MAX = 255,
	LINK_SCORE_CROSS_CPU = 10,
	LINK_SCORE_SAME_CPU = 20,
	LINK_SCORE_HOST_BRIDGE = 30,
	LINK_SCORE_MULTI_SWITCH = 40,
	LINK_SCORE_SINGLE_SWITCH = 50,
	LINK_SCORE_SAME_BOARD = 60,
	LINK_SCORE_NVLINK = 100 /* each */
};

typedef struct topology {
	int32_t n;              /* devices, 1 to LINK_DEVICES_MAX; device i is bit i of a set */
	const uint16_t *weight; /* n x n, symmetric, 0 to LINK_WEIGHT_MAX; the diagonal is not read */
	const int16_t *numa;    /* NULL: all alike. Equal numbers are one node, LINK_NONE too */
	const int16_t *group;   /* NULL: every device for itself; so is one with LINK_NONE */
} topology;

/* Makes a reported n x n matrix one that can be worked with: a pair whose two ends tell different weights gets 0 (as
 * with HAMi), more than LINK_WEIGHT_MAX becomes that. Returns how many pairs differed. */
int32_t link_settle(uint16_t *weight, int32_t n);

typedef enum link_goal {
	LINK_MOST,  /* largest sum of pair weights */
	LINK_WORST, /* largest weight of the weakest pair, then largest sum */
} link_goal;

typedef enum link_bind {
	LINK_ANYWHERE,
	LINK_ONE_NUMA,  /* all devices on one NUMA node */
	LINK_ONE_GROUP, /* all devices in one group */
} link_bind;

typedef struct link_ask {
	int32_t count; /* devices, >= 1 */
	link_goal goal;
	link_bind bind;
	int32_t whole_groups; /* 0 or 1: single devices; m: only whole groups, and those of exactly m devices */
	uint64_t counts;      /* bit c - 1: c devices may be asked; 0: any count */
	int32_t count_min;    /* fewer are raised to this */
	bool is_selfish;      /* no regard for the devices that are left: HAMi's way for two and more */
	const uint16_t *cost; /* per device, 0 to LINK_COST_MAX (a rank will do), or NULL */
} link_ask;

/* How many devices are given to who asks for want->count: raised to count_min; 0 where the rule allows no such count.
 */
int32_t link_count(const link_ask *want);

/* The best set of link_count devices out of `free`. Of equally good sets the one that leaves the most weight between
 * the other free devices (one device alone: the worst connected); of those the cheapest; of those the lowest devices.
 * False: no set. */
bool link_choose(const topology *t, uint64_t free, const link_ask *want, uint64_t *ret_set);

/* Sum of the pair weights of a set, and its weakest pair (LINK_WEIGHT_MAX where there is none). */
int64_t link_weight(const topology *t, uint64_t set);
int32_t link_weakest(const topology *t, uint64_t set);

/* HAMi's way with numa-bind, for equality: devices are taken in the order given (n of them), and one of another NUMA
 * node than the one before it drops all that was taken. `fits` are those that can serve; the others still drop. */
typedef struct link_walk {
	uint64_t set;
	int32_t n_dropped; /* each counted NumaNotFit */
} link_walk;
bool link_walk_numa(
	const topology *t, const int32_t *order, int32_t n, uint64_t fits, int32_t count, link_walk *ret_walk);

/* The order in which HAMi tries devices: best score first, ties to the higher NUMA node, then to the lower device; with
 * is_numa_first the devices of a NUMA node stand together, nodes in the order of their number, highest first. */
void link_order_hami(const topology *t, const int64_t *score, bool is_numa_first, int32_t *order);
