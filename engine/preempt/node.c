#include <string.h>

#include "engine/preempt/inside.h"

/* Prices per unit are kept with this many binary places. */
enum { RATE_BITS = 20 };
#define RATE_NONE   INT64_MAX
#define BOUND_LARGE ((int64_t)1 << 43)

/* What a pod needs beyond what is free, along one axis, and the least that a unit of it costs. */
typedef struct lack {
	int64_t amount, rate;
} lack;

static bool quota_allows(preempt *w)
{
	if (!w->q)
		return true;
	plan_clear(&w->scratch);
	w->scratch.cluster = w->f->nodes.v[w->node].cluster;
	fit_pick(w->f, &w->need, w->node, 0, 0, &w->scratch);
	if (!pod_charge(w, &w->scratch, 0))
		return false;
	pod_uncharge(w, &w->scratch, 0);
	return true;
}

static bool node_suffices(preempt *w)
{
	why_code code;

	if (w->looks-- <= 0) {
		w->is_cut = true;
		return false;
	}
	return fit_choose(w->f, &w->need, w->node, &w->choice, &code) && quota_allows(w);
}

static void lack_of(const preempt *w, int32_t node, lack ret[2])
{
	const ask_group *g = w->need.group;
	const fleet_view *v = &w->f->views.v[node];

	ret[0] = (lack){0, RATE_NONE};
	ret[1] = (lack){0, RATE_NONE};
	for (int32_t i = 0; i < g->n_entries; i++) {
		const ask_entry *e = &g->entries[i];
		if (e->profile.n) /* how much that is, each device has its own word on */
			continue;
		int32_t percent = e->memory_percent ? e->memory_percent : 100;
		int64_t memory = e->memory_mib ? e->memory_mib : share_memory_mib(percent, v->min_memory_mib);
		bool is_whole = !e->memory_mib && percent == 100;
		ret[0].amount += memory * e->count;
		if (e->compute_milli != ASK_ABSENT || is_whole)
			ret[1].amount += (e->compute_milli != ASK_ABSENT ? e->compute_milli : SHARE_WHOLE_MILLI) *
					 (int64_t)e->count;
	}
	fleet_each_device(id, w->f, node)
	{
		const fleet_device *d = &w->f->devices.v[id];
		if (d->flags)
			continue;
		ret[0].amount -= fleet_free_memory_mib(d);
		ret[1].amount -= fleet_free_compute_milli(d);
	}
}

static void rate_note(lack *l, int64_t cost, int64_t gain)
{
	int64_t rate = gain > 0 ? (cost << RATE_BITS) / gain : RATE_NONE;

	if (rate < l->rate)
		l->rate = rate;
}

static int64_t lack_cost(const lack *l)
{
	int64_t cost;

	if (l->amount <= 0)
		return 0;
	if (l->rate == RATE_NONE || __builtin_mul_overflow(l->amount, l->rate, &cost))
		return BOUND_LARGE;
	return cost >> RATE_BITS;
}

/* At least what clearing the node costs: the cheapest pod, or what is lacking at the best rate of any. -1: nobody there
 * may go. */
static int64_t bound_of(const preempt *w, int32_t node)
{
	lack lacks[2];
	int64_t least = INT64_MAX;

	lack_of(w, node, lacks);
	running_each(at, w->r, node)
	{
		const running_pod *pod = &w->r->pods.v[at];
		const running_row *row = &w->r->runs.v[pod->run];
		if (!victim_run_may_go(w, pod->run) || w->gone.v[pod->run] == RUN_GONE)
			continue;
		int64_t cost = row->terms.cost, share = cost / row->p->pods.n, gain[2] = {0};
		if (row->terms.floors && row->terms.pod_cost < share)
			share = row->terms.pod_cost;
		gain[0] = pod->device_memory_mib;
		gain[1] = pod->compute_milli;
		for (uint32_t i = 0; pod->compute_milli >= SHARE_WHOLE_MILLI && i < (uint32_t)pod->n_devices; i++) {
			const plan_pod *one = &row->p->pods.v[pod->pod];
			const plan_device *s = &row->p->devices.v[one->first + i];
			if (s->compute_milli >= SHARE_WHOLE_MILLI)
				gain[1] += w->f->devices.v[s->device].compute_milli - s->compute_milli;
		}
		rate_note(&lacks[0], share, gain[0]);
		rate_note(&lacks[1], share, gain[1]);
		if (row->terms.floors && row->terms.pod_cost < cost)
			cost = row->terms.pod_cost;
		least = cost < least ? cost : least;
	}
	if (least == INT64_MAX)
		return -1;
	for (int a = 0; a < 2; a++)
		if (lack_cost(&lacks[a]) > least)
			least = lack_cost(&lacks[a]);
	return least;
}

static void item_add(preempt *w, const victim *v)
{
	if (!victim_may_go(w, v))
		return;
	victim_insert(&w->items, v);
	if (w->items.n <= PREEMPT_NODE_MAX)
		return;
	w->items.n--;
	w->is_best = false;
}

static void list_items(preempt *w, bool may_split)
{
	vec_clear(&w->items);
	running_each(at, w->r, w->node)
	{
		const running_pod *pod = &w->r->pods.v[at];
		if (!victim_run_may_go(w, pod->run))
			continue;
		victim v = victim_whole(w, pod->run);
		if (!w->marks.v[pod->run])
			item_add(w, &v);
		w->marks.v[pod->run] = 1;
		v = victim_pod(w, pod->run, (int32_t)pod->pod);
		if (may_split && w->r->runs.v[pod->run].terms.floors && w->r->runs.v[pod->run].p->pods.n > 1)
			item_add(w, &v);
	}
	running_each(at, w->r, w->node) w->marks.v[w->r->pods.v[at].run] = 0;
}

/* All that may go, budgets and floors not looked at: where that is not enough, nothing is. */
static void take_all(preempt *w)
{
	vec_each (v, &w->items)
		if (v->pod == FLEET_NONE)
			victim_take(w, v);
	vec_each (v, &w->items)
		if (v->pod != FLEET_NONE && w->gone.v[v->run] != RUN_GONE)
			victim_take(w, v);
}

/* Whoever is not needed goes back, the dearest first. */
static void spare_needless(preempt *w, uint32_t base)
{
	for (uint32_t i = w->items.n; i > 0; i--) {
		victim v = w->items.v[i - 1];
		for (uint32_t at = base; at < w->out.n; at++) {
			if (w->out.v[at].run != v.run || w->out.v[at].pod != v.pod)
				continue;
			victim_return(w, at);
			if (!node_suffices(w))
				victim_take(w, &v);
			break;
		}
	}
}

/* Whether what is out keeps floors and budgets. */
static bool rules_hold(preempt *w)
{
	for (int32_t i = 0; i < w->in->n_budgets; i++)
		if (w->away.v[i] > w->in->budgets[i] && w->away.v[i] > 0)
			return false;
	for (uint32_t i = 0; i < w->out.n; i++)
		if (!victim_keeps_floor(w, &w->out.v[i]))
			return false;
	return victims_are_legal(w);
}

static void remember(preempt *w, uint32_t base)
{
	vec_clear(&w->node_best);
	for (uint32_t i = base; i < w->out.n; i++)
		vec_push(&w->node_best, w->out.v[i]);
}

/* With all that may go gone, whoever cannot be put back is in every set that is enough. A run that could also go in
 * parts is left to the search. */
static void list_forced(preempt *w, uint32_t base)
{
	vec_clear(&w->forced);
	for (uint32_t n = w->out.n - base; n > 0; n--) {
		victim v = w->out.v[base];
		victim_return(w, base);
		bool is_forced = w->r->runs.v[v.run].terms.floors == NULL && !node_suffices(w);
		victim_take(w, &v);
		if (is_forced)
			vec_push(&w->forced, v);
	}
}

static void drop_forced(preempt *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->items.n; i++) {
		bool is_forced = false;
		for (uint32_t k = 0; k < w->forced.n; k++)
			is_forced |= w->forced.v[k].run == w->items.v[i].run;
		if (!is_forced)
			w->items.v[n++] = w->items.v[i];
	}
	w->items.n = n;
}

/* The best of all sets: those who must go, and the best choice among the others. */
static bool search_rest(preempt *w, price *bound)
{
	uint32_t base = w->out.n, trial = fleet_try(w->f);
	bool is_found = false, may_go = true;

	drop_forced(w);
	for (uint32_t i = 0; i < w->forced.n && may_go; i++) {
		may_go = victim_may_go(w, &w->forced.v[i]);
		if (may_go)
			victim_take(w, &w->forced.v[i]);
	}
	price with = victims_price(w, NULL);
	if (may_go && price_is_less(&with, bound) && victims_are_legal(w)) {
		if (node_suffices(w)) {
			*bound = with;
			is_found = true;
			remember(w, base);
		} else {
			is_found = victims_search(w, node_suffices, bound, &w->node_best);
			for (uint32_t i = 0; is_found && i < w->forced.n; i++)
				vec_push(&w->node_best, w->forced.v[i]);
		}
	}
	victims_undo(w, base, trial);
	return is_found;
}

/* The best set of the node at hand, where it beats *bound. */
static bool node_try(preempt *w, bool may_split, int64_t needed_milli, price *bound)
{
	uint32_t base = w->out.n, trial = fleet_try(w->f);
	bool is_found = false;

	list_items(w, may_split);
	take_all(w);
	bool can = node_suffices(w);
	w->needed_milli = needed_milli + w->choice.device_milli;
	if (can) {
		list_forced(w, base);
		spare_needless(w, base);
		price p = victims_price(w, NULL);
		if (rules_hold(w) && price_is_less(&p, bound)) {
			*bound = p;
			is_found = true;
			remember(w, base);
		}
	}
	victims_undo(w, base, trial);
	return can && (search_rest(w, bound) || is_found);
}

static void queue_nodes(preempt *w, int32_t cluster)
{
	const fleet_cluster *c = &w->f->clusters.v[cluster];

	vec_clear(&w->queue);
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		int32_t node = c->nodes.v[i];
		int64_t bound = w->f->nodes.v[node].flags ? -1 : bound_of(w, node);
		if (bound >= 0)
			queue_push(w, (ranked){bound, node});
	}
}

bool node_clear(preempt *w, int32_t cluster, bool may_split, int32_t *ret_node)
{
	price best = {true, INT64_MAX, INT64_MAX, INT64_MAX};
	int64_t spent = victims_price(w, NULL).cost, needed_milli = w->needed_milli;
	bool is_found = false;

	queue_nodes(w, cluster);
	while (w->queue.n && !w->is_cut) {
		ranked next = queue_pop(w);
		if (is_found && !best.is_waste && spent + next.by > best.cost)
			break;
		w->node = next.id;
		if (node_try(w, may_split, needed_milli, &best)) {
			is_found = true;
			*ret_node = next.id;
		}
	}
	w->needed_milli = needed_milli;
	if (is_found)
		for (uint32_t i = 0; i < w->node_best.n; i++) {
			victim v = w->node_best.v[i];
			victim_take(w, &v);
		}
	return is_found;
}
