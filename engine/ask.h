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
#include "engine/traits.h"

enum {
	ASK_ABSENT = -1,
	ASK_GROUPS_MAX = 16,
	ASK_ENTRIES_MAX = 16,
	ASK_COUNT_MAX = 64, /* devices of one entry; FLEET_NODE_DEVICES_MAX */
	ASK_CLASSES_MAX = 16,
	ASK_PODS_MAX = 4096, /* over all groups */
	ASK_UUIDS_MAX = 64,
	ASK_WEIGHTS_MAX = 4,
	ASK_WEIGHT_MAX = 1000,
};

/* How the better of several nodes or devices is told; engine/score.h has a table of them. */
typedef enum ask_policy {
	POLICY_BINPACK,
	POLICY_SPREAD,
	POLICY_FRAGMENTATION, /* the learnt price of what a choice makes unusable */
	POLICY_REFERENCE,     /* published fragmentation gradient descent */
	POLICY_TOPOLOGY,      /* devices that are linked best, and those kept for others */
	POLICY_COST,          /* the cheapest by the price book */
	POLICY_HAMI_BINPACK,  /* HAMi's formulas and order */
	POLICY_HAMI_SPREAD,
	POLICY_HAMI_CHAIN, /* devices by ask.hami.chain; nodes as with binpack */
	POLICY_COUNT,
} ask_policy;

/* Whether the devices of an entry should be linked well (engine/link.h). */
typedef enum ask_topology {
	TOPOLOGY_NONE,
	TOPOLOGY_BEST_EFFORT, /* the best set there is */
	TOPOLOGY_REQUIRED,    /* a set without a pair that is linked worse than link_min, or none */
} ask_topology;

/* Links of HAMi's device policies; the order of binpack, spread and numa is that of the sort keys. */
typedef enum ask_hami_key {
	HAMI_BINPACK = 1,
	HAMI_SPREAD,
	HAMI_NUMA,     /* by NUMA node */
	HAMI_MUTEX,    /* idle devices only */
	HAMI_TOPOLOGY, /* the best linked set */
} ask_hami_key;

/* What HAMi's pod annotations say; of POLICY_HAMI_* alone. */
typedef struct ask_hami {
	uint8_t chain[4];     /* ask_hami_key, of POLICY_HAMI_CHAIN; 0 ends */
	uint16_t weights[3];  /* of slots, compute and memory; all 0: 1 each */
	bool without_request; /* scores without what is asked, as HAMi's are where it names devices by their model */
} ask_hami;

typedef struct ask_weight {
	ask_policy policy;
	int32_t weight; /* 1 to ASK_WEIGHT_MAX */
} ask_weight;

/* `count` different devices of one node. Different entries may share a device. With a class list all devices of the
 * entry are of one class: the first of the list that can serve, or with classes_equal any of them, none preferred.
 * Without one, any devices serve. */
typedef struct ask_entry {
	const int32_t *classes; /* fleet handles, best first */
	int64_t memory_mib;     /* > 0: this much */
	strs uuids;             /* not empty: only these */
	strs uuids_excluded;
	const int32_t *only; /* fleet handles, ascending; n_only > 0: only these devices */
	int32_t n_only;
	int32_t count;
	int32_t n_classes;       /* 0: any class */
	bool classes_equal;      /* the list has no order: all are equally good */
	int64_t memory_mib_most; /* devices of which it would take more are not for it; 0: no limit, below 0: none is */
	int32_t memory_percent;  /* 1 to 100 when memory_mib is 0; both 0: the whole card */
	int32_t compute_milli;   /* 0: no reservation, 1000: exclusive; ASK_ABSENT: 1000 for the whole card, else the
				    class default */
	str profile;             /* not empty: an instance of this profile or template, in the place of amounts */
	const int32_t *classes_excluded;
	int32_t n_classes_excluded;
	int32_t link_min; /* with TOPOLOGY_REQUIRED; 0: LINK_SCORE_NVLINK */
	ask_topology topology;
	bool numa_bind;    /* all devices of the entry on one NUMA node */
	bool is_exclusive; /* nobody else on the device: compute_milli 1000 by another name */
} ask_entry;

typedef struct ask_group {
	int32_t replicas;     /* >= 1 */
	int32_t min_replicas; /* 1 to replicas: fewer is a failure; more is taken while it fits */
	const ask_entry *entries;
	int32_t n_entries;             /* 0: host resources only */
	int64_t cpu_milli, memory_mib; /* per replica */
	const trait_term *selector;    /* all must hold */
	int32_t n_selector;
	int32_t n_tolerations;
	const trait_toleration *tolerations;
} ask_group;

/* Which of several clusters is tried first. Headroom: the free part of a cluster's open devices of the classes asked.
 */
typedef enum ask_clusters {
	CLUSTERS_ORDER,  /* as listed; without a list the one with the best node */
	CLUSTERS_SPREAD, /* most headroom first */
	CLUSTERS_PACK,   /* least headroom first */
} ask_clusters;

typedef struct ask {
	const ask_group *groups;
	int32_t n_groups;        /* >= 1 */
	const int32_t *clusters; /* fleet handles */
	int32_t n_clusters;      /* 0: all clusters */
	ask_clusters clusters_by;
	const int32_t *clusters_excluded;
	int32_t n_clusters_excluded;
	ask_policy node_policy, device_policy;
	int32_t n_weights; /* 0: node_policy alone; else these, in its place */
	ask_weight weights[ASK_WEIGHTS_MAX];
	ask_hami hami;
	int64_t max_runtime_s; /* 0: not stated */
	int32_t priority;      /* higher goes first, which is the queue's; and who may use what is overcommitted */
} ask;
