/* found: what the device plugins of one node tell in its annotations, of every kind there is. */
#pragma once
#include "agents/scheduling/stock.h"

typedef struct found {
	inventory all[STOCK_KINDS_MAX]; /* by the kind's place in the table */
	inventory_links links[STOCK_KINDS_MAX];
	uint32_t n_devices;
} found;

/* In a, and into n. A kind that cannot be read has none; *f says why. ret: zeroed. */
void found_read(const kube_node *n, arena *a, found *ret, fault *f);
/* The node's devices that are not found any more leave the fleet. */
void found_keep(const found *all, fleet *f, int32_t node);
device_spec found_spec(const inventory_device *d, int32_t class_id);
/* A device of n takes no work of ours: it is cordoned there, or its plugin cuts it by itself at places which only its
 * own record tells. */
bool found_is_closed(const kube_node *n, const inventory_device *d);
