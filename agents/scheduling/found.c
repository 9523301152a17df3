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

bool found_has(const found *all, str uuid)
{
	for (uint32_t i = 0; i < STOCK_KINDS_MAX; i++)
		for (uint32_t k = 0; k < all->all[i].n; k++)
			if (str_eq(all->all[i].v[k].uuid, uuid))
				return true;
	return false;
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
