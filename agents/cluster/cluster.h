/* cluster: what a cluster can do for its agent, as a struct of functions.
 *
 * The agent's core knows only this face: a simulation (simulate/simulate.h) and Kubernetes stand behind it. Pods of one
 * placement are one thing here, named by placement id and fence, because they start and end together. What the cluster
 * holds outlives the agent: after a start of the agent `list` tells it.
 *
 * All calls come from the agent's loop. News are handed out from `turn` alone, never from inside another call. Time is
 * an argument: UTC microseconds.
 */
#pragma once
#include "api/types/agent.h"
#include "engine/share.h"

/* How far the pods of one placement have come. Done, failed and stopped are final; the cluster keeps them until `drop`.
 */
typedef enum cluster_phase {
	CLUSTER_BOUND,
	CLUSTER_RUNNING,
	CLUSTER_DONE,
	CLUSTER_FAILED,
	CLUSTER_STOPPED, /* by order */
	CLUSTER_AWAITED, /* its place is kept, its pods are not there yet; from `list` only */
} cluster_phase;

static inline bool cluster_is_over(cluster_phase p)
{
	return p == CLUSTER_DONE || p == CLUSTER_FAILED || p == CLUSTER_STOPPED;
}

/* What the cluster remembers of pods that were let in here (agent_let_in). */
typedef struct cluster_let_in {
	str tenant, request; /* request: JSON */
	str loan;
	amounts charge;
	int64_t at_us;
} cluster_let_in;

typedef struct cluster_pods {
	str id, fence;
	cluster_phase phase;
	int64_t at_us;                 /* when it came to this phase */
	int64_t running_us;            /* when it began to run; 0: never */
	int64_t self_fence_s, speak_s; /* as they were ordered; from `list` only */
	str reason;                    /* FAILED: why; DONE: why before its own end */
	js_list placed;                /* of placed_pod; from `list` only */
	/* From `list` only; NULL: the server placed them, or the agent remembers itself. */
	const cluster_let_in *let_in;
} cluster_pods;

/* An order to start: everything in it is valid during the call only. */
typedef struct cluster_order {
	str id, fence;
	str tenant, origin;            /* origin: api or pod */
	js_list placed;                /* of placed_pod */
	int64_t max_runtime_s;         /* 0: open */
	int64_t self_fence_s, speak_s; /* told back by `list`; the agent sees to them */
	js_raw labels;                 /* an object, or absent */
} cluster_order;

typedef struct cluster_usage {
	str id, fence;
	int64_t source; /* which part of it, the same whenever it is told; 0: all of it */
	int64_t at_us;  /* end of the window */
	int64_t window_ms;
	int64_t memory_mib_avg, memory_mib_max, compute_milli_avg; /* over its devices together */
	/* The server may have stored it already: it is told as it is, for one that was added to others would be
	 * counted whole or not at all. */
	bool is_repeat;
} cluster_usage;

/* A pod that came and that nobody has placed. Valid during the call only. */
typedef struct cluster_pod {
	str tenant;
	str request; /* JSON, as a placement request */
	str id;      /* of its placement, the same whenever it is told; absent: one is made */
} cluster_pod;

typedef struct cluster_events {
	void (*on_phase)(void *arg, const cluster_pods *p);
	void (*on_usage)(void *arg, const cluster_usage *u);
	void (*on_pod)(void *arg, const cluster_pod *p);
	/* A pod that was told, now or by an agent before, is gone, or nobody has to let it in any more. */
	void (*on_pod_gone)(void *arg, str name);
	/* A node is other than `nodes` last said. */
	void (*on_node)(void *arg, const report_node *n);
	void (*on_node_gone)(void *arg, str name);
	void *arg;
} cluster_events;

#define CLUSTER_NEVER   INT64_MAX
#define CLUSTER_AT_ONCE ((int64_t)-1)

typedef struct cluster_face {
	/* What makes this cluster itself; lives as long as the cluster. */
	str (*uid)(void *self);
	/* All nodes (report_node) with their devices; memory in a. */
	js_list (*nodes)(void *self, arena *a);
	/* Starts the pods. False: not possible, *ret_reason (static or as long as the cluster) says why. Idempotent on
	 * (id, fence). */
	bool (*start)(void *self, const cluster_order *o, int64_t now_us, str *ret_reason);
	/* Begins to stop them, within grace_s where that is not 0; CLUSTER_STOPPED follows. CLUSTER_AT_ONCE: whatever
	 * else stands in the way. False: there is nothing of that name. */
	bool (*stop)(void *self, str id, str fence, int64_t grace_s, int64_t now_us);
	/* The server will not place that pod, and says why. NULL: it may be told so by nobody. */
	void (*deny)(void *self, str id, str why, int64_t now_us);
	/* The agent knows durably how they ended: the cluster may let go of them. */
	void (*drop)(void *self, str id, str fence);
	/* Everything that was started and not dropped. */
	void (*list)(void *self, void (*visit)(void *arg, const cluster_pods *p), void *arg);
	/* Tells what has happened until now_us and returns when it wants the next turn, or CLUSTER_NEVER. */
	int64_t (*turn)(void *self, const cluster_events *e, int64_t now_us);
	/* Makes every order so far durable; where that takes time, is_kept says when it is done. */
	err (*flush)(void *self, fault *f);
	/* Whether all up to the last flush is durable: nothing is told to the server before. NULL: always. */
	bool (*is_kept)(void *self);
	/* Has a scheduler of its own: pods are let in where that one finds room (agent_let_in), and only those that
	 * are to wait for the server are told. */
	bool is_scheduled;
	/* Whether the server is asked what it says of the cluster; NULL: it is not. *ret_soon: it will be again, soon.
	 */
	bool (*wants_config)(void *self, bool *ret_soon);
	void (*take_config)(void *self, const sync_config *c);
	/* The server has stored all that was told. NULL: not of interest. */
	void (*settled)(void *self);
	/* What time it is there, when the real time is real_us, and how long in real time is so much of that; NULL: the
	 * same. */
	int64_t (*clock_us)(void *self, int64_t real_us);
	int64_t (*real_us)(void *self, int64_t delay_us);
} cluster_face;

typedef struct cluster_ref {
	const cluster_face *can;
	void *self;
} cluster_ref;
