/* rules: what becomes of a pod that is being made, if it may be made at all.
 *
 * The effects are HAMi's, on the same pods; what it drops without a word is refused here, or warned of. Pure: the pod,
 * what is known of its namespace, and the settings in; a refusal or an edit out. Doing it again to its own result
 * changes nothing.
 */
#pragma once
#include "agents/admission/edit.h"
#include "agents/admission/quotas.h"
#include "agents/admission/review.h"

#define RULES_TENANT_KEY "reeve.io/tenant"

/* What a tenant has left in this cluster of a kind of devices. */
typedef struct tenant_left {
	str name; /* of the quota, for people */
	int64_t memory_mib, compute_milli;
	bool is_known; /* false: nothing is said of it */
} tenant_left;

typedef struct rules_spec {
	const char *scheduler; /* pods that ask for devices get this one */
	bool keeps_default;    /* "default-scheduler" counts as another scheduler, which is kept */
	bool hides_devices;    /* containers that ask for none see none */
	const char
		*core_policy; /* GPU_CORE_UTILIZATION_POLICY of every container that asks for devices; NULL: its own */
	const char *runtime_class; /* of pods that ask for devices and say none; NULL: none */
	/* The tenant of a namespace, absent: it is nobody's. NULL: there are no tenants. */
	str (*tenant_of)(void *arg, str space);
	const quotas *quotas; /* NULL: none; with stock */
	const stock *stock;
	tenant_left (*left)(void *arg, str tenant, const vendor *kind); /* may be NULL */
	void *arg;
} rules_spec;

/* space: the namespace, which pods that are being made may not say themselves. *ret: refused, or a patch, warnings and
 * notes; texts live in a or the pod. */
void rules_apply(const rules_spec *s, const pod *p, str space, arena *a, review_answer *ret);
