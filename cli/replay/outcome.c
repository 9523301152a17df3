#include "cli/replay/outcome.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void outcomes_init(outcomes *o, const trace *t)
{
	memset(o, 0, sizeof(*o));
	o->trace = t;
	o->pods = calloc(t->pods.n, sizeof(*o->pods));
	o->nodes = calloc(t->nodes.n, sizeof(*o->nodes));
	assert(o->pods && o->nodes);
	for (uint32_t i = 0; i < t->pods.n; i++)
		o->pods[i].node = -1;
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const trace_node *n = &t->nodes.v[i];
		o->nodes[i] = (node_state){
			.cpu_milli = n->cpu_milli, .memory_mib = n->memory_mib, .pods = TRACE_NODE_PODS_MAX};
		for (int64_t g = 0; g < n->gpus; g++)
			o->nodes[i].gpu_milli[g] = TRACE_GPU_MILLI;
		map_put(&o->node_by_name, n->name, &o->nodes[i]);
	}
}

void outcomes_done(outcomes *o)
{
	map_done(&o->node_by_name);
	free(o->pods);
	free(o->nodes);
}

static void illegal(outcomes *o, uint32_t seq, const char *fmt, ...) PRINTF(3, 4);
static void illegal(outcomes *o, uint32_t seq, const char *fmt, ...)
{
	va_list args;

	if (o->illegal++)
		return;
	int n = snprintf(o->first_illegal, sizeof(o->first_illegal), "pod %u: ", seq);
	va_start(args, fmt);
	vsnprintf(o->first_illegal + n, sizeof(o->first_illegal) - (size_t)n, fmt, args);
	va_end(args);
}

static void check_shape(outcomes *o, uint32_t seq, const trace_node *n, const int64_t *gpus, uint32_t n_gpus)
{
	const trace_pod *p = &o->trace->pods.v[seq];

	if (n_gpus != (uint32_t)p->gpus)
		illegal(o, seq, "asks %lld GPUs, got %u", (long long)p->gpus, n_gpus);
	if (n_gpus && !trace_spec_allows(p->spec, n->model))
		illegal(o, seq, "may not stand on a " STR_FMT, STR_ARG(n->model));
	for (uint32_t i = 0; i < n_gpus; i++)
		for (uint32_t k = 0; k < i; k++)
			if (gpus[k] == gpus[i])
				illegal(o, seq, "got GPU %lld twice", (long long)gpus[i]);
}

static void book(outcomes *o, uint32_t seq, int sign)
{
	const trace_pod *p = &o->trace->pods.v[seq];
	pod_outcome *out = &o->pods[seq];
	node_state *n = &o->nodes[out->node];

	n->cpu_milli -= sign * p->cpu_milli;
	n->memory_mib -= sign * p->memory_mib;
	n->pods -= sign;
	for (int64_t i = 0; i < p->gpus; i++)
		n->gpu_milli[out->gpus[i]] -= sign * p->gpu_milli;
	o->used_gpu_milli += sign * p->gpus * p->gpu_milli;
}

static void check_room(outcomes *o, uint32_t seq)
{
	const trace_pod *p = &o->trace->pods.v[seq];
	const pod_outcome *out = &o->pods[seq];
	const node_state *n = &o->nodes[out->node];
	const trace_node *node = &o->trace->nodes.v[out->node];

	if (n->cpu_milli < 0 || n->memory_mib < 0 || n->pods < 0)
		illegal(o, seq, "node " STR_FMT " is over its cpu, memory or pods", STR_ARG(node->name));
	for (int64_t i = 0; i < p->gpus; i++)
		if (n->gpu_milli[out->gpus[i]] < 0)
			illegal(o, seq, "node " STR_FMT " GPU %d holds more than 1000 thousandths", STR_ARG(node->name),
				out->gpus[i]);
}

void outcome_place(outcomes *o, uint32_t seq, str node, const int64_t *gpus, uint32_t n)
{
	pod_outcome *out = &o->pods[seq];
	const node_state *state = map_find(&o->node_by_name, node);

	if (!state) {
		illegal(o, seq, "there is no node " STR_FMT, STR_ARG(node));
		return;
	}
	int32_t at = (int32_t)(state - o->nodes);
	const trace_node *tn = &o->trace->nodes.v[at];
	check_shape(o, seq, tn, gpus, n);
	if (n != (uint32_t)o->trace->pods.v[seq].gpus)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (gpus[i] < 0 || gpus[i] >= tn->gpus) {
			illegal(o, seq, "node " STR_FMT " has no GPU %lld", STR_ARG(node), (long long)gpus[i]);
			return;
		}
		out->gpus[i] = (int8_t)gpus[i];
	}
	out->node = at;
	out->state = POD_PLACED;
	book(o, seq, 1);
	check_room(o, seq);
}

void outcome_free(outcomes *o, uint32_t seq)
{
	if (o->pods[seq].state != POD_PLACED)
		return;
	book(o, seq, -1);
	o->pods[seq].state = POD_FREED;
}

static void write_place(const outcomes *o, FILE *out, uint32_t seq)
{
	const pod_outcome *p = &o->pods[seq];

	fprintf(out, "place,%u," STR_FMT ",", seq, STR_ARG(o->trace->nodes.v[p->node].name));
	for (int64_t i = 0; i < o->trace->pods.v[seq].gpus; i++)
		fprintf(out, "%s%d", i ? "-" : "", p->gpus[i]);
	fputc('\n', out);
}

err outcomes_write_log(
	const outcomes *o, const char *path, const uint32_t *order, const bool *is_free, uint32_t n, fault *f)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	fprintf(out, "op,seq,node,gpus\n");
	for (uint32_t i = 0; i < n; i++) {
		if (is_free[i])
			fprintf(out, "free,%u,,\n", order[i]);
		else if (o->pods[order[i]].node >= 0)
			write_place(o, out, order[i]);
		else
			fprintf(out, "fail,%u,,\n", order[i]);
	}
	return fclose(out) == 0 ? ERR_OK : fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}
