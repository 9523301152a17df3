#include "server/placer/leaving.h"

#include <string.h>

#include "engine/fleet.h"

void leaving_find(turn *t, const books *b, const plan *p, leaving *ret)
{
	const fleet *f = &b->fleet;
	int32_t cluster_key = b->site_of.v[p->cluster]->key;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		int32_t d = p->devices.v[i].device;
		if (f->devices.v[d].flags & FLEET_GONE)
			vec_push(&ret->devices, ((leaver){d, {b->devices.v[d].key, cluster_key, b->devices.v[d].id,
								     str_dup(t->a, f->device_uuids.v[d])}}));
	}
	for (uint32_t i = 0; i < p->pods.n; i++) {
		int32_t n = p->pods.v[i].node;
		if (f->nodes.v[n].flags & FLEET_GONE)
			vec_push(&ret->nodes, ((leaver){n, {b->nodes.v[n].key, cluster_key, b->nodes.v[n].id,
								   str_dup(t->a, f->node_names.v[n])}}));
	}
}

void leaving_end(turn *t, books *b, leaving *l)
{
	vec_each (x, &l->devices) {
		if (b->fleet.devices.v[x->handle].node != FLEET_NONE || !b->devices.v[x->handle].key)
			continue;
		vec_push(&t->devices_gone, x->row);
		b->devices.v[x->handle].key = 0;
		t->cannot_undo = true;
	}
	vec_each (x, &l->nodes) {
		if (b->fleet.nodes.v[x->handle].cluster != FLEET_NONE || !b->nodes.v[x->handle].key)
			continue;
		vec_push(&t->nodes_gone, x->row);
		b->nodes.v[x->handle].key = 0;
		t->cannot_undo = true;
	}
	vec_done(&l->devices);
	vec_done(&l->nodes);
}
