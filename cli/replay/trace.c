#include "cli/replay/trace.h"

#include "cli/replay/csv.h"

static err model_add(trace *t, str model, fault *f)
{
	for (uint32_t i = 0; i < t->n_models; i++)
		if (str_eq(t->models[i], model))
			return ERR_OK;
	if (t->n_models == TRACE_MODELS_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "more than %d GPU models", TRACE_MODELS_MAX);
	t->models[t->n_models++] = model;
	return ERR_OK;
}

static err node_read(trace *t, const csv *c, fault *f)
{
	trace_node n = {.name = csv_text(c, "sn"), .model = csv_text(c, "model")};
	err e = csv_i64(c, "cpu_milli", &n.cpu_milli, f);

	if (!e)
		e = csv_i64(c, "memory_mib", &n.memory_mib, f);
	if (!e)
		e = csv_i64(c, "gpu", &n.gpus, f);
	if (e || n.gpus == 0)
		return e;
	if (n.gpus < 0 || n.gpus > TRACE_NODE_GPUS_MAX || str_is_empty(n.name) || str_is_empty(n.model))
		return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: a node has a name, a model and up to %d GPUs",
			c->path, c->line, TRACE_NODE_GPUS_MAX);
	t->gpus += n.gpus;
	vec_push(&t->nodes, n);
	return model_add(t, n.model, f);
}

static err pod_read(trace *t, const csv *c, fault *f)
{
	trace_pod p = {.name = csv_text(c, "name"),
		.spec = csv_text(c, "gpu_spec"),
		.arrive_s = csv_double(c, "arrive_s"),
		.life_s = csv_double(c, "life_s")};
	err e = csv_i64(c, "cpu_milli", &p.cpu_milli, f);

	if (!e)
		e = csv_i64(c, "memory_mib", &p.memory_mib, f);
	if (!e)
		e = csv_i64(c, "num_gpu", &p.gpus, f);
	if (!e)
		e = csv_i64(c, "gpu_milli", &p.gpu_milli, f);
	if (e)
		return e;
	if (p.gpus < 0 || p.gpus > TRACE_NODE_GPUS_MAX || p.gpu_milli < 0)
		return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: a pod asks 0 to %d GPUs", c->path, c->line,
			TRACE_NODE_GPUS_MAX);
	if (p.gpu_milli > 1000)
		p.gpu_milli = 1000;
	if (!p.gpus) {
		p.gpu_milli = 0;
		p.spec = STR_NONE;
	}
	t->is_timed = t->is_timed || p.life_s > 0;
	vec_push(&t->pods, p);
	return ERR_OK;
}

static err rows_read(trace *t, arena *a, const char *path, const char *needs,
	err (*read)(trace *t, const csv *c, fault *f), fault *f)
{
	csv c;
	err e = csv_open(&c, a, path, f);

	if (!e && !csv_has(&c, needs))
		e = fault_set(f, ERR_BAD_FIELD, NULL, "%s has no column %s", path, needs);
	while (!e && csv_next(&c))
		e = read(t, &c, f);
	return e;
}

err trace_read(trace *t, arena *a, const char *nodes_file, const char *pods_file, fault *f)
{
	memset(t, 0, sizeof(*t));
	t->pods_file = pods_file;
	err e = rows_read(t, a, nodes_file, "sn", node_read, f);
	if (!e)
		e = rows_read(t, a, pods_file, "num_gpu", pod_read, f);
	if (!e && (!t->nodes.n || !t->pods.n))
		e = fault_set(
			f, ERR_BAD_FIELD, NULL, "the trace has %u nodes with GPUs and %u pods", t->nodes.n, t->pods.n);
	return e;
}

void trace_done(trace *t)
{
	vec_done(&t->nodes);
	vec_done(&t->pods);
}

bool trace_spec_allows(str spec, str model)
{
	if (str_is_empty(spec))
		return true;
	while (spec.p)
		if (str_eq(str_split(&spec, '|'), model))
			return true;
	return false;
}

str trace_class(arena *a, str model)
{
	char *p = arena_alloc(a, model.n + 1);

	for (uint32_t i = 0; i < model.n; i++) {
		char c = model.p[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		p[i] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ? c : '-';
	}
	return str_of(p, model.n);
}
