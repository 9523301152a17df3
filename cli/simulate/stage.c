#include "cli/simulate/stage.h"

#include <stdio.h>

static err class_find(stage *s, str model, int32_t *ret, fault *f)
{
	*ret = fleet_class_find(&s->fleet, model);
	if (*ret != FLEET_NONE)
		return ERR_OK;
	*ret = fleet_class_put(&s->fleet, model);
	if (*ret == FLEET_NONE)
		return fault_set(f, ERR_LIMIT, NULL, "there are more than %d GPU models", FLEET_CLASSES_MAX);
	fleet_class_set(&s->fleet, *ret, (class_spec){.slots = TRACE_GPU_MILLI});
	return ERR_OK;
}

static err devices_put(stage *s, arena *a, int32_t node, const trace_node *n, fault *f)
{
	int32_t class_id, device;
	err e = class_find(s, n->model, &class_id, f);

	for (int64_t g = 0; g < n->gpus && !e; g++) {
		device_spec spec = {
			.uuid = str_print(a, STR_FMT "/%d", STR_ARG(n->name), (int)g),
			.class_id = class_id,
			.index = (int32_t)g,
			.memory_mib = (int64_t)STAGE_MIB_PER_MILLI * TRACE_GPU_MILLI,
		};
		e = fleet_device_put(&s->fleet, node, &spec, &device);
		if (e)
			return fault_set(
				f, e, NULL, "node " STR_FMT ": the fleet refuses its GPU %d", STR_ARG(n->name), (int)g);
		vec_reserve(&s->gpu_of, device + 1);
		s->gpu_of.v[device] = (uint8_t)g;
	}
	return e;
}

static err nodes_put(stage *s, arena *a, int64_t clusters, fault *f)
{
	err e = ERR_OK;

	for (int64_t c = 0; c < clusters; c++)
		fleet_cluster_put(&s->fleet, str_print(a, "cluster-%lld", (long long)c + 1));
	for (uint32_t i = 0; i < s->trace->nodes.n && !e; i++) {
		const trace_node *n = &s->trace->nodes.v[i];
		str cluster = str_print(a, "cluster-%lld", (long long)(i % clusters) + 1);
		node_spec spec = {
			.name = n->name,
			.cpu_milli = n->cpu_milli,
			.memory_mib = n->memory_mib,
			.pods_max = TRACE_NODE_PODS_MAX,
			.rank = (int32_t)i,
		};
		int32_t node = fleet_node_put(&s->fleet, fleet_cluster_find(&s->fleet, cluster), &spec);
		vec_reserve(&s->node_of, node + 1);
		s->node_of.v[node] = (int32_t)i;
		e = devices_put(s, a, node, n, f);
	}
	return e;
}

err stage_classes(stage *s, str spec, class_list *list, fault *f)
{
	err e = ERR_OK;

	list->n = 0;
	while (spec.p && !e) {
		str model = trace_spec_next(&spec);
		if (str_is_empty(model))
			continue;
		if (list->n == ASK_CLASSES_MAX)
			return fault_set(f, ERR_LIMIT, NULL, "a gpu_spec names more than %d models", ASK_CLASSES_MAX);
		e = class_find(s, model, &list->v[list->n++], f);
	}
	return e;
}

static err lists_make(stage *s, fault *f)
{
	vec_reserve(&s->list_of, s->trace->pods.n);
	for (uint32_t i = 0; i < s->trace->pods.n; i++) {
		str spec = s->trace->pods.v[i].spec;
		uintptr_t at = (uintptr_t)map_find(&s->list_by_spec, spec.p ? spec : S(""));
		if (!at) {
			err e = stage_classes(s, spec, vec_add(&s->lists), f);
			if (e)
				return e;
			at = s->lists.n;
			map_put(&s->list_by_spec, spec.p ? spec : S(""), (void *)at);
		}
		vec_push(&s->list_of, (uint32_t)at - 1);
	}
	return ERR_OK;
}

err stage_open(stage *s, arena *a, const trace *t, int64_t clusters, fault *f)
{
	memset(s, 0, sizeof(*s));
	fleet_init(&s->fleet);
	s->trace = t;
	err e = nodes_put(s, a, clusters, f);
	return e ? e : lists_make(s, f);
}

void stage_close(stage *s)
{
	fleet_done(&s->fleet);
	vec_done(&s->node_of);
	vec_done(&s->gpu_of);
	vec_done(&s->lists);
	map_done(&s->list_by_spec);
	vec_done(&s->list_of);
}

void request_init(request *r, ask_policy node_policy, ask_policy device_policy)
{
	*r = (request){
		.ask = {.n_groups = 1, .node_policy = node_policy, .device_policy = device_policy},
		.group = {.replicas = 1, .min_replicas = 1},
		.entry = {.classes_equal = true},
	};
}

void request_fill(request *r, const stage *s, uint32_t seq)
{
	const trace_pod *p = &s->trace->pods.v[seq];
	const class_list *list = &s->lists.v[s->list_of.v[seq]];

	r->entry.classes = list->v;
	r->entry.n_classes = list->n;
	bool is_possible = p->gpus <= ASK_COUNT_MAX; /* what no node can have asks more than any GPU does */
	r->entry.count = is_possible ? (int32_t)p->gpus : ASK_COUNT_MAX;
	r->entry.memory_mib = (is_possible ? p->gpu_milli : 2 * TRACE_GPU_MILLI) * STAGE_MIB_PER_MILLI;
	r->entry.compute_milli = (int32_t)p->gpu_milli;
	r->group.entries = &r->entry;
	r->group.n_entries = p->gpus > 0;
	r->group.cpu_milli = p->cpu_milli;
	r->group.memory_mib = p->memory_mib;
	r->ask.groups = &r->group;
}
