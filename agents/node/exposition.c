#include "agents/node/exposition.h"
#include <inttypes.h>
#include <stdio.h>

typedef enum kind { GAUGE, COUNTER } kind;
typedef enum labels { DEVICE, CONTAINER, INSTANCE, DCGM, STATE, FINDING, NONE } labels;

typedef enum series {
#define N(id, kind, name, labels, help) SERIES_##id,
#include "agents/node/metrics.def"
#undef N
} series;

static const struct family {
	series id;
	kind kind;
	const char *name;
	labels labels;
	const char *help;
} families[] = {
#define N(id, kind, name, labels, help) {SERIES_##id, kind, name, labels, help},
#include "agents/node/metrics.def"
#undef N
};

/* The page at hand, and the line at hand of it. */
typedef struct page {
	const exposition *e;
	buf *out;
	bool is_openmetrics, has_labels;
	const struct family *f;
} page;

#define VALUE_ABSENT INT64_MIN

static void line_begin(page *p)
{
	buf_printf(p->out, "%s%s{", p->f->name, p->f->kind == COUNTER ? "_total" : "");
	p->has_labels = false;
}

static void label(page *p, const char *name, str text)
{
	buf_printf(p->out, "%s%s=\"", p->has_labels ? "," : "", name);
	for (uint32_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\' || text.p[i] == '"')
			buf_add_char(p->out, '\\');
		if (text.p[i] == '\n')
			buf_add_str(p->out, S("\\n"));
		else
			buf_add_char(p->out, text.p[i]);
	}
	buf_add_char(p->out, '"');
	p->has_labels = true;
}

static void label_number(page *p, const char *name, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	label(p, name, str_from(text));
}

static void line_end(page *p, int64_t value)
{
	buf_printf(p->out, "} %" PRId64 "\n", value);
}

/* Thousandths as a decimal. */
static void line_end_milli(page *p, int64_t value)
{
	buf_printf(p->out, "} %" PRId64 ".%03" PRId64 "\n", value / 1000, value % 1000);
}

/* HAMi writes a maker's name before products that do not begin with it. */
static void label_type(page *p, const card *c)
{
	AUTO_ARENA a = arena_new(0);
	bool has = strcmp(c->maker, "nvidia") != 0 || str_starts(str_from(c->product), S("NVIDIA"));

	label(p, "device_type", has ? str_from(c->product) : str_print(a, "NVIDIA-%s", c->product));
}

/* Of a device whose memory nobody tells there is no figure, and not 0. */
static int64_t card_bytes(const card *c)
{
	return c && c->memory_mib ? c->memory_mib << 20 : VALUE_ABSENT;
}

static int64_t device_value(const page *p, const card *c)
{
	const probe_sample *s = ward_sample(p->e->ward, c);
	int64_t v = -1;

	if (p->f->id == SERIES_DEVICE_MEMORY)
		return card_bytes(c);
	if (s && p->f->id == SERIES_HAMI_HOST_MEMORY)
		v = s->used_bytes;
	if (s && p->f->id == SERIES_HAMI_HOST_BUSY)
		v = s->busy_percent;
	if (s && p->f->id == SERIES_HAMI_HOST_MEM_BUSY)
		v = s->memory_busy_percent;
	return v < 0 ? VALUE_ABSENT : v;
}

static void print_device(page *p, const card *c)
{
	int64_t v = device_value(p, c);

	if (v == VALUE_ABSENT)
		return;
	line_begin(p);
	label(p, "zone", S("vGPU"));
	label(p, "node", str_from(p->e->node));
	label_number(p, "device_index", c->index);
	label(p, "device_uuid", str_from(c->uuid));
	label_type(p, c);
	line_end(p, v);
}

static int64_t dcgm_value(const page *p, const card *c)
{
	const probe_sample *s = ward_sample(p->e->ward, c);
	int64_t free_bytes = s && s->total_bytes >= 0 ? s->total_bytes - s->used_bytes : -1;

	if (p->f->id == SERIES_DCGM_XID)
		return ward_xid(p->e->ward, c);
	if (!s)
		return -1;
	const struct {
		series id;
		int64_t v;
	} values[] = {
		{SERIES_DCGM_UTIL, s->busy_percent},
		{SERIES_DCGM_COPY_UTIL, s->memory_busy_percent},
		{SERIES_DCGM_FB_USED, s->used_bytes < 0 ? -1 : s->used_bytes >> 20},
		{SERIES_DCGM_FB_FREE, free_bytes < 0 ? -1 : free_bytes >> 20},
		{SERIES_DCGM_TEMPERATURE, s->temperature_c},
		{SERIES_DCGM_POWER, s->power_mw},
		{SERIES_DCGM_SM_CLOCK, s->sm_mhz},
		{SERIES_DCGM_MEMORY_CLOCK, s->memory_mhz},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (values[i].id == p->f->id)
			return values[i].v;
	return -1;
}

static void print_dcgm(page *p, const card *c)
{
	int64_t v = dcgm_value(p, c);
	char device[24];

	if (v < 0 || strcmp(c->maker, "nvidia") != 0)
		return;
	snprintf(device, sizeof(device), "nvidia%d", c->minor >= 0 ? c->minor : c->index);
	line_begin(p);
	label_number(p, "gpu", c->index);
	label(p, "UUID", str_from(c->uuid));
	label(p, "device", str_from(device));
	label(p, "modelName", str_from(c->product));
	label(p, "Hostname", str_from(p->e->node));
	if (p->f->id == SERIES_DCGM_POWER)
		line_end_milli(p, v);
	else
		line_end(p, v);
}

static void print_state(page *p, const card *c)
{
	for (int i = 0; node_health_states[i]; i++) {
		line_begin(p);
		label(p, "node", str_from(p->e->node));
		label(p, "device_uuid", str_from(c->uuid));
		label(p, "state", str_from(node_health_states[i]));
		line_end(p, (int)c->state == i);
	}
}

static int64_t limit_bytes(const page *p, const allocation *of, uint32_t d)
{
	uint64_t limit = atomic_load(&of->lot.limits->devices[d].memory_bytes);
	const card *c = card_of_any_uuid(ward_cards(p->e->ward), of->uuids[d]);

	return limit != LIMITS_NONE ? (int64_t)limit : card_bytes(c);
}

static int64_t used_value(const page *p, const allocation *of, uint32_t d)
{
	const audit_use *use = audit_use_of(p->e->audit, of);

	if (!use)
		return VALUE_ABSENT;
	switch (p->f->id) {
	case SERIES_HAMI_USED:
	case SERIES_HAMI_MEMORY:
		return use->memory_bytes[d] ? use->memory_bytes[d] : use->books_bytes[d];
	case SERIES_HAMI_BUSY:
		return use->compute_milli[d] / 10;
	case SERIES_SHARE_BOOKED:
		return use->books_bytes[d];
	case SERIES_SHARE_REFUSED:
		return d == 0 ? (int64_t)use->refused : VALUE_ABSENT;
	case SERIES_SHARE_TURNED_AWAY:
		return d == 0 ? (int64_t)use->turned_away : VALUE_ABSENT;
	case SERIES_HAMI_LAST_KERNEL:
		return use->launched_at_ns ? (p->e->mono_ns - use->launched_at_ns) / 1000000 : VALUE_ABSENT;
	default:
		return VALUE_ABSENT;
	}
}

static int64_t share_value(const page *p, const allocation *of, uint32_t d)
{
	const limits_device *l = &of->lot.limits->devices[d];

	switch (p->f->id) {
	case SERIES_HAMI_LIMIT:
		return limit_bytes(p, of, d);
	case SERIES_SHARE_COMPUTE:
		return atomic_load(&l->compute_milli);
	case SERIES_SHARE_LENT:
		return atomic_load(&l->lent_milli);
	case SERIES_SHARE_HELD:
		return atomic_load(&l->hold) != 0;
	case SERIES_SHARE_CORRECTION:
		return (int64_t)atomic_load(&l->correction_bytes);
	default:
		return used_value(p, of, d);
	}
}

static void labels_owner(page *p, const allocation *of, uint32_t d)
{
	label(p, "zone", S("vGPU"));
	label(p, "node", str_from(p->e->node));
	label(p, "namespace", str_from(of->namespace));
	label(p, "pod", str_from(of->pod[0] ? of->pod : of->id));
	label(p, "container", str_from(of->container));
	label_number(p, "vdevice_index", d);
	label(p, "device_uuid", str_from(of->uuids[d]));
}

static void print_container(page *p, const allocation *of, uint32_t d)
{
	int64_t v = share_value(p, of, d);

	if (v == VALUE_ABSENT)
		return;
	line_begin(p);
	labels_owner(p, of, d);
	if (p->f->id == SERIES_HAMI_LAST_KERNEL)
		line_end_milli(p, v < 0 ? 0 : v);
	else
		line_end(p, v);
}

static void print_instance(page *p, const allocation *of, uint32_t d)
{
	const card *c = card_of_any_uuid(ward_cards(p->e->ward), of->uuids[d]);

	for (uint32_t i = 0; c && i < c->n_instances; i++) {
		if (strcmp(c->instances[i].uuid, of->uuids[d]) != 0)
			continue;
		line_begin(p);
		labels_owner(p, of, d);
		label(p, "mig_uuid", str_from(c->instances[i].uuid));
		label(p, "profile", str_from(c->instances[i].name));
		label_number(p, "gpu_instance_id", c->instances[i].gpu_instance);
		label_number(p, "compute_instance_id", c->instances[i].compute_instance);
		line_end(p, 1);
	}
}

static int64_t single_value(const page *p)
{
	allocation **list;
	uint64_t generation;

	switch (p->f->id) {
	case SERIES_ALLOCATIONS:
		return allocations_list(p->e->allocations, &list, &generation);
	case SERIES_PROBE_ILL:
		return (int64_t)p->e->probe_failures;
	case SERIES_NVML:
		return ward_cards(p->e->ward)->has_nvml;
	case SERIES_REPORTS:
		return (int64_t)p->e->reports;
	case SERIES_PLUGINS:
		return (int64_t)p->e->plugins;
	case SERIES_PODS_REFUSED:
		return (int64_t)p->e->refused;
	case SERIES_MIG_MADE:
		return (int64_t)p->e->instances;
	default:
		return (int64_t)p->e->reports_dropped;
	}
}

static void print_single(page *p)
{
	line_begin(p);
	label(p, "node", str_from(p->e->node));
	line_end(p, single_value(p));
}

static void print_findings(page *p)
{
	for (int k = 0; node_finding_kinds[k]; k++) {
		line_begin(p);
		label(p, "node", str_from(p->e->node));
		label(p, "kind", str_from(node_finding_kinds[k]));
		line_end(p, (int64_t)audit_count(p->e->audit, (audit_kind)k));
	}
}

static void print_devices(page *p, void (*print)(page *p, const card *c))
{
	const cards *all = ward_cards(p->e->ward);

	for (uint32_t i = 0; i < all->n; i++)
		print(p, &all->v[i]);
}

static void print_containers(page *p, void (*print)(page *p, const allocation *of, uint32_t d))
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(p->e->allocations, &list, &generation);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < list[i]->n_devices; d++)
			print(p, list[i], d);
}

static void print_family(page *p)
{
	const char *suffix = p->f->kind == COUNTER && !p->is_openmetrics ? "_total" : "";

	buf_printf(p->out, "# HELP %s%s %s\n", p->f->name, suffix, p->f->help);
	buf_printf(p->out, "# TYPE %s%s %s\n", p->f->name, suffix, p->f->kind == COUNTER ? "counter" : "gauge");
	switch (p->f->labels) {
	case DEVICE:
		print_devices(p, print_device);
		break;
	case DCGM:
		print_devices(p, print_dcgm);
		break;
	case STATE:
		print_devices(p, print_state);
		break;
	case CONTAINER:
		print_containers(p, print_container);
		break;
	case INSTANCE:
		print_containers(p, print_instance);
		break;
	case FINDING:
		print_findings(p);
		break;
	case NONE:
		print_single(p);
		break;
	}
}

void exposition_print(const exposition *e, bool is_openmetrics, buf *out)
{
	page p = {.e = e, .out = out, .is_openmetrics = is_openmetrics};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		p.f = &families[i];
		print_family(&p);
	}
	if (is_openmetrics)
		buf_add_str(out, S("# EOF\n"));
}

bool exposition_wants_openmetrics(str accept)
{
	while (accept.p) {
		str one = str_trim(str_split(&accept, ','));
		if (str_eq_nocase(str_trim(str_split(&one, ';')), S("application/openmetrics-text")))
			return true;
	}
	return false;
}
