/* lives: whether what an allocation is for still runs on this machine.
 *
 * A pod's folder at the kubelet outlives the pod's end until its object is deleted, which may be days; so the watch is
 * asked too. What it says counts when the machine shows no process of the pod any more: a pod can be said to have
 * failed while its containers go on. One lives is of one look: what /proc says is read once, and only when it is
 * needed.
 */
#pragma once
#include "agents/node/allocation.h"

/* What the cluster's API server says of a pod. */
typedef enum lives_word { LIVES_UNKNOWN, LIVES_HERE, LIVES_OVER, LIVES_DELETED } lives_word;

typedef struct lives {
	const char *kubelet_dir;
	lives_word (*ask)(void *arg, str pod_uid); /* NULL: there is no API server */
	void *arg;
	/* Its own. */
	arena *a;
	str groups;
	bool is_read, can_see;
} lives;

/* For allocations_sweep, with a lives as arg. */
allocation_life lives_look(void *arg, const allocation *of);
void lives_done(lives *l);
