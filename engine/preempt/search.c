#include "engine/preempt/inside.h"

typedef struct search {
	victims_suffice suffices;
	price *bound;
	victims *ret;
	uint32_t base;
	int32_t steps;
	bool is_found;
} search;

/* With what is needed known exactly, now that there is a place. */
static void remember(preempt *w, search *s)
{
	price p = victims_price(w, NULL);

	if (!price_is_less(&p, s->bound))
		return;
	*s->bound = p;
	s->is_found = true;
	vec_clear(s->ret);
	for (uint32_t i = s->base; i < w->out.n; i++)
		vec_push(s->ret, w->out.v[i]);
}

/* Sets in the order of their members; a set that suffices is not made larger. As candidates come by rising cost, the
 * first that is too dear ends the row. At most PREEMPT_ITEMS_MAX deep. */
static void descend(preempt *w, search *s, uint32_t from)
{
	for (uint32_t i = from; i < w->items.n && !w->is_cut; i++) {
		const victim *v = &w->items.v[i];
		price with = victims_price(w, v);
		if (!s->bound->is_waste && with.cost > s->bound->cost)
			return;
		if (!price_is_less(&with, s->bound) || !victim_may_go(w, v))
			continue;
		if (s->steps-- <= 0) {
			w->is_best = false;
			return;
		}
		uint32_t n = w->out.n, trial = fleet_try(w->f);
		victim_take(w, v);
		bool is_legal = victims_are_legal(w);
		if (is_legal && s->suffices(w)) {
			remember(w, s);
		} else if (is_legal) {
			descend(w, s, i + 1);
		}
		victims_undo(w, n, trial);
	}
}

bool victims_search(preempt *w, victims_suffice suffices, price *bound, victims *ret)
{
	search s = {suffices, bound, ret, w->out.n, PREEMPT_STEPS, false};

	descend(w, &s, 0);
	return s.is_found;
}

static bool is_ranked_before(ranked a, ranked b)
{
	return a.by != b.by ? a.by < b.by : a.id < b.id;
}

void queue_push(preempt *w, ranked x)
{
	vec_push(&w->queue, x);
	uint32_t at = w->queue.n - 1;
	for (; at > 0 && is_ranked_before(x, w->queue.v[(at - 1) / 2]); at = (at - 1) / 2)
		w->queue.v[at] = w->queue.v[(at - 1) / 2];
	w->queue.v[at] = x;
}

ranked queue_pop(preempt *w)
{
	ranked first = w->queue.v[0], last = vec_pop(&w->queue);
	uint32_t at = 0;

	while (2 * at + 1 < w->queue.n) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < w->queue.n && is_ranked_before(w->queue.v[child + 1], w->queue.v[child]))
			child++;
		if (!is_ranked_before(w->queue.v[child], last))
			break;
		w->queue.v[at] = w->queue.v[child];
		at = child;
	}
	if (w->queue.n)
		w->queue.v[at] = last;
	return first;
}
