#include "engine/reserve.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/charge.h"
#include "base/heap.h"

typedef struct hold {
	reserve_terms terms;
	plan p;
	bool is_live, is_lifted;
} hold;

typedef struct ending {
	int64_t us;
	int32_t run;
} ending;

struct reserve {
	vec(hold) holds;
	vec(int32_t) free_holds;
	vec(ending) endings;
	uint32_t trial;
	bool is_lifted;
};

reserve *reserve_new(void)
{
	return heap_new(1, sizeof(reserve));
}

void reserve_free(reserve *r)
{
	if (!r)
		return;
	vec_each (h, &r->holds)
		plan_done(&h->p);
	vec_done(&r->holds);
	vec_done(&r->free_holds);
	vec_done(&r->endings);
	free(r);
}

static void hold_take(fleet *f, quota *q, const hold *h)
{
	place_take(f, h->terms.tenant == FLEET_NONE ? NULL : q, h->terms.tenant, &h->p);
}

static void hold_give(fleet *f, quota *q, const hold *h)
{
	place_give(f, h->terms.tenant == FLEET_NONE ? NULL : q, h->terms.tenant, &h->p);
}

static int32_t hold_new(reserve *r)
{
	if (r->free_holds.n)
		return vec_pop(&r->free_holds);
	if (r->holds.n == RESERVE_HOLDS_MAX)
		return FLEET_NONE;
	plan_init(&vec_add(&r->holds)->p);
	return (int32_t)r->holds.n - 1;
}

int32_t reserve_add(reserve *r, fleet *f, quota *q, const reserve_terms *t, const plan *p)
{
	assert(!r->is_lifted && t->from_us <= t->until_us);
	int32_t id = hold_new(r);

	if (id == FLEET_NONE)
		return FLEET_NONE;
	hold *h = &r->holds.v[id];
	h->terms = *t;
	h->is_live = true;
	plan_copy(&h->p, p);
	hold_take(f, q, h);
	return id;
}

static hold *hold_at(const reserve *r, int32_t id)
{
	if (id < 0 || (uint32_t)id >= r->holds.n || !r->holds.v[id].is_live)
		return NULL;
	return &r->holds.v[id];
}

void reserve_drop(reserve *r, fleet *f, quota *q, int32_t id)
{
	hold *h = hold_at(r, id);

	assert(h && !r->is_lifted);
	hold_give(f, q, h);
	h->is_live = false;
	plan_clear(&h->p);
	vec_push(&r->free_holds, id);
}

int32_t reserve_expire(reserve *r, fleet *f, quota *q, int64_t now_us)
{
	int32_t n = 0;

	for (uint32_t i = 0; i < r->holds.n; i++) {
		if (!r->holds.v[i].is_live || r->holds.v[i].terms.until_us > now_us)
			continue;
		reserve_drop(r, f, q, (int32_t)i);
		n++;
	}
	return n;
}

const plan *reserve_plan(const reserve *r, int32_t id)
{
	const hold *h = hold_at(r, id);

	return h ? &h->p : NULL;
}

reserve_terms reserve_terms_of(const reserve *r, int32_t id)
{
	const hold *h = hold_at(r, id);

	assert(h);
	return h->terms;
}

int32_t reserve_find_owner(const reserve *r, int64_t owner)
{
	for (uint32_t i = 0; i < r->holds.n; i++)
		if (r->holds.v[i].is_live && r->holds.v[i].terms.owner == owner)
			return (int32_t)i;
	return FLEET_NONE;
}

static bool ends_by(int64_t now_us, int64_t max_runtime_s, int64_t from_us)
{
	int64_t runtime_us, end_us;

	if (max_runtime_s <= 0 || __builtin_mul_overflow(max_runtime_s, (int64_t)1000000, &runtime_us) ||
		__builtin_add_overflow(now_us, runtime_us, &end_us))
		return false;
	return end_us <= from_us;
}

static bool binds(const reserve_terms *t, int64_t owner, int64_t now_us, int64_t max_runtime_s)
{
	if (owner != RESERVE_OWNER_NONE && t->owner == owner)
		return false;
	return !ends_by(now_us, max_runtime_s, t->from_us);
}

bool reserve_binds(const reserve *r, int32_t id, int64_t owner, int64_t now_us, int64_t max_runtime_s)
{
	const hold *h = hold_at(r, id);

	assert(h);
	return binds(&h->terms, owner, now_us, max_runtime_s);
}

/* In a trial, so that what is removed and only held stays a row until it is held again. */
void reserve_lift_if(reserve *r, fleet *f, quota *q, reserve_choice lifts, const void *of)
{
	assert(!r->is_lifted);
	r->is_lifted = true;
	r->trial = fleet_try(f);
	vec_each (h, &r->holds) {
		h->is_lifted = h->is_live && lifts(of, &h->terms);
		if (h->is_lifted)
			hold_give(f, q, h);
	}
}

typedef struct asker {
	int64_t owner, now_us, max_runtime_s;
} asker;

static bool is_free_to(const void *of, const reserve_terms *t)
{
	const asker *a = of;

	return !binds(t, a->owner, a->now_us, a->max_runtime_s);
}

void reserve_lift(reserve *r, fleet *f, quota *q, int64_t owner, int64_t now_us, int64_t max_runtime_s)
{
	asker a = {owner, now_us, max_runtime_s};

	reserve_lift_if(r, f, q, is_free_to, &a);
}

void reserve_apply(reserve *r, fleet *f, quota *q)
{
	assert(r->is_lifted);
	vec_each (h, &r->holds)
		if (h->is_lifted)
			hold_take(f, q, h);
	fleet_keep(f, r->trial);
	r->is_lifted = false;
}

bool reserve_place(reserve *r, place *w, fleet *f, quota *q, int32_t tenant, int64_t owner, int64_t now_us,
	const ask *a, plan *p, why *ret_why)
{
	reserve_lift(r, f, q, owner, now_us, a->max_runtime_s);
	bool found = place_find(w, f, q, tenant, a, p, ret_why);
	reserve_apply(r, f, q);
	return found;
}

/* What all holds that stand on the books take of a device. */
static fleet_device held_of(const reserve *r, int32_t device)
{
	fleet_device sum = {0};

	for (uint32_t i = 0; i < r->holds.n; i++) {
		const hold *h = &r->holds.v[i];
		if (!h->is_live || (r->is_lifted && h->is_lifted))
			continue;
		for (uint32_t k = 0; k < h->p.devices.n; k++) {
			const plan_device *s = &h->p.devices.v[k];
			if (s->device != device)
				continue;
			sum.used_memory_mib += s->memory_mib;
			sum.used_compute_milli += s->compute_milli;
			sum.sharers++;
		}
	}
	return sum;
}

bool reserve_device_is_over(const reserve *r, const fleet *f, int32_t device)
{
	const fleet_device *d = &f->devices.v[device];

	if (!fleet_device_is_over(f, device))
		return false;
	fleet_device held = held_of(r, device);
	return d->used_memory_mib - held.used_memory_mib > d->memory_mib ||
	       d->used_compute_milli - held.used_compute_milli > d->compute_milli ||
	       d->sharers - held.sharers > d->slots;
}

static bool is_later(ending a, ending b)
{
	return a.us != b.us ? a.us > b.us : a.run > b.run;
}

static void sift(ending *v, uint32_t at, uint32_t n)
{
	ending x = v[at];

	while (2 * at + 1 < n) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < n && is_later(v[child + 1], v[child]))
			child++;
		if (!is_later(v[child], x))
			break;
		v[at] = v[child];
		at = child;
	}
	v[at] = x;
}

/* What ends, the first to end first. */
static void list_endings(reserve *r, const running *list)
{
	vec_clear(&r->endings);
	for (uint32_t i = 0; i < list->runs.n; i++)
		if (list->runs.v[i].p && list->runs.v[i].terms.ends_us)
			vec_push(&r->endings, ((ending){list->runs.v[i].terms.ends_us, (int32_t)i}));
	for (uint32_t i = r->endings.n / 2; i > 0; i--)
		sift(r->endings.v, i - 1, r->endings.n);
	for (uint32_t n = r->endings.n; n > 1; n--) {
		ending last = r->endings.v[n - 1];
		r->endings.v[n - 1] = r->endings.v[0];
		r->endings.v[0] = last;
		sift(r->endings.v, 0, n - 1);
	}
}

typedef struct future {
	place *w;
	fleet *f;
	quota *q;
	int32_t tenant;
	const ask *a;
	const running *list;
	plan *p;
} future;

static void charge_run(const future *u, const running_row *row, bool takes)
{
	for (uint32_t i = 0; u->q && i < row->p->devices.n; i++) {
		const plan_device *s = &row->p->devices.v[i];
		if (takes)
			charge_take(u->q, u->f, row->terms.tenant, s);
		else
			charge_give(u->q, u->f, row->terms.tenant, s);
	}
}

static void charge_runs(reserve *r, const future *u, uint32_t from, uint32_t to, bool takes)
{
	for (uint32_t i = from; i < to; i++)
		charge_run(u, &u->list->runs.v[r->endings.v[i].run], takes);
}

/* Whether the ask fits once those up to `to` have ended as well. True leaves things as they are, false as they are
 * then: so a search that goes on from there ends nothing twice. */
static bool fits_after(reserve *r, const future *u, uint32_t from, uint32_t to)
{
	uint32_t trial = fleet_try(u->f);

	for (uint32_t i = from; i < to; i++)
		fleet_unbook(u->f, u->list->runs.v[r->endings.v[i].run].p);
	charge_runs(r, u, from, to, false);
	if (!place_find(u->w, u->f, u->q, u->tenant, u->a, u->p, NULL)) {
		fleet_keep(u->f, trial);
		return false;
	}
	for (uint32_t i = 0; u->q && i < u->p->devices.n; i++)
		charge_give(u->q, u->f, u->tenant, &u->p->devices.v[i]);
	charge_runs(r, u, from, to, true);
	fleet_undo(u->f, trial);
	return true;
}

/* How many must have ended, of whom the first *low have at any rate. *low is then how many are off the books. */
static bool search_endings(reserve *r, const future *u, uint32_t *low, uint32_t *ret_n)
{
	uint32_t high = r->endings.n, first = *low;

	*ret_n = *low;
	if (fits_after(r, u, 0, *low)) {
		*low = 0;
		return true;
	}
	bool fits = high > first && fits_after(r, u, first, high);
	if (!fits) {
		*low = high;
		return false;
	}
	while (high - *low > 1) {
		uint32_t middle = *low + (high - *low) / 2;
		fits = fits_after(r, u, *low, middle);
		if (fits)
			high = middle;
		else
			*low = middle;
	}
	*ret_n = high;
	if (!fits)
		fits = fits_after(r, u, *low, high);
	assert(fits);
	return true;
}

bool reserve_earliest(reserve *r, place *w, fleet *f, quota *q, int32_t tenant, const ask *a, const running *list,
	int64_t not_before_us, plan *p, int64_t *ret_us)
{
	future u = {w, f, q, tenant, a, list, p};
	uint32_t ended = 0, n;

	list_endings(r, list);
	while (ended < r->endings.n && r->endings.v[ended].us <= not_before_us)
		ended++;
	uint32_t trial = fleet_try(f);
	bool fits = search_endings(r, &u, &ended, &n);
	charge_runs(r, &u, 0, ended, true);
	fleet_undo(f, trial);
	if (!fits)
		return false;
	*ret_us = n > 0 && r->endings.v[n - 1].us > not_before_us ? r->endings.v[n - 1].us : not_before_us;
	return true;
}
