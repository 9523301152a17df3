/* why: the reasons that something waits, as numbers a person can act on.
 *
 * A blocker has a code, a scope (cluster, class, tenant, group; FLEET_NONE where it does not apply), how many nodes
 * fail for it, what was needed, and the most that was there. The list is short, sorted and the same for the same state;
 * quota comes before capacity, because no freed device helps while quota stands in the way.
 */
#pragma once
#include "engine/share.h"

typedef enum why_code {
	WHY_NONE = 0,
#define W(id, code, when, title) WHY_##id,
#include "engine/why.def"
#undef W
	WHY_COUNT
} why_code;

/* What must change before another look is worth it. */
typedef enum why_when {
	WHEN_USE_FALLS,      /* quota use of `tenant` and `class_id` falls, or its quota is raised */
	WHEN_CAPACITY_FREES, /* something ends, or joins, in `cluster` with `class_id` */
	WHEN_OPENS,          /* the cluster or its nodes are uncordoned, connected or healthy again */
	WHEN_INVENTORY,      /* devices, nodes or clusters are added */
	WHEN_PERIOD_BEGINS, /* the next period of a budget of `tenant` begins, work of it ends early, or it is raised */
	WHEN_COUNT
} why_when;

typedef struct blocker {
	why_code code;
	int32_t cluster, class_id, tenant, group; /* FLEET_NONE: any */
	int32_t node;                             /* the nearest fit, or FLEET_NONE */
	axis axis;                                /* of need and free, where has_axis */
	bool has_axis;      /* device codes and quota codes; AXIS_DEVICE_MILLI then counts 1000 per device */
	int64_t nodes;      /* that fail for this reason; 0 for quota */
	int64_t need, free; /* in the code's unit; free is what the nearest candidate has */
} blocker;

enum { WHY_BLOCKERS_MAX = 8 };

typedef struct why {
	blocker v[WHY_BLOCKERS_MAX];
	int32_t n;
	bool is_cut; /* there were more */
} why;

const char *why_name(why_code c);  /* "no_fitting_device" */
const char *why_title(why_code c); /* one sentence */
why_when why_unblocks(why_code c);
const char *why_when_name(why_when w); /* "use_falls" */
bool why_is_quota(why_code c);

/* Adds b in its place: by order of codes, then more nodes first, then by scope. The list keeps the first eight. */
void why_add(why *w, blocker b);
/* A blocker with all scopes FLEET_NONE. */
blocker blocker_of(why_code code);
