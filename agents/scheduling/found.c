#include "agents/scheduling/found.h"

static str annotation_of(void *arg, const char *key)
{
	return kube_node_annotation(arg, key);
}

static bool capacity_of(void *arg, const char *resource, quantity *ret)
{
	return kube_node_capacity(arg, resource, ret);
}

void found_read(const kube_node *n, arena *a, found *ret, fault *f)
{
	inventory_node node = {.name = n->meta.name, .arg = (void *)(uintptr_t)n, .annotation = annotation_of};

	node.capacity = capacity_of;
	for (uint32_t i = 0; vendor_at(i); i++)
		if (inventory_read(vendor_at(i), &node, a, &ret->all[i], f) == ERR_OK) {
			ret->n_devices += ret->all[i].n;
			inventory_links_read(vendor_at(i), &node, &ret->all[i], a, &ret->links[i], f);
		}
}

static bool has(const found *all, str uuid)
{
	for (uint32_t i = 0; i < STOCK_KINDS_MAX; i++)
		for (uint32_t k = 0; k < all->all[i].n; k++)
			if (str_eq(all->all[i].v[k].uuid, uuid))
				return true;
	return false;
}

void found_keep(const found *all, fleet *f, int32_t node)
{
	for (int32_t d = f->nodes.v[node].first_device, next; d != FLEET_NONE; d = next) {
		next = f->devices.v[d].next;
		if (!has(all, f->device_uuids.v[d]))
			fleet_device_remove(f, d);
	}
}

device_spec found_spec(const inventory_device *d, int32_t class_id)
{
	return (device_spec){.uuid = d->uuid,
		.class_id = class_id,
		.index = (int32_t)d->index,
		.memory_mib = d->memory_mib ? d->memory_mib : 1,
		.slots = d->slots ? (int32_t)d->slots : 1,
		.numa = d->numa >= 0 && d->numa < INT16_MAX ? (int32_t)d->numa + 1 : 0,
		.mode = d->n_profiles || str_eq(d->mode, S("hami-core")) ? CUT_SHARES : CUT_BY_CLASS};
}

static bool is_cordoned_device(const kube_node *n, str uuid)
{
	str list = kube_node_annotation(n, "hami.io/device-cordon");

	while (list.p)
		if (str_eq(str_trim(str_split(&list, ',')), uuid))
			return true;
	return false;
}

bool found_is_closed(const kube_node *n, const inventory_device *d)
{
	return !d->memory_mib || !d->slots || str_eq(d->mode, S("mig")) || is_cordoned_device(n, d->uuid);
}
