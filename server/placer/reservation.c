#include "server/placer/reservation_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/charge.h"
#include "engine/fleet.h"
#include "server/placer/load.h"

static const char *const names[RESERVATION_STATES] = {"pending", "held", "active", "ended"};

const char *reservation_state_name(reservation_state s)
{
	return names[s];
}

typedef struct uuid_list {
	strs uuids;
} uuid_list;

#define F(...) JS_FIELD(uuid_list, __VA_ARGS__)
static const js_field uuid_list_fields[] = {F(uuids, JS_OPTIONAL, "Devices.", JS_ITEMS(0, 64))};
#undef F
static JS_TYPE(uuid_list, "Devices of a reservation.");

static void uuids_read(reservation *x, str json)
{
	AUTO_ARENA a = arena_new(0);
	uuid_list list = {0};
	fault unused;

	if (js_read_output(&uuid_list_type, str_print(a, "{\"uuids\":" STR_FMT "}", STR_ARG(json)), a, &list, &unused))
		return;
	x->uuids = (strs){ARENA_ARRAY(x->texts, str, list.uuids.n), list.uuids.n};
	for (uint32_t i = 0; i < list.uuids.n; i++)
		x->uuids.v[i] = str_dup(x->texts, list.uuids.v[i]);
}

static reservation *reservation_new(books *b, const sql_load_reservations_row *row)
{
	reservation *x = heap_new(1, sizeof *x);

	x->texts = arena_new(0);
	x->id = str_dup(x->texts, row->id);
	x->cluster = row->cluster.n ? str_dup(x->texts, row->cluster) : STR_NONE;
	x->class_name = row->class.n ? str_dup(x->texts, row->class) : STR_NONE;
	uuids_read(x, row->uuids);
	x->tenant_key = (int32_t)row->tenant_key;
	x->starts_us = row->starts_at;
	x->ends_us = row->ends_at;
	x->count = row->count;
	x->per_node = row->per_node;
	x->memory_mib = row->memory_mib_null ? 0 : row->memory_mib;
	x->compute_milli = row->compute_milli_null ? -1 : row->compute_milli;
	x->wanted = (int32_t)row->count;
	x->hold = FLEET_NONE;
	x->number = --b->reservations.last_number;
	plan_init(&x->whole);
	vec_push(&b->reservations.v, x);
	map_put(&b->reservations.at, x->id, x);
	return x;
}

static void reservation_free(reservation *x)
{
	vec_each (k, &x->members)
		(*k)->within = NULL;
	vec_done(&x->members);
	plan_done(&x->whole);
	free((char *)x->placed.p);
	free((char *)x->blockers.p);
	arena_end(x->texts);
	free(x);
}

/* What one of its members has of the device, off the slice. */
static bool slice_less(const plan *has, plan_device *s)
{
	bool is_there = false;

	for (uint32_t i = 0; i < has->devices.n; i++) {
		const plan_device *d = &has->devices.v[i];
		if (d->device != s->device)
			continue;
		is_there = true;
		s->memory_mib = d->memory_mib < s->memory_mib ? s->memory_mib - d->memory_mib : 0;
		s->compute_milli = d->compute_milli < s->compute_milli ? s->compute_milli - d->compute_milli : 0;
	}
	return is_there;
}

/* What members leave of a slice. False: nothing. */
static bool slice_rest(const books *b, const reservation *x, plan_device *s)
{
	bool is_whole = true;

	for (uint32_t i = 0; i < x->members.n; i++)
		is_whole &= !slice_less(&x->members.v[i]->held, s);
	if (is_whole || !s->memory_mib)
		return is_whole;
	int64_t device_mib = b->fleet.devices.v[s->device].memory_mib;
	int64_t memory_mib = s->memory_mib < device_mib ? s->memory_mib : device_mib;
	s->charge = share_of_slice(memory_mib, s->compute_milli, device_mib, 1);
	return true;
}

static void rest_of(const books *b, const reservation *x, plan *rest)
{
	rest->cluster = x->whole.cluster;
	for (uint32_t i = 0; i < x->whole.pods.n; i++) {
		const plan_pod *pod = &x->whole.pods.v[i];
		bool is_first = true;
		for (uint32_t k = 0; k < pod->n; k++) {
			plan_device s = x->whole.devices.v[pod->first + k];
			if (!slice_rest(b, x, &s))
				continue;
			if (is_first)
				plan_add_pod(rest, 0, (int32_t)i, pod->node, 0, 0);
			is_first = false;
			plan_add_device(rest, s);
		}
	}
}

/* Its charge moves what tenants are told of these models. */
static void models_move(books *b, const plan *p)
{
	for (uint32_t i = 0; i < p->devices.n; i++)
		standing_moved(&b->standing, b->fleet.devices.v[p->devices.v[i].device].class_id);
}

static void hold_drop(books *b, reservation *x)
{
	if (x->hold == FLEET_NONE)
		return;
	reserve_drop(b->reserve, &b->fleet, b->tree, x->hold);
	x->hold = FLEET_NONE;
	b->reservations.n_held--;
}

static amounts charge_of(const plan *p)
{
	amounts sum = {{0}};

	for (uint32_t i = 0; i < p->devices.n; i++)
		sum = amounts_add(sum, p->devices.v[i].charge);
	return sum;
}

/* In a trial: what is gone, and only held, stays a row until it is held again. */
void reservation_hold(books *b, reservation *x)
{
	int32_t tenant = x->state == RESERVATION_ACTIVE ? books_payer(b, x->tenant_key)->handle : FLEET_NONE;
	reserve_terms terms = {x->number, x->starts_us, x->ends_us, tenant};
	uint32_t trial = fleet_try(&b->fleet);
	plan rest;

	plan_init(&rest);
	hold_drop(b, x);
	rest_of(b, x, &rest);
	if (rest.devices.n)
		x->hold = reserve_add(b->reserve, &b->fleet, b->tree, &terms, &rest);
	b->reservations.n_held += x->hold != FLEET_NONE;
	x->unused = charge_of(&rest);
	fleet_keep(&b->fleet, trial);
	models_move(b, &x->whole);
	plan_done(&rest);
}

/* What was kept is there for all again. */
void reservation_let_go(books *b, reservation *x)
{
	for (uint32_t i = 0; i < x->whole.devices.n; i++)
		change_freed(&b->changes, x->whole.cluster, b->fleet.devices.v[x->whole.devices.v[i].device].class_id);
	models_move(b, &x->whole);
	for (int32_t t = books_payer(b, x->tenant_key)->handle; t != FLEET_NONE; t = quota_parent(b->tree, t))
		change_fell(&b->changes, t);
	hold_drop(b, x);
	plan_clear(&x->whole);
	x->unused = (amounts){{0}};
}

void reservation_tell(turn *t, reservation *x, bool is_news)
{
	x->is_news |= is_news;
	if (x->is_told)
		return;
	x->is_told = true;
	vec_push(&t->reserved, x);
}

static void members_find(books *b, reservation *x)
{
	vec_each (k, &x->members)
		(*k)->within = NULL;
	vec_clear(&x->members);
	if (x->state != RESERVATION_ACTIVE)
		return;
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		if (!k->held.pods.n || !str_eq(k->reserved, x->id))
			continue;
		k->within = x;
		vec_push(&x->members, k);
	}
}

/* What was held for it before. Where something of it is not there any more, it is looked for anew. */
static void state_load(books *b, reservation *x, const sql_load_reservations_row *row)
{
	const site *s = row->cluster_key_null ? NULL : books_site(b, (int32_t)row->cluster_key);

	if (!s || s->is_deleted || !(str_eq(row->state, S("held")) || str_eq(row->state, S("active"))))
		return;
	if (!load_plan(b, s, row->placed, &x->whole) || !x->whole.devices.n) {
		plan_clear(&x->whole);
		return;
	}
	booking_text_set(&x->placed, &STR_NONE, row->placed);
	x->state = str_eq(row->state, S("active")) ? RESERVATION_ACTIVE : RESERVATION_HELD;
	members_find(b, x);
	reservation_hold(b, x);
}

void reservations_load(books *b, const sql_load_reservations_row *rows, uint32_t n)
{
	vec_each (x, &b->reservations.v)
		(*x)->is_seen = false;
	for (uint32_t i = 0; i < n; i++) {
		reservation *x = map_find(&b->reservations.at, rows[i].id);
		if (!x && books_payer(b, (int32_t)rows[i].tenant_key)) {
			x = reservation_new(b, &rows[i]);
			state_load(b, x, &rows[i]);
		}
		if (x)
			x->is_seen = true;
	}
	vec_each (x, &b->reservations.v)
		(*x)->is_over |= !(*x)->is_seen && (*x)->state != RESERVATION_ENDED;
	b->reservations.due_us = 0;
	change_all(&b->changes);
}

void reservations_forget(books *b)
{
	vec_each (x, &b->reservations.v) {
		hold_drop(b, *x);
		reservation_free(*x);
	}
	vec_clear(&b->reservations.v);
	map_clear(&b->reservations.at);
}

void reservations_done(books *b)
{
	vec_each (x, &b->reservations.v)
		reservation_free(*x);
	vec_done(&b->reservations.v);
	map_done(&b->reservations.at);
}

void reservations_purge(books *b)
{
	for (uint32_t i = 0; i < b->reservations.v.n; i++) {
		reservation *x = b->reservations.v.v[i];
		if (x->state != RESERVATION_ENDED)
			continue;
		map_remove(&b->reservations.at, x->id);
		vec_remove_fast(&b->reservations.v, i--);
		reservation_free(x);
	}
}

void reservation_took(turn *t, books *b, booking *k)
{
	reservation *x = k->reserved.n ? reservation_named(b, k->tenant_key, k->reserved) : NULL;

	if (!x || x->state != RESERVATION_ACTIVE)
		return;
	k->within = x;
	vec_push(&x->members, k);
	reservation_hold(b, x);
	reservation_tell(t, x, false);
}

void reservation_gave(turn *t, books *b, booking *k)
{
	reservation *x = k->within;

	for (uint32_t i = 0; i < x->members.n; i++)
		if (x->members.v[i] == k)
			vec_remove_fast(&x->members, i--);
	k->within = NULL;
	reservation_hold(b, x);
	reservation_tell(t, x, false);
}

void reservations_restore(books *b)
{
	vec_each (x, &b->reservations.v) {
		(*x)->is_told = (*x)->is_news = false;
		if ((*x)->state != RESERVATION_ACTIVE)
			continue;
		members_find(b, *x);
		reservation_hold(b, *x);
	}
}

void reservations_charge(books *b, bool takes)
{
	vec_each (x, &b->reservations.v) {
		const plan *p = (*x)->state == RESERVATION_ACTIVE ? reserve_plan(b->reserve, (*x)->hold) : NULL;
		int32_t tenant = books_payer(b, (*x)->tenant_key)->handle;
		for (uint32_t i = 0; p && i < p->devices.n; i++)
			(takes ? charge_take : charge_give)(b->tree, &b->fleet, tenant, &p->devices.v[i]);
	}
}
