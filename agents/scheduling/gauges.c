#include "agents/scheduling/gauges.h"
#include <stdio.h>

#define ZONE      "zone=\"vGPU\""
#define MIB_BYTES ((int64_t)1 << 20)

/* What a device's series are told apart by. */
enum { NODE = 1, UUID = 2, INDEX = 4, CORES = 8, MEMORY = 16, TYPE = 32, LABELS = 6 };
enum { PERCENT = 10 }; /* thousandths to one */

typedef enum device_series {
#define D(id, name, old, labels, old_labels, help) DEVICE_##id,
#define P(id, name, old, help)
#include "agents/scheduling/gauges.def"
#undef D
#undef P
	DEVICE_SERIES
} device_series;

typedef enum pod_series {
#define D(id, name, old, labels, old_labels, help)
#define P(id, name, old, help) SERIES_##id,
#include "agents/scheduling/gauges.def"
#undef D
#undef P
	POD_SERIES
} pod_series;

typedef struct series {
	const char *name, *old, *help;
	int labels, old_labels;
} series;

static const series device_rows[] = {
#define D(id, name, old, labels, old_labels, help) {name, old, help, labels, old_labels},
#define P(id, name, old, help)
#include "agents/scheduling/gauges.def"
#undef D
#undef P
};
static const series pod_rows[] = {
#define D(id, name, old, labels, old_labels, help)
#define P(id, name, old, help) {name, old, help, 0, 0},
#include "agents/scheduling/gauges.def"
#undef D
#undef P
};
static const char *const label_names[2][LABELS] = {
	{"node", "device_uuid", "device_index", "device_cores", "device_memory_limit", "device_type"},
	{"nodeid", "deviceuuid", "deviceidx", "devicecores", "devicememorylimit", "devicetype"},
};
static const char *const pod_labels[2][5] = {
	{"namespace", "node", "pod", "container_index", "device_uuid"},
	{"podnamespace", "nodename", "podname", "containeridx", "deviceuuid"},
};

/* A label's value: a backslash, a quote and a line's end are escaped, as the format says. */
static void value_print(buf *out, str s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\\' || c == '"')
			buf_add_char(out, '\\');
		if (c == '\n')
			buf_add_str(out, S("\\n"));
		else
			buf_add_char(out, c);
	}
}

static void label_print(buf *out, const char *name, str value, bool is_first)
{
	buf_printf(out, "%s%s=\"", is_first ? "" : ",", name);
	value_print(out, value);
	buf_add_char(out, '"');
}

static void head_print(buf *out, const char *name, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* Devices whose compute is counted in other units than percent have as many units as a device has. */
static int64_t units_of(const vendor *k)
{
	return k && k->compute_whole ? k->compute_whole : 100;
}

static void device_labels(const gauges *e, const fleet_device *d, int32_t at, int which, bool is_old, buf *out)
{
	const fleet *f = stock_fleet((stock *)(uintptr_t)e->stock);
	char numbers[3][24];
	str index = str_of(numbers[0], (size_t)snprintf(numbers[0], 24, "%d", d->index));
	str cores = str_of(numbers[1],
		(size_t)snprintf(numbers[1], 24, "%lld", (long long)units_of(stock_kind_of(e->stock, d->class_id))));
	str mib = str_of(numbers[2], (size_t)snprintf(numbers[2], 24, "%lld", (long long)d->memory_mib));
	str values[LABELS] = {f->node_names.v[d->node], f->device_uuids.v[at], index, cores, mib,
		stock_product_of(e->stock, d->class_id)};
	bool is_first = true;

	buf_add_char(out, '{');
	for (int i = 0; i < LABELS; i++) {
		if (!(which >> i & 1))
			continue;
		label_print(out, label_names[is_old][i], values[i], is_first);
		is_first = false;
	}
	buf_add_str(out, S("," ZONE "} "));
}

/* A fraction of a thousandth: integers alone are written here. */
static void ratio_print(buf *out, int64_t part, int64_t whole)
{
	int64_t ppm = whole > 0 ? part * 1000000 / whole : 0;

	buf_printf(out, "%lld.%06lld\n", (long long)(ppm / 1000000), (long long)(ppm % 1000000));
}

static void device_value(const fleet_device *d, int row, buf *out)
{
	int64_t values[DEVICE_SERIES] = {
		[DEVICE_MEMORY_LIMIT] = d->memory_mib * MIB_BYTES,
		[DEVICE_CORE_LIMIT] = d->compute_milli / PERCENT,
		[DEVICE_MEMORY_GIVEN] = d->used_memory_mib * MIB_BYTES,
		[DEVICE_SHARERS] = d->sharers,
		[DEVICE_CORE_GIVEN] = d->used_compute_milli / PERCENT,
		[DEVICE_OVERVIEW] = d->used_memory_mib * MIB_BYTES,
	};

	if (row == DEVICE_MEMORY_RATIO)
		ratio_print(out, d->used_memory_mib, d->memory_mib);
	else
		buf_printf(out, "%lld\n", (long long)values[row]);
}

static void devices_print(const gauges *e, int row, bool is_old, buf *out)
{
	const fleet *f = stock_fleet((stock *)(uintptr_t)e->stock);
	const series *r = &device_rows[row];

	head_print(out, is_old ? r->old : r->name, r->help);
	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		if (d->node == FLEET_NONE || d->flags & FLEET_GONE)
			continue;
		buf_printf(out, "%s", is_old ? r->old : r->name);
		device_labels(e, d, (int32_t)i, is_old ? r->old_labels : r->labels, is_old, out);
		device_value(d, row, out);
	}
}

typedef struct pods_work {
	int row;
	bool is_old;
	buf *out;
} pods_work;

/* As HAMi has it, a pod's containers are one: what they hold of a device together. */
static void pod_print(void *arg, const stock_entry *p)
{
	const pods_work *w = arg;
	const char *const *names = pod_labels[w->is_old];

	for (uint32_t i = 0; p->name.n && i < p->n; i++) {
		str values[] = {p->space, p->node, p->name, S("0"), p->shares[i].uuid};
		int64_t v = w->row == SERIES_POD_MEMORY ? p->shares[i].memory_mib * MIB_BYTES
							: p->shares[i].compute_milli / PERCENT;
		buf_printf(w->out, "%s{", w->is_old ? pod_rows[w->row].old : pod_rows[w->row].name);
		for (int k = 0; k < 5; k++)
			label_print(w->out, names[k], values[k], k == 0);
		buf_printf(w->out, "," ZONE "} %lld\n", (long long)v);
	}
}

static void pods_print(const gauges *e, int row, bool is_old, buf *out)
{
	pods_work w = {row, is_old, out};

	head_print(out, is_old ? pod_rows[row].old : pod_rows[row].name, pod_rows[row].help);
	stock_each(e->stock, pod_print, &w);
}

typedef struct quotas_work {
	const char *name, *space_label, *name_label;
	bool has_limit, is_used;
	buf *out;
} quotas_work;

static void quota_print(void *arg, const quota_told *t)
{
	const quotas_work *w = arg;
	char limit[24];

	buf_printf(w->out, "%s{", w->name);
	label_print(w->out, w->space_label, t->space, true);
	label_print(w->out, w->name_label, str_from(t->resource), false);
	if (w->has_limit)
		label_print(w->out, "limit",
			str_of(limit, (size_t)snprintf(limit, sizeof(limit), "%lld", (long long)t->limit)), false);
	buf_printf(w->out, "," ZONE "} %lld\n", (long long)(w->is_used ? t->used : t->limit));
}

static void quotas_print(const gauges *e, buf *out)
{
	quotas_work used = {"hami_resource_quota_used", "namespace", "quota_name", true, true, out};
	quotas_work limit = {"hami_resource_quota_limit", "namespace", "quota_name", false, false, out};
	quotas_work old = {"QuotaUsed", "quotanamespace", "quotaName", true, true, out};

	head_print(out, used.name, "What a namespace holds of a resource that a ResourceQuota limits");
	quotas_each(e->quotas, e->stock, quota_print, &used);
	head_print(out, limit.name, "What a ResourceQuota lets a namespace hold of a resource");
	quotas_each(e->quotas, e->stock, quota_print, &limit);
	if (!e->has_legacy)
		return;
	head_print(out, old.name, "What a namespace holds of a resource that a ResourceQuota limits");
	quotas_each(e->quotas, e->stock, quota_print, &old);
}

static void own_print(const gauges *e, buf *out)
{
	const admission *x = e->admission;

	head_print(out, "hami_build_info", "Who speaks HAMi's names here");
	buf_printf(out, "hami_build_info{version=\"%s\",revision=\"reeve\"," ZONE "} 1\n", e->version);
	head_print(out, "reeve_agent_leading", "Whether this agent binds");
	buf_printf(out, "reeve_agent_leading %d\n", e->is_leading);
	head_print(out, "reeve_agent_waiting_pods", "Pods that wait for quota or a node");
	buf_printf(out, "reeve_agent_waiting_pods %u\n", e->waiting);
	if (!x)
		return;
	buf_printf(out,
		"# HELP reeve_agent_admission_reviews_total Reviews that were answered\n"
		"# TYPE reeve_agent_admission_reviews_total counter\nreeve_agent_admission_reviews_total %lld\n"
		"# HELP reeve_agent_admission_refused_total Reviews that were refused, by code\n"
		"# TYPE reeve_agent_admission_refused_total counter\n",
		(long long)x->counts.asked);
	for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++)
		buf_printf(out, "reeve_agent_admission_refused_total{code=\"%s\"} %lld\n", refusal_code((refusal)i),
			(long long)x->counts.refused[i]);
}

void gauges_print(const gauges *e, buf *out)
{
	own_print(e, out);
	for (int i = 0; i < DEVICE_SERIES; i++) {
		devices_print(e, i, false, out);
		if (e->has_legacy)
			devices_print(e, i, true, out);
	}
	for (int i = 0; i < POD_SERIES; i++) {
		pods_print(e, i, false, out);
		if (e->has_legacy)
			pods_print(e, i, true, out);
	}
	if (e->quotas)
		quotas_print(e, out);
}
