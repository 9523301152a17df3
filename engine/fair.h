/* fair: who gets the next unit: how a pool is shared out, and the order of those who wait.
 *
 * Shares (fair_split, fair_divide). Everybody first gets min(deserved, request). What is left goes to those who want
 * more, tier by tier, in proportion to P = max(0, W' + k (W' - U')): W' the weight among them, U' what they have used
 * before as a part of what the fleet could give. So k = 0 is plain weights, and a larger k lets who had much lately
 * wait longer. When all with P > 0 have enough, what is left goes to the others by weight, and to those of weight 0
 * last. Whoever has enough leaves the rest to the others; what does not divide evenly goes, one unit each, to the
 * largest remainders. Where more was promised than the pool holds, all promises are cut in proportion.
 *
 * The shares add up to min(pool, all requests) exactly, nobody gets more than request and limit, a larger weight never
 * gets less, and the order of the list does not matter.
 *
 * Order (fair_compare). Among siblings the one with the largest (part of the weights) / (part of the use) goes first;
 * ties are decided one level further down, among all children of those that tie. That is the order of paths from the
 * top, compared level by level. All in integers.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FAIR_WEIGHT_MAX = 1000000, FAIR_PPM = 1000000, FAIR_K_MAX_MILLI = 10000, FAIR_DEPTH_MAX = 10 };
#define FAIR_AMOUNT_MAX ((int64_t)1 << 50) /* of a pool, and of any claim; more is cut to this */
#define FAIR_USE_MAX    ((int64_t)1 << 60)

/* Amounts in any one unit; credits are in thousandths. */
typedef struct fair_claim {
	int64_t key;    /* different for each: the lower gets the unit where remainders are equal */
	int32_t tier;   /* the higher is served first, beyond what is deserved */
	int64_t weight; /* 0 to FAIR_WEIGHT_MAX */
	int64_t deserved, request, limit;
	int64_t used_ppm; /* U' */
	int64_t share;    /* the answer */
} fair_claim;

/* One tenant of a tree; parents stand before their children. The request of one with children is that of its children;
 * what it wants for itself is a child of its own. */
typedef struct fair_node {
	fair_claim claim;
	int32_t parent; /* -1: at the top */
} fair_node;

/* Room to work in. */
typedef struct fair fair;

fair *fair_new(void);
void fair_free(fair *f);

/* Sets the share of each claim. k_milli is 0 to FAIR_K_MAX_MILLI. O(n log n). */
void fair_split(fair *f, fair_claim *claims, uint32_t n, int64_t pool, int64_t k_milli);
/* The same down a tree: the share of a node is the pool of its children. Sets requests of inner nodes too. */
void fair_divide(fair *f, fair_node *nodes, uint32_t n, int64_t pool, int64_t k_milli);

/* One step of a path: a tenant among its siblings. Use is in any one unit, 0 to FAIR_USE_MAX, and that of all siblings
 * together for the sum. */
typedef struct fair_step {
	int64_t weight, sum_weight, use, sum_use;
} fair_step;

typedef struct fair_path {
	fair_step v[FAIR_DEPTH_MAX]; /* from the top */
	int32_t n;
} fair_path;

/* Below 0: a goes first; above 0: b; 0: neither. A path that ends where another goes on goes first. */
int fair_compare(const fair_path *a, const fair_path *b);
