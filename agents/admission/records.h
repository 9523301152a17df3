/* records: whether somebody may change what stands on a pod of what it was given.
 *
 * Annotations are anybody's who may edit the pod; those of the plan, the receipt and of makers' plugins are what was
 * given, and are changed by who gives alone: nodes, administrators of the whole cluster, and the service accounts of
 * the namespaces in which agents and device plugins run. From Kubernetes 1.30 on the API server judges that itself, by
 * the chart's policy of the same rule (reeve-records); before, it asks here.
 */
#pragma once
#include "agents/admission/review.h"

enum { RECORDS_WRITERS_MAX = 32 };

typedef struct records_spec {
	str writers[RECORDS_WRITERS_MAX]; /* namespaces */
	uint32_t n;
} records_spec;

/* A list of names with commas between, besides those that stand there already. False: there are too many. */
bool records_writers(records_spec *s, str names);
/* An update of a pod. */
void records_apply(const records_spec *s, const review *q, arena *a, review_answer *ret);
