/* guard: whether a pod may be bound where somebody wants to bind it.
 *
 * A pod that asks for devices goes to a node whose devices we govern only with the record of what it was given
 * (agents/plan_record.h), made by this cluster's agent for that pod and node. So a scheduler that does not know of us,
 * or a person, cannot pass by who gives devices out. Pods without devices, and nodes without, are nobody's business
 * here. What the watch has not told yet is let through: the node looks at the record again.
 */
#pragma once
#include "agents/admission/review.h"
#include "agents/scheduling/stock.h"

typedef struct guard_spec {
	stock *stock;
	/* Whether the pod that waits asks for devices. uid may be absent. */
	bool (*asks_devices)(void *arg, str space, str name, str uid);
	/* Whether the annotations that the binding carries hold a true record for that pod on that node; false:
	 * *ret_why (static) says why not. */
	bool (*record_holds)(
		void *arg, str uid, str node, const object_pair *annotations, uint32_t n, const char **ret_why);
	void *arg;
} guard_spec;

/* A Binding object. */
void guard_apply(const guard_spec *s, const review *q, arena *a, review_answer *ret);
