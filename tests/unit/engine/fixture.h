/* Small fleets and asks for the tests of the engine. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/place.h"

static inline str text(const char *fmt, int n)
{
	static char room[8][32];
	static int at;
	char *p = room[at++ % 8];

	snprintf(p, 32, fmt, n);
	return str_from(p);
}

static inline int32_t add_node(fleet *f, int32_t cluster, const char *name, int64_t cpu_milli, int64_t memory_mib)
{
	node_spec spec = {str_from(name), cpu_milli, memory_mib, 0, FLEET_NONE};

	return fleet_node_put(f, cluster, &spec);
}

static inline int32_t add_device(fleet *f, int32_t node, const char *uuid, const char *class_name, int64_t memory_mib)
{
	device_spec spec = {
		str_from(uuid), fleet_class_put(f, str_from(class_name)), f->nodes.v[node].n_devices, memory_mib, 1};
	int32_t device = FLEET_NONE;

	cr_assert_eq(fleet_device_put(f, node, &spec, &device), ERR_OK);
	return device;
}

/* A node of n devices named <node>-0, <node>-1, ... */
static inline int32_t add_gpus(
	fleet *f, int32_t cluster, const char *name, int n, const char *class_name, int64_t memory_mib)
{
	int32_t node = add_node(f, cluster, name, 64000, 262144);

	for (int i = 0; i < n; i++) {
		char uuid[64];
		snprintf(uuid, sizeof uuid, "%s-%d", name, i);
		add_device(f, node, uuid, class_name, memory_mib);
	}
	return node;
}

static inline ask_entry slice_of(int32_t count, int64_t memory_mib, int32_t compute_milli)
{
	return (ask_entry){.count = count, .memory_mib = memory_mib, .compute_milli = compute_milli};
}

/* One group of `replicas` equal pods with one entry. */
typedef struct one_ask {
	ask_entry entry;
	ask_group group;
	ask a;
} one_ask;

static inline ask *ask_one(one_ask *o, ask_entry e, int32_t replicas)
{
	o->entry = e;
	o->group = (ask_group){.replicas = replicas, .min_replicas = replicas, .entries = &o->entry, .n_entries = 1};
	o->a = (ask){.groups = &o->group, .n_groups = 1};
	return &o->a;
}

/* xorshift64*: the same numbers from the same seed everywhere. */
static inline uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545F4914F6CDD1Du;
}

static inline int64_t draw_below(uint64_t *seed, int64_t n)
{
	return (int64_t)(draw(seed) >> 11) % n;
}

/* From ENGINE_SEED, so that a failure can be run again; else by the clock. Printed with every failure. */
static inline uint64_t seed_of_run(void)
{
	const char *given = getenv("ENGINE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;

	return seed ? seed : 1;
}
