/* claim: which container of which pod an Allocate is for. The request itself does not say.
 *
 * The kubelet admits one pod after the other and counts a pod among its own before it admits it. So what it lists from
 * within an Allocate holds the pod in question, which asks for the resource by our own watch and still lacks devices of
 * it; its containers come in their order, init containers (which are not listed) first. Pods whose admission failed
 * stay listed for a moment and lack devices too: until the watch says that they failed there may be several, and who
 * asks waits. Nothing is guessed.
 */
#pragma once
#include "agents/node/kubelet/strangers.h"

typedef enum claim_verdict {
	CLAIM_ONE,
	CLAIM_NONE,    /* no pod lacks so many of it */
	CLAIM_STRANGE, /* a pod is listed since it began that our watch has not told yet: it may be that one */
	CLAIM_SEVERAL, /* more than one pod lacks so many of it */
} claim_verdict;

typedef struct claim {
	local_pod *pod;
	uint32_t container; /* of pod->p.containers */
} claim;

typedef struct claim_question {
	const local_pods *pods;
	const V1__ListPodResourcesResponse *listed;
	str resource;
	uint32_t n; /* devices */
	/* What an earlier process of ours gave: it does not stand in the pods. NULL: nothing. */
	bool (*was_given)(void *arg, const local_pod *p, uint32_t container, str resource);
	void *arg;
	const strangers *strangers;
	int64_t began_us; /* the Allocate, by the clock of strangers */
} claim_question;

/* Fills *ret for CLAIM_ONE. */
claim_verdict claim_find(const claim_question *q, claim *ret);
/* For people. */
const char *claim_text(claim_verdict v);

/* The listed container that has exactly these slots; false: none has. */
bool claim_has(const V1__ListPodResourcesResponse *listed, str resource, char *const *ids, uint32_t n,
	const V1__PodResources **ret_pod, const V1__ContainerResources **ret_container);
