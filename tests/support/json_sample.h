/* json_sample: a rich type for the tests and fuzzers of the JSON room: every kind of row once. */
#pragma once
#include "json/js.h"

typedef struct sample_device {
	int64_t count;
	strs classes;
	int64_t memory_mib;
	str mig_profile;
} sample_device;

typedef struct sample_host {
	int64_t cpu_milli;
	int64_t memory_mib;
} sample_host;

typedef struct sample_group {
	str name;
	int64_t replicas;
	js_list devices;
	sample_host host;
} sample_group;

typedef struct sample_label {
	str key;
	str value;
} sample_label;

typedef struct sample_axes {
	str key;
	uint64_t given, nulled;
	int64_t device_milli, memory_mib;
	js_raw note;
} sample_axes;

typedef struct sample {
	str id;
	str tenant;
	str name;
	str policy;
	bool preemptible;
	bool queue;
	int64_t weight;
	js_time until;
	js_list groups;
	strs clusters;
	i64s ports;
	js_map labels;
	js_map models;
	js_raw extra;
	str secret;
	int64_t position;
} sample;

static const char *const sample_policies[] = {"binpack", "spread", NULL};

#define F(...) JS_FIELD(sample_device, __VA_ARGS__)
static const js_field sample_device_fields[] = {
	F(count, JS_OPTIONAL, "How many.", JS_RANGE(1, 64), JS_INITIAL(1)),
	F(classes, JS_OPTIONAL, "Classes taken.", JS_ITEMS(0, 4), .form = JS_CLASS_NAME),
	F(memory_mib, JS_OPTIONAL, "Memory of each.", JS_RANGE(0, 1000000000)),
	F(mig_profile, JS_OPTIONAL, "Profile.", JS_LEN(1, 63), .nullable = true, .always = true),
};
#undef F
static JS_TYPE(sample_device, "Devices of one kind.");

#define F(...) JS_FIELD(sample_host, __VA_ARGS__)
static const js_field sample_host_fields[] = {
	F(cpu_milli, JS_OPTIONAL, "Thousandths of a core.", JS_RANGE(0, 1000000)),
	F(memory_mib, JS_OPTIONAL, "Memory.", JS_RANGE(0, 1000000000)),
};
#undef F
static JS_TYPE(sample_host, "What the host gives.");

#define F(...) JS_FIELD(sample_group, __VA_ARGS__)
static const js_field sample_group_fields[] = {
	F(name, JS_REQUIRED, "Name.", .form = JS_NAME),
	F(replicas, JS_OPTIONAL, "Pods.", JS_RANGE(1, 1000), JS_INITIAL(1)),
	F(devices, JS_OPTIONAL, "Devices of each pod.", JS_OF(sample_device), JS_ITEMS(0, 8)),
	F(host, JS_OPTIONAL, "Host resources.", JS_OF(sample_host)),
};
#undef F
static JS_TYPE(sample_group, "Pods of one shape.");

static const js_field sample_label_fields[] = {JS_FIELD(sample_label, value, JS_REQUIRED, "Value.", JS_LEN(0, 63))};
static JS_TYPE_BARE(sample_label, "A label.");

#define F(...) JS_FIELD(sample_axes, __VA_ARGS__)
static const js_field sample_axes_fields[] = {
	F(device_milli, JS_OPTIONAL, "Thousandths of devices.", JS_RANGE(0, 1000000000), .nullable = true),
	F(memory_mib, JS_OPTIONAL, "Memory.", .nullable = true),
	F(note, JS_OPTIONAL, "Anything.", .nullable = true),
};
#undef F
static JS_TYPE_PATCH(sample_axes, "Amounts.");

#define F(...) JS_FIELD(sample, __VA_ARGS__)
static const js_field sample_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server.", .form = JS_ID),
	F(tenant, JS_REQUIRED, "Whose.", .form = JS_TENANT_REF),
	F(name, JS_REQUIRED, "Name.", .form = JS_NAME),
	F(policy, JS_OPTIONAL, "Policy.", JS_VALUES(sample_policies)),
	F(preemptible, JS_OPTIONAL, "May be evicted."),
	F(queue, JS_OPTIONAL, "May wait.", JS_INITIAL(true)),
	F(weight, JS_OPTIONAL, "Weight.", JS_RANGE(-5, 1000), JS_INITIAL(100)),
	F(until, JS_OPTIONAL, "Until when.", .nullable = true, .always = true),
	F(groups, JS_REQUIRED, "Groups.", JS_OF(sample_group), JS_ITEMS(1, 8)),
	F(clusters, JS_OPTIONAL, "Clusters taken.", .form = JS_NAME, .always = true),
	F(ports, JS_OPTIONAL, "Ports."),
	F(labels, JS_OPTIONAL, "Labels.", JS_OF(sample_label), .form = JS_LABEL_KEY, JS_ITEMS(0, 32)),
	F(models, JS_OPTIONAL, "By model.", JS_OF(sample_axes)),
	F(extra, JS_OPTIONAL, "Free."),
	F(secret, JS_SECRET, "Shown once."),
	F(position, JS_READ_ONLY, "Place in the queue."),
};
#undef F
static JS_TYPE(sample, "A sample.");
