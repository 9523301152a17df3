#include <assert.h>
#include <string.h>

#include "engine/fleet/inside.h"

static void booking_note(fleet *f, fleet_booking b)
{
	if (f->n_trials > 0)
		vec_push(&f->trial, b);
}

static void device_take(fleet *f, const fleet_booking *b)
{
	fleet_device *d = &f->devices.v[b->device];

	assert(d->node == b->node);
	d->used_memory_mib += b->memory_mib;
	d->used_compute_milli += b->milli;
	d->sharers++;
	d->exclusive += b->milli >= SHARE_WHOLE_MILLI;
	fleet_instance_take(d, b->profile, b->start);
	fleet_cell_refresh(f, b->device);
}

static void device_give(fleet *f, const fleet_booking *b)
{
	fleet_device *d = &f->devices.v[b->device];

	assert(d->node == b->node && d->sharers > 0);
	assert(d->used_memory_mib >= b->memory_mib && d->used_compute_milli >= b->milli);
	d->used_memory_mib -= b->memory_mib;
	d->used_compute_milli -= b->milli;
	d->sharers--;
	d->exclusive -= b->milli >= SHARE_WHOLE_MILLI;
	fleet_instance_give(d, b->profile, b->start);
	fleet_cell_refresh(f, b->device);
}

static void host_take(fleet *f, const fleet_booking *b)
{
	fleet_node *n = &f->nodes.v[b->node];

	n->pods++;
	n->used_cpu_milli += b->milli;
	n->used_memory_mib += b->memory_mib;
}

static void host_give(fleet *f, const fleet_booking *b)
{
	fleet_node *n = &f->nodes.v[b->node];

	assert(n->pods > 0 && n->used_cpu_milli >= b->milli && n->used_memory_mib >= b->memory_mib);
	n->pods--;
	n->used_cpu_milli -= b->milli;
	n->used_memory_mib -= b->memory_mib;
}

/* Without the node's view: the caller refreshes it after the last booking there. */
static void apply(fleet *f, const fleet_booking *b, bool takes)
{
	if (b->device != FLEET_NONE && takes)
		device_take(f, b);
	else if (b->device != FLEET_NONE)
		device_give(f, b);
	else if (takes)
		host_take(f, b);
	else
		host_give(f, b);
}

static void pod_move(fleet *f, const plan *p, const plan_pod *pod, bool takes)
{
	fleet_booking b = {.node = pod->node,
		.device = FLEET_NONE,
		.memory_mib = pod->memory_mib,
		.milli = pod->cpu_milli,
		.is_undone = !takes};

	assert(f->nodes.v[pod->node].cluster == p->cluster);
	apply(f, &b, takes);
	booking_note(f, b);
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *s = &p->devices.v[i];
		b.device = s->device;
		b.memory_mib = s->memory_mib;
		b.milli = s->compute_milli;
		b.profile = s->profile;
		b.start = s->start;
		b.before = f->devices.v[s->device].state;
		b.was_tangled = f->devices.v[s->device].is_tangled;
		apply(f, &b, takes);
		booking_note(f, b);
	}
	fleet_view_refresh(f, pod->node);
}

static void tidy(fleet *f, int32_t node)
{
	for (int32_t d = f->nodes.v[node].first_device; d != FLEET_NONE;) {
		int32_t next = f->devices.v[d].next;
		fleet_device_tidy(f, d);
		d = next;
	}
	fleet_node_tidy(f, node);
}

/* Something on the node is gone, and stays only while it is booked. */
static bool has_leavers(const fleet *f, int32_t node)
{
	return f->views.v[node].is_partial || f->nodes.v[node].flags & FLEET_GONE;
}

void fleet_book_range(fleet *f, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		pod_move(f, p, &p->pods.v[i], true);
}

void fleet_unbook_range(fleet *f, const plan *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		int32_t node = p->pods.v[i].node;
		pod_move(f, p, &p->pods.v[i], false);
		if (f->n_trials == 0 && has_leavers(f, node))
			tidy(f, node);
	}
}

void fleet_book(fleet *f, const plan *p)
{
	fleet_book_range(f, p, 0, p->pods.n);
}

void fleet_unbook(fleet *f, const plan *p)
{
	fleet_unbook_range(f, p, 0, p->pods.n);
}

/* A device that was tangled, or became so, does not come back by counting backwards. */
static void instances_restore(fleet *f, const fleet_booking *b)
{
	fleet_device *d = &f->devices.v[b->device];

	d->state = b->before;
	d->is_tangled = b->was_tangled;
	fleet_cell_refresh(f, b->device);
}

uint32_t fleet_try(fleet *f)
{
	f->n_trials++;
	return f->trial.n;
}

void fleet_undo(fleet *f, uint32_t trial)
{
	assert(f->n_trials > 0 && trial <= f->trial.n);
	while (f->trial.n > trial) {
		fleet_booking b = vec_pop(&f->trial);
		apply(f, &b, b.is_undone);
		if (b.device != FLEET_NONE)
			instances_restore(f, &b);
		if (f->trial.n == trial || f->trial.v[f->trial.n - 1].node != b.node)
			fleet_view_refresh(f, b.node);
	}
	f->n_trials--;
}

void fleet_keep(fleet *f, uint32_t trial)
{
	assert(f->n_trials > 0 && trial <= f->trial.n);
	if (--f->n_trials > 0)
		return;
	for (uint32_t i = 0; i < f->trial.n; i++)
		if (f->trial.v[i].is_undone && has_leavers(f, f->trial.v[i].node))
			tidy(f, f->trial.v[i].node);
	vec_clear(&f->trial);
}
