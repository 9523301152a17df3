#include "engine/fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

static str name_new(str s)
{
	char *p = heap_new((size_t)s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return (str){p, s.n};
}

static void name_free(str *s)
{
	free((void *)(uintptr_t)s->p);
	*s = STR_NONE;
}

/* Maps hold pointers and know no NULL: handle 0 is kept as 1. */
static void *value_of(int32_t handle)
{
	return (void *)((intptr_t)handle + 1);
}

static int32_t handle_of(const void *value)
{
	return value ? (int32_t)((intptr_t)value - 1) : FLEET_NONE;
}

static int64_t cut(int64_t amount)
{
	assert(amount >= 0);
	return amount < FLEET_AMOUNT_MAX ? amount : FLEET_AMOUNT_MAX;
}

void fleet_init(fleet *f)
{
	memset(f, 0, sizeof *f);
}

void fleet_done(fleet *f)
{
	vec_each (c, &f->classes)
		name_free(&c->name);
	vec_each (c, &f->clusters) {
		map_done(&c->node_by_name);
		map_done(&c->device_by_uuid);
		vec_done(&c->nodes);
		name_free(&c->name);
	}
	vec_each (name, &f->node_names)
		name_free(name);
	vec_each (uuid, &f->device_uuids)
		name_free(uuid);
	map_done(&f->class_by_name);
	map_done(&f->cluster_by_name);
	vec_done(&f->classes);
	vec_done(&f->clusters);
	vec_done(&f->nodes);
	vec_done(&f->devices);
	vec_done(&f->node_names);
	vec_done(&f->device_uuids);
	vec_done(&f->free_nodes);
	vec_done(&f->free_devices);
}

/* Part of the device that a slice of equal shares could still take, in thousandths. */
static int64_t free_milli(const fleet_device *d)
{
	int64_t by_memory = fleet_free_memory_mib(d) * SHARE_WHOLE_MILLI / d->memory_mib;
	int64_t by_compute = fleet_free_compute_milli(d) * SHARE_WHOLE_MILLI / d->compute_milli;

	return by_memory < by_compute ? by_memory : by_compute;
}

static void summary_add(fleet_node *n, const fleet_device *d)
{
	int64_t memory_mib = fleet_free_memory_mib(d), compute_milli = fleet_free_compute_milli(d);

	if (n->n_open == 0 || d->memory_mib < n->min_memory_mib)
		n->min_memory_mib = d->memory_mib;
	n->n_open++;
	n->n_idle += d->sharers == 0;
	if (d->sharers >= d->slots)
		return;
	if (memory_mib > n->max_free_memory_mib)
		n->max_free_memory_mib = memory_mib;
	if (compute_milli > n->max_free_compute_milli)
		n->max_free_compute_milli = compute_milli;
	n->free_device_milli += free_milli(d);
}

static void node_refresh(fleet *f, int32_t node)
{
	fleet_node *n = &f->nodes.v[node];
	bool is_mixed = false;

	n->n_idle = n->n_open = 0;
	n->max_free_memory_mib = n->max_free_compute_milli = 0;
	n->min_memory_mib = n->free_device_milli = 0;
	n->class_id = FLEET_NONE;
	fleet_each_device(d, f, node)
	{
		const fleet_device *device = &f->devices.v[d];
		if (device->flags & FLEET_GONE)
			continue;
		is_mixed |= n->class_id != FLEET_NONE && n->class_id != device->class_id;
		n->class_id = device->class_id;
		if (device->flags == 0)
			summary_add(n, device);
	}
	if (is_mixed)
		n->class_id = FLEET_NONE;
}

int32_t fleet_class_find(const fleet *f, str name)
{
	return handle_of(map_find(&f->class_by_name, name));
}

int32_t fleet_class_put(fleet *f, str name)
{
	int32_t found = fleet_class_find(f, name);

	if (found != FLEET_NONE)
		return found;
	if (f->classes.n == FLEET_CLASSES_MAX)
		return FLEET_NONE;
	int32_t id = (int32_t)f->classes.n;
	fleet_class *c = vec_add(&f->classes);
	c->name = name_new(name);
	c->slots = FLEET_SLOTS_DEFAULT;
	c->overcommit_ppm = FLEET_OVERCOMMIT_ONE;
	map_put(&f->class_by_name, c->name, value_of(id));
	return id;
}

static void device_follow_class(fleet *f, fleet_device *d)
{
	const fleet_class *c = &f->classes.v[d->class_id];

	d->slots = d->slots_given ? d->slots_given : c->slots;
	d->compute_milli = SHARE_WHOLE_MILLI * c->overcommit_ppm / FLEET_OVERCOMMIT_ONE;
}

void fleet_class_set(fleet *f, int32_t class_id, class_spec spec)
{
	fleet_class *c = &f->classes.v[class_id];

	c->is_known = true;
	c->slots = spec.slots ? spec.slots : FLEET_SLOTS_DEFAULT;
	c->overcommit_ppm = spec.overcommit_ppm ? spec.overcommit_ppm : FLEET_OVERCOMMIT_ONE;
	c->compute_default_milli = spec.compute_default_milli;
	assert(c->slots > 0 && c->overcommit_ppm >= FLEET_OVERCOMMIT_ONE &&
		c->overcommit_ppm <= (int64_t)10 * FLEET_OVERCOMMIT_ONE);
	assert(c->compute_default_milli >= 0 && c->compute_default_milli <= SHARE_WHOLE_MILLI);
	vec_each (d, &f->devices) {
		if (d->node == FLEET_NONE || d->class_id != class_id)
			continue;
		device_follow_class(f, d);
		node_refresh(f, d->node);
	}
}

int32_t fleet_cluster_find(const fleet *f, str name)
{
	return handle_of(map_find(&f->cluster_by_name, name));
}

int32_t fleet_cluster_put(fleet *f, str name)
{
	int32_t id = fleet_cluster_find(f, name);

	if (id == FLEET_NONE) {
		id = (int32_t)f->clusters.n;
		fleet_cluster *c = vec_add(&f->clusters);
		c->name = name_new(name);
		map_put(&f->cluster_by_name, c->name, value_of(id));
	}
	f->clusters.v[id].is_live = true;
	return id;
}

void fleet_cluster_remove(fleet *f, int32_t cluster)
{
	fleet_cluster *c = &f->clusters.v[cluster];

	/* From the end: a node that goes leaves the list, one that stays as `gone` keeps its place. */
	for (uint32_t i = c->nodes.n; i > 0; i--)
		fleet_node_remove(f, c->nodes.v[i - 1]);
	c->is_live = false;
	c->flags = 0;
}

/* Behind all nodes of the same or a lower rank. */
static void cluster_insert(fleet *f, fleet_cluster *c, int32_t node)
{
	int32_t rank = f->nodes.v[node].rank;
	uint32_t at = c->nodes.n;

	while (at > 0 && f->nodes.v[c->nodes.v[at - 1]].rank > rank)
		at--;
	vec_push(&c->nodes, node);
	memmove(c->nodes.v + at + 1, c->nodes.v + at, (c->nodes.n - 1 - at) * sizeof *c->nodes.v);
	c->nodes.v[at] = node;
}

static void cluster_take_out(fleet_cluster *c, int32_t node)
{
	uint32_t at = 0;

	while (c->nodes.v[at] != node)
		at++;
	c->nodes.n--;
	memmove(c->nodes.v + at, c->nodes.v + at + 1, (c->nodes.n - at) * sizeof *c->nodes.v);
}

static int32_t node_new(fleet *f, int32_t cluster, str name)
{
	fleet_cluster *c = &f->clusters.v[cluster];
	int32_t id = (int32_t)f->nodes.n;

	if (f->free_nodes.n) {
		id = vec_pop(&f->free_nodes);
	} else {
		(void)vec_add(&f->nodes);
		(void)vec_add(&f->node_names);
	}
	f->node_names.v[id] = name_new(name);
	f->nodes.v[id] = (fleet_node){.cluster = cluster, .rank = f->next_rank++, .first_device = FLEET_NONE};
	f->nodes.v[id].class_id = FLEET_NONE;
	map_put(&c->node_by_name, f->node_names.v[id], value_of(id));
	cluster_insert(f, c, id);
	return id;
}

static void node_rank(fleet *f, int32_t node, int32_t rank)
{
	fleet_node *n = &f->nodes.v[node];
	fleet_cluster *c = &f->clusters.v[n->cluster];

	if (rank == FLEET_NONE || rank == n->rank)
		return;
	assert(rank >= 0 && rank < INT32_MAX);
	cluster_take_out(c, node);
	n->rank = rank;
	cluster_insert(f, c, node);
	if (rank >= f->next_rank)
		f->next_rank = rank + 1;
}

int32_t fleet_node_put(fleet *f, int32_t cluster, const node_spec *spec)
{
	assert(f->clusters.v[cluster].is_live && spec->pods_max >= 0);
	int32_t node = fleet_node_find(f, cluster, spec->name);

	if (node == FLEET_NONE)
		node = node_new(f, cluster, spec->name);
	node_rank(f, node, spec->rank);
	fleet_node *n = &f->nodes.v[node];
	n->flags &= ~(uint32_t)FLEET_GONE;
	n->cpu_milli = cut(spec->cpu_milli);
	n->memory_mib = cut(spec->memory_mib);
	n->pods_max = spec->pods_max ? spec->pods_max : INT32_MAX;
	return node;
}

int32_t fleet_node_find(const fleet *f, int32_t cluster, str name)
{
	return handle_of(map_find(&f->clusters.v[cluster].node_by_name, name));
}

static void node_free_if_empty(fleet *f, int32_t node)
{
	fleet_node *n = &f->nodes.v[node];
	fleet_cluster *c = &f->clusters.v[n->cluster];

	if (!(n->flags & FLEET_GONE) || n->pods > 0 || n->first_device != FLEET_NONE)
		return;
	map_remove(&c->node_by_name, f->node_names.v[node]);
	cluster_take_out(c, node);
	name_free(&f->node_names.v[node]);
	*n = (fleet_node){.cluster = FLEET_NONE, .first_device = FLEET_NONE, .class_id = FLEET_NONE};
	vec_push(&f->free_nodes, node);
}

void fleet_node_remove(fleet *f, int32_t node)
{
	f->nodes.v[node].flags |= FLEET_GONE;
	for (int32_t d = f->nodes.v[node].first_device; d != FLEET_NONE;) {
		int32_t next = f->devices.v[d].next;
		fleet_device_remove(f, d);
		d = next;
	}
	node_free_if_empty(f, node);
}

static void device_link(fleet *f, int32_t device, int32_t node)
{
	fleet_device *d = &f->devices.v[device];
	int32_t *at = &f->nodes.v[node].first_device;

	while (*at != FLEET_NONE && f->devices.v[*at].index <= d->index)
		at = &f->devices.v[*at].next;
	d->node = node;
	d->next = *at;
	*at = device;
	f->nodes.v[node].n_devices++;
}

static void device_unlink(fleet *f, int32_t device)
{
	fleet_device *d = &f->devices.v[device];
	fleet_node *n = &f->nodes.v[d->node];
	int32_t *at = &n->first_device;

	while (*at != device)
		at = &f->devices.v[*at].next;
	*at = d->next;
	n->n_devices--;
}

/* Gone ones are not counted: a class without devices is reported as such. */
static void device_count(fleet *f, const fleet_device *d, int32_t by)
{
	f->classes.v[d->class_id].n_devices += by;
	f->clusters.v[f->nodes.v[d->node].cluster].n_devices += by;
}

static int32_t device_new(fleet *f, int32_t node, str uuid)
{
	int32_t id = (int32_t)f->devices.n;

	if (f->free_devices.n) {
		id = vec_pop(&f->free_devices);
	} else {
		(void)vec_add(&f->devices);
		(void)vec_add(&f->device_uuids);
	}
	f->device_uuids.v[id] = name_new(uuid);
	map_put(&f->clusters.v[f->nodes.v[node].cluster].device_by_uuid, f->device_uuids.v[id], value_of(id));
	return id;
}

/* Takes an existing device off its node and its counts, so that it can be put again. */
static err device_lift(fleet *f, int32_t device, int32_t node)
{
	fleet_device *d = &f->devices.v[device];
	int32_t from = d->node;

	if (from != node && d->sharers > 0)
		return ERR_CONFLICT;
	if (from != node && f->nodes.v[node].n_devices >= FLEET_NODE_DEVICES_MAX)
		return ERR_TOO_MANY_ITEMS;
	if (!(d->flags & FLEET_GONE))
		device_count(f, d, -1);
	device_unlink(f, device);
	node_refresh(f, from);
	if (from != node)
		node_free_if_empty(f, from);
	d->flags &= ~(uint32_t)FLEET_GONE;
	return ERR_OK;
}

err fleet_device_put(fleet *f, int32_t node, const device_spec *spec, int32_t *ret_device)
{
	assert(spec->memory_mib > 0 && spec->slots >= 0 && spec->class_id >= 0 &&
		(uint32_t)spec->class_id < f->classes.n);
	int32_t device = fleet_device_find(f, f->nodes.v[node].cluster, spec->uuid);

	if (device == FLEET_NONE) {
		if (f->nodes.v[node].n_devices >= FLEET_NODE_DEVICES_MAX)
			return ERR_TOO_MANY_ITEMS;
		device = device_new(f, node, spec->uuid);
		f->devices.v[device] = (fleet_device){0};
	} else {
		err e = device_lift(f, device, node);
		if (e)
			return e;
	}
	fleet_device *d = &f->devices.v[device];
	d->class_id = spec->class_id;
	d->index = spec->index;
	d->memory_mib = cut(spec->memory_mib);
	d->slots_given = spec->slots;
	d->rev = spec->rev;
	device_follow_class(f, d);
	device_link(f, device, node);
	f->classes.v[d->class_id].is_known = true;
	device_count(f, d, 1);
	node_refresh(f, node);
	*ret_device = device;
	return ERR_OK;
}

int32_t fleet_device_find(const fleet *f, int32_t cluster, str uuid)
{
	return handle_of(map_find(&f->clusters.v[cluster].device_by_uuid, uuid));
}

static void device_free_if_empty(fleet *f, int32_t device)
{
	fleet_device *d = &f->devices.v[device];

	if (!(d->flags & FLEET_GONE) || d->sharers > 0)
		return;
	map_remove(&f->clusters.v[f->nodes.v[d->node].cluster].device_by_uuid, f->device_uuids.v[device]);
	device_unlink(f, device);
	name_free(&f->device_uuids.v[device]);
	*d = (fleet_device){.node = FLEET_NONE, .next = FLEET_NONE, .class_id = FLEET_NONE};
	vec_push(&f->free_devices, device);
}

void fleet_device_remove(fleet *f, int32_t device)
{
	fleet_device *d = &f->devices.v[device];
	int32_t node = d->node;

	if (!(d->flags & FLEET_GONE))
		device_count(f, d, -1);
	d->flags |= FLEET_GONE;
	device_free_if_empty(f, device);
	node_refresh(f, node);
}

static void flag_set(uint32_t *flags, fleet_flag flag, bool on)
{
	assert(flag == FLEET_CORDONED || flag == FLEET_UNHEALTHY || flag == FLEET_CLOSED);
	*flags = on ? *flags | (uint32_t)flag : *flags & ~(uint32_t)flag;
}

void fleet_cluster_flag(fleet *f, int32_t cluster, fleet_flag flag, bool on)
{
	flag_set(&f->clusters.v[cluster].flags, flag, on);
}

void fleet_node_flag(fleet *f, int32_t node, fleet_flag flag, bool on)
{
	flag_set(&f->nodes.v[node].flags, flag, on);
}

void fleet_device_flag(fleet *f, int32_t device, fleet_flag flag, bool on)
{
	flag_set(&f->devices.v[device].flags, flag, on);
	node_refresh(f, f->devices.v[device].node);
}

static void device_take(fleet *f, const plan_device *slice, int32_t node)
{
	fleet_device *d = &f->devices.v[slice->device];

	assert(d->node == node);
	d->used_memory_mib += slice->memory_mib;
	d->used_compute_milli += slice->compute_milli;
	d->sharers++;
	d->exclusive += slice->compute_milli >= SHARE_WHOLE_MILLI;
}

static void device_give(fleet *f, const plan_device *slice, int32_t node)
{
	fleet_device *d = &f->devices.v[slice->device];

	assert(d->node == node && d->sharers > 0);
	assert(d->used_memory_mib >= slice->memory_mib && d->used_compute_milli >= slice->compute_milli);
	d->used_memory_mib -= slice->memory_mib;
	d->used_compute_milli -= slice->compute_milli;
	d->sharers--;
	d->exclusive -= slice->compute_milli >= SHARE_WHOLE_MILLI;
	device_free_if_empty(f, slice->device);
}

void fleet_book_range(fleet *f, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const plan_pod *pod = &p->pods.v[i];
		fleet_node *n = &f->nodes.v[pod->node];
		assert(n->cluster == p->cluster);
		n->pods++;
		n->used_cpu_milli += pod->cpu_milli;
		n->used_memory_mib += pod->memory_mib;
		for (uint32_t d = pod->first; d < pod->first + pod->n; d++)
			device_take(f, &p->devices.v[d], pod->node);
		if (pod->n)
			node_refresh(f, pod->node);
	}
}

void fleet_unbook_range(fleet *f, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const plan_pod *pod = &p->pods.v[i];
		fleet_node *n = &f->nodes.v[pod->node];
		assert(n->cluster == p->cluster && n->pods > 0);
		assert(n->used_cpu_milli >= pod->cpu_milli && n->used_memory_mib >= pod->memory_mib);
		n->pods--;
		n->used_cpu_milli -= pod->cpu_milli;
		n->used_memory_mib -= pod->memory_mib;
		for (uint32_t d = pod->first; d < pod->first + pod->n; d++)
			device_give(f, &p->devices.v[d], pod->node);
		if (pod->n)
			node_refresh(f, pod->node);
		node_free_if_empty(f, pod->node);
	}
}

void fleet_book(fleet *f, const plan *p)
{
	fleet_book_range(f, p, 0, p->pods.n);
}

void fleet_unbook(fleet *f, const plan *p)
{
	fleet_unbook_range(f, p, 0, p->pods.n);
}

void fleet_capacity(const fleet *f, amounts *out, uint32_t n)
{
	memset(out, 0, n * sizeof *out);
	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		if (d->node == FLEET_NONE || (uint32_t)d->class_id >= n)
			continue;
		const fleet_node *node = &f->nodes.v[d->node];
		uint32_t flags = d->flags | node->flags | f->clusters.v[node->cluster].flags;
		if (flags & (FLEET_UNHEALTHY | FLEET_GONE))
			continue;
		amounts one = {{SHARE_WHOLE_MILLI, d->memory_mib, d->compute_milli}};
		out[d->class_id] = amounts_add(out[d->class_id], one);
	}
}

bool fleet_device_is_over(const fleet *f, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	return d->used_memory_mib > d->memory_mib || d->used_compute_milli > d->compute_milli || d->sharers > d->slots;
}
