#include "agents/scheduling/wiring.h"
#include <string.h>

enum { ROW = FLEET_NODE_DEVICES_MAX };

void wiring_init(wiring *w)
{
	memset(w->weight, 0, sizeof(w->weight));
	for (int32_t i = 0; i < ROW; i++)
		w->group[i] = LINK_NONE;
	w->n = 0;
}

void wiring_module(wiring *w, int64_t index, int32_t of)
{
	if (of < 2 || index < 0 || index >= ROW)
		return;
	w->group[index] = (int16_t)(index / of);
	w->n = index >= w->n ? (int32_t)index + 1 : w->n;
}

void wiring_links(wiring *w, const inventory_links *l)
{
	int32_t n = l->n < ROW ? l->n : ROW;

	for (int32_t i = 0; i < n; i++)
		for (int32_t k = 0; k < n; k++)
			w->weight[i * ROW + k] = l->weight[i * l->n + k];
	w->n = n > w->n ? n : w->n;
}

topology wiring_topology(wiring *w)
{
	/* Rows as long as there are devices: each moves forward, so none is written over before it has moved. */
	for (int32_t i = 1; i < w->n; i++)
		memmove(&w->weight[i * w->n], &w->weight[i * ROW], (size_t)w->n * sizeof(*w->weight));
	return (topology){w->n, w->weight, NULL, w->group};
}
