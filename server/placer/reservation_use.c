#include <stdlib.h>

#include "engine/fleet.h"
#include "server/placer/reservation.h"

static bool is_at_or_below(const books *b, int32_t tenant_key, int32_t above_key)
{
	const payer *p = books_payer(b, tenant_key);

	while (p && p->key != above_key)
		p = p->wanted_parent_key ? books_payer(b, p->wanted_parent_key) : NULL;
	return p != NULL;
}

reservation *reservation_named(const books *b, int32_t tenant_key, str name)
{
	reservation *x = map_find(&b->reservations.at, name);

	return x && is_at_or_below(b, tenant_key, x->tenant_key) ? x : NULL;
}

static bool refused(reasons *r, why_code code, str name)
{
	blocker k = blocker_of(code);

	k.need = 1;
	r->reservation = name;
	why_add(&r->why, k);
	return false;
}

static int by_number(const void *x, const void *y)
{
	int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;

	return (a > b) - (a < b);
}

static const int32_t *devices_of(const reservation *x, arena *a)
{
	int32_t *v = ARENA_ARRAY(a, int32_t, x->whole.devices.n);

	for (uint32_t i = 0; i < x->whole.devices.n; i++)
		v[i] = x->whole.devices.v[i].device;
	qsort(v, x->whole.devices.n, sizeof *v, by_number);
	return v;
}

static ask_entry *entries_only(const ask_group *g, const int32_t *only, int32_t n, arena *a)
{
	ask_entry *list = ARENA_ARRAY(a, ask_entry, g->n_entries);

	for (int32_t i = 0; i < g->n_entries; i++) {
		list[i] = g->entries[i];
		list[i].only = only;
		list[i].n_only = n;
	}
	return list;
}

static bool may_stand_in(const ask *k, int32_t cluster)
{
	for (int32_t i = 0; i < k->n_clusters; i++)
		if (k->clusters[i] == cluster)
			return true;
	return k->n_clusters == 0;
}

bool reservation_narrow(const books *b, int32_t tenant_key, str name, request_ask *w, arena *a, reasons *r)
{
	const reservation *x = reservation_named(b, tenant_key, name);

	if (!x || x->is_over || x->state == RESERVATION_ENDED)
		return refused(r, WHY_NO_SUCH_RESERVATION, name);
	if (x->state != RESERVATION_ACTIVE)
		return refused(r, WHY_RESERVATION_AHEAD, name);
	ask_group *groups = ARENA_ARRAY(a, ask_group, w->ask.n_groups);
	const int32_t *only = devices_of(x, a);
	for (int32_t g = 0; g < w->ask.n_groups; g++) {
		groups[g] = w->ask.groups[g];
		groups[g].entries = entries_only(&groups[g], only, (int32_t)x->whole.devices.n, a);
	}
	w->ask.groups = groups;
	if (may_stand_in(&w->ask, x->whole.cluster)) {
		w->ask.clusters = &x->whole.cluster;
		w->ask.n_clusters = 1;
	}
	return true;
}

int64_t reservation_owner(const reservation *x)
{
	return x->number;
}

int64_t reservation_runtime_s(const reservation *x, int64_t now_us, int64_t asked_s)
{
	int64_t left_s = (x->ends_us - now_us) / 1000000;

	left_s = left_s > 0 ? left_s : 1;
	return asked_s > 0 && asked_s < left_s ? asked_s : left_s;
}

static bool is_reservation(const void *unused, const reserve_terms *t)
{
	(void)unused;
	return t->owner < 0;
}

static bool holds_device(const reservation *x, int32_t device)
{
	for (uint32_t i = 0; i < x->whole.devices.n; i++)
		if (x->whole.devices.v[i].device == device)
			return true;
	return false;
}

/* The one on whose devices the plan stands; else the quota of one that runs is in the way. */
static const reservation *in_way(const books *b, const plan *p)
{
	const reservation *charged = NULL;

	for (uint32_t k = 0; k < b->reservations.v.n; k++) {
		const reservation *x = b->reservations.v.v[k];
		if (x->hold == FLEET_NONE)
			continue;
		for (uint32_t i = 0; i < p->devices.n; i++)
			if (holds_device(x, p->devices.v[i].device))
				return x;
		if (!charged && x->state == RESERVATION_ACTIVE)
			charged = x;
	}
	return charged;
}

static void blame(const books *b, const reservation *x, const plan *p, reasons *r)
{
	blocker k = blocker_of(WHY_RESERVED);

	k.cluster = p->cluster;
	k.axis = AXIS_DEVICE_MILLI;
	k.has_axis = true;
	for (uint32_t i = 0; i < p->devices.n; i++) {
		k.class_id = b->fleet.devices.v[p->devices.v[i].device].class_id;
		k.need += p->devices.v[i].charge.v[AXIS_DEVICE_MILLI];
	}
	r->reservation = x->id;
	why_add(&r->why, k);
}

void reservation_blame(books *b, int32_t tenant, const ask *a, reasons *r)
{
	plan p;

	if (!b->reservations.n_held || why_unblocks(r->why.v[0].code) == WHEN_INVENTORY)
		return;
	plan_init(&p);
	reserve_lift_if(b->reserve, &b->fleet, b->tree, is_reservation, NULL);
	bool fits = place_find(b->room, &b->fleet, b->tree, tenant, a, &p, NULL);
	if (fits)
		place_give(&b->fleet, b->tree, tenant, &p);
	reserve_apply(b->reserve, &b->fleet, b->tree);
	const reservation *x = fits ? in_way(b, &p) : NULL;
	if (x)
		blame(b, x, &p, r);
	plan_done(&p);
}
