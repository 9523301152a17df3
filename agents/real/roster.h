/* roster: the nodes of a Kubernetes cluster as an agent reports them.
 *
 * Made of what each node says of itself: its allocatable amounts, labels, taints, whether it is ready or cordoned, and
 * the devices that its plugins register (agents/vendors/inventory.h). Nodes without devices are not told. Heartbeats
 * change a node all the time and what is reported of it hardly ever: a node is news only when its report is another. A
 * device is told of one node alone; the other one that tells of it bears the label ROSTER_TWICE_KEY.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/kube/node.h"
#include "base/map.h"
#include "base/vec.h"

#define ROSTER_TWICE_KEY "reeve.io/inventory"
#define ROSTER_TWICE     "device_told_twice"

typedef struct roster_news {
	char *name;
	bool is_gone;
} roster_news;

typedef struct roster {
	map by_name; /* name -> its report, as JSON */
	vec(roster_news) news;
	/* Why a node says that one of its devices is not well, besides what is registered; absent: it does not. NULL:
	 * nobody is asked. The node is news when that changes: roster_stir. */
	str (*why)(const void *arg, str node, str uuid);
	/* Whether a device that the node tells of stands on another one, and is not told of this one. NULL: none does.
	 */
	bool (*is_elsewhere)(const void *arg, str node, str uuid);
	const void *arg;
} roster;

void roster_done(roster *r);
/* A node as the API server tells it now. The first of its devices that stands elsewhere, in a; absent: none does. */
str roster_put(roster *r, const kube_node *n, arena *a);
void roster_drop(roster *r, str name);
void roster_stir(roster *r, str name);
/* All nodes (report_node), in a. */
js_list roster_nodes(const roster *r, arena *a);
/* Tells what has changed since the last time, once. */
void roster_tell(roster *r, const cluster_events *e);
/* Nothing is news any more: everything was told whole. */
void roster_told(roster *r);
