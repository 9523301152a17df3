/* pod_wants: what the containers of a pod ask of devices, and what they were given. */
#pragma once
#include "agents/scheduling/stock.h"
#include "agents/kube/pod.h"
#include "agents/plan_record.h"
#include "agents/vendors/assigned.h"
#include "agents/vendors/want.h"

enum { POD_WANTS_MAX = 64 };

/* One container asks one kind; of a pod in the order of its containers. */
typedef struct pod_want {
	uint32_t container; /* of pod.containers */
	want w;
} pod_want;

typedef struct pod_wants {
	pod_want v[POD_WANTS_MAX];
	uint32_t n;
} pod_wants;

/* ERR_BAD_FIELD: an amount makes no sense; the pointer names the container and resource. ERR_LIMIT: too many. */
err pod_wants_read(const pod *p, pod_wants *ret, fault *f) MUST_CHECK;

/* What a bound pod holds on each device, by its annotations: init containers run one after another, and before the
 * others, so a device gives the larger of their largest and the others' sum, until they are done. Sidecars count as
 * others. */
err pod_shares_read(const pod *p, arena *a, stock_share **ret, uint32_t *ret_n, fault *f) MUST_CHECK;
/* The same by its plan, which the caller has found to be of this pod. False: they do not fit together. */
bool pod_shares_planned(const pod *p, const plan_record *r, arena *a, stock_share **ret, uint32_t *ret_n) MUST_CHECK;
