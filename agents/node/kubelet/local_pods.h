/* local_pods: the pods of this node, each with the plan that the cluster's agent signed for it, and what its containers
 * were given of our devices.
 *
 * A plan counts when a known key signed it for this pod and this node, with a fence no lower than one seen before.
 * What was given stays with the pod whatever becomes of its text.
 */
#pragma once
#include "agents/kube/pod.h"
#include "agents/plan_record.h"
#include "base/map.h"
#include "base/vec.h"

/* One answered Allocate. */
typedef struct local_given {
	uint32_t container; /* of pod.containers */
	char *resource;
	char **ids; /* of slots */
	uint32_t n;
} local_given;

typedef struct local_pod {
	char *key; /* "namespace/name" */
	char *uid;
	arena *a; /* of what follows, up to plan */
	pod p;
	bool has_plan;
	plan_record plan;
	char why[FAULT_DETAIL_MAX]; /* it has none */
	int64_t fence;              /* the highest seen */
	vec(local_given) given;
	bool has_changed; /* the plan is not the text it was before the last put, or this was the first */
	bool is_owed;     /* what it was given has to be compared with its plan */
	bool is_given_up; /* an Allocate of it failed, or the kubelet turned to another: it will not start */
} local_pod;

typedef struct local_pods {
	str node; /* the node's name; as long as this is */
	plan_keys keys;
	map by_key; /* local_pod */
} local_pods;

void local_pods_init(local_pods *all, str node);
void local_pods_done(local_pods *all);
/* Keys that count from now on; plans that were read are read again. */
void local_pods_keys_set(local_pods *all, const plan_keys *keys);

/* The pod's present text. NULL: it is no pod that can be read; what was known of it stays. */
local_pod *local_pods_put(local_pods *all, str text);
void local_pods_remove(local_pods *all, str space, str name, str uid);
local_pod *local_pods_find(const local_pods *all, str space, str name); /* or NULL */
local_pod *local_pods_find_uid(const local_pods *all, str uid);         /* or NULL */

/* How many of the resource a container asks for; 0: none. */
uint32_t local_count(const pod_container *c, str resource);
/* The plan's entry for that container, or NULL. */
const plan_container *local_plan_of(const local_pod *p, uint32_t container);

/* Copies. */
void local_give(local_pod *p, uint32_t container, str resource, char *const *ids, uint32_t n);
const local_given *local_given_find(const local_pod *p, uint32_t container, str resource);
