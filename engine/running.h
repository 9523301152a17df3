/* running: what runs where: every placement that holds devices, and its pods by node.
 *
 * The list for whoever asks what could go or move: victims (preempt), moves (defrag), what ends when (reserve). It
 * books nothing. Plans are the caller's: they stay where they are, unchanged, while they are listed.
 */
#pragma once
#include "engine/fleet.h"
#include "engine/quota.h"

#define RUNNING_COST_MAX ((int64_t)1 << 40)

typedef struct running_terms {
	int32_t tenant;
	int32_t rank;    /* yields only to a higher one: tier (guaranteed before borrowed) and priority in one number */
	bool may_yield;  /* preemptible, and no rule of its tenant protects it */
	bool is_movable; /* its pods may start again elsewhere in the cluster */
	int32_t lender;  /* it yields only while this tenant would be in the red with it; FLEET_NONE: no such rule */
	int32_t budget;  /* disruption budget that its pods count against; FLEET_NONE: none */
	int64_t cost;    /* of ending all of it, 0 to RUNNING_COST_MAX, in any unit that is the caller's for all */
	int64_t pod_cost;  /* of ending one pod that it can spare */
	int64_t move_cost; /* of moving one pod */
	int64_t started_us, min_runtime_us;
	int64_t ends_us;       /* at the latest; 0: not stated */
	const int32_t *floors; /* by group of its ask: pods that must stay; NULL: it goes as a whole */
	int32_t n_floors;
} running_terms;

typedef struct running_row {
	const plan *p; /* NULL: a free row */
	running_terms terms;
	int32_t first_pod;
} running_row;

typedef struct running_pod {
	int32_t run;
	uint32_t pod; /* of the run's plan */
	int32_t node;
	int32_t next, prev; /* on the same node, latest first; FLEET_NONE ends */
	int32_t sibling;    /* next pod of the same run */
	/* Of its plan, so that a walk over nodes need not open every plan: its first device, the amounts of all. */
	int32_t device, n_devices;
	int64_t device_memory_mib, compute_milli;
} running_pod;

typedef struct running {
	vec(running_row) runs;
	vec(running_pod) pods;
	vec(int32_t) first_by_node;
	vec(int32_t) free_runs, free_pods;
	int32_t max_devices; /* no pod that was ever listed has more */
} running;

void running_init(running *r);
void running_done(running *r);

/* Lists a placement; the handle is used again after removal. O(pods). */
int32_t running_add(running *r, const plan *p, const running_terms *terms);
void running_remove(running *r, int32_t run);
/* The run's plan names another node and other devices for that pod now. O(pods of the run). */
void running_move(running *r, int32_t run, uint32_t pod);

static inline int32_t running_first(const running *r, int32_t node)
{
	return (uint32_t)node < r->first_by_node.n ? r->first_by_node.v[node] : FLEET_NONE;
}

#define running_each(at, r, node_id)                                                                                   \
	for (int32_t at = running_first((r), (node_id)); at != FLEET_NONE; at = (r)->pods.v[at].next)

/* Pods of that group that the run can lose and live on. */
int32_t running_spare(const running_row *row, int32_t group);
/* Device_milli that a pod was charged for. */
int64_t running_pod_milli(const plan *p, uint32_t pod);
