#include <assert.h>
#include <string.h>

#include "engine/fleet/inside.h"

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
	f->device_uuids.v[id] = fleet_name_new(uuid);
	map_put(&f->clusters.v[f->nodes.v[node].cluster].device_by_uuid, f->device_uuids.v[id], fleet_value(id));
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
	fleet_cells_lay(f, from);
	if (from != node)
		fleet_node_tidy(f, from);
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
	d->is_tangled |= d->state.n && d->class_id != spec->class_id;
	d->class_id = spec->class_id;
	d->index = spec->index;
	d->memory_mib = fleet_amount(spec->memory_mib);
	d->slots_given = spec->slots;
	d->numa = (int16_t)(spec->numa - 1);
	d->mode_given = (uint8_t)spec->mode;
	d->rev = spec->rev;
	fleet_device_follow(f, d);
	device_link(f, device, node);
	f->classes.v[d->class_id].is_known = true;
	device_count(f, d, 1);
	fleet_cells_lay(f, node);
	*ret_device = device;
	return ERR_OK;
}

int32_t fleet_device_find(const fleet *f, int32_t cluster, str uuid)
{
	return fleet_handle(map_find(&f->clusters.v[cluster].device_by_uuid, uuid));
}

void fleet_device_tidy(fleet *f, int32_t device)
{
	fleet_device *d = &f->devices.v[device];

	if (f->n_trials > 0 || !(d->flags & FLEET_GONE) || d->sharers > 0)
		return;
	map_remove(&f->clusters.v[f->nodes.v[d->node].cluster].device_by_uuid, f->device_uuids.v[device]);
	int32_t node = d->node;
	device_unlink(f, device);
	fleet_name_free(&f->device_uuids.v[device]);
	*d = (fleet_device){.node = FLEET_NONE, .next = FLEET_NONE, .class_id = FLEET_NONE};
	vec_push(&f->free_devices, device);
	fleet_cells_lay(f, node);
}

void fleet_device_remove(fleet *f, int32_t device)
{
	fleet_device *d = &f->devices.v[device];
	int32_t node = d->node;

	if (!(d->flags & FLEET_GONE))
		device_count(f, d, -1);
	assert(f->n_trials == 0);
	d->flags |= FLEET_GONE;
	fleet_cell_refresh(f, device);
	fleet_view_refresh(f, node);
	fleet_device_tidy(f, device);
}

bool fleet_device_is_over(const fleet *f, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	return d->used_memory_mib > d->memory_mib || d->used_compute_milli > d->compute_milli || d->sharers > d->slots;
}
