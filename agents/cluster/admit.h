/* admit: where a pod can go in this cluster now, by the same engine as the server's.
 *
 * Pods of one kind of devices alone: what a cluster was lent is of one model. Instances of profiles are the server's.
 */
#pragma once
#include "agents/cluster/book.h"
#include "engine/place.h"

typedef struct admit_found {
	plan plan; /* not booked; plan_done is the caller's */
	str model;
	amounts charge;
	js_list placed; /* of placed_pod, in the arena */
	js_raw labels;
	int64_t max_runtime_s;
} admit_found;

/* False: it fits nowhere now, or is nothing that a cluster may decide. Everything but the plan lives in a. */
bool admit_find(place *room, book *b, str request, arena *a, admit_found *ret);
