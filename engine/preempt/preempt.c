#include "engine/preempt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/preempt/inside.h"

/* Until a place was found nothing is called waste. */
#define NEEDED_UNKNOWN_MILLI ((int64_t)1 << 40)

preempt *preempt_new(void)
{
	preempt *w = heap_new(1, sizeof *w);

	plan_init(&w->placed);
	plan_init(&w->scratch);
	return w;
}

void preempt_free(preempt *w)
{
	if (!w)
		return;
	vec_done(&w->out);
	vec_done(&w->gone);
	vec_done(&w->away);
	vec_done(&w->best);
	vec_done(&w->items);
	vec_done(&w->forced);
	vec_done(&w->node_best);
	vec_done(&w->queue);
	vec_done(&w->answer);
	vec_done(&w->marks);
	plan_done(&w->placed);
	plan_done(&w->scratch);
	free(w);
}

/* Device_milli of the pods that the ask cannot do without. */
static int64_t needed_of(const preempt *w, const plan *p)
{
	int64_t milli = 0;

	for (uint32_t i = 0; i < p->pods.n; i++)
		if (p->pods.v[i].index < w->in->a->groups[p->pods.v[i].group].min_replicas)
			milli += running_pod_milli(p, i);
	return milli;
}

bool find_suffices(preempt *w)
{
	if (w->finds <= 0) {
		w->is_cut = true;
		return false;
	}
	w->finds--;
	if (!place_find(w->finder, w->f, w->q, w->in->tenant, w->in->a, &w->scratch, NULL))
		return false;
	place_give(w->f, w->q, w->in->tenant, &w->scratch);
	w->needed_milli = needed_of(w, &w->scratch);
	return true;
}

static bool is_named(const int32_t *list, int32_t n, int32_t cluster)
{
	for (int32_t i = 0; i < n; i++)
		if (list[i] == cluster)
			return true;
	return false;
}

static bool may_use(const preempt *w, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];
	const ask *a = w->in->a;

	if (!c->is_live || c->flags || is_named(a->clusters_excluded, a->n_clusters_excluded, cluster))
		return false;
	return a->n_clusters == 0 || is_named(a->clusters, a->n_clusters, cluster);
}

/* What was taken for one pod may be needless once another's victims are gone. The dearest are spared first. */
static void spare_needless(preempt *w, plan *p)
{
	vec_clear(&w->items);
	vec_each (v, &w->out)
		victim_insert(&w->items, v);
	for (uint32_t i = w->items.n; i > 0 && !w->is_cut; i--) {
		victim v = w->items.v[i - 1];
		uint32_t at = 0;
		while (w->out.v[at].run != v.run || w->out.v[at].pod != v.pod)
			at++;
		victim_return(w, at);
		if (find_suffices(w))
			plan_copy(p, &w->scratch);
		else
			victim_take(w, &v);
	}
}

static void remember(preempt *w, const price *is, const plan *found, plan *p)
{
	w->has_best = true;
	w->best_price = *is;
	vec_clear(&w->best);
	vec_each (v, &w->out)
		vec_push(&w->best, *v);
	plan_copy(p, found);
}

static void try_cluster(preempt *w, int32_t cluster, bool may_split, plan *p)
{
	uint32_t trial = fleet_try(w->f);

	if (gang_clear(w, cluster, may_split)) {
		w->needed_milli = needed_of(w, &w->placed);
		if (w->out.n > 1)
			spare_needless(w, &w->placed);
		price is = victims_price(w, NULL);
		if (!w->has_best || price_is_less(&is, &w->best_price))
			remember(w, &is, &w->placed, p);
	}
	victims_undo(w, 0, trial);
}

/* All that may go, where that is few enough to be searched through. */
static bool list_all(preempt *w)
{
	vec_clear(&w->items);
	for (uint32_t run = 0; run < w->r->runs.n; run++) {
		const running_row *row = &w->r->runs.v[run];
		if (!victim_run_may_go(w, (int32_t)run))
			continue;
		victim v = victim_whole(w, (int32_t)run);
		if (victim_may_go(w, &v))
			victim_insert(&w->items, &v);
		for (uint32_t i = 0; row->terms.floors && row->p->pods.n > 1 && i < row->p->pods.n; i++) {
			v = victim_pod(w, (int32_t)run, (int32_t)i);
			if (victim_may_go(w, &v))
				victim_insert(&w->items, &v);
			if (w->items.n > PREEMPT_ITEMS_MAX)
				return false;
		}
		if (w->items.n > PREEMPT_ITEMS_MAX)
			return false;
	}
	return true;
}

/* A gang, or an ask that quota holds back, may find a better set than one pod after another does. */
static void search_all(preempt *w, plan *p)
{
	price bound = {true, INT64_MAX, INT64_MAX, INT64_MAX};

	if (!list_all(w))
		return;
	w->is_best = true;
	w->needed_milli = w->has_best ? needed_of(w, p) : NEEDED_UNKNOWN_MILLI;
	if (w->has_best)
		bound = w->best_price;
	if (!victims_search(w, find_suffices, &bound, &w->best))
		return;
	uint32_t trial = fleet_try(w->f);
	vec_each (v, &w->best)
		victim_take(w, v);
	w->finds++; /* for this last one; the limit may have been met */
	if (find_suffices(w))
		remember(w, &bound, &w->scratch, p);
	victims_undo(w, 0, trial);
}

static void prepare(preempt *w, const preempt_ask *in)
{
	w->in = in;
	w->looks = in->looks_max ? in->looks_max : PREEMPT_LOOKS;
	w->finds = in->finds_max ? in->finds_max : PREEMPT_FINDS;
	w->is_cut = w->has_best = false;
	w->is_best = true;
	vec_clear(&w->out);
	vec_clear(&w->best);
	vec_reserve(&w->gone, w->r->runs.n);
	vec_reserve(&w->marks, w->r->runs.n);
	vec_reserve(&w->away, in->n_budgets);
	if (w->gone.cap)
		memset(w->gone.v, 0, w->gone.cap * sizeof *w->gone.v);
	if (w->marks.cap)
		memset(w->marks.v, 0, w->marks.cap * sizeof *w->marks.v);
	if (w->away.cap)
		memset(w->away.v, 0, w->away.cap * sizeof *w->away.v);
}

static void answer_add(preempt *w, const victim *v)
{
	preempt_victim x = {v->run, v->pod};

	vec_push(&w->answer, x);
	uint32_t at = w->answer.n - 1;
	for (; at > 0; at--) {
		const preempt_victim *before = &w->answer.v[at - 1];
		if (before->run < x.run || (before->run == x.run && before->pod < x.pod))
			break;
		w->answer.v[at] = *before;
	}
	w->answer.v[at] = x;
}

static void reply(preempt *w, const plan *p, preempt_answer *ret)
{
	vec_clear(&w->answer);
	*ret = (preempt_answer){.is_cut = w->is_cut};
	if (!w->has_best)
		return;
	vec_each (v, &w->best)
		answer_add(w, v);
	ret->victims = w->answer.v;
	ret->n = w->answer.n;
	ret->cost = w->best_price.cost;
	ret->evicted_milli = w->best_price.milli;
	ret->needed_milli = needed_of(w, p);
	ret->is_best = w->is_best && !w->is_cut;
}

static bool needs_one_pod(const ask *a)
{
	return a->n_groups == 1 && a->groups[0].min_replicas == 1;
}

bool preempt_find(preempt *w, place *finder, fleet *f, quota *q, const running *r, const preempt_ask *in, plan *p,
	preempt_answer *ret)
{
	w->finder = finder;
	w->f = f;
	w->q = q;
	w->r = r;
	prepare(w, in);
	plan_clear(p);
	uint32_t trial = fleet_try(f);
	if (find_suffices(w)) {
		remember(w, &(price){0}, &w->scratch, p);
	} else {
		for (int32_t c = 0; (uint32_t)c < f->clusters.n; c++) {
			if (!may_use(w, c))
				continue;
			try_cluster(w, c, true, p);
			if (!w->has_best || !needs_one_pod(in->a))
				try_cluster(w, c, false, p);
		}
		if (!needs_one_pod(in->a))
			w->is_best = false;
		if (!w->is_best || !w->has_best)
			search_all(w, p);
	}
	fleet_undo(f, trial);
	if (!w->has_best)
		plan_clear(p);
	reply(w, p, ret);
	return w->has_best;
}
