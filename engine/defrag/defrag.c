#include "engine/defrag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/defrag/inside.h"

defrag *defrag_new(void)
{
	defrag *w = heap_new(1, sizeof *w);

	plan_init(&w->found);
	return w;
}

void defrag_free(defrag *w)
{
	if (!w)
		return;
	plan_done(&w->found);
	vec_done(&w->best);
	vec_done(&w->moved);
	vec_done(&w->avoid_uuids);
	vec_done(&w->avoid);
	vec_done(&w->failed);
	vec_done(&w->pods);
	free(w);
}

void defrag_plan_init(defrag_plan *d)
{
	*d = (defrag_plan){0};
	plan_init(&d->places);
}

void defrag_plan_done(defrag_plan *d)
{
	vec_done(&d->moves);
	plan_done(&d->places);
}

void defrag_begin(defrag *w, fleet *f, const running *r, const defrag_terms *t, defrag_plan *ret)
{
	w->f = f;
	w->r = r;
	w->ret = ret;
	w->terms = t;
	w->looks = t->looks_max ? t->looks_max : DEFRAG_LOOKS;
	w->tries = INT32_MAX;
	w->is_cut = w->is_sweep = false;
	avoid_clear(w);
	vec_clear(&w->failed);
	vec_clear(&w->best);
	vec_reserve(&w->moved, r->pods.n);
	if (w->moved.cap)
		memset(w->moved.v, 0, w->moved.cap);
	vec_clear(&ret->moves);
	plan_clear(&ret->places);
	ret->cost = ret->gain_milli = 0;
	ret->is_cut = false;
}

bool pod_is_movable(const defrag *w, int32_t at)
{
	return w->r->runs.v[w->r->pods.v[at].run].terms.is_movable && !w->moved.v[at];
}

/* Adds one slice to the entry it came from. False: it is an instance, the entry's slices differ, or there are too many
 * entries. */
static bool shape_add(shape *s, int32_t *ids, const plan_device *slice, int32_t class_id)
{
	int32_t at = 0;

	while (at < s->group.n_entries && ids[at] != slice->entry)
		at++;
	if (at == ASK_ENTRIES_MAX)
		return false;
	ask_entry *e = &s->entries[at];
	if (at == s->group.n_entries) {
		s->group.n_entries++;
		ids[at] = slice->entry;
		s->classes[at] = class_id;
		*e = (ask_entry){.memory_mib = slice->memory_mib,
			.compute_milli = (int32_t)slice->compute_milli,
			.n_classes = 1};
	}
	e->count++;
	return e->memory_mib == slice->memory_mib && e->compute_milli == slice->compute_milli &&
	       s->classes[at] == class_id && slice->memory_mib > 0 && slice->profile == 0;
}

bool shape_of(const defrag *w, int32_t at, shape *ret)
{
	const plan_pod *pod = pod_at(w, at);
	const plan *p = plan_at(w, at);
	int32_t ids[ASK_ENTRIES_MAX];

	memset(ret, 0, sizeof *ret);
	ret->group = (ask_group){
		.replicas = 1, .min_replicas = 1, .cpu_milli = pod->cpu_milli, .memory_mib = pod->memory_mib};
	for (uint32_t i = pod->first; i < pod->first + pod->n; i++) {
		const plan_device *slice = &p->devices.v[i];
		if (!shape_add(ret, ids, slice, w->f->devices.v[slice->device].class_id))
			return false;
	}
	return ret->group.n_entries > 0;
}

static bool is_before(const candidate *a, const candidate *b)
{
	if (a->worth != b->worth)
		return a->worth > b->worth;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->milli != b->milli)
		return a->milli < b->milli;
	return a->node != b->node ? a->node < b->node : a->device < b->device;
}

void candidate_keep(defrag *w, const candidate *c, uint32_t n)
{
	if (w->best.n == n && !is_before(c, &w->best.v[n - 1]))
		return;
	if (w->best.n < n)
		vec_push(&w->best, *c);
	uint32_t at = w->best.n - 1;
	for (; at > 0 && is_before(c, &w->best.v[at - 1]); at--)
		w->best.v[at] = w->best.v[at - 1];
	w->best.v[at] = *c;
}

void defrag_apply(fleet *f, running *r, const defrag_plan *d, uint32_t i, plan *p)
{
	const defrag_move *m = &d->moves.v[i];
	const plan_pod *to = &d->places.pods.v[i];
	plan_pod *pod = &p->pods.v[m->pod];

	assert(r->runs.v[m->run].p == p && pod->n == to->n);
	fleet_book_range(f, &d->places, i, i + 1);
	fleet_unbook_range(f, p, m->pod, m->pod + 1);
	pod->node = to->node;
	memcpy(&p->devices.v[pod->first], &d->places.devices.v[to->first], to->n * sizeof *p->devices.v);
	running_move(r, m->run, m->pod);
}
