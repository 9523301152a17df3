/* body: placements as JSON, the way clients and agents read them (api/types/placement.h).
 *
 * The record of a decision holds the placement whole. Its bytes are what the chain's hash covers, so they are written
 * once and never made again.
 */
#pragma once
#include "json/write.h"
#include "server/placer/request.h"

/* The pods of the plan as the list `placed`; groups (of group_ask) are the request's. */
str body_placed(const books *b, const plan *p, const js_list *groups, arena *a);
/* The reasons as a list of placement_blocker. */
js_list body_blockers(const books *b, const reasons *r, arena *a);
/* The numbers of the first blocker as one: they are told too, but are no news of their own. */
uint64_t body_numbers(const js_list *blockers);
/* What the instances of a plan are charged to share modes: a JSON list, absent where there are none. */
typedef struct mode_charge {
	str mode;
	int64_t device_milli, memory_mib, compute_milli;
} mode_charge;
JS_DECLARE(mode_charge);
str body_modes(const books *b, const plan *p, arena *a);
str body_list(const js_type *t, const js_list *list, arena *a);
/* A number that stays the same while the first blocker does, its numbers aside: what follows it comes and goes with
 * every change, and is not worth a record each time. For one process's life. */
uint64_t body_shape(const js_list *blockers);

typedef struct body_decision {
	int64_t n, term, at_us;
	str action, actor;
	int64_t told_key, told_rev; /* the cluster whose stream holds it, and its revision there; 0: none */
	const booking *of;
	str tenant, cluster; /* cluster absent: nowhere */
	str blockers;        /* a JSON list; absent: none */
	int64_t position;    /* 0: it does not wait, or its place was not looked up */
} body_decision;

/* Adds the record to out. */
void body_write(const body_decision *d, buf *out);
