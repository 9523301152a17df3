#include "agents/real/roster.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/vendors/inventory.h"
#include "engine/cut.h"
#include "json/write.h"

enum { NODE_BYTES_MAX = 1 << 20, DEVICES_MAX = 256, KINDS_MAX = 64, SLOTS_MAX = 1000, INDEX_MAX = 1023, NUMA_MAX = 63 };

typedef struct roster_row {
	uint32_t name_n, text_n;
	uint32_t n_elsewhere; /* devices in the report that are not told */
	char bytes[];         /* name, then the report */
} roster_row;

static str row_name(const roster_row *w)
{
	return str_of(w->bytes, w->name_n);
}

static str row_text(const roster_row *w)
{
	return str_of(w->bytes + w->name_n, w->text_n);
}

static void news_add(roster *r, str name, bool is_gone)
{
	char *kept = calloc(1, name.n + 1);

	assert(kept);
	memcpy(kept, name.p, name.n);
	vec_push(&r->news, ((roster_news){kept, is_gone}));
}

void roster_told(roster *r)
{
	vec_each (n, &r->news)
		free(n->name);
	vec_clear(&r->news);
}

void roster_done(roster *r)
{
	roster_told(r);
	vec_done(&r->news);
	map_each (slot, &r->by_name)
		free(slot->value);
	map_done(&r->by_name);
}

static int64_t between(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static bool is_cordoned(const kube_node *n, str uuid)
{
	str list = kube_node_annotation(n, "hami.io/device-cordon");

	while (list.p)
		if (str_eq(str_trim(str_split(&list, ',')), uuid))
			return true;
	return false;
}

/* A device that its own plugin cuts at places which only that one knows takes no work of ours. */
static str health_of(const kube_node *n, const inventory_device *d)
{
	if (!d->is_healthy)
		return S("unhealthy");
	if (is_cordoned(n, d->uuid))
		return S("cordoned");
	return str_eq(d->mode, S("mig")) ? S("cut by its plugin") : S("ok");
}

static void form_fill(const vendor *kind, const inventory_device *from, report_device *to)
{
	const char *rules = vendor_cut_of(kind, from->product);
	class_cut cut;

	if (from->n_profiles || str_eq(from->mode, S("hami-core")) || !rules || !cut_named(str_from(rules), &cut) ||
		cut.mode != CUT_INSTANCES || !cut.geometry)
		return;
	to->share_mode = S("instances");
	to->geometry = cut.geometry->name;
}

static void device_fill(const kube_node *n, const vendor *kind, const inventory_device *from, report_device *to)
{
	*to = (report_device){
		.uuid = from->uuid,
		.index = between(from->index, 0, INDEX_MAX),
		.product = from->product,
		.memory_mib = from->memory_mib,
		.slots = between(from->slots, 0, SLOTS_MAX),
		.numa = between(from->numa, -1, NUMA_MAX),
		.health = health_of(n, from),
	};
	form_fill(kind, from, to);
}

static str annotation_of(void *arg, const char *key)
{
	return kube_node_annotation(arg, key);
}

static bool capacity_of(void *arg, const char *resource, quantity *ret)
{
	return kube_node_capacity(arg, resource, ret);
}

static js_list devices_of(const kube_node *n, arena *a)
{
	report_device *all = ARENA_ARRAY(a, report_device, DEVICES_MAX);
	inventory_node node = {.name = n->meta.name, .arg = (void *)(uintptr_t)n, .annotation = annotation_of};
	uint32_t count = 0;

	node.capacity = capacity_of;
	for (uint32_t k = 0; vendor_at(k); k++) {
		inventory found = {NULL, 0};
		if (inventory_read(vendor_at(k), &node, a, &found, NULL) != ERR_OK)
			continue;
		for (uint32_t i = 0; i < found.n && count < DEVICES_MAX; i++)
			if (found.v[i].memory_mib)
				device_fill(n, vendor_at(k), &found.v[i], &all[count++]);
	}
	return (js_list){all, count};
}

static bool is_effect(str effect)
{
	for (uint32_t i = 0; taint_effects[i]; i++)
		if (str_eq(effect, str_from(taint_effects[i])))
			return true;
	return false;
}

/* What a cordon and a node's health put there is told by health. */
static js_list taints_of(const kube_node *n, arena *a)
{
	report_taint *all = ARENA_ARRAY(a, report_taint, n->n_taints + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->n_taints; i++)
		if (is_effect(n->taints[i].effect) && !str_starts(n->taints[i].key, S("node.kubernetes.io/")))
			all[count++] = (report_taint){n->taints[i].key, n->taints[i].value, n->taints[i].effect};
	return (js_list){all, count};
}

static js_raw labels_of(const kube_node *n, bool is_twice, arena *a)
{
	buf out;

	buf_init(&out, NODE_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	for (uint32_t i = 0; i < n->labels.n; i++) {
		if (str_eq(n->labels.v[i].key, S(ROSTER_TWICE_KEY)))
			continue;
		js_key(&w, n->labels.v[i].key);
		js_text(&w, n->labels.v[i].value);
	}
	if (is_twice)
		js_put_text(&w, ROSTER_TWICE_KEY, S(ROSTER_TWICE));
	js_object_end(&w);
	js_raw raw = {out.over ? STR_NONE : str_dup(a, buf_str(&out))};
	buf_done(&out);
	return raw;
}

static int64_t amount(const kube_node *n, const char *resource, int exponent)
{
	quantity q;
	int64_t v;

	return kube_node_allocatable(n, resource, &q) && quantity_to_i64(q, exponent, &v) && v > 0 ? v : 0;
}

static uint32_t elsewhere_count(const roster *r, str node, const js_list *devices, str *ret_first)
{
	const report_device *d = devices->v;
	uint32_t n = 0;

	*ret_first = STR_NONE;
	for (uint32_t i = 0; r->is_elsewhere && i < devices->n; i++) {
		if (!r->is_elsewhere(r->arg, node, d[i].uuid))
			continue;
		if (!n++)
			*ret_first = d[i].uuid;
	}
	return n;
}

/* Its report as JSON, or an absent text for a node without devices. */
static str report_text(const kube_node *n, const js_list *devices, bool is_twice, arena *a)
{
	report_node told = {
		.name = n->meta.name,
		.cpu_milli = between(amount(n, "cpu", -3), 0, INT32_MAX),
		.memory_mib = between(amount(n, "memory", 0) >> 20, 0, INT32_MAX),
		.pods = between(amount(n, "pods", 0), 0, INT32_MAX),
		.health = n->is_unready    ? S("not ready")
			  : n->is_cordoned ? S("cordoned")
					   : S("ok"),
		.labels = labels_of(n, is_twice, a),
		.taints = taints_of(n, a),
		.devices = *devices,
	};
	buf out;

	if (!told.devices.n)
		return STR_NONE;
	buf_init(&out, NODE_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_write(&w, &report_node_type, &told);
	str text = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

void roster_drop(roster *r, str name)
{
	roster_row *w = map_find(&r->by_name, name);

	if (!w)
		return;
	(void)map_remove(&r->by_name, name);
	news_add(r, row_name(w), true);
	free(w);
}

str roster_put(roster *r, const kube_node *n, arena *a)
{
	roster_row *old = map_find(&r->by_name, n->meta.name);
	js_list devices = devices_of(n, a);
	str first;
	uint32_t elsewhere = elsewhere_count(r, n->meta.name, &devices, &first);
	str text = report_text(n, &devices, elsewhere > 0, a);

	if (!text.n) {
		roster_drop(r, n->meta.name);
		return STR_NONE;
	}
	if (old && old->n_elsewhere == elsewhere && str_eq(row_text(old), text))
		return first;
	roster_row *w = calloc(1, sizeof(*w) + n->meta.name.n + text.n);
	assert(w);
	w->name_n = n->meta.name.n;
	w->text_n = text.n;
	memcpy(w->bytes, n->meta.name.p, w->name_n);
	memcpy(w->bytes + w->name_n, text.p, text.n);
	(void)map_remove(&r->by_name, row_name(w));
	free(old);
	w->n_elsewhere = elsewhere;
	(void)map_put(&r->by_name, row_name(w), w);
	news_add(r, row_name(w), false);
	return first;
}

void roster_stir(roster *r, str name)
{
	if (map_find(&r->by_name, name))
		news_add(r, name, false);
}

static void elsewhere_drop(const roster *r, report_node *n)
{
	report_device *d = n->devices.v;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n->devices.n; i++)
		if (!r->is_elsewhere || !r->is_elsewhere(r->arg, n->name, d[i].uuid))
			d[kept++] = d[i];
	n->devices.n = kept;
}

static bool row_read(const roster *r, const roster_row *w, arena *a, report_node *ret)
{
	if (js_read_output(&report_node_type, row_text(w), a, ret, NULL))
		return false;
	elsewhere_drop(r, ret);
	report_device *d = ret->devices.v;
	for (uint32_t i = 0; r->why && i < ret->devices.n; i++) {
		str why = r->why(r->arg, ret->name, d[i].uuid);
		if (why.n)
			d[i].health = str_dup(a, why);
	}
	return true;
}

js_list roster_nodes(const roster *r, arena *a)
{
	report_node *all = ARENA_ARRAY(a, report_node, r->by_name.n + 1);
	uint32_t n = 0;

	map_each (slot, &r->by_name)
		n += row_read(r, slot->value, a, &all[n]);
	return (js_list){all, n};
}

static void one_tell(const roster *r, const roster_news *n, const cluster_events *e)
{
	AUTO_ARENA a = arena_new(0);
	const roster_row *w = map_find(&r->by_name, str_from(n->name));
	report_node told;

	if (!w)
		e->on_node_gone(e->arg, str_from(n->name));
	else if (!n->is_gone && row_read(r, w, a, &told))
		e->on_node(e->arg, &told);
}

void roster_tell(roster *r, const cluster_events *e)
{
	vec_each (n, &r->news)
		one_tell(r, n, e);
	roster_told(r);
}
