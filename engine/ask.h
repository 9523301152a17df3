/* ask: what a placement asks for, as the engine sees it.
 *
 * Groups of replicas, each with device entries and host resources. Names are already handles of the fleet: whoever
 * decodes a request interns classes and clusters. All arrays belong to the caller and must outlive the call. Amounts
 * are per device. (design/api.md, the placement request)
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	ASK_ABSENT = -1,
	ASK_GROUPS_MAX = 16,
	ASK_ENTRIES_MAX = 16,
	ASK_COUNT_MAX = 64, /* devices of one entry; FLEET_NODE_DEVICES_MAX */
	ASK_CLASSES_MAX = 16,
	ASK_PODS_MAX = 4096, /* over all groups */
	ASK_UUIDS_MAX = 64,
};

/* How the better of several nodes or devices is told; engine/score.h has a table of them. */
typedef enum ask_policy {
	POLICY_BINPACK,
	POLICY_SPREAD,
	POLICY_FRAGMENTATION, /* the learnt price of what a choice makes unusable */
	POLICY_REFERENCE,     /* published fragmentation gradient descent */
	POLICY_COUNT,
} ask_policy;

/* `count` different devices of one node. Different entries may share a device. With a class list all devices of the
 * entry are of one class: the first of the list that can serve, or with classes_equal any of them, none preferred.
 * Without one, any devices serve. */
typedef struct ask_entry {
	const int32_t *classes; /* fleet handles, best first */
	int64_t memory_mib;     /* > 0: this much */
	strs uuids;             /* not empty: only these */
	strs uuids_excluded;
	int32_t count;
	int32_t n_classes;      /* 0: any class */
	bool classes_equal;     /* the list has no order: all are equally good */
	int32_t memory_percent; /* 1 to 100 when memory_mib is 0; both 0: the whole card */
	int32_t compute_milli;  /* 0: no reservation, 1000: exclusive; ASK_ABSENT: 1000 for the whole card, else the
				   class default */
} ask_entry;

typedef struct ask_group {
	int32_t replicas;     /* >= 1 */
	int32_t min_replicas; /* 1 to replicas: fewer is a failure; more is taken while it fits */
	const ask_entry *entries;
	int32_t n_entries;             /* 0: host resources only */
	int64_t cpu_milli, memory_mib; /* per replica */
} ask_group;

typedef struct ask {
	const ask_group *groups;
	int32_t n_groups;        /* >= 1 */
	const int32_t *clusters; /* fleet handles, tried in this order */
	int32_t n_clusters;      /* 0: all clusters, best score first */
	const int32_t *clusters_excluded;
	int32_t n_clusters_excluded;
	ask_policy node_policy, device_policy;
	int64_t max_runtime_s; /* 0: not stated */
	int32_t priority;      /* higher goes first; the queue's, place_find does not look at it */
} ask;
