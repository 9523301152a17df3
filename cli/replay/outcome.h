/* outcome: what became of each pod of a trace, and whether it may be so.
 *
 * The judge inside: it keeps its own picture of every node and checks each decision against it, without trusting the
 * server's books.
 */
#pragma once
#include "base/map.h"
#include "cli/trace/trace.h"

typedef enum pod_state { POD_UNSENT, POD_WAITING, POD_PLACED, POD_REFUSED, POD_FREED } pod_state;

typedef struct pod_outcome {
	pod_state state;
	str id;       /* of its placement */
	int32_t node; /* index in trace.nodes; -1: none */
	int8_t gpus[TRACE_NODE_GPUS_MAX];
	str blocker;     /* code of the first */
	bool has_number; /* its first blocker says how much is needed */
	int64_t latency_us;
} pod_outcome;

typedef struct node_state {
	int64_t cpu_milli, memory_mib, pods;
	int64_t gpu_milli[TRACE_NODE_GPUS_MAX]; /* free */
} node_state;

typedef struct outcomes {
	const trace *trace;
	pod_outcome *pods;
	node_state *nodes;
	map node_by_name;
	int64_t illegal;
	char first_illegal[256];
	int64_t used_gpu_milli;
} outcomes;

void outcomes_init(outcomes *o, const trace *t);
void outcomes_done(outcomes *o);

/* Books pod `seq` on a node and devices, checking everything; counts what is illegal. */
void outcome_place(outcomes *o, uint32_t seq, str node, const int64_t *gpus, uint32_t n);
void outcome_free(outcomes *o, uint32_t seq);
/* Decisions in the order taken, in the judge's form. */
err outcomes_write_log(const outcomes *o, const char *path, const uint32_t *order, const bool *is_free, uint32_t n,
	fault *f) MUST_CHECK;
