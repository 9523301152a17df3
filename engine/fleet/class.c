#include <assert.h>
#include <string.h>

#include "engine/fleet/inside.h"

int32_t fleet_class_find(const fleet *f, str name)
{
	return fleet_handle(map_find(&f->class_by_name, name));
}

int32_t fleet_class_put(fleet *f, str name)
{
	int32_t found = fleet_class_find(f, name);

	if (found != FLEET_NONE)
		return found;
	if (f->classes.n == FLEET_CLASSES_MAX)
		return FLEET_NONE;
	int32_t id = (int32_t)f->classes.n;
	fleet_class *c = vec_add(&f->classes);
	c->name = fleet_name_new(name);
	c->slots = FLEET_SLOTS_DEFAULT;
	c->overcommit_ppm = FLEET_OVERCOMMIT_ONE;
	map_put(&f->class_by_name, c->name, fleet_value(id));
	return id;
}

void fleet_device_follow(fleet *f, fleet_device *d)
{
	const fleet_class *c = &f->classes.v[d->class_id];

	d->slots = d->slots_given ? d->slots_given : c->slots;
	d->compute_milli = SHARE_WHOLE_MILLI * c->overcommit_ppm / FLEET_OVERCOMMIT_ONE;
}

void fleet_class_set(fleet *f, int32_t class_id, class_spec spec)
{
	fleet_class *c = &f->classes.v[class_id];

	c->is_known = true;
	c->slots = spec.slots ? spec.slots : FLEET_SLOTS_DEFAULT;
	c->overcommit_ppm = spec.overcommit_ppm ? spec.overcommit_ppm : FLEET_OVERCOMMIT_ONE;
	c->compute_default_milli = spec.compute_default_milli;
	assert(c->slots > 0 && c->overcommit_ppm >= FLEET_OVERCOMMIT_ONE &&
		c->overcommit_ppm <= (int64_t)10 * FLEET_OVERCOMMIT_ONE);
	assert(c->compute_default_milli >= 0 && c->compute_default_milli <= SHARE_WHOLE_MILLI);
	vec_each (d, &f->devices) {
		if (d->node == FLEET_NONE || d->class_id != class_id)
			continue;
		fleet_device_follow(f, d);
		fleet_cell_refresh(f, (int32_t)(d - f->devices.v));
		fleet_view_refresh(f, d->node);
	}
}
