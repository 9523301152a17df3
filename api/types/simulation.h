/* simulation: what would become of a request, or of everybody's requests under another policy, if it were so now; and
 * what could be moved.
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

/* The most that one request could get of a class now. */
typedef struct simulated_free {
	str class;
	int64_t memory_mib, compute_milli; /* on one device */
	int64_t idle_devices;              /* on one node */
} simulated_free;
JS_DECLARE(simulated_free);

typedef struct simulation {
	bool fits;
	str tenant, cluster;
	js_list placed;   /* of placed_pod */
	js_list blockers; /* of placement_blocker */
	js_list changes;  /* of explained_change */
	js_list free;     /* of simulated_free */
	simulated_as_of as_of;
} simulation;
JS_DECLARE(simulation);

/* How a plan of moves is made. */
typedef struct move_terms {
	int64_t moves_max;
	int64_t node_gain_milli;
} move_terms;
JS_DECLARE(move_terms);

/* One pod that would go elsewhere. */
typedef struct planned_move {
	str placement, tenant;
	str from_node, to_node;
	strs from_devices, to_devices; /* uuids */
	int64_t cost_milli;
} planned_move;
JS_DECLARE(planned_move);

typedef struct move_plan {
	str cluster;
	js_list moves; /* of planned_move, in their order */
	int64_t gain_milli, cost_milli;
	bool is_cut;
	simulated_as_of as_of;
} move_plan;
JS_DECLARE(move_plan);

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
