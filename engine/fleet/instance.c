#include <assert.h>

#include "engine/fleet/inside.h"

void fleet_instance_take(fleet_device *d, int32_t profile, int32_t start)
{
	if (profile == 0 || d->is_tangled)
		return;
	if (d->geometry && profile <= d->geometry->n_profiles &&
		geometry_may(d->geometry, &d->state, profile - 1, start))
		geometry_take(d->geometry, &d->state, profile - 1, start);
	else
		d->is_tangled = true;
}

void fleet_instance_give(fleet_device *d, int32_t profile, int32_t start)
{
	if (profile && !d->is_tangled)
		geometry_give(d->geometry, &d->state, profile - 1, start);
	if (d->sharers > 0)
		return;
	d->state = (geometry_state){0};
	d->is_tangled = false;
}
