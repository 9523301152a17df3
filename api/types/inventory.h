/* inventory: nodes and devices as clients see them. What agents send is in api/types/agent.h. */
#pragma once
#include "json/js.h"

typedef struct node {
	str id;
	str cluster;
	str name;
	str health;
	bool is_cordoned;
	int64_t cpu_milli, memory_mib, pods;
	int64_t used_cpu_milli, used_memory_mib, used_pods;
	int64_t devices;
	js_raw labels;
	js_raw taints, links;
	js_time seen_at;
} node;
JS_DECLARE(node);

typedef struct device {
	str id;
	str cluster;
	str node;
	str uuid;
	int64_t index;
	str class;
	str product;
	str health;
	bool is_cordoned;
	int64_t memory_mib, compute_milli, slots;
	int64_t used_memory_mib, used_compute_milli, used_slots;
	int64_t numa;
	str share_mode, geometry;
	js_raw conditions;
	js_time seen_at;
} device;
JS_DECLARE(device);
