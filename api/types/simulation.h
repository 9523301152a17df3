/* simulation: what would become of a request, or of everybody's requests under another policy, if it were so now.
 * Nothing of it is stored.
 */
#pragma once
#include "json/js.h"

/* What the answer knows: the last records of both chains in it. */
typedef struct simulated_as_of {
	int64_t governance, decisions;
	js_time at;
} simulated_as_of;
JS_DECLARE(simulated_as_of);

typedef struct simulation {
	bool fits;
	str tenant, cluster;
	js_list placed;   /* of placed_pod */
	js_list blockers; /* of placement_blocker */
	js_list changes;  /* of explained_change */
	simulated_as_of as_of;
} simulation;
JS_DECLARE(simulation);

typedef struct simulated_placement {
	str placement, tenant;
} simulated_placement;
JS_DECLARE(simulated_placement);

typedef struct simulated_guarantee {
	str tenant, model;
	int64_t missing_milli, within_reach_milli;
} simulated_guarantee;
JS_DECLARE(simulated_guarantee);

typedef struct simulated_counts {
	int64_t would_start, would_wait, would_be_evicted, infeasible_guarantees;
} simulated_counts;
JS_DECLARE(simulated_counts);

typedef struct policy_simulation {
	str policy, tenant;
	int64_t waiting;
	js_list would_start, would_wait, would_be_evicted; /* of simulated_placement */
	js_list infeasible_guarantees;                     /* of simulated_guarantee */
	simulated_counts counts;
	bool is_cut;
	simulated_as_of as_of;
} policy_simulation;
JS_DECLARE(policy_simulation);
