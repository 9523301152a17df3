/* extender: what kube-scheduler asks us about a pod, answered from memory by the engine.
 *
 * filter, prioritize and preempt are pure reads: schedulers ask them again, in simulations and for pods that they never
 * bind. Every node that is refused has one of a few short reasons, so that the scheduler can count them, and is told
 * whether evicting could help. prioritize answers ranks in steps of EXTENDER_STEP (answer.h), so that our order
 * decides.
 */
#pragma once
#include "agents/scheduling/extender/args.h"
#include "agents/admission/quotas.h"
#include "agents/scheduling/budgets.h"
#include "agents/scheduling/pod_ask.h"
#include "base/buf.h"
#include "engine/score.h"

typedef struct extender extender;

/* What else than devices says where a pod may go. */
typedef struct extender_pass {
	const char *refusal; /* in the arena; nowhere at all, for this; NULL: somewhere */
	str node;            /* there alone, where it is kept room; absent: wherever it fits */
	const plan *kept;    /* booked for it, so that what others leave to it is nobody else's; NULL: nothing is */
} extender_pass;
typedef struct extender_gate {
	/* May leave classes out of what the pod may use. NULL: devices alone count. */
	extender_pass (*look)(void *arg, const pod *p, pod_ask *q, arena *a);
	/* filter found room on none of the nodes it was asked about; on some there would be if others went. Optional.
	 */
	void (*on_full)(void *arg, const pod *p, const int32_t *nodes, uint32_t n);
	void *arg;
} extender_gate;

typedef struct extender_spec {
	stock *stock;
	pod_policies by_default;
	const score_tables *tables; /* of the policies; may be NULL */
	const quotas *quotas;       /* NULL: none */
	/* Whether pods of both namespaces are one tenant's: a victim of another is never ours to take. NULL: only those
	 * of the same namespace. */
	bool (*is_one_tenant)(void *arg, str space, str other);
	/* Whether a pod with devices may yield at all. NULL: each may. */
	bool (*may_yield)(void *arg, str uid);
	budgets *budgets; /* for victims that nobody else has chosen; NULL: none */
	void *arg;
	extender_gate gate;
} extender_spec;

extender *extender_new(const extender_spec *s);
void extender_free(extender *x); /* NULL-safe */

/* Bodies in, answers out, all of status 200: what is wrong with a request stands in the answer. prioritize has no place
 * for that: *ret_is_bad, and any other status then. */
void extender_filter(extender *x, str body, buf *out);
void extender_prioritize(extender *x, str body, buf *out, bool *ret_is_bad);
void extender_preempt(extender *x, str body, buf *out, bool *ret_is_bad);
