#include "cli/demo/cast.h"

#include <stdio.h>

#include "json/write.h"

enum { NODE_PODS = 110, USAGE_INTERVAL_MS = 1000 };

const cast_cluster cast_clusters[CAST_CLUSTERS] = {
	{"par-1", {{"NVIDIA H100 80GB HBM3", "h100-80g", "GPU", "h100", 81559, 4, 8, 192000, 2097152}}},
	{"par-2", {{"NVIDIA A100-SXM4-80GB", "a100-80g", "GPU", "a100", 81920, 4, 8, 128000, 1048576},
			  {"NVIDIA L40S", "l40s", "GPU", "l40s", 46068, 2, 4, 64000, 524288}}},
	{"fra-1", {{"Ascend910B3", "ascend910b3", "NPU", "ascend", 65536, 4, 8, 192000, 1572864}}},
};

const cast_tenant cast_tenants[CAST_TENANTS] = {
	[ACME] = {"acme", "acme", -1, "A company with two teams"},
	[RESEARCH] = {"research", "acme/research", ACME, "Trains"},
	[VISION] = {"vision", "acme/vision", ACME, "Tries many small things"},
	[GLOBEX] = {"globex", "globex", -1, "Another company"},
	[SERVING] = {"serving", "globex/serving", GLOBEX, "Answers its customers"},
};

const cast_quota cast_quotas[] = {
	{ACME, "h100-80g", 16000, 18000, 0},
	{ACME, "a100-80g", 12000, 24000, 0},
	{ACME, "l40s", 2000, 4000, 0},
	{ACME, "ascend910b3", 8000, 16000, 0},
	{RESEARCH, "h100-80g", 8000, 16000, 0},
	{RESEARCH, "a100-80g", 8000, 20000, 0},
	{VISION, "h100-80g", 4000, 4000, 0},
	{VISION, "l40s", 2000, 4000, 0},
	{VISION, "ascend910b3", 8000, 12000, 0},
	{GLOBEX, "h100-80g", 8000, 14000, 0},
	{GLOBEX, "a100-80g", 8000, 16000, 0},
	{GLOBEX, "l40s", 4000, 8000, 0},
	{GLOBEX, "ascend910b3", 8000, 24000, 0},
	{SERVING, "h100-80g", 4000, 8000, 400000},
	{SERVING, "l40s", 4000, 8000, 0},
	{SERVING, "ascend910b3", 0, 12000, 0},
};
const size_t cast_quotas_n = sizeof(cast_quotas) / sizeof(*cast_quotas);

const cast_quota *cast_quota_of(cast_who who, const char *model)
{
	for (size_t i = 0; i < cast_quotas_n; i++)
		if (cast_quotas[i].who == who && strcmp(cast_quotas[i].model, model) == 0)
			return &cast_quotas[i];
	return NULL;
}

bool cast_is_below(cast_who who, cast_who top)
{
	for (int at = (int)who; at >= 0; at = cast_tenants[at].parent)
		if (at == (int)top)
			return true;
	return false;
}

int cast_who_is(str path)
{
	for (int i = 0; i < CAST_TENANTS; i++)
		if (str_eq(path, str_from(cast_tenants[i].path)))
			return i;
	return -1;
}

#define EACH_NODES(n, c) for (const cast_nodes *n = (c)->nodes; n < (c)->nodes + CAST_KINDS_MAX && n->product; n++)

int64_t cast_nodes_count(const cast_cluster *c)
{
	int64_t sum = 0;

	EACH_NODES(n, c)
	sum += n->nodes;
	return sum;
}

int64_t cast_devices_count(const cast_cluster *c)
{
	int64_t sum = 0;

	EACH_NODES(n, c)
	sum += n->nodes * n->devices;
	return sum;
}

int64_t cast_device_memory_mib(str class)
{
	for (int i = 0; i < CAST_CLUSTERS; i++)
		EACH_NODES(n, &cast_clusters[i])
	if (str_eq(class, str_from(n->class)))
		return n->device_memory_mib;
	return 0;
}

const char *cast_class_of(str product)
{
	for (int i = 0; i < CAST_CLUSTERS; i++)
		EACH_NODES(n, &cast_clusters[i])
	if (str_eq(product, str_from(n->product)))
		return n->class;
	return NULL;
}

static void node_write(js_writer *j, const cast_nodes *n, int64_t number)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%02lld", n->node_prefix, (long long)number);
	js_object_begin(j);
	js_put_text(j, "name", str_from(name));
	js_put_i64(j, "cpu_milli", n->cpu_milli);
	js_put_i64(j, "memory_mib", n->memory_mib);
	js_put_i64(j, "pods", NODE_PODS);
	js_key(j, S("devices"));
	js_array_begin(j);
	js_object_begin(j);
	js_put_text(j, "product", str_from(n->product));
	js_put_i64(j, "memory_mib", n->device_memory_mib);
	js_put_i64(j, "count", n->devices);
	js_put_text(j, "uuid_prefix", str_from(n->uuid_prefix));
	js_object_end(j);
	js_array_end(j);
	js_object_end(j);
}

void cast_scene(const cast_cluster *c, int64_t start_ms, buf *out)
{
	char uid[80];
	js_writer j = js_writer_on(out);

	snprintf(uid, sizeof(uid), "demo-%s", c->name);
	js_object_begin(&j);
	js_put_text(&j, "cluster_uid", str_from(uid));
	js_key(&j, S("nodes"));
	js_array_begin(&j);
	EACH_NODES(n, c)
	for (int64_t i = 1; i <= n->nodes; i++)
		node_write(&j, n, i);
	js_array_end(&j);
	js_key(&j, S("pods"));
	js_object_begin(&j);
	js_put_i64(&j, "start_ms", start_ms);
	js_put_i64(&j, "runtime_ms", 0);
	js_put_i64(&j, "usage_interval_ms", USAGE_INTERVAL_MS);
	js_object_end(&j);
	js_object_end(&j);
}

static void axes_write(js_writer *j, const char *key, int64_t device_milli, int64_t memory_mib)
{
	js_key(j, str_from(key));
	js_object_begin(j);
	js_put_i64(j, "device_milli", device_milli);
	if (memory_mib)
		js_put_i64(j, "memory_mib", memory_mib);
	js_object_end(j);
}

void cast_quota_body(cast_who who, buf *out)
{
	js_writer j = js_writer_on(out);

	js_object_begin(&j);
	js_key(&j, S("models"));
	js_object_begin(&j);
	for (size_t i = 0; i < cast_quotas_n; i++) {
		const cast_quota *q = &cast_quotas[i];
		if (q->who != who)
			continue;
		js_key(&j, str_from(q->model));
		js_object_begin(&j);
		axes_write(&j, "guaranteed", q->guaranteed, 0);
		axes_write(&j, "limit", q->limit, q->limit_memory_mib);
		js_object_end(&j);
	}
	js_object_end(&j);
	js_put_text(&j, "reason", S("the demo's"));
	js_object_end(&j);
}
