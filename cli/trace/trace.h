/* trace: a recorded cluster and its workload, from CSV.
 *
 * Two forms are read, by the names of their columns: the published lists of the openb trace
 * (sn,cpu_milli,memory_mib,gpu,model and name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec]) and order folders
 * (nodes.csv with rank, pods.csv with seq and perhaps arrive_s, life_s, typical.csv). Nodes without devices are left
 * out; file order is rank order. Every error names the file and the line.
 */
#pragma once
#include "base/arena.h"
#include "base/vec.h"

enum {
	TRACE_MODELS_MAX = 32, /* of all nodes */
	TRACE_NODE_GPUS_MAX = 64,
	TRACE_POD_GPUS_MAX = 1024,  /* more than any node has: such a pod is refused */
	TRACE_NAME_MAX = 253,       /* bytes of a node's name */
	TRACE_GPU_MILLI = 1000,     /* what a GPU has */
	TRACE_NODE_PODS_MAX = 1001, /* of the study's simulator, and of the judge */
};
#define TRACE_AMOUNT_MAX ((int64_t)1 << 40) /* of cpu or memory */

typedef struct trace_node {
	str name, model;
	int64_t cpu_milli, memory_mib, gpus;
	int64_t rank; /* as the file has it, or 0 */
} trace_node;

typedef struct trace_pod {
	str name, spec; /* spec: models joined by '|', empty for any */
	int64_t cpu_milli, memory_mib, gpus, gpu_milli;
	double arrive_s, life_s; /* life_s 0: stays */
} trace_pod;

typedef struct trace {
	vec(trace_node) nodes;
	vec(trace_pod) pods;
	str models[TRACE_MODELS_MAX];
	uint32_t n_models;
	const char *pods_file;
	int64_t gpus; /* in all nodes */
	bool is_timed;
} trace;

/* Texts live in a. */
err trace_read(trace *t, arena *a, const char *nodes_file, const char *pods_file, fault *f) MUST_CHECK;
void trace_done(trace *t);
bool trace_spec_allows(str spec, str model);
/* The next model of the list, which goes on behind it; empty where nothing stands between two bars. */
str trace_spec_next(str *spec);

/* The class name a model gets: lower case, what is not a letter, digit, dot or dash becomes a dash. */
str trace_class(arena *a, str model);
/* The same of a model that pods name: one that no node has gets a name that is no node's. */
str trace_class_of(const trace *t, arena *a, str model);
/* BAD_FIELD where two models of nodes would get one name. */
err trace_classes_check(const trace *t, fault *f) MUST_CHECK;

/* Writes nodes.csv, pods.csv and typical.csv for the judge (cli/trace/typical.h). */
err trace_write(const trace *t, const char *folder, fault *f) MUST_CHECK;
