#include "agents/simulate/due.h"

void due_done(due *d)
{
	vec_done(&d->heap);
}

static bool is_before(const due_at *a, const due_at *b)
{
	return a->us != b->us ? a->us < b->us : a->number < b->number;
}

static void heap_set(due *d, uint32_t place, due_at *at)
{
	d->heap.v[place - 1].at = at;
	at->place = place;
}

static void heap_up(due *d, due_at *at)
{
	uint32_t place = at->place;

	while (place > 1 && is_before(at, d->heap.v[place / 2 - 1].at)) {
		heap_set(d, place, d->heap.v[place / 2 - 1].at);
		place /= 2;
	}
	heap_set(d, place, at);
}

static void heap_down(due *d, due_at *at)
{
	uint32_t place = at->place;

	for (uint32_t child = place * 2; child <= d->heap.n; child = place * 2) {
		if (child < d->heap.n && is_before(d->heap.v[child].at, d->heap.v[child - 1].at))
			child++;
		if (is_before(at, d->heap.v[child - 1].at))
			break;
		heap_set(d, place, d->heap.v[child - 1].at);
		place = child;
	}
	heap_set(d, place, at);
}

void due_put(due *d, due_at *at, int64_t us)
{
	at->us = us;
	at->number = ++d->last_number;
	if (!at->place) {
		vec_push(&d->heap, ((due_place){at}));
		at->place = d->heap.n;
	}
	heap_up(d, at);
	heap_down(d, at);
}

void due_remove(due *d, due_at *at)
{
	if (!at->place)
		return;
	due_at *last = vec_pop(&d->heap).at;
	if (last != at) {
		last->place = at->place;
		heap_up(d, last);
		heap_down(d, last);
	}
	at->place = 0;
}

due_at *due_first(const due *d)
{
	return d->heap.n ? d->heap.v[0].at : NULL;
}
