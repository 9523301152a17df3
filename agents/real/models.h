/* models: what the server calls the products of this cluster's devices, and whose pods are nobody's.
 *
 * Quota and loans are of classes; nodes know products. The server tells which is which when it is asked (sync_config);
 * until then no pod for such a device is let in here.
 */
#pragma once
#include "api/types/agent.h"
#include "base/map.h"

typedef struct models {
	map by_product;
	char *default_tenant; /* "" : none */
	bool is_told;
} models;

void models_done(models *m);
/* True: something is other than before. */
bool models_take(models *m, const sync_config *c);
/* Absent: the server has not said. */
str models_class(const models *m, str product);
/* As it was taken, in a. */
sync_config models_keep(const models *m, arena *a);
