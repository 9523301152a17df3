/* models: what the server calls the products of this cluster's devices, and whose the pods of its namespaces are.
 *
 * Quota and loans are of classes; nodes know products. The server tells which is which when it is asked (sync_config);
 * until then no pod for such a device is let in here.
 */
#pragma once
#include "api/types/agent.h"
#include "base/map.h"

typedef struct models {
	map by_product;
	map by_space;         /* of namespaces that the server says something of */
	map by_labels;        /* of those with certain labels */
	char *default_tenant; /* "" : none */
	bool is_told;
} models;

void models_done(models *m);
/* True: something is other than before. */
bool models_take(models *m, const sync_config *c);
/* Absent: the server has not said. */
str models_class(const models *m, str product);
/* The tenant that the server names for a namespace, or else for the most of its labels ("key=value,key=value"); absent:
 * it says nothing of it. Valid until something is taken. */
str models_tenant(const models *m, str space, str labels);
/* As it was taken, in a. */
sync_config models_keep(const models *m, arena *a);
