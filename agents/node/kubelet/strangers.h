/* strangers: pods that the kubelet lists and our watch has not told, since when.
 *
 * The pod that is being admitted may be one of them, so that an Allocate waits for it to be told. One that was listed
 * before the Allocate began is not it: the kubelet admits one after the other. Without that, one pod whose object
 * cannot be read would keep all others from their devices.
 */
#pragma once
#include "agents/node/kubelet/local_pods.h"
#include "proto/podresources.pb-c.h"

typedef struct strangers {
	map by_key; /* "namespace/name" */
	uint64_t round;
} strangers;

/* What the kubelet lists within an Allocate; whoever is not in it, or is known by now, is forgotten. */
void strangers_note(strangers *s, const V1__ListPodResourcesResponse *listed, const local_pods *pods, int64_t now_us);
bool strangers_was_before(const strangers *s, str space, str name, int64_t than_us);
void strangers_done(strangers *s);
