/* pod_ask: a pod as a request to the engine: its containers' wants, its annotations, the cluster's classes.
 *
 * Containers that run at the same time are entries of their own. An init container runs before them, so it shares the
 * entry of a later one of its kind where there is one: the entry is then the larger of both, as the device is used by
 * one after the other. Host resources, labels and taints are kube-scheduler's to look at, and are not asked.
 */
#pragma once
#include "agents/scheduling/pod_wants.h"
#include "engine/ask.h"
#include "engine/score.h"

/* What a pod's annotations may change. */
typedef struct pod_policies {
	ask_policy node, device;
} pod_policies;

typedef struct pod_ask {
	pod_wants wants;
	uint8_t entry_of[POD_WANTS_MAX]; /* the entry that serves each want */
	ask a;
	ask_group group;
	int32_t n; /* entries; 0: it asks for no device */
	ask_entry entries[ASK_ENTRIES_MAX];
	const vendor *kinds[ASK_ENTRIES_MAX];
	int32_t classes[ASK_ENTRIES_MAX][ASK_CLASSES_MAX];
	const vendor *missing; /* a kind of which the cluster has no device that the pod may use, or NULL */
} pod_ask;

/* Points into p, a and *ret itself, which must not be moved. ERR_BAD_FIELD: an amount or annotation makes no sense;
 * ERR_LIMIT: too many containers. */
err pod_ask_read(const pod *p, const stock *s, pod_policies by_default, arena *a, pod_ask *ret, fault *f) MUST_CHECK;
/* Whether the devices of a kind are together within what its entries may take of one (ask_entry.memory_mib_most). */
bool pod_ask_within(const pod_ask *q, const score_slice *slices, int32_t n);
