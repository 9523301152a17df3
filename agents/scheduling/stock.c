#include "agents/scheduling/stock.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/found.h"
#include "agents/scheduling/node_index.h"
#include "agents/scheduling/pod_holds.h"
#include "agents/scheduling/wiring.h"
#include "base/map.h"
#include "base/vec.h"

struct stock_pod {
	str uid, space, name, node, labels;
	char *text;      /* what those and uuids point into */
	pod_holds holds; /* shares: its own */
	plan booked;
	int64_t priority;
	bool is_seen;    /* bound, as the API server tells; else reserved */
	bool is_vouched; /* of a reserved one: holds.plan is of the plan that it is bound with */
	bool is_leaving;
	int64_t bind_us;
	stock_pod *next, *prev; /* of the same node */
	stock_pod *space_next, *space_prev;
};

typedef struct stock_node {
	str name;
	int64_t made_us; /* 0: not known */
	stock_pod *pods;
} stock_node;

typedef struct kind_classes {
	int32_t v[STOCK_KIND_CLASSES_MAX];
	str products[STOCK_KIND_CLASSES_MAX];
	uint32_t n;
} kind_classes;

struct stock {
	fleet fleet;
	int32_t cluster;
	node_index index;
	sick sick;
	map pods;                            /* by uid */
	map nodes;                           /* by name: those that were told, or that pods are on */
	map spaces;                          /* the first pod of each namespace; the key is that pod's */
	kind_classes kinds[STOCK_KINDS_MAX]; /* by the kind's place in the table */
	vec(const vendor *) kind_by_class;
	arena *arena; /* names of products: as many as there are classes */
	int64_t priority_least;
	plan_keys keys;
};

stock *stock_new(void)
{
	stock *s = calloc(1, sizeof(*s));

	assert(s);
	fleet_init(&s->fleet);
	s->cluster = fleet_cluster_put(&s->fleet, S("here"));
	s->arena = arena_new(0);
	s->priority_least = INT64_MAX;
	assert(!vendor_at(STOCK_KINDS_MAX));
	return s;
}

/* Empty names and uids come from outside, and name nobody. */
static stock_pod *pod_find(const stock *s, str uid)
{
	return uid.n ? map_find(&s->pods, uid) : NULL;
}

static void pod_free(stock_pod *p)
{
	plan_done(&p->booked);
	free(p->holds.shares);
	free(p->text);
	free(p);
}

void stock_trust(stock *s, const uint8_t key[SIGNATURE_KEY])
{
	assert(s->keys.n < PLAN_KEYS_MAX);
	memcpy(s->keys.v[s->keys.n++], key, SIGNATURE_KEY);
}

void stock_free(stock *s)
{
	if (!s)
		return;
	map_each (slot, &s->pods)
		pod_free(slot->value);
	map_each (slot, &s->nodes)
		free(slot->value);
	map_done(&s->pods);
	map_done(&s->nodes);
	map_done(&s->spaces);
	node_index_done(&s->index);
	sick_done(&s->sick);
	vec_done(&s->kind_by_class);
	fleet_done(&s->fleet);
	arena_end(s->arena);
	free(s);
}

static stock_node *node_of(stock *s, str name)
{
	stock_node *n = map_find(&s->nodes, name);

	if (n)
		return n;
	char *text = calloc(1, sizeof(*n) + name.n);
	assert(text);
	n = (stock_node *)(void *)text;
	memcpy(text + sizeof(*n), name.p, name.n);
	n->name = str_of(text + sizeof(*n), name.n);
	(void)map_put(&s->nodes, n->name, n);
	return n;
}

static void pod_unbook(stock *s, stock_pod *p)
{
	if (p->booked.pods.n)
		fleet_unbook(&s->fleet, &p->booked);
	plan_clear(&p->booked);
}

/* Where a class cuts its devices to instances, a share is the instance of that memory. */
static int16_t profile_of(const stock *s, int32_t device, int64_t memory_mib)
{
	const fleet_device *d = &s->fleet.devices.v[device];

	for (int32_t i = 0; d->geometry && i < d->geometry->n_profiles; i++)
		if (d->geometry->profiles[i].memory_mib == memory_mib && !d->geometry->profiles[i].width)
			return (int16_t)(i + 1);
	return 0;
}

static void pod_book(stock *s, stock_pod *p)
{
	int32_t node = fleet_node_find(&s->fleet, s->cluster, p->node);

	if (node == FLEET_NONE)
		return;
	p->booked.cluster = s->cluster;
	plan_add_pod(&p->booked, 0, 0, node, 0, 0);
	for (uint32_t i = 0; i < p->holds.n; i++) {
		const stock_share *h = &p->holds.shares[i];
		int32_t device = fleet_device_find(&s->fleet, s->cluster, h->uuid);
		if (device == FLEET_NONE || s->fleet.devices.v[device].node != node)
			continue;
		plan_device d = {.device = device, .memory_mib = h->memory_mib, .compute_milli = h->compute_milli};
		d.profile = profile_of(s, device, h->memory_mib);
		plan_add_device(&p->booked, d);
		for (int64_t more = 1; more < h->sharers; more++)
			plan_add_device(&p->booked, (plan_device){.device = device});
	}
	fleet_book(&s->fleet, &p->booked);
}

/* Keys of the map are the first pod's own text, so it is put anew whenever another comes first. */
static void space_join(stock *s, stock_pod *p)
{
	if (!p->space.n)
		return;
	p->space_next = map_remove(&s->spaces, p->space);
	if (p->space_next)
		p->space_next->space_prev = p;
	(void)map_put(&s->spaces, p->space, p);
}

static void space_leave(stock *s, stock_pod *p)
{
	if (!p->space.n)
		return;
	if (p->space_prev)
		p->space_prev->space_next = p->space_next;
	else
		(void)map_remove(&s->spaces, p->space);
	if (p->space_next)
		p->space_next->space_prev = p->space_prev;
	if (p->space_next && !p->space_prev)
		(void)map_put(&s->spaces, p->space_next->space, p->space_next);
}

static void pod_remove(stock *s, stock_pod *p)
{
	stock_node *n = node_of(s, p->node);

	pod_unbook(s, p);
	space_leave(s, p);
	if (p->prev)
		p->prev->next = p->next;
	else
		n->pods = p->next;
	if (p->next)
		p->next->prev = p->prev;
	(void)map_remove(&s->pods, p->uid);
	pod_free(p);
}

static str text_put(char **at, str s)
{
	if (s.n)
		memcpy(*at, s.p, s.n);
	str kept = str_of(*at, s.n);
	*at += s.n;
	return kept;
}

static stock_pod *pod_add(stock *s, const stock_entry *e)
{
	stock_pod *p = calloc(1, sizeof(*p));
	size_t bytes = (size_t)e->uid.n + e->space.n + e->name.n + e->node.n + e->labels.n;

	for (uint32_t i = 0; i < e->n; i++)
		bytes += e->shares[i].uuid.n;
	assert(p);
	char *at = p->text = calloc(1, bytes + 1);
	p->holds.shares = calloc(e->n + 1, sizeof(*p->holds.shares));
	assert(p->text && p->holds.shares);
	p->uid = text_put(&at, e->uid);
	p->space = text_put(&at, e->space);
	p->name = text_put(&at, e->name);
	p->node = text_put(&at, e->node);
	p->labels = text_put(&at, e->labels);
	for (; p->holds.n < e->n; p->holds.n++) {
		const stock_share *from = &e->shares[p->holds.n];
		p->holds.shares[p->holds.n] = *from;
		p->holds.shares[p->holds.n].uuid = text_put(&at, from->uuid);
	}
	p->priority = e->priority;
	p->is_seen = e->is_seen;
	p->is_leaving = e->is_leaving;
	p->bind_us = e->bind_us;
	if (p->is_seen && p->priority < s->priority_least)
		s->priority_least = p->priority;
	plan_init(&p->booked);
	stock_node *on = node_of(s, e->node);
	p->next = on->pods;
	if (on->pods)
		on->pods->prev = p;
	on->pods = p;
	(void)map_put(&s->pods, p->uid, p);
	space_join(s, p);
	pod_book(s, p);
	return p;
}

/* The class of a product, made when new; FLEET_NONE past the limits. */
static int32_t class_of(stock *s, uint32_t kind_at, const vendor *kind, str product)
{
	kind_classes *k = &s->kinds[kind_at];
	class_cut cut;

	for (uint32_t i = 0; i < k->n; i++)
		if (str_eq(k->products[i], product))
			return k->v[i];
	if (k->n == STOCK_KIND_CLASSES_MAX)
		return FLEET_NONE;
	int32_t id = fleet_class_put(
		&s->fleet, str_print(s->arena, "%u/" STR_FMT, kind_at, STR_ARG(str_cut(product, 0, 128))));
	if (id == FLEET_NONE)
		return FLEET_NONE;
	const char *rules = vendor_cut_of(kind, product);
	if (rules && cut_named(str_from(rules), &cut))
		fleet_class_cut(&s->fleet, id, &cut);
	k->products[k->n] = str_dup(s->arena, product);
	k->v[k->n++] = id;
	while (s->kind_by_class.n <= (uint32_t)id)
		vec_push(&s->kind_by_class, NULL);
	s->kind_by_class.v[id] = kind;
	return id;
}

/* Another node that is there tells of that device: whoever can write on one node could take those of another. Of two
 * the elder has it, whichever is heard first: whoever makes a node now gets nothing of those that are there, and every
 * agent finds the same. What is in use stays where it is. */
static bool is_anothers(stock *s, int32_t node, const kube_node *n, str uuid, fault *f)
{
	int32_t device = fleet_device_find(&s->fleet, s->cluster, uuid);
	int32_t at = device == FLEET_NONE ? node : s->fleet.devices.v[device].node;

	if (at == node)
		return false;
	const stock_node *other = map_find(&s->nodes, s->fleet.node_names.v[at]);
	if (other && n->made_us && n->made_us < other->made_us && !s->fleet.devices.v[device].sharers) {
		fleet_device_remove(&s->fleet, device);
		return false;
	}
	(void)fault_set(f, ERR_CONFLICT, "devices", "device " STR_FMT " is told by another node too, and stays there",
		STR_ARG(str_cut(uuid, 0, 128)));
	return true;
}

str stock_device_node(const stock *s, str uuid)
{
	int32_t device = fleet_device_find(&s->fleet, s->cluster, uuid);
	int32_t node = device == FLEET_NONE ? FLEET_NONE : s->fleet.devices.v[device].node;

	return node == FLEET_NONE ? STR_NONE : s->fleet.node_names.v[node];
}

static void device_put(stock *s, int32_t node, int32_t class_id, const kube_node *n, const inventory_device *from)
{
	device_spec spec = found_spec(from, class_id);
	int32_t device;

	if (fleet_device_put(&s->fleet, node, &spec, &device))
		return;
	sick_registered(&s->sick, &s->fleet, device, n->meta.name, from->uuid, from->is_healthy);
	fleet_device_flag(&s->fleet, device, FLEET_CLOSED, found_is_closed(n, from));
}

static void pods_unbook(stock *s, const stock_node *n)
{
	for (stock_pod *p = n->pods; p; p = p->next)
		pod_unbook(s, p);
}

static void pods_book(stock *s, const stock_node *n)
{
	for (stock_pod *p = n->pods; p; p = p->next)
		pod_book(s, p);
}

static void node_link(stock *s, int32_t node, const found *all)
{
	wiring w;

	wiring_init(&w);
	for (uint32_t i = 0; vendor_at(i); i++) {
		wiring_links(&w, &all->links[i]);
		for (uint32_t k = 0; k < all->all[i].n; k++) {
			const inventory_device *d = &all->all[i].v[k];
			int32_t class_id = class_of(s, i, vendor_at(i), d->product);
			if (class_id != FLEET_NONE)
				wiring_module(&w, d->index, s->fleet.classes.v[class_id].cut.whole_groups);
		}
	}
	topology t = wiring_topology(&w);
	fleet_node_link(&s->fleet, node, t.n ? &t : NULL);
}

void stock_node_put(stock *s, const kube_node *n, fault *ret_f)
{
	AUTO_ARENA a = arena_new(0);
	found *all = ARENA_NEW(a, found);
	stock_node *at = node_of(s, n->meta.name);

	found_read(n, a, all, ret_f);
	at->made_us = n->made_us;
	pods_unbook(s, at);
	int32_t node = fleet_node_find(&s->fleet, s->cluster, n->meta.name);
	if (all->n_devices || node != FLEET_NONE) {
		node_spec spec = {
			.name = n->meta.name, .cpu_milli = INT32_MAX, .memory_mib = INT32_MAX, .rank = FLEET_NONE};
		s->index.is_stale |= node == FLEET_NONE;
		node = fleet_node_put(&s->fleet, s->cluster, &spec);
		fleet_node_flag(&s->fleet, node, FLEET_CORDONED, n->is_cordoned);
		found_keep(all, &s->fleet, node);
		for (uint32_t i = 0; vendor_at(i); i++)
			for (uint32_t k = 0; k < all->all[i].n; k++) {
				const inventory_device *d = &all->all[i].v[k];
				int32_t class_id = class_of(s, i, vendor_at(i), d->product);
				if (class_id != FLEET_NONE && !is_anothers(s, node, n, d->uuid, ret_f))
					device_put(s, node, class_id, n, d);
			}
		node_link(s, node, all);
	}
	pods_book(s, at);
}

sick *stock_sick(stock *s)
{
	return &s->sick;
}

void stock_node_drop(stock *s, str name)
{
	stock_node *at = map_find(&s->nodes, name);
	int32_t node = fleet_node_find(&s->fleet, s->cluster, name);

	sick_drop(&s->sick, name);
	if (at)
		pods_unbook(s, at);
	s->index.is_stale |= node != FLEET_NONE;
	if (node != FLEET_NONE)
		fleet_node_remove(&s->fleet, node);
	if (at && !at->pods) {
		(void)map_remove(&s->nodes, name);
		free(at);
	}
}

static void seen_add(stock *s, const pod *p, const pod_holds *h, arena *a)
{
	stock_pod *at = pod_add(s, &(stock_entry){.uid = p->meta.uid,
					   .space = p->meta.space,
					   .name = p->meta.name,
					   .node = p->node,
					   .labels = pod_labels_text(p, STOCK_LABELS_MAX, a),
					   .shares = h->shares,
					   .n = h->n,
					   .priority = p->priority,
					   .is_seen = true,
					   .is_leaving = p->is_leaving,
					   .bind_us = pod_unfinished_us(p)});

	at->holds.is_planned = h->is_planned;
	memcpy(at->holds.plan, h->plan, sizeof(at->holds.plan));
}

err stock_pod_put(stock *s, const pod *p, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	stock_pod *known = pod_find(s, p->meta.uid);
	pod_holds h = {0};
	bool holds = p->node.n && p->meta.uid.n && !pod_is_over(p);
	bool is_there = known && str_eq(known->node, p->node);
	const pod_holds *same = is_there && known->holds.is_planned ? &known->holds : NULL;
	const uint8_t *trusted = same || (is_there && known->is_vouched) ? known->holds.plan : NULL;
	err e = holds ? pod_holds_read(p, &s->keys, same, trusted, a, &h, f) : ERR_OK;

	/* One that is being bound is not seen bound yet: its reservation stands. */
	if (known && !p->node.n && !known->is_seen && !pod_is_over(p))
		return ERR_OK;
	if (known)
		pod_remove(s, known);
	if (!e && h.n)
		seen_add(s, p, &h, a);
	return e;
}

void stock_pod_drop(stock *s, str uid)
{
	stock_pod *p = pod_find(s, uid);

	if (p)
		pod_remove(s, p);
}

void stock_reserve(stock *s, str uid, str space, str node, const stock_share *shares, uint32_t n)
{
	stock_pod_drop(s, uid);
	pod_add(s, &(stock_entry){.uid = uid, .space = space, .name = S(""), .node = node, .shares = shares, .n = n});
}

void stock_vouch(stock *s, str uid, str plan_text)
{
	stock_pod *p = pod_find(s, uid);

	if (!p || p->is_seen)
		return;
	p->is_vouched = true;
	digest_sha256(&plan_text, 1, p->holds.plan);
}

void stock_release(stock *s, str uid)
{
	stock_pod *p = pod_find(s, uid);

	if (p && !p->is_seen)
		pod_remove(s, p);
}

str stock_pod_node(const stock *s, str uid)
{
	const stock_pod *p = pod_find(s, uid);

	return p ? p->node : STR_NONE;
}

const plan *stock_pod_plan(const stock *s, str uid, str *ret_space)
{
	const stock_pod *p = pod_find(s, uid);

	if (!p)
		return NULL;
	*ret_space = p->space;
	return &p->booked;
}

static stock_entry entry_of(const stock_pod *p)
{
	return (stock_entry){.uid = p->uid,
		.space = p->space,
		.name = p->name,
		.node = p->node,
		.shares = p->holds.shares,
		.n = p->holds.n,
		.labels = p->labels,
		.priority = p->priority,
		.is_seen = p->is_seen,
		.is_leaving = p->is_leaving,
		.bind_us = p->bind_us};
}

void stock_each(const stock *s, void (*visit)(void *arg, const stock_entry *e), void *arg)
{
	map_each (slot, &s->pods) {
		stock_entry e = entry_of(slot->value);
		visit(arg, &e);
	}
}

void stock_node_each(const stock *s, str node, void (*visit)(void *arg, const stock_entry *e), void *arg)
{
	const stock_node *n = map_find(&s->nodes, node);

	for (const stock_pod *p = n ? n->pods : NULL; p; p = p->next) {
		stock_entry e = entry_of(p);
		visit(arg, &e);
	}
}

int64_t stock_priority_least(const stock *s)
{
	return s->priority_least;
}

str stock_product_of(const stock *s, int32_t class_id)
{
	for (uint32_t i = 0; vendor_at(i); i++)
		for (uint32_t k = 0; k < s->kinds[i].n; k++)
			if (s->kinds[i].v[k] == class_id)
				return s->kinds[i].products[k];
	return S("");
}

static const vendor *device_kind(const stock *s, int32_t device)
{
	return s->kind_by_class.v[s->fleet.devices.v[device].class_id];
}

stock_held stock_space_held(const stock *s, str space, const vendor *kind)
{
	stock_held held = {0};

	for (const stock_pod *p = space.n ? map_find(&s->spaces, space) : NULL; p; p = p->space_next) {
		for (uint32_t i = 0; i < p->booked.devices.n; i++) {
			const plan_device *d = &p->booked.devices.v[i];
			if (device_kind(s, d->device) != kind)
				continue;
			held.memory_mib += d->memory_mib;
			held.compute_milli += d->compute_milli;
		}
	}
	return held;
}

void stock_overcommit(stock *s, str uuid, int64_t ppm)
{
	int32_t device = fleet_device_find(&s->fleet, s->cluster, uuid);

	if (device != FLEET_NONE)
		fleet_class_overcommit(&s->fleet, s->fleet.devices.v[device].class_id, ppm);
}

fleet *stock_fleet(stock *s)
{
	return &s->fleet;
}

int32_t stock_cluster(const stock *s)
{
	return s->cluster;
}

int32_t stock_node_find(stock *s, str name)
{
	const node_index_row *row = stock_node_row(s, name);

	return row ? row->node : FLEET_NONE;
}

const node_index_row *stock_node_row(stock *s, str name)
{
	return node_index_find(&s->index, &s->fleet, s->cluster, name);
}

uint32_t stock_node_run(stock *s, str list, uint32_t most, const node_index_row **ret)
{
	return node_index_run(&s->index, &s->fleet, s->cluster, list, most, ret);
}

stock_classes stock_classes_of(const stock *s, const vendor *kind)
{
	for (uint32_t i = 0; vendor_at(i); i++)
		if (vendor_at(i) == kind)
			return (stock_classes){s->kinds[i].v, s->kinds[i].products, s->kinds[i].n};
	return (stock_classes){NULL, NULL, 0};
}

const vendor *stock_kind_of(const stock *s, int32_t class_id)
{
	return (uint32_t)class_id < s->kind_by_class.n ? s->kind_by_class.v[class_id] : NULL;
}
