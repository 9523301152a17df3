/* work: what tenants of the demo ask for, as table rows and as the body of a request. */
#pragma once
#include "base/arena.h"
#include "cli/demo/cast.h"
#include "engine/share.h"

enum { WORK_CLASSES_MAX = 3 };

typedef struct work {
	const char *name;
	cast_who who;
	const char *classes[WORK_CLASSES_MAX];             /* in order of preference */
	int64_t replicas;                                  /* 0 stands for 1 */
	int64_t count;                                     /* devices of each replica; 0: none at all */
	int64_t memory_mib, memory_percent, compute_milli; /* of each device; 0: not named */
	int64_t cpu_milli, host_memory_mib;
	int64_t runtime_ms;    /* 0: until it is released */
	int64_t max_runtime_s; /* 0: open */
	const char *node_policy;
	bool is_impatient; /* "queue": false */
	int64_t weight;    /* how often it comes, in the live demo */
} work;

/* The body of POST /v1/placements. name: "" for the row's own. */
void work_body(const work *w, const char *name, int64_t runtime_ms, buf *out);
/* MiB and thousandths that each device of `class` must give it. */
int64_t work_memory_mib(const work *w, str class);
int64_t work_compute_milli(const work *w);
int64_t work_replicas(const work *w);
/* What all of it counts as when it stands on `class`. */
amounts work_charge(const work *w, str class);
