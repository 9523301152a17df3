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
bool found_has(const found *all, str uuid);
/* A device of n takes no work of ours: it is cordoned there, or its plugin cuts it by itself at places which only its
 * own record tells. */
bool found_is_closed(const kube_node *n, const inventory_device *d);
