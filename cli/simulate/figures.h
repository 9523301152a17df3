/* figures: what a run came to, in whole numbers.
 *
 * Ratios are parts per million of all GPUs of the trace (1 % is 10,000). They are counted as the judge counts them
 * (reference placement 1.6 and 1.9): from the decisions alone, never from the engine's books.
 */
#pragma once
#include "base/arena.h"
#include "cli/simulate/run.h"
#include "cli/trace/typical.h"

enum { FIGURE_NONE = -1, FIGURES_PERCENT_MAX = 1000 };

typedef struct figures {
	int64_t placed, refused, ended;
	int64_t refused_for[WHY_COUNT]; /* by the reason that most nodes gave */
	/* Mean allocation over the arrivals that round to each whole per cent of arrived demand, 0 to n_curve - 1. */
	int64_t curve_ppm[FIGURES_PERCENT_MAX + 1];
	int32_t n_curve;
	int64_t first_refusal_ppm; /* demand arrived by the first refusal of a pod with GPUs */
	int64_t final_ppm;
	int64_t time_average_ppm;           /* where pods end */
	int64_t idle_milli, fragment_milli; /* at the end */
	int64_t total_us, cpu_us, decisions_per_s;
	int64_t p50_ns, p99_ns, max_ns;
	int64_t placed_mean_ns, refused_mean_ns;
	bool has_moves;
	mover_figures moves;
	int64_t engine_bytes, peak_bytes; /* 0: not known */
} figures;

void figures_make(figures *ret, arena *a, const run *r, const typical *mix);
