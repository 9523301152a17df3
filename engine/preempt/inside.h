/* inside: what the parts of the search for victims share. */
#pragma once
#include "engine/preempt.h"

/* One thing that can be taken out: a whole placement, or one pod that it can spare. */
typedef struct victim {
	int32_t run, pod; /* pod FLEET_NONE: all */
	int32_t pods;
	int64_t cost, milli;
} victim;

/* What a set costs: smaller is better, member by member. It never falls when a victim is added. */
typedef struct price {
	bool is_waste;
	int64_t cost, milli, pods;
} price;

typedef vec(victim) victims;

/* A number to order by and what it belongs to; lowest first, lower id on equals. */
typedef struct ranked {
	int64_t by;
	int32_t id;
} ranked;

typedef struct one_pod {
	ask a, tight; /* as asked, and packed tightly: where room is made there is no choice to speak of */
	ask_group group;
	int32_t cluster;
} one_pod;

struct preempt {
	fleet *f;
	quota *q;
	place *finder;
	const running *r;
	const preempt_ask *in;
	int64_t looks, finds; /* left */
	bool is_cut, is_best;

	victims out;       /* unbooked now, oldest first */
	vec(int32_t) gone; /* by run: pods that are out; all of them: RUN_GONE */
	vec(int32_t) away; /* by budget: pods that are out */
	int64_t needed_milli;

	victims best; /* the best set so far */
	price best_price;
	bool has_best;

	victims items;     /* candidates of the search at hand */
	victims forced;    /* of the node at hand: those that every set takes */
	victims node_best; /* what to take on the node at hand, besides what is out */
	vec(ranked) queue;
	vec(preempt_victim) answer;
	vec(int32_t) marks; /* by run: listed already */

	one_pod one;
	fit_need need;
	fit_choice choice;
	int32_t node; /* the one at hand */
	plan placed, scratch;
	why reasons;
};

enum { RUN_GONE = INT32_MAX };

typedef bool (*victims_suffice)(preempt *w);

/* Whether this candidate may be taken out besides what is out. */
bool victim_may_go(const preempt *w, const victim *v);
/* Whether the group of a pod that is out still has what it must keep. */
bool victim_keeps_floor(const preempt *w, const victim *v);
/* Whether the run may be looked at at all: its rank, its minimum runtime. */
bool victim_run_may_go(const preempt *w, int32_t run);
victim victim_whole(const preempt *w, int32_t run);
victim victim_pod(const preempt *w, int32_t run, int32_t pod);
/* By cost, then size, then handle. */
bool victim_is_before(const victim *a, const victim *b);
void victim_insert(victims *list, const victim *v);

void victim_take(preempt *w, const victim *v);
void victim_return(preempt *w, uint32_t at); /* of w->out */
/* All but the first `keep`, together with the trial of the fleet that was begun before they were taken. */
void victims_undo(preempt *w, uint32_t keep, uint32_t trial);
/* Whether what is out takes no more than was borrowed. */
bool victims_are_legal(preempt *w);

price victims_price(const preempt *w, const victim *more);
bool price_is_less(const price *a, const price *b);

/* Tries the sets of w->items besides what is out, for one that suffices and beats `bound`. True: *ret holds what to
 * take and *bound its price. What is out is as before. */
bool victims_search(preempt *w, victims_suffice suffices, price *bound, victims *ret);

/* Takes out the best victims of one node, so that w->need fits there. False: no node will do. */
bool node_clear(preempt *w, int32_t cluster, bool may_split, int32_t *ret_node);

/* Takes victims out until the quota that `b` is about lets its need through. */
bool quota_clear(preempt *w, const blocker *b);

/* Books and charges the pod, if quota allows. */
bool pod_charge(preempt *w, const plan *p, uint32_t pod);
void pod_uncharge(preempt *w, const plan *p, uint32_t pod);

/* Takes victims out until the ask's minimum has a place in the cluster; the place is w->placed, unbooked again. */
bool gang_clear(preempt *w, int32_t cluster, bool may_split);

bool find_suffices(preempt *w); /* the whole ask, by place_find; w->scratch holds the place */

void queue_push(preempt *w, ranked x);
ranked queue_pop(preempt *w);
