#include <assert.h>
#include <string.h>

#include "engine/charge.h"
#include "engine/preempt/inside.h"

bool victim_run_may_go(const preempt *w, int32_t run)
{
	const running_row *row = &w->r->runs.v[run];
	const running_terms *t = &row->terms;

	if (!row->p || !t->may_yield || t->rank >= w->in->rank)
		return false;
	if (t->lender != FLEET_NONE && !w->q)
		return false;
	return w->in->now_us - t->started_us >= t->min_runtime_us;
}

victim victim_whole(const preempt *w, int32_t run)
{
	const running_row *row = &w->r->runs.v[run];
	victim v = {run, FLEET_NONE, (int32_t)row->p->pods.n, row->terms.cost, 0};

	for (uint32_t i = 0; i < row->p->pods.n; i++)
		v.milli += running_pod_milli(row->p, i);
	return v;
}

victim victim_pod(const preempt *w, int32_t run, int32_t pod)
{
	const running_row *row = &w->r->runs.v[run];

	return (victim){run, pod, 1, row->terms.pod_cost, running_pod_milli(row->p, (uint32_t)pod)};
}

/* Pods of the victim's group that are out. */
static int32_t spared(const preempt *w, const victim *v)
{
	const plan *p = w->r->runs.v[v->run].p;
	int32_t n = 0;

	for (uint32_t i = 0; i < w->out.n; i++) {
		const victim *o = &w->out.v[i];
		n += o->run == v->run && p->pods.v[o->pod].group == p->pods.v[v->pod].group;
	}
	return n;
}

static bool is_out(const preempt *w, const victim *v)
{
	for (uint32_t i = 0; i < w->out.n; i++)
		if (w->out.v[i].run == v->run && w->out.v[i].pod == v->pod)
			return true;
	return false;
}

bool victim_keeps_floor(const preempt *w, const victim *v)
{
	const running_row *row = &w->r->runs.v[v->run];

	return v->pod == FLEET_NONE || spared(w, v) <= running_spare(row, row->p->pods.v[v->pod].group);
}

bool victim_may_go(const preempt *w, const victim *v)
{
	const running_row *row = &w->r->runs.v[v->run];
	int32_t budget = row->terms.budget, gone = w->gone.v[v->run];

	if (gone == RUN_GONE || (gone > 0 && v->pod == FLEET_NONE))
		return false;
	if (budget != FLEET_NONE) {
		assert(budget >= 0 && budget < w->in->n_budgets);
		if (w->away.v[budget] + v->pods > w->in->budgets[budget])
			return false;
	}
	if (v->pod == FLEET_NONE)
		return true;
	return !is_out(w, v) && spared(w, v) < running_spare(row, row->p->pods.v[v->pod].group);
}

bool victim_is_before(const victim *a, const victim *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->milli != b->milli)
		return a->milli < b->milli;
	return a->run != b->run ? a->run < b->run : a->pod < b->pod;
}

void victim_insert(victims *list, const victim *v)
{
	vec_push(list, *v);
	uint32_t at = list->n - 1;
	for (; at > 0 && victim_is_before(v, &list->v[at - 1]); at--)
		list->v[at] = list->v[at - 1];
	list->v[at] = *v;
}

static void charge(preempt *w, const victim *v, bool takes)
{
	const running_row *row = &w->r->runs.v[v->run];
	const plan *p = row->p;
	uint32_t from = 0, to = p->devices.n;

	if (!w->q)
		return;
	if (v->pod != FLEET_NONE) {
		from = p->pods.v[v->pod].first;
		to = from + p->pods.v[v->pod].n;
	}
	for (uint32_t i = from; i < to; i++) {
		if (takes)
			charge_take(w->q, w->f, row->terms.tenant, &p->devices.v[i]);
		else
			charge_give(w->q, w->f, row->terms.tenant, &p->devices.v[i]);
	}
}

static void range_of(const preempt *w, const victim *v, uint32_t *ret_from, uint32_t *ret_to)
{
	*ret_from = v->pod == FLEET_NONE ? 0 : (uint32_t)v->pod;
	*ret_to = v->pod == FLEET_NONE ? w->r->runs.v[v->run].p->pods.n : *ret_from + 1;
}

static void count(preempt *w, const victim *v, int32_t by)
{
	int32_t budget = w->r->runs.v[v->run].terms.budget, *gone = &w->gone.v[v->run];

	if (budget != FLEET_NONE)
		w->away.v[budget] += by * v->pods;
	if (v->pod == FLEET_NONE)
		*gone = by > 0 ? RUN_GONE : 0;
	else
		*gone += by;
}

void victim_take(preempt *w, const victim *v)
{
	uint32_t from, to;

	range_of(w, v, &from, &to);
	fleet_unbook_range(w->f, w->r->runs.v[v->run].p, from, to);
	charge(w, v, false);
	count(w, v, 1);
	vec_push(&w->out, *v);
}

void victim_return(preempt *w, uint32_t at)
{
	victim v = w->out.v[at];
	uint32_t from, to;

	range_of(w, &v, &from, &to);
	fleet_book_range(w->f, w->r->runs.v[v.run].p, from, to);
	charge(w, &v, true);
	count(w, &v, -1);
	w->out.n--;
	memmove(w->out.v + at, w->out.v + at + 1, (w->out.n - at) * sizeof *w->out.v);
}

void victims_undo(preempt *w, uint32_t keep, uint32_t trial)
{
	while (w->out.n > keep) {
		victim v = vec_pop(&w->out);
		charge(w, &v, true);
		count(w, &v, -1);
	}
	fleet_undo(w->f, trial);
}

/* On an axis that its guarantee names; all that somebody without a guarantee uses is borrowed. */
static bool is_red(const preempt *w, int32_t lender, int32_t model)
{
	amounts balance = quota_balance(w->q, lender, model), due = quota_get(w->q, lender, model).guaranteed;
	bool is_named = false;

	for (int a = 0; a < AXIS_COUNT; a++) {
		is_named |= due.v[a] != QUOTA_UNSET;
		if (due.v[a] != QUOTA_UNSET && balance.v[a] < 0)
			return true;
	}
	return !is_named;
}

static bool is_borrowed(preempt *w, const victim *v)
{
	const running_row *row = &w->r->runs.v[v->run];
	bool is_any = false;

	charge(w, v, true);
	for (uint32_t i = 0; i < row->p->pods.n && !is_any; i++) {
		const plan_pod *pod = &row->p->pods.v[i];
		if (v->pod != FLEET_NONE && (uint32_t)v->pod != i)
			continue;
		for (uint32_t k = pod->first; k < pod->first + pod->n && !is_any; k++)
			is_any = is_red(w, row->terms.lender, w->f->devices.v[row->p->devices.v[k].device].class_id);
	}
	charge(w, v, false);
	return is_any;
}

/* Each victim is looked at as if it were the last: so the order in which they go does not matter, and what is left of a
 * legal set is legal. */
bool victims_are_legal(preempt *w)
{
	for (uint32_t i = 0; i < w->out.n; i++) {
		victim v = w->out.v[i];
		if (w->r->runs.v[v.run].terms.lender != FLEET_NONE && !is_borrowed(w, &v))
			return false;
	}
	return true;
}

price victims_price(const preempt *w, const victim *more)
{
	price p = {0};

	for (uint32_t i = 0; i < w->out.n; i++) {
		const victim *v = &w->out.v[i];
		p.cost += v->cost;
		p.milli += v->milli;
		p.pods += v->pods;
	}
	if (more) {
		p.cost += more->cost;
		p.milli += more->milli;
		p.pods += more->pods;
	}
	p.is_waste = p.milli > w->needed_milli * PREEMPT_WASTE_PPM / 1000000;
	return p;
}

bool price_is_less(const price *a, const price *b)
{
	if (a->is_waste != b->is_waste)
		return b->is_waste;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->milli != b->milli ? a->milli < b->milli : a->pods < b->pods;
}
