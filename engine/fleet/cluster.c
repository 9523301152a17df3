#include <assert.h>
#include <string.h>

#include "engine/fleet/inside.h"

int32_t fleet_cluster_find(const fleet *f, str name)
{
	return fleet_handle(map_find(&f->cluster_by_name, name));
}

int32_t fleet_cluster_put(fleet *f, str name)
{
	int32_t id = fleet_cluster_find(f, name);

	if (id == FLEET_NONE) {
		id = (int32_t)f->clusters.n;
		fleet_cluster *c = vec_add(&f->clusters);
		c->name = fleet_name_new(name);
		map_put(&f->cluster_by_name, c->name, fleet_value(id));
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
	fleet_view_refresh(f, node);
}

void fleet_device_flag(fleet *f, int32_t device, fleet_flag flag, bool on)
{
	flag_set(&f->devices.v[device].flags, flag, on);
	fleet_cell_refresh(f, device);
	fleet_view_refresh(f, f->devices.v[device].node);
}
