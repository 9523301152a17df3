/* defrag: which running pods to move where, so that more fits.
 *
 * Moves are done one after the other, each one as: book the new place, start there, free the old place. So at no moment
 * is a device above its capacity, and every move stands on those before it. A pod keeps its class and its amounts, and
 * with them its charge: quota does not change; pods with instances stay, unless what they asked is known. Only pods
 * that are movable move, within their cluster. All is computed on a trial of the fleet, which is as before afterwards;
 * work is counted and ends at a limit.
 */
#pragma once
#include "engine/place.h"
#include "engine/running.h"

enum {
	DEFRAG_LOOKS = 2000000,    /* at one device or pod each, of a sweep */
	DEFRAG_ASK_LOOKS = 400000, /* the same, for one refused ask */
	DEFRAG_TRIES = 32,         /* searches for a target, for one refused ask */
	DEFRAG_PASSES = 8,
};

typedef struct defrag_move {
	int32_t run;
	uint32_t pod; /* of the run's plan */
} defrag_move;

/* Move i leads to pod i of `places`. */
typedef struct defrag_plan {
	vec(defrag_move) moves;
	plan places;
	int64_t cost, gain_milli;
	bool is_cut; /* a limit ended the search */
} defrag_plan;

/* What a pod that runs had asked for, as one ask; valid until the next call. */
typedef const ask *(*defrag_asked)(void *arg, int32_t run);

typedef struct defrag_terms {
	int32_t moves_max;
	int64_t node_gain_milli; /* of a node that becomes wholly idle, per device, on top of the 1000 of each */
	int64_t gain_min_milli;  /* least gain of a step per unit of its cost */
	int64_t looks_max;       /* 0: the default */
	/* For a refused ask. */
	int64_t pair_cost;      /* of two moves, on top of both */
	int64_t pair_ask_milli; /* smaller asks get one move only */
	/* Both or neither: targets are where `finder` places what was asked: of a refused ask perhaps of another class
	 * that the ask allows, with another charge, for callers without quota; of a sweep packed tightly, class and
	 * charge as they are. Without them targets are where least is left: for pods that ask amounts of a class and
	 * nothing else, no labels and no links. */
	place *finder;
	defrag_asked asked;
	void *asked_arg;
} defrag_terms;

typedef struct defrag defrag;

defrag *defrag_new(void);
void defrag_free(defrag *w);

void defrag_plan_init(defrag_plan *d);
void defrag_plan_done(defrag_plan *d);

/* After a refusal for want of room: at most moves_max (1 or 2) moves after which the ask, a single pod, fits: the
 * cheapest found, then the least device_milli; two only on nodes where one is not enough. The gain is the ask. True
 * without moves: it fits as it is. False: none was found. */
bool defrag_for_ask(defrag *w, fleet *f, const running *r, const ask *a, const defrag_terms *t, defrag_plan *ret);

/* Off the decision path: moves after which more devices, and whole nodes, of the cluster are idle. The gain counts
 * 1000 for each device more that is idle. No moves: nothing is worth it. */
void defrag_cluster(defrag *w, fleet *f, const running *r, int32_t cluster, const defrag_terms *t, defrag_plan *ret);

/* Does move i on the books: p, the plan that is listed as the move's run, is changed in place. */
void defrag_apply(fleet *f, running *r, const defrag_plan *d, uint32_t i, plan *p);
