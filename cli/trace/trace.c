#include "cli/trace/trace.h"

#include "base/map.h"
#include "cli/trace/csv.h"

/* A file while it is read. */
typedef struct reading {
	trace *t;
	csv c;
	bool is_ranked;
	map names; /* of nodes */
} reading;

static err bad(const csv *c, fault *f, const char *what)
{
	return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: %s", c->path, c->line, what);
}

static err model_add(reading *r, str model, fault *f)
{
	trace *t = r->t;

	for (uint32_t i = 0; i < t->n_models; i++)
		if (str_eq(t->models[i], model))
			return ERR_OK;
	if (t->n_models == TRACE_MODELS_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "%s line %u: there are more than %d GPU models", r->c.path,
			r->c.line, TRACE_MODELS_MAX);
	t->models[t->n_models++] = model;
	return ERR_OK;
}

static err amounts_read(const csv *c, int64_t *ret_cpu_milli, int64_t *ret_memory_mib, fault *f)
{
	err e = csv_i64(c, "cpu_milli", ret_cpu_milli, f);

	if (!e)
		e = csv_i64(c, "memory_mib", ret_memory_mib, f);
	if (!e && (*ret_cpu_milli < 0 || *ret_cpu_milli > TRACE_AMOUNT_MAX))
		e = bad(c, f, "cpu_milli is out of range");
	if (!e && (*ret_memory_mib < 0 || *ret_memory_mib > TRACE_AMOUNT_MAX))
		e = bad(c, f, "memory_mib is out of range");
	return e;
}

static err node_check(reading *r, const trace_node *n, fault *f)
{
	if (str_is_empty(n->name) || n->name.n > TRACE_NAME_MAX)
		return bad(&r->c, f, "a node's name (sn) has 1 to 253 bytes");
	if (str_find(n->name, ',', 0) >= 0 || str_find(n->name, '"', 0) >= 0)
		return bad(&r->c, f, "a node's name (sn) has no comma and no quote");
	if (str_is_empty(n->model))
		return bad(&r->c, f, "a node with GPUs has a model");
	if (n->gpus < 0 || n->gpus > TRACE_NODE_GPUS_MAX)
		return bad(&r->c, f, "a node has 0 to 64 GPUs");
	if (r->is_ranked && r->t->nodes.n && n->rank <= r->t->nodes.v[r->t->nodes.n - 1].rank)
		return bad(&r->c, f, "nodes stand by rising rank");
	if (map_put(&r->names, n->name, r))
		return bad(&r->c, f, "the node's name (sn) stands there twice");
	return ERR_OK;
}

static err node_read(reading *r, fault *f)
{
	const csv *c = &r->c;
	trace_node n = {.name = csv_text(c, "sn"), .model = csv_text(c, "model")};
	err e = amounts_read(c, &n.cpu_milli, &n.memory_mib, f);

	if (!e)
		e = csv_i64(c, "gpu", &n.gpus, f);
	if (!e && r->is_ranked)
		e = csv_i64(c, "rank", &n.rank, f);
	if (e || n.gpus == 0)
		return e;
	e = node_check(r, &n, f);
	if (e)
		return e;
	r->t->gpus += n.gpus;
	vec_push(&r->t->nodes, n);
	return model_add(r, n.model, f);
}

static err pod_check(reading *r, const trace_pod *p, fault *f)
{
	const trace *t = r->t;

	if (p->gpus < 0 || p->gpus > TRACE_POD_GPUS_MAX)
		return bad(&r->c, f, "a pod asks 0 to 1024 GPUs (num_gpu)");
	if (p->gpus && p->gpu_milli < 1)
		return bad(&r->c, f, "a pod that asks GPUs asks gpu_milli of each, 1 to 1000");
	if (p->life_s < 0)
		return bad(&r->c, f, "life_s is below 0");
	if (t->pods.n && p->arrive_s < t->pods.v[t->pods.n - 1].arrive_s)
		return bad(&r->c, f, "the pod arrives (arrive_s) before the one above it");
	return ERR_OK;
}

static err pod_read(reading *r, fault *f)
{
	const csv *c = &r->c;
	trace_pod p = {.name = csv_text(c, "name"), .spec = csv_text(c, "gpu_spec")};
	err e = amounts_read(c, &p.cpu_milli, &p.memory_mib, f);

	if (!e)
		e = csv_i64(c, "num_gpu", &p.gpus, f);
	if (!e)
		e = csv_i64(c, "gpu_milli", &p.gpu_milli, f);
	if (!e)
		e = csv_double(c, "arrive_s", &p.arrive_s, f);
	if (!e)
		e = csv_double(c, "life_s", &p.life_s, f);
	if (!e)
		e = pod_check(r, &p, f);
	if (e)
		return e;
	if (p.gpu_milli > TRACE_GPU_MILLI)
		p.gpu_milli = TRACE_GPU_MILLI;
	if (!p.gpus) {
		p.gpu_milli = 0;
		p.spec = STR_NONE;
	}
	r->t->is_timed = r->t->is_timed || p.life_s > 0;
	vec_push(&r->t->pods, p);
	return ERR_OK;
}

static err rows_read(
	trace *t, arena *a, const char *path, const char *needs, err (*read)(reading *r, fault *f), fault *f)
{
	reading r = {.t = t};
	err e = csv_open(&r.c, a, path, f);

	if (!e)
		e = csv_need(&r.c, needs, f);
	r.is_ranked = !e && csv_has(&r.c, "rank");
	if (!e && csv_has(&r.c, "life_s") && !csv_has(&r.c, "arrive_s"))
		e = fault_set(f, ERR_BAD_FIELD, NULL,
			"%s line 1: there is no column arrive_s, without which life_s says nothing", path);
	while (!e && csv_next(&r.c)) {
		e = csv_check(&r.c, f);
		if (!e)
			e = read(&r, f);
	}
	map_done(&r.names);
	return e;
}

err trace_read(trace *t, arena *a, const char *nodes_file, const char *pods_file, fault *f)
{
	memset(t, 0, sizeof(*t));
	t->pods_file = pods_file;
	err e = rows_read(t, a, nodes_file, "sn cpu_milli memory_mib gpu model", node_read, f);
	if (!e)
		e = rows_read(t, a, pods_file, "cpu_milli memory_mib num_gpu gpu_milli", pod_read, f);
	if (!e && !t->nodes.n)
		e = fault_set(f, ERR_BAD_FIELD, NULL, "%s has no node with GPUs", nodes_file);
	if (!e && !t->pods.n)
		e = fault_set(f, ERR_BAD_FIELD, NULL, "%s has no pod", pods_file);
	return e;
}

void trace_done(trace *t)
{
	vec_done(&t->nodes);
	vec_done(&t->pods);
}

str trace_spec_next(str *spec)
{
	return str_trim(str_split(spec, '|'));
}

bool trace_spec_allows(str spec, str model)
{
	bool is_named = false;

	while (spec.p) {
		str one = trace_spec_next(&spec);
		if (!str_is_empty(one) && str_eq(one, model))
			return true;
		is_named |= !str_is_empty(one);
	}
	return !is_named;
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

str trace_class_of(const trace *t, arena *a, str model)
{
	str class = trace_class(a, model);

	for (uint32_t i = 0; i < t->n_models; i++)
		if (str_eq(t->models[i], model))
			return class;
	for (uint32_t i = 0; i < t->n_models; i++)
		if (str_eq(trace_class(a, t->models[i]), class))
			return str_print(a, STR_FMT ".other", STR_ARG(class));
	return class;
}

err trace_classes_check(const trace *t, fault *f)
{
	AUTO_ARENA a = arena_new(0);

	for (uint32_t i = 0; i < t->n_models; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(trace_class(a, t->models[i]), trace_class(a, t->models[k])))
				return fault_set(f, ERR_BAD_FIELD, NULL,
					"the GPU models '" STR_FMT "' and '" STR_FMT
					"' would have one class name, " STR_FMT,
					STR_ARG(t->models[k]), STR_ARG(t->models[i]),
					STR_ARG(trace_class(a, t->models[i])));
	return ERR_OK;
}
