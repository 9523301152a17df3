/* run: every pod of a trace decided by the engine, in order, by the clock.
 *
 * Pods that have a life end when the next arrival is past it, in the order of their ends. A pod that does not fit is
 * refused and never asked again. The time of a decision runs from the end of the one before it (or of the endings
 * between) and so holds the request, the search, the books and the line of the log; searches for moves are timed apart.
 */
#pragma once
#include "cli/simulate/decision_log.h"
#include "cli/simulate/mover.h"
#include "cli/simulate/policy.h"
#include "cli/simulate/stage.h"
#include "cli/trace/typical.h"
#include "engine/market.h"
#include "engine/reference.h"

typedef struct decision {
	int32_t node;   /* row of trace.nodes; -1: refused */
	uint32_t first; /* its GPUs are run.gpus[first, first + the pod's) */
	uint32_t ns;
	uint8_t why; /* why_code that most nodes gave, when refused */
	bool is_ended;
	int64_t used_milli; /* of all GPUs, after it */
} decision;

/* How long what was used was used: the mean over time, once the first third of the pods has arrived (as the judge's).
 */
typedef struct usage {
	double begin_s, now_s, area; /* milli x seconds */
} usage;

/* A running pod's plan; its devices stand in kept_devices. */
typedef struct kept_pod {
	plan plan;
	plan_pod pod;
	int32_t run;
} kept_pod;

typedef struct run {
	const trace *trace;
	stage stage;
	const policy *policy;
	place *place;
	market *market; /* NULL where the policy learns nothing */
	score_tables tables;
	int64_t prices[FLEET_CLASSES_MAX]; /* of POLICY_COST */
	decision *pods;                    /* by seq */
	uint8_t *gpus;
	uint32_t n_gpus;
	int64_t used_milli, ended;
	usage usage;
	int64_t total_ns, cpu_ns; /* by the clock, and of the processor: the rest went to other processes */
	int64_t engine_bytes;     /* fleet and working memory at the end; 0: not known */
	mover mover;
	int64_t moves, moves_rate;
	/* What running pods hold, to give it back or to move; only where pods end or move. */
	kept_pod *kept;
	plan_device *kept_devices; /* as gpus */
	uint32_t *endings;         /* pods by their end */
	uint32_t n_endings, next_ending;
	int64_t next_progress_ns; /* INT64_MAX: silent */
} run;

typedef struct run_terms {
	const policy *policy;
	const typical *mix;
	int64_t clusters;
	int64_t moves, moves_rate; /* mover.h */
	const char *log;           /* empty: none */
	const char *prices;        /* cli/simulate/prices.h */
	bool is_known;             /* what the pods ask, before they come */
	bool has_progress;
} run_terms;

/* Texts and tables live in a, which must outlive r. */
err run_all(run *r, arena *a, const trace *t, const run_terms *terms, fault *f) MUST_CHECK;
/* Takes into r what was faster in another run of the same: the whole, and each decision; what else the machine did in
 * the meantime falls out. ERR_CONFLICT when the decisions differ. */
err run_take_faster(run *r, const run *other, fault *f) MUST_CHECK;
void run_done(run *r);
