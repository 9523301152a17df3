#include "engine/fit.h"

#include <assert.h>
#include <string.h>

#include "engine/fit/inside.h"
#include "engine/geometry_choose.h"

bool fit_is_whole(const ask_entry *e)
{
	return e->memory_mib == 0 && (e->memory_percent == 0 || e->memory_percent == 100);
}

int64_t fit_memory_mib(const ask_entry *e, int64_t device_memory_mib)
{
	if (e->memory_mib)
		return e->memory_mib;
	return fit_is_whole(e) ? device_memory_mib : share_memory_mib(e->memory_percent, device_memory_mib);
}

int64_t fit_compute_milli(const ask_entry *e, const fleet_class *c)
{
	if (e->is_exclusive)
		return SHARE_WHOLE_MILLI;
	if (e->compute_milli != ASK_ABSENT)
		return e->compute_milli;
	return fit_is_whole(e) ? SHARE_WHOLE_MILLI : c->compute_default_milli;
}

fleet_device fit_device_with(const fleet *f, int32_t device, const score_slice *slices, int32_t n)
{
	fleet_device d = f->devices.v[device];

	for (int32_t i = 0; i < n; i++) {
		const score_slice *s = &slices[i];
		if (s->cell != d.cell)
			continue;
		d.used_memory_mib += s->memory_mib;
		d.used_compute_milli += s->compute_milli;
		d.sharers++;
		d.exclusive += s->compute_milli >= SHARE_WHOLE_MILLI;
		if (s->profile)
			geometry_take(d.geometry, &d.state, s->profile - 1, s->start);
	}
	return d;
}

static score_slice slice_of(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib)
{
	if (memory_mib > device_memory_mib) /* larger than the device: only that it is counts */
		return (score_slice){.memory_mib = INT32_MAX, .compute_milli = (int32_t)compute_milli};
	return (score_slice){
		.memory_mib = (int32_t)memory_mib,
		.compute_milli = (int32_t)compute_milli,
		.milli = (int16_t)share_milli(memory_mib, compute_milli, device_memory_mib),
	};
}

bool fit_is_part(const ask_entry *e, int64_t device_memory_mib)
{
	return e->profile.n || (!fit_is_whole(e) && fit_memory_mib(e, device_memory_mib) < device_memory_mib);
}

int32_t fit_count(const fleet *f, const ask_entry *e, int32_t class_id, int64_t device_memory_mib)
{
	if (class_id == FLEET_NONE || !f->classes.v[class_id].is_ruled)
		return e->count;
	return cut_count(&f->classes.v[class_id].cut, e->count, fit_is_part(e, device_memory_mib));
}

bool fit_stands_alone(const fleet *f, const ask_entry *e, int32_t class_id, int64_t device_memory_mib)
{
	const fleet_class *c = &f->classes.v[class_id];

	if (!c->is_ruled)
		return false;
	return c->cut.whole_groups > 1 || c->cut.bind != LINK_ANYWHERE ||
	       fit_count(f, e, class_id, device_memory_mib) != e->count;
}

/* Whether the rules of the class leave no part of the device to others. */
static bool is_given_whole(const class_cut *cut, const ask_entry *e, int64_t device_memory_mib)
{
	if (cut->is_whole)
		return true;
	return cut->many == CUT_MANY_WHOLE && cut_count(cut, e->count, fit_is_part(e, device_memory_mib)) > 1;
}

static score_slice ruled_slice(const class_cut *cut, const ask_entry *e, const fleet_cell *cell, int64_t compute_milli)
{
	int64_t memory_mib = fit_memory_mib(e, cell->memory_mib);

	if (is_given_whole(cut, e, cell->memory_mib) && memory_mib <= cell->memory_mib)
		return slice_of(cell->memory_mib, SHARE_WHOLE_MILLI, cell->memory_mib);
	if (!cut->steps)
		return slice_of(memory_mib, compute_milli, cell->memory_mib);
	if (memory_mib < cell->memory_mib) {
		int64_t stepped = share_steps_memory(cut->steps, memory_mib);
		memory_mib = stepped && stepped < cell->memory_mib ? stepped : cell->memory_mib;
	}
	return slice_of(memory_mib, share_steps_compute(cut->steps, compute_milli), cell->memory_mib);
}

score_slice fit_slice_of(const fleet *f, const ask_entry *e, const fleet_cell *cell)
{
	const fleet_class *c = &f->classes.v[cell->class_id];
	int64_t compute_milli = fit_compute_milli(e, c);

	if (c->is_ruled)
		return ruled_slice(&c->cut, e, cell, compute_milli);
	return slice_of(fit_memory_mib(e, cell->memory_mib), compute_milli, cell->memory_mib);
}

int32_t fit_profile_of(
	const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d, const geometry_state *state)
{
	const fleet_class *c = &f->classes.v[d->class_id];
	geometry_ask want = {.memory_mib = e->memory_mib, .compute_milli = fit_compute_milli(e, c)};

	if (e->profile.n) {
		int32_t named = geometry_profile_find(d->geometry, e->profile);
		bool may = named != GEOMETRY_NONE && (!state || geometry_starts(d->geometry, state, named));
		return may ? named : GEOMETRY_NONE;
	}
	if (fit_is_whole(e) || is_given_whole(&c->cut, e, d->memory_mib))
		want = (geometry_ask){.compute_milli = SHARE_WHOLE_MILLI};
	else if (score_policies[need->device_policy].is_hami)
		want.memory_mib = fit_memory_mib(e, d->memory_mib);
	else if (!e->memory_mib)
		want.memory_percent = e->memory_percent;
	return geometry_serve(d->geometry, state, &want, d->memory_mib);
}

/* The instance that serves the entry on device d; false: it has no legal place. */
static bool instance_of(
	const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d, score_slice *ret_slice)
{
	int64_t loss = 0;
	int32_t profile = fit_profile_of(f, need, e, d, &d->state), start;

	if (profile == GEOMETRY_NONE)
		return false;
	if (score_policies[need->device_policy].is_hami)
		start = geometry_choose_hami(d->geometry, &d->state, profile);
	else
		start = geometry_choose(d->geometry, &d->state, profile, NULL, &loss);
	int64_t memory_mib = d->geometry->profiles[profile].memory_mib;
	*ret_slice = slice_of(memory_mib < d->memory_mib ? memory_mib : d->memory_mib,
		geometry_compute_milli(d->geometry, profile), d->memory_mib);
	ret_slice->profile = (int8_t)(profile + 1);
	ret_slice->start = (int8_t)start;
	ret_slice->loss = (int16_t)loss;
	return true;
}

bool fit_offer(const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d, const fleet_cell *cell,
	score_slice *ret_slice)
{
	if (!cell->is_cut) {
		*ret_slice = fit_slice_of(f, e, cell);
		return !e->profile.n && fit_has_room_for(f, need, cell, ret_slice);
	}
	*ret_slice = (score_slice){0};
	return cell->has_slot && instance_of(f, need, e, d, ret_slice) && fit_has_room_for(f, need, cell, ret_slice);
}
