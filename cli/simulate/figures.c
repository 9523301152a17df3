#include "cli/simulate/figures.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PPM 1e6

static double capacity_milli(const run *r)
{
	return (double)(TRACE_GPU_MILLI * r->trace->gpus);
}

static int64_t as_ppm(const run *r, double milli)
{
	return llround(PPM * milli / capacity_milli(r));
}

static void count(figures *g, const run *r)
{
	for (uint32_t i = 0; i < r->trace->pods.n; i++) {
		const decision *d = &r->pods[i];
		g->placed += d->node >= 0;
		g->ended += d->is_ended;
		if (d->node < 0) {
			g->refused++;
			g->refused_for[d->why]++;
		}
	}
}

/* Each point is rounded to hundredths of a per cent before the mean is taken, as in the published tables. */
static void curve_make(figures *g, const run *r)
{
	double sums[FIGURES_PERCENT_MAX + 1] = {0}, arrived_milli = 0;
	int64_t counts[FIGURES_PERCENT_MAX + 1] = {0};

	g->first_refusal_ppm = FIGURE_NONE;
	for (uint32_t i = 0; i < r->trace->pods.n; i++) {
		const trace_pod *p = &r->trace->pods.v[i];
		arrived_milli += (double)(p->gpus * p->gpu_milli);
		if (r->pods[i].node < 0 && p->gpus && g->first_refusal_ppm == FIGURE_NONE)
			g->first_refusal_ppm = as_ppm(r, arrived_milli);
		double percent = nearbyint(arrived_milli / (double)r->trace->gpus / 10);
		if (percent > FIGURES_PERCENT_MAX)
			continue;
		double used = (double)r->pods[i].used_milli / (double)r->trace->gpus / 10;
		sums[(int)percent] += nearbyint(used * 100) / 100;
		counts[(int)percent]++;
	}
	for (int i = 0; i <= FIGURES_PERCENT_MAX; i++) {
		g->curve_ppm[i] = counts[i] ? llround(sums[i] / (double)counts[i] * PPM / 100) : FIGURE_NONE;
		if (counts[i])
			g->n_curve = i + 1;
	}
	g->final_ppm = as_ppm(r, (double)r->used_milli);
	g->time_average_ppm = FIGURE_NONE;
	double span_s = r->usage.now_s - r->usage.begin_s;
	if (r->trace->is_timed && span_s > 0)
		g->time_average_ppm = as_ppm(r, r->usage.area / span_s);
}

/* What is left of one node. */
typedef struct rest {
	int64_t cpu_milli;
	int64_t gpu_milli[TRACE_NODE_GPUS_MAX];
} rest;

static rest *rests_make(arena *a, const run *r)
{
	rest *all = ARENA_ARRAY(a, rest, r->trace->nodes.n);

	for (uint32_t i = 0; i < r->trace->nodes.n; i++) {
		all[i].cpu_milli = r->trace->nodes.v[i].cpu_milli;
		for (int64_t k = 0; k < r->trace->nodes.v[i].gpus; k++)
			all[i].gpu_milli[k] = TRACE_GPU_MILLI;
	}
	for (uint32_t i = 0; i < r->trace->pods.n; i++) {
		const decision *d = &r->pods[i];
		const trace_pod *p = &r->trace->pods.v[i];
		if (d->node < 0 || d->is_ended)
			continue;
		all[d->node].cpu_milli -= p->cpu_milli;
		for (int64_t k = 0; k < p->gpus; k++)
			all[d->node].gpu_milli[r->gpus[d->first + k]] -= p->gpu_milli;
	}
	return all;
}

/* The idle milli of a node that one typical pod cannot use: all, or those of GPUs with too little left. */
static int64_t unusable(const rest *left, const trace_node *n, const typical_pod *p, int64_t idle_milli)
{
	int64_t fitting = 0, small_milli = 0;

	if (!p->gpu_milli || left->cpu_milli < p->cpu_milli || !trace_spec_allows(p->spec, n->model))
		return idle_milli;
	for (int64_t k = 0; k < n->gpus; k++) {
		bool fits = left->gpu_milli[k] >= p->gpu_milli;
		fitting += fits;
		small_milli += fits ? 0 : left->gpu_milli[k];
	}
	return fitting >= p->gpus ? small_milli : idle_milli;
}

static void fragments_make(figures *g, arena *a, const run *r, const typical *mix)
{
	const rest *all = rests_make(a, r);
	double fragments = 0;

	for (uint32_t i = 0; i < r->trace->nodes.n; i++) {
		const trace_node *n = &r->trace->nodes.v[i];
		int64_t idle_milli = 0;
		for (int64_t k = 0; k < n->gpus; k++)
			idle_milli += all[i].gpu_milli[k];
		g->idle_milli += idle_milli;
		for (uint32_t m = 0; m < mix->pods.n && idle_milli; m++)
			fragments += mix->pods.v[m].share * (double)unusable(&all[i], n, &mix->pods.v[m], idle_milli);
	}
	g->fragment_milli = llround(fragments);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void times_make(figures *g, arena *a, const run *r)
{
	uint32_t n = r->trace->pods.n, *sorted = ARENA_ARRAY(a, uint32_t, n);
	int64_t placed_ns = 0, refused_ns = 0;

	for (uint32_t i = 0; i < n; i++) {
		sorted[i] = r->pods[i].ns;
		*(r->pods[i].node >= 0 ? &placed_ns : &refused_ns) += r->pods[i].ns;
	}
	qsort(sorted, n, sizeof(*sorted), by_size);
	g->p50_ns = sorted[n / 2];
	g->p99_ns = sorted[(uint64_t)n * 99 / 100];
	g->max_ns = sorted[n - 1];
	g->placed_mean_ns = g->placed ? placed_ns / g->placed : 0;
	g->refused_mean_ns = g->refused ? refused_ns / g->refused : 0;
	g->total_us = r->total_ns / 1000;
	g->cpu_us = r->cpu_ns / 1000;
	g->decisions_per_s = r->total_ns > 0 ? llround((double)n * 1e9 / (double)r->total_ns) : 0;
}

void figures_make(figures *ret, arena *a, const run *r, const typical *mix)
{
	struct rusage use;

	*ret = (figures){.engine_bytes = r->engine_bytes, .has_moves = r->moves > 0, .moves = r->mover.figures};
	count(ret, r);
	curve_make(ret, r);
	fragments_make(ret, a, r, mix);
	times_make(ret, a, r);
	if (getrusage(RUSAGE_SELF, &use) == 0)
		ret->peak_bytes = (int64_t)use.ru_maxrss * 1024;
}
