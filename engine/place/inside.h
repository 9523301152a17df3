/* inside: what the parts of a decision share. */
#pragma once
#include "engine/lanes.h"
#include "engine/place.h"
#include "engine/shape.h"
#include "engine/tally.h"

/* One cluster to try, with where its first pod would go. */
typedef struct attempt {
	int32_t cluster, node, rating;
	int64_t wish; /* how well the cluster meets what it is chosen by: more is better */
	bool is_closed, is_tried;
	int32_t group, placed; /* where it failed, and how many pods had a place by then */
	bool is_tallied;
	tally misses; /* of the pod that found no node, as the fleet was then */
} attempt;

/* A block of lanes in which the best node may be. */
typedef struct hope {
	lane_block *block;
	int32_t most; /* over its lanes; below 0: none is left */
} hope;

struct place {
	vec(attempt) attempts;
	shapes *shapes;
	lanes lanes;
	vec(hope) hopes;
	vec(int32_t) named; /* nodes, by rising handle: place_named */
	const score_tables *tables;
	fit_blocked blocked;
	why_code reason;
	/* The decision at hand. */
	fleet *f;
	quota *q;
	int32_t tenant;
	const ask *a;
	plan *p;
	why *reasons;
};

/* The nodes of the cluster that hold a device which the pod's one entry names: no other serves it, and all others miss
 * for one and the same reason. False: it names none. */
bool place_named(place *w, int32_t cluster, const fit_need *need);
/* One of those others; FLEET_NONE: there is none. */
int32_t place_named_other(const place *w, int32_t cluster);

/* The best node of the attempt's cluster for the pod, with its rating: first choice of class, then score, then rank. */
int32_t place_scan(place *w, attempt *at, const fit_need *need);
/* Counts what every node of the cluster lacks, into the attempt. */
void place_tally(place *w, attempt *at, const fit_need *need);
/* Keeps the heaviest reason of these counts, of equals the one that most nodes give. */
void place_note(place *w, const int32_t *misses);
/* Adds to w->reasons what the attempts found. */
void place_explain(place *w);
