/* preempt: who must yield so that an ask fits.
 *
 * A victim is of lower rank than what takes its place, so there are no loops; it has run its minimum, its disruption
 * budget has room, and where it lives on what its tenant borrowed, no more is taken than was borrowed. A gang yields as
 * a whole, or only pods above its floors. Of all sets that are enough the best is the cheapest; before that come sets
 * that free at most PREEMPT_WASTE_PPM of what is needed, after it less device_milli, fewer pods, lower handles. No
 * victim is in the set without need.
 *
 * On one node the search tries every set that could be the best, nodes by a lower bound of their cost.
 * An ask of several pods is served pod by pod, victims that turn out to be needless are spared, and small worlds are
 * searched through. All work is counted and ends at a limit.
 */
#pragma once
#include "engine/place.h"
#include "engine/running.h"

enum {
	PREEMPT_STEPS = 20000,  /* sets of one node that are tried */
	PREEMPT_ITEMS_MAX = 14, /* candidates of all nodes together, up to which all their sets are tried */
	PREEMPT_NODE_MAX = 128, /* candidates of one node that are looked at: the cheapest */
	PREEMPT_LOOKS = 400000, /* at one node each */
	PREEMPT_FINDS = 400,    /* whole searches for a place */
	PREEMPT_WASTE_PPM = 1250000,
};

typedef struct preempt_ask {
	const ask *a;
	int32_t tenant, rank;
	int64_t now_us;
	const int32_t *budgets; /* pods that may still go, by the handle in running_terms */
	int32_t n_budgets;
	int64_t looks_max, finds_max; /* 0: PREEMPT_LOOKS, PREEMPT_FINDS */
} preempt_ask;

typedef struct preempt_victim {
	int32_t run;
	int32_t pod; /* of the run's plan; FLEET_NONE: all of it */
} preempt_victim;

typedef struct preempt_answer {
	const preempt_victim *victims; /* valid until the next call; by rising run and pod */
	uint32_t n;                    /* 0: it fits as it is */
	int64_t cost, evicted_milli, needed_milli;
	bool is_best; /* no better set exists; else it is one from which no victim can be spared */
	bool is_cut;  /* a limit ended the search */
} preempt_answer;

typedef struct preempt preempt;

preempt *preempt_new(void);
void preempt_free(preempt *w);

/* True: p holds where the ask fits once the victims are gone. False: no set was found; with is_cut there may be one.
 * f and q are as before in both cases, and nothing of p is booked. q may be NULL: no quota, and then no lender. The
 * same rows give the same answer. */
bool preempt_find(preempt *w, place *finder, fleet *f, quota *q, const running *r, const preempt_ask *in, plan *p,
	preempt_answer *ret);
