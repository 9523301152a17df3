#include <string.h>

#include "engine/place/inside.h"

static void node_add(place *w, int32_t cluster, int32_t device)
{
	int32_t node = w->f->devices.v[device].node;
	uint32_t at = w->named.n;

	if (node == FLEET_NONE || w->f->nodes.v[node].cluster != cluster)
		return;
	while (at > 0 && w->named.v[at - 1] > node)
		at--;
	if (at > 0 && w->named.v[at - 1] == node)
		return;
	vec_push(&w->named, node);
	memmove(w->named.v + at + 1, w->named.v + at, (w->named.n - 1 - at) * sizeof *w->named.v);
	w->named.v[at] = node;
}

bool place_named(place *w, int32_t cluster, const fit_need *need)
{
	const ask_entry *e = need->group->entries;

	if (need->group->n_entries != 1 || (!e->uuids.n && !e->n_only))
		return false;
	vec_clear(&w->named);
	for (int32_t i = 0; i < e->n_only; i++)
		node_add(w, cluster, e->only[i]);
	for (uint32_t i = 0; !e->n_only && i < e->uuids.n; i++) {
		int32_t device = fleet_device_find(w->f, cluster, e->uuids.v[i]);
		if (device != FLEET_NONE)
			node_add(w, cluster, device);
	}
	return true;
}

static bool is_named(const place *w, int32_t node)
{
	for (uint32_t i = 0; i < w->named.n; i++)
		if (w->named.v[i] == node)
			return true;
	return false;
}

int32_t place_named_other(const place *w, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];

	for (uint32_t i = 0; c->nodes.n > w->named.n && i < c->nodes.n; i++)
		if (!is_named(w, c->nodes.v[i]))
			return c->nodes.v[i];
	return FLEET_NONE;
}
