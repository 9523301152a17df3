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
	d->mode = d->mode_given ? d->mode_given : (uint8_t)c->cut.mode;
	if (d->mode != CUT_INSTANCES || !c->cut.geometry)
		d->mode = CUT_SHARES;
	const geometry *g = d->mode == CUT_INSTANCES ? c->cut.geometry : NULL;
	d->is_tangled |= d->state.n && g != d->geometry;
	d->geometry = g;
	d->is_ruled = c->is_ruled || g;
}

static void class_refresh(fleet *f, int32_t class_id)
{
	vec_each (d, &f->devices) {
		if (d->node == FLEET_NONE || d->class_id != class_id)
			continue;
		fleet_device_follow(f, d);
		fleet_cell_refresh(f, (int32_t)(d - f->devices.v));
		fleet_view_refresh(f, d->node);
	}
}

void fleet_class_cut(fleet *f, int32_t class_id, const class_cut *cut)
{
	fleet_class *c = &f->classes.v[class_id];

	assert(f->n_trials == 0 && (!cut || !cut->geometry || geometry_is_sound(cut->geometry)));
	c->cut = cut ? *cut : (class_cut){0};
	c->is_ruled = !cut_is_free(&c->cut);
	class_refresh(f, class_id);
}

static void bands_set(fleet *f, fleet_class *c, const overcommit *bands)
{
	f->n_bands += (bands ? bands->n : 0) - c->bands.n;
	c->bands = bands ? *bands : (overcommit){.n = 0};
	assert(overcommit_is_valid(&c->bands));
	for (int32_t i = 0; i < c->bands.n; i++)
		assert(c->bands.bands[i].memory_ppm == OVERCOMMIT_NONE_PPM);
	if (c->bands.n)
		c->overcommit_ppm = c->bands.bands[0].compute_ppm;
}

int32_t fleet_bands_past(const fleet *f, int32_t priority)
{
	int32_t n = 0;

	if (!f->n_bands)
		return 0;
	for (uint32_t k = 0; k < f->classes.n; k++) {
		const overcommit *o = &f->classes.v[k].bands;
		for (int32_t i = 0; i < o->n; i++)
			n += priority > o->bands[i].priority_max;
	}
	return n;
}

void fleet_class_overcommit(fleet *f, int32_t class_id, int64_t ppm)
{
	fleet_class *c = &f->classes.v[class_id];

	assert(ppm >= FLEET_OVERCOMMIT_ONE && ppm <= (int64_t)10 * FLEET_OVERCOMMIT_ONE);
	if (c->overcommit_ppm == ppm && !c->bands.n)
		return;
	bands_set(f, c, NULL);
	c->overcommit_ppm = ppm;
	class_refresh(f, class_id);
}

void fleet_class_set(fleet *f, int32_t class_id, class_spec spec)
{
	fleet_class *c = &f->classes.v[class_id];

	c->is_known = true;
	c->slots = spec.slots ? spec.slots : FLEET_SLOTS_DEFAULT;
	c->overcommit_ppm = spec.overcommit_ppm ? spec.overcommit_ppm : FLEET_OVERCOMMIT_ONE;
	bands_set(f, c, &spec.bands);
	c->compute_default_milli = spec.compute_default_milli;
	assert(c->slots > 0 && c->overcommit_ppm >= FLEET_OVERCOMMIT_ONE &&
		c->overcommit_ppm <= (int64_t)10 * FLEET_OVERCOMMIT_ONE);
	assert(c->compute_default_milli >= 0 && c->compute_default_milli <= SHARE_WHOLE_MILLI);
	class_refresh(f, class_id);
}
