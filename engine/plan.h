/* plan: where every pod of one placement goes, and with what.
 *
 * A plan names nodes and devices by the fleet's handles and carries the amounts themselves, so that booking and
 * unbooking need nothing else. A slice that an agent reports, or a stored placement at start-up, is a plan too.
 */
#pragma once
#include "base/vec.h"
#include "engine/share.h"

typedef struct plan_device {
	int32_t device;        /* fleet handle */
	int32_t entry;         /* which device entry of the group asked for it */
	int64_t memory_mib;    /* booked on the device */
	int64_t compute_milli; /* booked on the device; 0: no reservation, 1000: exclusive */
	amounts charge;        /* what the tenant's quota is charged */
	int16_t profile;       /* of the device's geometry, + 1; 0: a share, no instance */
	int16_t start;
} plan_device;

typedef struct plan_pod {
	int32_t group, index; /* replica `index` of ask group `group` */
	int32_t node;         /* fleet handle */
	int64_t cpu_milli, memory_mib;
	uint32_t first, n; /* its devices are plan.devices.v[first .. first + n) */
} plan_pod;

typedef struct plan {
	int32_t cluster; /* fleet handle */
	vec(plan_pod) pods;
	vec(plan_device) devices;
} plan;

void plan_init(plan *p);
void plan_done(plan *p);
void plan_clear(plan *p);                   /* empty, keeps memory */
void plan_copy(plan *to, const plan *from); /* `to` is an initialised plan */

/* Adds a pod without devices; the devices added next belong to it. */
void plan_add_pod(plan *p, int32_t group, int32_t index, int32_t node, int64_t cpu_milli, int64_t memory_mib);
void plan_add_device(plan *p, plan_device d);
/* Drops all pods from the nth on, with their devices. */
void plan_cut(plan *p, uint32_t n_pods);
