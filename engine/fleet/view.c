#include <assert.h>
#include <string.h>

#include "engine/fleet/inside.h"

enum { CELLS_SMALLEST = 8 };

/* Extents come in FLEET_CELL_SIZES sizes, each twice the one before. */
static int32_t size_for(int32_t n_devices)
{
	int32_t size = 0;

	while (CELLS_SMALLEST << size < n_devices)
		size++;
	assert(size < FLEET_CELL_SIZES);
	return size;
}

static int32_t extent_take(fleet *f, int32_t size)
{
	uint32_t n = (uint32_t)CELLS_SMALLEST << size;

	if (f->free_cells[size].n)
		return vec_pop(&f->free_cells[size]);
	int32_t first = (int32_t)f->cells.n;
	vec_reserve(&f->cells, f->cells.n + n);
	vec_reserve(&f->cell_devices, f->cell_devices.n + n);
	f->cells.n += n;
	f->cell_devices.n += n;
	return first;
}

void fleet_cells_free(fleet *f, int32_t node)
{
	fleet_view *v = &f->views.v[node];

	if (v->n_cells)
		vec_push(&f->free_cells[size_for(v->n_cells)], v->first_cell);
	v->first_cell = FLEET_NONE;
	v->n_cells = 0;
}

void fleet_cells_lay(fleet *f, int32_t node)
{
	int32_t n = f->nodes.v[node].n_devices, at;
	fleet_view *v = &f->views.v[node];

	if (n == 0 || !v->n_cells || size_for(n) != size_for(v->n_cells)) {
		fleet_cells_free(f, node);
		v->first_cell = n ? extent_take(f, size_for(n)) : FLEET_NONE;
	}
	v->n_cells = (int16_t)n;
	at = v->first_cell;
	fleet_each_device(d, f, node)
	{
		f->devices.v[d].cell = at;
		f->cell_devices.v[at++] = d;
		fleet_cell_refresh(f, d);
	}
	fleet_view_refresh(f, node);
}

/* Part of the device that a slice of equal shares could still take, in thousandths. */
static int64_t free_milli(const fleet_device *d)
{
	int64_t by_memory = fleet_free_memory_mib(d) * SHARE_WHOLE_MILLI / d->memory_mib;
	int64_t by_compute = fleet_free_compute_milli(d) * SHARE_WHOLE_MILLI / d->compute_milli;

	return by_memory < by_compute ? by_memory : by_compute;
}

/* A device that is cut into instances holds nothing else, and one that is shared holds none: while its mode changes it
 * takes nothing. */
static bool may_share(const fleet_device *d)
{
	if (d->is_tangled || d->state.n != (d->geometry ? d->sharers : 0))
		return false;
	for (int32_t p = 0; d->geometry && p < d->geometry->n_profiles; p++)
		if (geometry_starts(d->geometry, &d->state, p))
			return true;
	return !d->geometry;
}

fleet_cell fleet_cell_of(const fleet_device *d)
{
	fleet_cell c = {
		.memory_mib = (int32_t)d->memory_mib,
		.class_id = (int16_t)d->class_id,
		.numa = (int8_t)d->numa,
		.is_gone = (d->flags & FLEET_GONE) != 0,
		.is_open = d->flags == 0,
		.is_cut = d->geometry != NULL,
		.is_ruled = d->is_ruled,
	};
	if (d->flags)
		return c;
	c.is_idle = d->sharers == 0;
	c.has_slot = d->sharers < d->slots && (!(d->is_ruled | d->is_tangled) || may_share(d));
	c.free_memory_mib = (int32_t)fleet_free_memory_mib(d);
	c.free_compute_milli = (int16_t)fleet_free_compute_milli(d);
	c.free_milli = c.has_slot ? (int16_t)free_milli(d) : 0;
	return c;
}

void fleet_cell_refresh(fleet *f, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	f->cells.v[d->cell] = fleet_cell_of(d);
}

static void cell_sum(fleet_view *v, const fleet_cell *c)
{
	v->is_ruled |= c->is_ruled;
	if (!c->is_open) {
		v->is_partial = true;
		return;
	}
	if (v->n_open == 0 || c->memory_mib < v->min_memory_mib)
		v->min_memory_mib = c->memory_mib;
	v->n_open++;
	v->n_idle = (int16_t)(v->n_idle + c->is_idle);
	if (!c->has_slot)
		return;
	if (c->free_memory_mib > v->max_free_memory_mib)
		v->max_free_memory_mib = c->free_memory_mib;
	if (c->free_compute_milli > v->max_free_compute_milli)
		v->max_free_compute_milli = c->free_compute_milli;
	if (c->free_milli > v->max_free_milli)
		v->max_free_milli = c->free_milli;
	v->free_device_milli += c->free_milli;
}

static int32_t left_of(int64_t capacity, int64_t used)
{
	return capacity > used ? (int32_t)(capacity - used) : 0;
}

void fleet_view_refresh(fleet *f, int32_t node)
{
	const fleet_node *n = &f->nodes.v[node];
	fleet_view *v = &f->views.v[node];
	int16_t class_id = FLEET_NONE;
	bool is_mixed = false;

	*v = (fleet_view){
		.rank = n->rank,
		.first_cell = v->first_cell,
		.n_cells = v->n_cells,
		.free_cpu_milli = left_of(n->cpu_milli, n->used_cpu_milli),
		.free_memory_mib = left_of(n->memory_mib, n->used_memory_mib),
		.is_closed = n->flags != 0 || n->cluster == FLEET_NONE,
		.is_crowded = n->pods >= n->pods_max,
		.is_tainted = n->traits && traits_close(n->traits),
	};
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *c = &f->cells.v[i];
		cell_sum(v, c);
		if (c->is_gone)
			continue;
		is_mixed |= class_id != FLEET_NONE && class_id != c->class_id;
		class_id = c->class_id;
	}
	v->class_id = is_mixed ? FLEET_NONE : class_id;
	v->is_pristine = !v->is_closed && !v->is_ruled && !v->is_tainted && n->pods == 0 && v->n_idle == v->n_cells &&
			 v->class_id != FLEET_NONE;
	f->log[f->log_n++ % FLEET_LOG] = node;
	f->told.v[node] = f->log_n;
}
