#include "server/placer/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet.h"
#include "json/write.h"
#include "server/placer/build.h"
#include "server/placer/body.h"

enum { LINKS_BYTES_MAX = 64 << 10 };

/* One cluster's inventory at work. */
typedef struct taking {
	turn *t;
	books *b;
	site *site;
} taking;

static str health_of(str s)
{
	return s.n ? s : HEALTH_OK;
}

static void text_keep(str *at, str s)
{
	free((char *)at->p);
	*at = (str){heap_new(1, s.n + 1), s.n};
	memcpy((char *)at->p, s.p ? s.p : "", s.n);
}

/* The class of a device: what its agent calls it, else what its product name tells, else none. */
static int32_t class_of(books *b, str named, str product)
{
	const class_rule *rule = named.n ? books_rule(b, named) : NULL;

	rule = rule ? rule : books_rule_of(b, product);
	return rule ? rule->handle : fleet_class_put(&b->fleet, BOOKS_UNCLASSIFIED);
}

/* The gone one of that name in this turn, or NULL. */
static turn_gone *gone_find(turn_gone *v, uint32_t n, const site *s, str name)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i].cluster_key == s->key && v[i].name.p && str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

static void device_row_make(taking *k, device_row *row, str uuid)
{
	turn_gone *old = gone_find(k->t->devices_gone.v, k->t->devices_gone.n, k->site, uuid);

	row->key = old ? old->key : ++k->b->last_device_key;
	row->id = old ? old->id : id_make("dev");
	if (old)
		vec_remove_fast(&k->t->devices_gone, old - k->t->devices_gone.v);
}

static void device_note(taking *k, int32_t device, int32_t node_key)
{
	const fleet_device *d = &k->b->fleet.devices.v[device];
	device_row *row = books_device(k->b, device);
	str uuid = k->b->fleet.device_uuids.v[device];

	if (!row->key)
		device_row_make(k, row, uuid);
	turn_device out = {.key = row->key,
		.node_key = node_key,
		.cluster_key = k->site->key,
		.id = str_dup(k->t->a, id_str(&row->id)),
		.uuid = str_dup(k->t->a, uuid),
		.class_name = k->b->fleet.classes.v[d->class_id].name,
		.product = str_dup(k->t->a, row->product),
		.health = str_dup(k->t->a, row->health),
		.index = d->index,
		.memory_mib = d->memory_mib,
		.compute_milli = d->compute_milli,
		.slots = d->slots,
		.slots_given = d->slots_given,
		.numa = d->numa,
		.share_mode = str_dup(k->t->a, row->share_mode),
		.geometry = str_dup(k->t->a, row->geometry),
		.cut = d->geometry ? d->geometry->name : S("")};
	row->cut = d->geometry;
	turn_device_put(k->t, out);
}

/* A device on its way out of the fleet: its row goes, or is marked while something is booked on it. */
static void device_out(taking *k, int32_t device)
{
	device_row *row = books_device(k->b, device);
	turn_gone gone = {.key = row->key,
		.cluster_key = k->site->key,
		.id = row->id,
		.name = str_dup(k->t->a, k->b->fleet.device_uuids.v[device])};

	fleet_device_remove(&k->b->fleet, device);
	k->b->reservations.due_us = 0; /* one may have held it */
	if (k->b->fleet.devices.v[device].node == FLEET_NONE) {
		vec_push(&k->t->devices_gone, gone);
		row->key = 0;
	} else {
		vec_push(&k->t->devices_marked, device);
	}
	k->t->has_inventory = true;
}

/* A device that moved while it is booked, or one too many on a node, stays as it was. */
static int32_t device_put(taking *k, int32_t node, const report_device *d)
{
	fleet *f = &k->b->fleet;
	int32_t class_id = class_of(k->b, d->class, d->product),
		device = fleet_device_find(f, k->site->handle, d->uuid);
	const class_rule *rule = books_rule(k->b, f->classes.v[class_id].name);
	int64_t memory_mib = d->memory_mib ? d->memory_mib : rule ? rule->memory_mib : 0;

	if (device != FLEET_NONE && f->devices.v[device].sharers)
		class_id = f->devices.v[device].class_id;
	device_spec spec = {.uuid = d->uuid,
		.class_id = class_id,
		.index = (int32_t)d->index,
		.memory_mib = memory_mib ? memory_mib : 1,
		.slots = (int32_t)d->slots,
		.numa = (int32_t)d->numa + 1,
		.mode = build_mode(d->share_mode)};
	if (fleet_device_put(f, node, &spec, &device))
		return FLEET_NONE;
	device_row *row = books_device(k->b, device);
	text_keep(&row->product, d->product);
	text_keep(&row->health, health_of(d->health));
	text_keep(&row->share_mode, d->share_mode);
	text_keep(&row->geometry, d->geometry);
	books_flag_device(k->b, device);
	device_note(k, device, k->b->nodes.v[node].key);
	change_freed(&k->b->changes, k->site->handle, class_id);
	return device;
}

static bool is_named(const report_node *n, str uuid)
{
	const report_device *d = n->devices.v;

	for (uint32_t i = 0; i < n->devices.n; i++)
		if (str_eq(d[i].uuid, uuid))
			return true;
	return false;
}

static void devices_drop(taking *k, int32_t node, const report_node *n)
{
	fleet *f = &k->b->fleet;

	for (int32_t d = f->nodes.v[node].first_device; d != FLEET_NONE;) {
		int32_t next = f->devices.v[d].next;
		if (!(f->devices.v[d].flags & FLEET_GONE) && !is_named(n, f->device_uuids.v[d]))
			device_out(k, d);
		d = next;
	}
}

static void node_row_make(taking *k, node_row *row, str name)
{
	turn_gone *old = gone_find(k->t->nodes_gone.v, k->t->nodes_gone.n, k->site, name);

	row->key = old ? old->key : ++k->b->last_node_key;
	row->id = old ? old->id : id_make("nod");
	if (old)
		vec_remove_fast(&k->t->nodes_gone, old - k->t->nodes_gone.v);
}

static str links_of(const report_links *links, arena *a)
{
	buf out;
	js_writer w = js_writer_on(&out);

	if (!links->weights.n && !links->groups.n)
		return S("{}");
	buf_init(&out, LINKS_BYTES_MAX);
	js_write(&w, &report_links_type, links);
	str kept = str_dup(a, buf_str(&out));
	buf_done(&out);
	return kept;
}

static void node_note(taking *k, int32_t node, const report_node *n)
{
	node_row *row = books_node(k->b, node);

	if (!row->key)
		node_row_make(k, row, n->name);
	row->census = k->site->census;
	turn_node out = {.key = row->key,
		.cluster_key = k->site->key,
		.id = str_dup(k->t->a, id_str(&row->id)),
		.name = str_dup(k->t->a, n->name),
		.rank = k->b->fleet.nodes.v[node].rank,
		.labels = n->labels.json.n ? str_dup(k->t->a, n->labels.json) : S("{}"),
		.health = str_dup(k->t->a, health_of(n->health)),
		.taints = body_list(&report_taint_type, &n->taints, k->t->a),
		.links = links_of(&n->links, k->t->a),
		.cpu_milli = n->cpu_milli,
		.memory_mib = n->memory_mib,
		.pods = n->pods};
	build_traits(&k->b->fleet, node, out.labels, out.taints);
	build_links(&k->b->fleet, node, out.links);
	turn_node_put(k->t, out);
}

static void node_put(taking *k, const report_node *n)
{
	fleet *f = &k->b->fleet;
	node_spec spec = {.name = n->name,
		.cpu_milli = n->cpu_milli,
		.memory_mib = n->memory_mib,
		.pods_max = (int32_t)n->pods,
		.rank = n->rank ? (int32_t)n->rank : FLEET_NONE};
	int32_t node = fleet_node_put(f, k->site->handle, &spec);
	const report_device *d = n->devices.v;

	node_note(k, node, n);
	books_flag_node(k->b, node, health_of(n->health));
	devices_drop(k, node, n);
	for (uint32_t i = 0; i < n->devices.n; i++)
		(void)device_put(k, node, &d[i]);
	change_freed(&k->b->changes, k->site->handle, FLEET_NONE);
}

static void node_out(taking *k, int32_t node)
{
	fleet *f = &k->b->fleet;
	node_row *row = books_node(k->b, node);
	turn_gone gone = {.key = row->key,
		.cluster_key = k->site->key,
		.id = row->id,
		.name = str_dup(k->t->a, f->node_names.v[node])};

	if (f->nodes.v[node].flags & FLEET_GONE)
		return;
	for (int32_t d = f->nodes.v[node].first_device; d != FLEET_NONE;) {
		int32_t next = f->devices.v[d].next;
		device_out(k, d);
		d = next;
	}
	fleet_node_remove(f, node);
	k->t->has_inventory = true;
	if (f->nodes.v[node].cluster == FLEET_NONE) {
		vec_push(&k->t->nodes_gone, gone);
		row->key = 0;
	} else {
		vec_push(&k->t->nodes_marked, node);
	}
}

void inventory_apply(turn *t, books *b, site *s, const report_item *item)
{
	taking k = {t, b, s};
	const report_node *n = item->nodes.v;

	if (item->is_whole) {
		s->census++;
		s->is_counting = true;
	}
	for (uint32_t i = 0; i < item->nodes.n; i++)
		node_put(&k, &n[i]);
	for (uint32_t i = 0; i < item->nodes_gone.n; i++) {
		int32_t node = fleet_node_find(&b->fleet, s->handle, item->nodes_gone.v[i]);
		if (node != FLEET_NONE)
			node_out(&k, node);
	}
	if (t->has_inventory) {
		change_opened(&b->changes, s->handle);
		books_follow_capacity(b);
	}
}

void inventory_end(turn *t, books *b, site *s)
{
	const fleet_cluster *c = &b->fleet.clusters.v[s->handle];
	vec(int32_t) missing = {0};
	taking k = {t, b, s};

	if (!s->is_counting)
		return;
	s->is_counting = false;
	for (uint32_t i = 0; i < c->nodes.n; i++)
		if (books_node(b, c->nodes.v[i])->census != s->census)
			vec_push(&missing, c->nodes.v[i]);
	vec_each (node, &missing)
		node_out(&k, *node);
	if (missing.n)
		books_follow_capacity(b);
	vec_done(&missing);
}

/* Its class is cut by other rules than when its row was written. */
static void device_recut(turn *t, books *b, int32_t device)
{
	const fleet_device *d = &b->fleet.devices.v[device];

	if (d->node == FLEET_NONE || d->flags & FLEET_GONE || books_device(b, device)->cut == d->geometry)
		return;
	int32_t cluster = b->fleet.nodes.v[d->node].cluster;
	taking k = {t, b, b->site_of.v[cluster]};
	books_flag_device(b, device);
	device_note(&k, device, books_node(b, d->node)->key);
	change_freed(&b->changes, cluster, d->class_id);
}

static void device_classify(turn *t, books *b, int32_t device, int32_t none)
{
	fleet *f = &b->fleet;
	const fleet_device *d = &f->devices.v[device];

	if (d->node == FLEET_NONE || d->class_id != none || d->flags & FLEET_GONE)
		return;
	const class_rule *rule = books_rule_of(b, books_device(b, device)->product);
	if (!rule)
		return;
	int32_t node = d->node, cluster = f->nodes.v[node].cluster;
	device_spec spec = {.uuid = str_dup(t->a, f->device_uuids.v[device]),
		.class_id = rule->handle,
		.index = d->index,
		.memory_mib = d->memory_mib,
		.slots = d->slots_given,
		.numa = d->numa + 1,
		.mode = d->mode_given};
	taking k = {t, b, b->site_of.v[cluster]};
	if (fleet_device_put(f, node, &spec, &device))
		return;
	books_flag_device(b, device);
	device_note(&k, device, books_node(b, node)->key);
	change_freed(&b->changes, cluster, rule->handle);
}

void inventory_review(turn *t, books *b)
{
	int32_t none = fleet_class_find(&b->fleet, BOOKS_UNCLASSIFIED);

	vec_each (key, &b->doomed) {
		vec_push(&t->nodes_gone, ((turn_gone){.key = *key}));
		t->has_inventory = true;
	}
	vec_clear(&b->doomed);
	for (uint32_t i = 0; b->wants_classing && none != FLEET_NONE && i < b->fleet.devices.n; i++) {
		device_classify(t, b, (int32_t)i, none);
		device_recut(t, b, (int32_t)i);
	}
	b->wants_classing = false;
	if (t->has_inventory)
		books_follow_capacity(b);
}
