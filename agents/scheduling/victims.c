#include "agents/scheduling/victims.h"
#include <stdlib.h>

typedef struct search {
	const victims_ask *q;
	fleet *f;
	int32_t node;
	victim *all, *given;
	uint32_t n, n_given;
	/* Where quotas stand for the pod's namespace; n_asks 0: none does. */
	quota_ask *asks;
	uint32_t n_asks;
	pod_ask *within; /* the pod's request under them, as those that are thought away leave it */
	fit_choice *choice;
} search;

static void held_add(search *s, str space, const plan *p, int64_t times)
{
	if (!s->n_asks || !str_eq(space, s->q->pod->meta.space))
		return;
	for (uint32_t i = 0; i < p->devices.n; i++) {
		const plan_device *d = &p->devices.v[i];
		const vendor *kind = stock_kind_of(s->q->stock, s->f->devices.v[d->device].class_id);
		for (uint32_t k = 0; k < s->n_asks; k++) {
			if (s->asks[k].kind != kind)
				continue;
			s->asks[k].held.memory_mib += times * d->memory_mib;
			s->asks[k].held.compute_milli += times * d->compute_milli;
		}
	}
}

static void think_away(search *s, str space, const plan *p)
{
	fleet_unbook(s->f, p);
	held_add(s, space, p, -1);
}

static void think_back(search *s, const victim *v)
{
	fleet_book(s->f, v->booked);
	held_add(s, v->space, v->booked, 1);
}

static bool is_given(const victims_ask *q, str uid)
{
	for (uint32_t i = 0; i < q->n_given; i++)
		if (str_eq(q->given[i], uid))
			return true;
	return false;
}

static const plan *booked_of(const search *s, str uid)
{
	str space;
	const plan *p = stock_pod_plan(s->q->stock, uid, &space);

	return p && p->pods.n ? p : NULL;
}

static void entry_look(void *arg, const stock_entry *e)
{
	search *s = arg;
	const plan *p = booked_of(s, e->uid);
	bool is_gone = p && is_given(s->q, e->uid);
	bool may = p && e->is_seen && e->priority < s->q->priority && s->q->may_go(s->q->arg, e);

	if (is_gone || (may && e->is_leaving))
		think_away(s, e->space, p);
	if (is_gone && s->n_given < VICTIMS_MAX)
		s->given[s->n_given++] = (victim){.space = e->space, .labels = e->labels};
	else if (may && !is_gone && !e->is_leaving && s->n < VICTIMS_MAX)
		s->all[s->n++] = (victim){e->uid, e->space, e->name, e->priority, e->labels, p};
}

static int by_priority(const void *a, const void *b)
{
	const victim *x = a, *y = b;

	return x->priority != y->priority ? (x->priority > y->priority) - (x->priority < y->priority)
					  : str_cmp(x->uid, y->uid);
}

/* Those whose budgets let them go, the least important first. */
static void budgets_keep(search *s)
{
	uint32_t n = 0;

	budgets_begin(s->q->budgets);
	for (uint32_t i = 0; i < s->n_given; i++)
		(void)budgets_take(s->q->budgets, s->given[i].space, s->given[i].labels);
	for (uint32_t i = 0; i < s->n; i++)
		if (budgets_take(s->q->budgets, s->all[i].space, s->all[i].labels))
			s->all[n++] = s->all[i];
	s->n = n;
}

static bool need_chosen(const search *s, const fit_need *need)
{
	why_code code;

	return fit_choose(s->f, need, s->node, s->choice, &code);
}

/* Under the quotas of its namespace too, without those that are thought away. */
static bool fits_within(const search *s)
{
	const victims_ask *q = s->q;
	quota_gap gap;
	fit_need need;

	*s->within = *q->ask;
	s->within->group.entries = s->within->entries;
	s->within->a.groups = &s->within->group;
	if (!quotas_limit_beside(q->quotas, q->pod->meta.space, s->asks, s->n_asks, s->within, &gap))
		return false;
	fit_prepare(&need, &s->within->a, &s->within->group, NULL);
	return need_chosen(s, &need) && pod_ask_within(s->within, s->choice->v, s->choice->n);
}

static bool fits(const search *s)
{
	return s->n_asks ? fits_within(s) : fit_rate(s->f, s->q->need, s->node) >= 0;
}

static void all_go(search *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		think_away(s, s->all[i].space, s->all[i].booked);
}

/* The most important first. */
static void needless_stay(search *s)
{
	for (uint32_t i = s->n; i-- > 0;) {
		think_back(s, &s->all[i]);
		if (!fits(s)) {
			think_away(s, s->all[i].space, s->all[i].booked);
			continue;
		}
		memmove(&s->all[i], &s->all[i + 1], (s->n - i - 1) * sizeof(*s->all));
		s->n--;
	}
}

static bool shares_choose(const search *s, arena *a, victims *ret)
{
	const fit_choice *c = s->choice;

	if (s->n_asks ? !fits_within(s) : !need_chosen(s, s->q->need))
		return false;
	ret->shares = ARENA_ARRAY(a, stock_share, (uint32_t)c->n + 1);
	for (int32_t i = 0; i < c->n; i++)
		ret->shares[ret->n_shares++] = (stock_share){s->f->device_uuids.v[s->f->cell_devices.v[c->v[i].cell]],
			c->v[i].memory_mib, c->v[i].compute_milli, 1};
	return true;
}

static void search_init(search *s, arena *a)
{
	const victims_ask *q = s->q;

	s->all = ARENA_ARRAY(a, victim, VICTIMS_MAX);
	s->given = ARENA_ARRAY(a, victim, VICTIMS_MAX);
	s->choice = ARENA_NEW(a, fit_choice);
	if (!q->quotas || !quotas_has(q->quotas, q->pod->meta.space))
		return;
	s->asks = ARENA_ARRAY(a, quota_ask, POD_WANTS_MAX);
	s->within = ARENA_NEW(a, pod_ask);
	s->n_asks = quota_asks(q->pod, &q->ask->wants, s->asks);
	quota_asks_held(q->stock, q->pod->meta.space, s->asks, s->n_asks);
}

bool victims_choose(const victims_ask *q, str node, arena *a, victims *ret)
{
	search s = {.q = q, .f = stock_fleet(q->stock), .node = stock_node_find(q->stock, node)};

	search_init(&s, a);
	*ret = (victims){.v = s.all};
	if (s.node == FLEET_NONE)
		return false;
	uint32_t trial = fleet_try(s.f);
	if (q->kept && q->kept->pods.n)
		fleet_unbook(s.f, q->kept);
	stock_node_each(q->stock, node, entry_look, &s);
	bool is_enough = fits(&s);
	if (is_enough) {
		s.n = 0;
	} else if (s.n) {
		qsort(s.all, s.n, sizeof(*s.all), by_priority);
		budgets_keep(&s);
		all_go(&s);
		is_enough = fits(&s);
	}
	if (is_enough)
		needless_stay(&s);
	is_enough = is_enough && shares_choose(&s, a, ret);
	fleet_undo(s.f, trial);
	ret->n = is_enough ? s.n : 0;
	return is_enough;
}

static int64_t highest(const victims *v)
{
	return v->n ? v->v[v->n - 1].priority : INT64_MIN;
}

bool victims_are_less(const victims *a, const victims *b)
{
	int64_t sum = 0;

	if (highest(a) != highest(b))
		return highest(a) < highest(b);
	/* As kube-scheduler has it: each counts, with a priority from 0 on. */
	for (uint32_t i = 0; i < a->n; i++)
		sum += a->v[i].priority - INT32_MIN;
	for (uint32_t i = 0; i < b->n; i++)
		sum -= b->v[i].priority - INT32_MIN;
	return sum ? sum < 0 : a->n < b->n;
}
