/* explanation: why a placement stands where it stands: quota, queue, capacity, and what would let it through. */
#pragma once
#include "api/types/placement.h"

/* The quota of one level of the tree, seen from it upward. */
typedef struct explained_level {
	str tenant, model;
	int64_t need, free; /* device_milli; free is absent where nothing limits it */
} explained_level;
JS_DECLARE(explained_level);

/* A change of the request, or of what is allowed, with which it would be placed now. */
typedef struct explained_change {
	str change; /* engine/advice.h */
	str group;
	int64_t entry;
	str value;
	int64_t most;
} explained_change;
JS_DECLARE(explained_change);

/* What may still be spent at one level. */
typedef struct explained_budget {
	str tenant, period;
	int64_t amount, left_milli; /* GPU hours, and thousandths of one */
	js_time period_end;
} explained_budget;
JS_DECLARE(explained_budget);

/* Nodes that have as much of a class in use as each other. */
typedef struct explained_nodes {
	int64_t nodes;
	str health;
	int64_t devices, idle_devices, free_memory_mib_most;
} explained_nodes;
JS_DECLARE(explained_nodes);

typedef struct explained_capacity {
	str cluster, class;
	int64_t nodes, devices, idle_devices, free_memory_mib_most;
	js_list alike; /* of explained_nodes */
} explained_capacity;
JS_DECLARE(explained_capacity);

typedef struct explained_room {
	str kind; /* reclaim or reserve */
	str cluster;
	js_time from, until;
	int64_t leaving;
} explained_room;
JS_DECLARE(explained_room);

typedef struct explanation {
	str id, tenant, state, reason;
	js_list blockers; /* of placement_blocker */
	int64_t position;
	strs ahead_own;
	int64_t ahead_others;
	js_list quota;    /* of explained_level */
	js_list budgets;  /* of explained_budget */
	js_list capacity; /* of explained_capacity */
	js_list room;     /* of explained_room */
	js_list changes;  /* of explained_change */
	js_time as_of;
} explanation;
JS_DECLARE(explanation);
