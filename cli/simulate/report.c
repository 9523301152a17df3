#include "cli/simulate/report.h"

#include <inttypes.h>

#include "json/write.h"

enum { CURVE_STEP = 10, CURVE_ROW_MAX = 200, JSON_BYTES_MAX = 1 << 20 };

static double percent(int64_t ppm)
{
	return (double)ppm / 1e4;
}

static double micros(int64_t ns)
{
	return (double)ns / 1e3;
}

static double mebibytes(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print_refusals(const figures *g, bool is_timed, FILE *out)
{
	if (g->first_refusal_ppm != FIGURE_NONE && !is_timed)
		fprintf(out, "first refusal        at %.3f %% arrived\n", percent(g->first_refusal_ppm));
	for (int code = 0; code < WHY_COUNT; code++)
		if (g->refused_for[code])
			fprintf(out, "  %-20s %" PRId64 "\n", why_name((why_code)code), g->refused_for[code]);
}

static bool is_curve_row(const figures *g, int32_t at)
{
	return g->curve_ppm[at] != FIGURE_NONE && at > 0 &&
	       (at % CURVE_STEP == 0 || at == 95 || at == 105 || at == g->n_curve - 1);
}

static void print_curve(const figures *g, FILE *out)
{
	fprintf(out, "allocation           arrived %%   allocated %%\n");
	for (int32_t i = 0; i < g->n_curve && i <= CURVE_ROW_MAX; i++)
		if (is_curve_row(g, i))
			fprintf(out, "                     %9d   %11.2f\n", i, percent(g->curve_ppm[i]));
}

static void print_end(const report *p, FILE *out)
{
	const figures *g = p->figures;

	if (p->run->trace->is_timed) {
		fprintf(out, "allocation           %.3f %% at the end", percent(g->final_ppm));
		if (g->time_average_ppm != FIGURE_NONE)
			fprintf(out, ", %.3f %% over the last two thirds of the arrivals' time",
				percent(g->time_average_ppm));
		fputc('\n', out);
	} else {
		print_curve(g, out);
		fprintf(out, "                           end   %11.3f\n", percent(g->final_ppm));
	}
	fprintf(out, "idle                 %.3f GPUs, of which no use to the typical mix%s: %.3f (%.2f %%)\n",
		(double)g->idle_milli / 1e3, p->mix->is_counted ? " (counted from these pods)" : "",
		(double)g->fragment_milli / 1e3,
		g->idle_milli ? 100.0 * (double)g->fragment_milli / (double)g->idle_milli : 0.0);
}

static void print_moves(const report *p, FILE *out)
{
	const mover_figures *m = &p->figures->moves;
	double mean_ns = m->searches ? (double)m->ns / (double)m->searches : 0;

	if (!p->figures->has_moves)
		return;
	fprintf(out, "moves                %" PRId64 ", %.2f for 1,000 pods\n", m->moves,
		1e3 * (double)m->moves / (double)p->run->trace->pods.n);
	fprintf(out, "  searches           %" PRId64 ", not counted below: %.1f us on average, max %.1f us\n",
		m->searches, mean_ns / 1e3, micros(m->max_ns));
}

static void print_costs(const report *p, FILE *out)
{
	const figures *g = p->figures;

	fprintf(out, "decisions            %" PRId64 " per second (%.3f s in all, %.3f s of the processor%s)\n",
		g->decisions_per_s, (double)g->total_us / 1e6, (double)g->cpu_us / 1e6,
		*p->log ? ", writing the log included" : "");
	fprintf(out, "time of one          p50 %.1f us, p99 %.1f us, max %.1f us\n", micros(g->p50_ns),
		micros(g->p99_ns), micros(g->max_ns));
	fprintf(out, "  placed, refused    %.1f us, %.1f us on average\n", micros(g->placed_mean_ns),
		micros(g->refused_mean_ns));
	if (g->engine_bytes > 0)
		fprintf(out, "memory               %.1f MiB for the fleet and the search, ",
			mebibytes(g->engine_bytes));
	else
		fprintf(out, "memory               ");
	fprintf(out, "%.1f MiB the whole process at its peak\n", mebibytes(g->peak_bytes));
}

void report_print(const report *p, FILE *out)
{
	const trace *t = p->run->trace;
	const figures *g = p->figures;

	fprintf(out, "policy               %s, on %u nodes with %" PRId64 " GPUs in %" PRId64 " cluster%s\n",
		p->run->policy->name, t->nodes.n, t->gpus, p->clusters, p->clusters > 1 ? "s" : "");
	fprintf(out, "pods                 %u: %" PRId64 " placed, %" PRId64 " refused", t->pods.n, g->placed,
		g->refused);
	fprintf(out, t->is_timed ? ", %" PRId64 " ended\n" : "\n", g->ended);
	print_refusals(g, t->is_timed, out);
	print_end(p, out);
	print_moves(p, out);
	print_costs(p, out);
}

static void put_known(js_writer *w, const char *key, int64_t v)
{
	if (v != FIGURE_NONE)
		js_put_i64(w, key, v);
}

static void write_refusals(js_writer *w, const figures *g)
{
	js_key(w, S("refusals"));
	js_array_begin(w);
	for (int code = 0; code < WHY_COUNT; code++) {
		if (!g->refused_for[code])
			continue;
		js_object_begin(w);
		js_put_text(w, "code", str_from(why_name((why_code)code)));
		js_put_i64(w, "pods", g->refused_for[code]);
		js_object_end(w);
	}
	js_array_end(w);
}

static void write_curve(js_writer *w, const figures *g)
{
	js_key(w, S("curve"));
	js_array_begin(w);
	for (int32_t i = 0; i < g->n_curve; i++) {
		if (g->curve_ppm[i] == FIGURE_NONE)
			continue;
		js_object_begin(w);
		js_put_i64(w, "arrived_percent", i);
		js_put_i64(w, "allocated_ppm", g->curve_ppm[i]);
		js_object_end(w);
	}
	js_array_end(w);
}

static void write_moves(js_writer *w, const figures *g)
{
	if (!g->has_moves)
		return;
	js_put_i64(w, "moves", g->moves.moves);
	js_put_i64(w, "move_searches", g->moves.searches);
	js_put_i64(w, "move_search_us", g->moves.ns / 1000);
	js_put_i64(w, "move_search_max_ns", g->moves.max_ns);
}

static void write_costs(js_writer *w, const figures *g)
{
	js_put_i64(w, "total_us", g->total_us);
	js_put_i64(w, "cpu_us", g->cpu_us);
	js_put_i64(w, "decisions_per_s", g->decisions_per_s);
	js_put_i64(w, "p50_ns", g->p50_ns);
	js_put_i64(w, "p99_ns", g->p99_ns);
	js_put_i64(w, "max_ns", g->max_ns);
	js_put_i64(w, "placed_mean_ns", g->placed_mean_ns);
	js_put_i64(w, "refused_mean_ns", g->refused_mean_ns);
	if (g->engine_bytes > 0)
		js_put_i64(w, "engine_bytes", g->engine_bytes);
	js_put_i64(w, "peak_bytes", g->peak_bytes);
}

static void write_all(js_writer *w, const report *p)
{
	const trace *t = p->run->trace;
	const figures *g = p->figures;

	js_object_begin(w);
	js_put_text(w, "policy", str_from(p->run->policy->name));
	js_put_i64(w, "nodes", t->nodes.n);
	js_put_i64(w, "gpus", t->gpus);
	js_put_i64(w, "clusters", p->clusters);
	js_put_i64(w, "pods", t->pods.n);
	js_put_i64(w, "placed", g->placed);
	js_put_i64(w, "refused", g->refused);
	js_put_i64(w, "ended", g->ended);
	write_refusals(w, g);
	put_known(w, "first_refusal_ppm", g->first_refusal_ppm);
	put_known(w, "time_average_ppm", g->time_average_ppm);
	js_put_i64(w, "final_ppm", g->final_ppm);
	js_put_i64(w, "idle_milli", g->idle_milli);
	js_put_i64(w, "fragment_milli", g->fragment_milli);
	write_curve(w, g);
	write_moves(w, g);
	write_costs(w, g);
	js_object_end(w);
}

void report_print_json(const report *p, FILE *out)
{
	buf b;

	buf_init(&b, JSON_BYTES_MAX);
	js_writer w = js_writer_on(&b);
	write_all(&w, p);
	fprintf(out, STR_FMT "\n", STR_ARG(buf_str(&b)));
	buf_done(&b);
}
