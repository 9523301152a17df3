#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet/inside.h"

str fleet_name_new(str s)
{
	char *p = heap_new((size_t)s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return (str){p, s.n};
}

void fleet_name_free(str *s)
{
	free((void *)(uintptr_t)s->p);
	*s = STR_NONE;
}

int64_t fleet_amount(int64_t amount)
{
	assert(amount >= 0);
	return amount < FLEET_AMOUNT_MAX ? amount : FLEET_AMOUNT_MAX;
}

void fleet_init(fleet *f)
{
	memset(f, 0, sizeof *f);
}

void fleet_done(fleet *f)
{
	vec_each (c, &f->classes)
		fleet_name_free(&c->name);
	vec_each (c, &f->clusters) {
		map_done(&c->node_by_name);
		map_done(&c->device_by_uuid);
		vec_done(&c->nodes);
		vec_done(&c->blocks);
		vec_done(&c->spare);
		fleet_name_free(&c->name);
	}
	vec_each (name, &f->node_names)
		fleet_name_free(name);
	vec_each (n, &f->nodes)
		free(n->traits);
	vec_each (text, &f->texts)
		fleet_name_free(text);
	fleet_wirings_done(f);
	vec_each (uuid, &f->device_uuids)
		fleet_name_free(uuid);
	map_done(&f->class_by_name);
	map_done(&f->cluster_by_name);
	map_done(&f->text_by_name);
	vec_done(&f->texts);
	vec_done(&f->classes);
	vec_done(&f->clusters);
	vec_done(&f->nodes);
	vec_done(&f->devices);
	vec_done(&f->node_names);
	vec_done(&f->device_uuids);
	vec_done(&f->views);
	vec_done(&f->cells);
	vec_done(&f->cell_devices);
	for (int i = 0; i < FLEET_CELL_SIZES; i++)
		vec_done(&f->free_cells[i]);
	vec_done(&f->free_devices);
	vec_done(&f->trial);
	vec_done(&f->told);
	free(f->log);
}
