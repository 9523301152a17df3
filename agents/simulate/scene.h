/* scene: what a simulated cluster consists of, read from a file.
 *
 *     {"cluster_uid": "sim-par-1", "seed": 1,
 *      "nodes": [{"name": "n1", "cpu_milli": 64000, "memory_mib": 524288, "pods": 110, "rank": 1,
 *                 "labels": {"zone": "a"}, "health": "ok",
 *                 "taints": [{"key": "gpu", "value": "only", "effect": "NoSchedule"}],
 *                 "links": {"weights": [400, 400, 400]},
 *                 "devices": [{"product": "NVIDIA H100 80GB", "class": "h100-80g", "memory_mib": 81920, "count": 8,
 *                              "numa": 0, "share_mode": "instances", "geometry": "mig-h100-80g"}]}],
 *      "pods": {"start_ms": 50, "runtime_ms": 0, "stop_ms": 0, "usage_interval_ms": 1000, "memory_use_percent": 70,
 *               "compute_use_percent": 60, "fail_ppm": 0, "refuse_ppm": 0}}
 *
 * Instead of, or besides, "nodes" there may be "nodes_csv": a file, relative to this one, with the columns sn,
 * cpu_milli, memory_mib, gpu, model and, if wanted, rank and device_memory_mib, found by their names in the first line.
 * A model's class is its name in lower case. "device_memory_mib" (16384) is the memory of devices whose row does not
 * say it.
 *
 * "arrivals" are pods that come by themselves, for the cluster to let in: {"tenant": "acme/research", "class":
 * "h100-80g", "count": 1, "memory_mib": 0, "compute_milli": 0, "first_ms": 0, "every_ms": 60000, "pods": 100,
 * "runtime_ms": 600000}. memory_mib 0: whole devices. Those that came are not waited for any more after a restart of
 * the agent. "after_file": a file's path; they come from when it is there, and first_ms counts from then.
 *
 * "speed": so many seconds pass in the cluster in one real one; more than 1 is for pods of no longer than a run.
 *
 * taints, links, numa, share_mode and geometry are told as they stand (api/types/agent.h).
 *
 * stop_ms: how long pods take to end once they are told to; where grace is given, no longer than that.
 *
 * runtime_ms 0: pods run until they are revoked. A placement's label "simulate/runtime_ms" overrides it, and its
 * max_runtime_s ends it too. fail_ppm and refuse_ppm: how many of a million placements fail or are refused; which ones
 * follows from seed, id and fence alone. Devices without a uuid_prefix are called GPU-<node>-<index>, others
 * <uuid_prefix>-<node>-<index>.
 */
#pragma once
#include "api/types/agent.h"

enum { SCENE_DEVICE_MEMORY_MIB = 16384, SCENE_NODES_MAX = 100000, SCENE_BYTES_MAX = 16 << 20 };

typedef struct scene_device {
	str product, class;
	int64_t memory_mib, count, slots;
	str uuid_prefix;
	int64_t numa;
	str share_mode, geometry;
	str health;
} scene_device;
JS_DECLARE(scene_device);

typedef struct scene_node {
	str name;
	int64_t cpu_milli, memory_mib, pods, rank;
	js_raw labels;
	js_list taints; /* of report_taint */
	report_links links;
	str health;
	js_list devices; /* of scene_device */
} scene_node;
JS_DECLARE(scene_node);

typedef struct scene_pods {
	int64_t start_ms, runtime_ms, stop_ms, usage_interval_ms;
	int64_t memory_use_percent, compute_use_percent;
	int64_t fail_ppm, refuse_ppm;
} scene_pods;
JS_DECLARE(scene_pods);

typedef struct scene_arrival {
	str tenant, class;
	int64_t count, memory_mib, compute_milli;
	int64_t first_ms, every_ms, pods, runtime_ms;
	str after_file;
} scene_arrival;
JS_DECLARE(scene_arrival);

typedef struct scene {
	uint64_t given;
	str cluster_uid;
	int64_t seed;
	js_list nodes; /* of scene_node */
	str nodes_csv;
	int64_t device_memory_mib;
	scene_pods pods;
	js_list arrivals; /* of scene_arrival */
	int64_t speed;
} scene;
JS_DECLARE(scene);

/* The file at path, with its CSV, whole: everything in a. */
err scene_load(const char *path, arena *a, scene *ret, fault *f) MUST_CHECK;
/* The JSON text alone. */
err scene_read(str json, arena *a, scene *ret, fault *f) MUST_CHECK;
/* Adds the nodes of a CSV text to s. The fault's pointer is "line <n>". */
err scene_read_csv(str csv, arena *a, scene *s, fault *f) MUST_CHECK;
/* The nodes as an agent reports them. */
js_list scene_report(const scene *s, arena *a);
