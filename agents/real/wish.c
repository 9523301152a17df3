#include "agents/real/wish.h"
#include "agents/real/names.h"
#include "engine/fit.h"
#include "json/write.h"

enum { REQUEST_BYTES_MAX = 64 << 10, UUIDS_MAX = 64, HOST_CPU_MAX = 100000000 };

static str class_name(const stock *s, const models *m, const vendor *kind, int32_t class_id)
{
	stock_classes all = stock_classes_of(s, kind);

	for (uint32_t i = 0; i < all.n; i++)
		if (all.v[i] == class_id)
			return models_class(m, all.products[i]);
	return STR_NONE;
}

/* Products of one class are one name. */
static strs class_names(const pod_ask *q, int32_t at, const stock *s, const models *m, arena *a)
{
	const ask_entry *e = &q->entries[at];
	strs all = {ARENA_ARRAY(a, str, e->n_classes + 1), 0};

	for (int32_t i = 0; i < e->n_classes; i++) {
		str name = class_name(s, m, q->kinds[at], q->classes[at][i]);
		bool is_new = name.n > 0;
		for (uint32_t k = 0; k < all.n; k++)
			is_new &= !str_eq(all.v[k], name);
		if (is_new && all.n < ASK_CLASSES_MAX)
			all.v[all.n++] = name;
	}
	return all;
}

static strs cut_list(strs all)
{
	return all.n <= UUIDS_MAX ? all : (strs){all.v, UUIDS_MAX};
}

static void device_fill(const ask_entry *e, strs classes, device_ask *d)
{
	*d = (device_ask){.count = e->count, .classes = classes};
	js_give(&device_ask_type, d, "count");
	js_give(&device_ask_type, d, "classes");
	if (e->memory_mib) {
		d->memory_mib = e->memory_mib;
		js_give(&device_ask_type, d, "memory_mib");
	} else if (e->memory_percent) {
		d->memory_percent = e->memory_percent;
		js_give(&device_ask_type, d, "memory_percent");
	}
	if (e->compute_milli != ASK_ABSENT) {
		d->compute_milli = e->compute_milli;
		js_give(&device_ask_type, d, "compute_milli");
	}
	if (e->uuids.n) {
		d->uuids = cut_list(e->uuids);
		js_give(&device_ask_type, d, "uuids");
	}
	if (e->uuids_excluded.n) {
		d->uuids_excluded = cut_list(e->uuids_excluded);
		js_give(&device_ask_type, d, "uuids_excluded");
	}
	if (e->numa_bind) {
		d->numa_bind = true;
		js_give(&device_ask_type, d, "numa_bind");
	}
}

/* Requests, or limits where only those stand; containers that run before the others count by their largest. */
static int64_t host_sum(const pod *p, const char *resource, int exponent)
{
	int64_t before = 0, beside = 0;

	for (uint32_t i = 0; i < p->n_containers; i++) {
		const pod_container *c = &p->containers[i];
		const fields_amounts *lists[] = {&c->requests, &c->limits};
		int64_t v = 0;
		for (int l = 0; l < 2 && !v; l++)
			for (uint32_t k = 0; k < lists[l]->n; k++)
				if (str_eq(lists[l]->v[k].resource, str_from(resource)))
					(void)quantity_to_i64(lists[l]->v[k].q, exponent, &v);
		if (c->is_init && !c->is_sidecar)
			before = v > before ? v : before;
		else
			beside += v;
	}
	int64_t most = before > beside ? before : beside;
	return most < 0 ? 0 : most;
}

static host_ask host_of(const pod *p)
{
	int64_t cpu = host_sum(p, "cpu", -3), mib = (host_sum(p, "memory", 0) + (1 << 20) - 1) >> 20;

	return (host_ask){cpu < HOST_CPU_MAX ? cpu : HOST_CPU_MAX, mib < INT32_MAX ? mib : INT32_MAX};
}

static js_raw pairs_text(const object_pair *v, uint32_t n, arena *a)
{
	buf out;

	buf_init(&out, REQUEST_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	for (uint32_t i = 0; i < n; i++) {
		js_key(&w, v[i].key);
		js_text(&w, v[i].value);
	}
	js_object_end(&w);
	js_raw raw = {out.over ? STR_NONE : str_dup(a, buf_str(&out))};
	buf_done(&out);
	return raw;
}

static js_list tolerations_of(const pod *p, arena *a)
{
	toleration *all = ARENA_ARRAY(a, toleration, p->n_tolerations + 1);

	for (uint32_t i = 0; i < p->n_tolerations; i++) {
		const pod_toleration *t = &p->tolerations[i];
		bool is_any = str_eq(t->operator, S("Exists"));
		all[i] = (toleration){
			t->key.n ? t->key : STR_NONE, is_any ? STR_NONE : t->value, t->effect.n ? t->effect : STR_NONE};
	}
	return (js_list){all, p->n_tolerations};
}

/* What cannot be a name of the server's is nobody's there. */
static void priority_give(placement_request *r, str class)
{
	if (!str_is_name(class))
		return;
	r->priority = class;
	js_give(&placement_request_type, r, "priority");
}

static void where_fill(const pod *p, placement_request *r, arena *a)
{
	object_pair labels[] = {{S("reeve.io/namespace"), p->meta.space}, {S("reeve.io/pod"), p->meta.name}};

	r->host = host_of(p);
	js_give(&placement_request_type, r, "host");
	if (p->node_selector.n) {
		r->node_selector = pairs_text(p->node_selector.v, p->node_selector.n, a);
		js_give(&placement_request_type, r, "node_selector");
	}
	if (p->n_tolerations) {
		r->tolerations = tolerations_of(p, a);
		js_give(&placement_request_type, r, "tolerations");
	}
	if (str_is_name(p->meta.name)) {
		r->name = p->meta.name;
		js_give(&placement_request_type, r, "name");
	}
	r->labels = pairs_text(labels, 2, a);
	js_give(&placement_request_type, r, "labels");
	priority_give(r, p->priority_class);
	if (p->is_meek)
		js_give(&placement_request_type, r, "may_preempt");
	r->max_runtime_s = name_max_runtime_s(p);
	if (r->max_runtime_s)
		js_give(&placement_request_type, r, "max_runtime_s");
}

static str request_print(const placement_request *r, arena *a)
{
	buf out;

	buf_init(&out, REQUEST_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_write(&w, &placement_request_type, r);
	str text = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

str wish_request(const pod *p, const pod_ask *q, const stock *s, const models *m, str tenant, arena *a)
{
	device_ask *devices = ARENA_ARRAY(a, device_ask, q->n + 1);
	placement_request r = {.tenant = tenant, .devices = {devices, (uint32_t)q->n}};

	for (int32_t i = 0; i < q->n; i++) {
		strs classes = class_names(q, i, s, m, a);
		if (!classes.n)
			return STR_NONE;
		device_fill(&q->entries[i], classes, &devices[i]);
	}
	js_give(&placement_request_type, &r, "tenant");
	js_give(&placement_request_type, &r, "devices");
	where_fill(p, &r, a);
	return request_print(&r, a);
}

static device_ask *ask_like(device_ask *all, uint32_t n, const placed_device *d)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(all[i].classes.v[0], d->class) && all[i].memory_mib == d->memory_mib &&
			all[i].compute_milli == d->compute_milli)
			return &all[i];
	return NULL;
}

static js_list asks_of(const placed_pod *p, arena *a)
{
	const placed_device *d = p->devices.v;
	device_ask *all = ARENA_ARRAY(a, device_ask, p->devices.n + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		device_ask *like = d[i].class.n ? ask_like(all, n, &d[i]) : NULL;
		if (like)
			like->count++;
		if (like || !d[i].class.n)
			continue;
		str *class = ARENA_NEW(a, str);
		*class = d[i].class;
		all[n] = (device_ask){.count = 1,
			.classes = {class, 1},
			.memory_mib = d[i].memory_mib,
			.compute_milli = d[i].compute_milli};
		js_give(&device_ask_type, &all[n], "count");
		js_give(&device_ask_type, &all[n], "classes");
		js_give(&device_ask_type, &all[n], "memory_mib");
		js_give(&device_ask_type, &all[n++], "compute_milli");
	}
	return (js_list){all, n};
}

str wish_of_placed(const js_list *placed, const wish_pod *p, arena *a)
{
	placement_request r = {.tenant = p->tenant, .max_runtime_s = p->max_runtime_s};
	object_pair labels[] = {{S("reeve.io/namespace"), p->space}, {S("reeve.io/pod"), p->name}};

	if (!placed->n)
		return STR_NONE;
	r.devices = asks_of(placed->v, a);
	r.labels = pairs_text(labels, 2, a);
	js_give(&placement_request_type, &r, "tenant");
	js_give(&placement_request_type, &r, "devices");
	js_give(&placement_request_type, &r, "labels");
	priority_give(&r, p->priority);
	if (p->max_runtime_s)
		js_give(&placement_request_type, &r, "max_runtime_s");
	if (str_is_name(p->name)) {
		r.name = p->name;
		js_give(&placement_request_type, &r, "name");
	}
	return r.devices.n ? request_print(&r, a) : STR_NONE;
}

/* Devices of one class are alike; FLEET_NONE: there is none at present. */
static int32_t device_of_class(const fleet *f, int32_t class_id)
{
	for (uint32_t d = 0; d < f->devices.n; d++)
		if (f->devices.v[d].node != FLEET_NONE && f->devices.v[d].class_id == class_id)
			return (int32_t)d;
	return FLEET_NONE;
}

static bool may_use(const pod_ask *q, int32_t at, int32_t class_id)
{
	for (int32_t i = 0; i < q->entries[at].n_classes; i++)
		if (q->classes[at][i] == class_id)
			return true;
	return false;
}

amounts wish_charge(const pod_ask *q, stock *s, int32_t class_id)
{
	const fleet *f = stock_fleet(s);
	int32_t like = device_of_class(f, class_id);
	amounts sum = {0};

	if (like == FLEET_NONE)
		return sum;
	int64_t whole = f->devices.v[like].memory_mib;
	for (int32_t i = 0; i < q->n; i++) {
		if (!may_use(q, i, class_id))
			continue;
		const ask_entry *e = &q->entries[i];
		sum = amounts_add(sum, share_of_slice(fit_memory_mib(e, whole),
					       fit_compute_milli(e, &f->classes.v[class_id]), whole, e->count));
	}
	return sum;
}

static str share_class(const stock_share *h, stock *s, const models *m, int32_t *ret_device)
{
	const fleet *f = stock_fleet(s);

	*ret_device = fleet_device_find(f, stock_cluster(s), h->uuid);
	if (*ret_device == FLEET_NONE)
		return STR_NONE;
	int32_t class_id = f->devices.v[*ret_device].class_id;
	return class_name(s, m, stock_kind_of(s, class_id), class_id);
}

bool wish_settle(const grant *g, stock *s, const models *m, str *ret_class, amounts *ret_charge)
{
	*ret_class = STR_NONE;
	*ret_charge = (amounts){0};
	for (uint32_t i = 0; i < g->n_shares; i++) {
		const stock_share *h = &g->shares[i];
		int32_t device;
		str class = share_class(h, s, m, &device);
		if (!class.n || (ret_class->n && !str_eq(class, *ret_class)))
			return false;
		*ret_class = class;
		int64_t whole = stock_fleet(s)->devices.v[device].memory_mib;
		*ret_charge = amounts_add(*ret_charge, share_of_slice(h->memory_mib, h->compute_milli, whole, 1));
	}
	return g->n_shares > 0;
}

js_list wish_placed(const stock_share *shares, uint32_t n, stock *s, const models *m, const pod *p, str node,
	int64_t index, arena *a)
{
	placed_device *devices = ARENA_ARRAY(a, placed_device, n + 1);
	placed_pod *one = ARENA_NEW(a, placed_pod);
	host_ask host = p ? host_of(p) : (host_ask){0, 0};

	for (uint32_t i = 0; i < n; i++) {
		int32_t device;
		str class = share_class(&shares[i], s, m, &device);
		devices[i] = (placed_device){.uuid = shares[i].uuid,
			.class = class,
			.index = device == FLEET_NONE ? 0 : stock_fleet(s)->devices.v[device].index,
			.memory_mib = shares[i].memory_mib,
			.compute_milli = shares[i].compute_milli};
	}
	*one = (placed_pod){.group = S("main"),
		.index = index,
		.node = node,
		.cpu_milli = host.cpu_milli,
		.memory_mib = host.memory_mib,
		.devices = {devices, n}};
	return (js_list){one, 1};
}
