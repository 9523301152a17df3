#include "agents/cluster/extender/extender.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/cluster/extender/answer.h"
#include "agents/cluster/extender/rank.h"
#include "agents/cluster/victims.h"
#include "engine/fit.h"
#include "engine/shape.h"
#include "engine/why.h"

struct extender {
	extender_spec spec;
	shapes *shapes;
	/* Kept from one call to the next: there are thousands of nodes in each. */
	args_room room;
	vec(filter_verdict) verdicts;
	vec(int64_t) scores;
	vec(ranked) ranks;
	vec(int32_t) full;
};

/* What a node's refusal is called. Few, short, and without names: the scheduler counts equal ones. */
static const char *const texts[WHY_COUNT] = {
	[WHY_NO_FITTING_DEVICE] = "too little free on its devices",
	[WHY_PROFILE] = "no place for the device profile",
	[WHY_NUMA] = "too little free on one NUMA node",
	[WHY_TOPOLOGY] = "too few free devices linked as asked",
	[WHY_NODE_PODS] = "too many pods",
	[WHY_TOO_LARGE] = "devices too few or too small",
	[WHY_CLASS_RULE] = "devices not given in this form or number",
	[WHY_NODE_CLOSED] = "node or devices closed",
	[WHY_NO_SUCH_CLASS] = "no device of this kind",
};
#define PASSED          ((filter_verdict){NULL, false})
#define TEXT_NO_DEVICES "no device of this kind"
#define TEXT_OTHER      "devices do not fit"
#define TEXT_ELSEWHERE  "being bound to another node"
#define TEXT_QUOTA      "over the namespace's quota"
#define TEXT_ORDERED    "its place is on another node"

extender *extender_new(const extender_spec *s)
{
	extender *x = calloc(1, sizeof(*x));

	assert(x && s->stock);
	x->spec = *s;
	x->shapes = shapes_new();
	return x;
}

void extender_free(extender *x)
{
	if (!x)
		return;
	shapes_free(x->shapes);
	args_room_done(&x->room);
	vec_done(&x->verdicts);
	vec_done(&x->scores);
	vec_done(&x->ranks);
	vec_done(&x->full);
	free(x);
}

/* One request, prepared: what the pod asks, and how each node rates. */
typedef struct question {
	extender *x;
	arena *a;
	extender_args args;
	pod pod;
	pod_ask ask;
	fit_need need;
	shape *shape; /* NULL: each node is looked at */
	/* Where the pod is booked or being bound already, or absent. A scheduler that did not hear how a bind ended
	 * asks anew, and must come back to that node, where the bind is looked into. */
	str held;
	bool is_over;       /* a quota of its namespace, whatever the node */
	fit_choice *choice; /* room for one, where quotas must be held against devices; NULL: they need not */
	extender_pass pass;
} question;

static void question_prepare(question *q)
{
	fit_prepare(&q->need, &q->ask.a, &q->ask.group, q->x->spec.tables);
	q->shape = shapes_rate(q->x->shapes, stock_fleet(q->x->spec.stock), &q->need);
}

static void question_limit(question *q)
{
	quota_gap gap;

	if (!q->x->spec.quotas)
		return;
	q->is_over = !quotas_limit(q->x->spec.quotas, q->x->spec.stock, &q->pod, &q->ask, &gap);
	for (int32_t i = 0; i < q->ask.n && !q->choice; i++)
		if (q->ask.entries[i].memory_mib_most)
			q->choice = ARENA_NEW(q->a, fit_choice);
}

static err pod_question(question *q, str text, fault *f)
{
	if (pod_read(text, q->a, &q->pod))
		return fault_set(f, ERR_BAD_FIELD, "#/Pod", "the pod cannot be read");
	q->held = stock_pod_node(q->x->spec.stock, q->pod.meta.uid);
	const extender_gate *gate = &q->x->spec.gate;
	err e = pod_ask_read(&q->pod, q->x->spec.stock, q->x->spec.by_default, q->a, &q->ask, f);
	if (!e && !q->held.p)
		question_limit(q);
	if (!e && q->ask.n && gate->look && !q->held.p)
		q->pass = gate->look(gate->arg, &q->pod, &q->ask, q->a);
	if (!e && q->ask.n && !q->ask.missing && !q->pass.refusal)
		question_prepare(q);
	return e;
}

static err question_read(question *q, str body, fault *f)
{
	err e = extender_args_read(body, q->a, q->x->spec.stock, &q->x->room, &q->args, f);

	return e ? e : pod_question(q, q->args.pod, f);
}

/* Whether quotas leave devices of this node that would serve. */
static bool is_within(const question *q, int32_t node)
{
	why_code code;

	return !q->choice || (fit_choose(stock_fleet(q->x->spec.stock), &q->need, node, q->choice, &code) &&
				     pod_ask_within(&q->ask, q->choice->v, q->choice->n));
}

/* Where room is kept for the pod itself, that is free to it. */
static int32_t rating_of_kept(const question *q, int32_t node)
{
	fleet *f = stock_fleet(q->x->spec.stock);
	uint32_t trial = fleet_try(f);

	fleet_unbook(f, q->pass.kept);
	int32_t rating = fit_rate(f, &q->need, node);
	fleet_undo(f, trial);
	return rating;
}

static bool is_kept(const question *q, int32_t node)
{
	return q->pass.kept && q->pass.kept->pods.n && q->pass.kept->pods.v[0].node == node;
}

static int32_t rating_of(const question *q, int32_t node)
{
	if (is_kept(q, node))
		return rating_of_kept(q, node);
	return q->shape ? shape_rating(q->shape, node) : fit_rate(stock_fleet(q->x->spec.stock), &q->need, node);
}

/* So that people are told of the quota, and not of devices that are free. */
static bool fits_without_quota(const question *q, int32_t node)
{
	pod_ask *free = ARENA_NEW(q->a, pod_ask);
	fit_need need;

	*free = q->ask;
	for (int32_t i = 0; i < free->n; i++)
		free->entries[i].memory_mib_most = 0;
	free->group.entries = free->entries;
	free->a.groups = &free->group;
	fit_prepare(&need, &free->a, &free->group, q->x->spec.tables);
	return fit_rate(stock_fleet(q->x->spec.stock), &need, node) >= 0;
}

static filter_verdict verdict_of(int32_t rating)
{
	why_code code = fit_rate_code(rating);

	if (rating >= 0)
		return PASSED;
	if (rating == FIT_NO_NODE || code >= WHY_COUNT)
		return (filter_verdict){TEXT_NO_DEVICES, true};
	return (filter_verdict){texts[code] ? texts[code] : TEXT_OTHER, why_unblocks(code) != WHEN_CAPACITY_FREES};
}

/* A node that comes whole and was never told: what it says of itself, with nothing on it (as an autoscaler asks). It
 * is looked at in a stock of its own, so that asking changes nothing. */
static filter_verdict template_verdict(const question *q, str object)
{
	stock *alone = stock_new();
	kube_node n;
	filter_verdict v = {TEXT_NO_DEVICES, true};
	fault f = {0};
	question mine = {.x = q->x, .a = q->a, .pod = q->pod};

	if (kube_node_read(object, q->a, &n) == ERR_OK) {
		stock_node_put(alone, &n, &f);
		int32_t node = stock_node_find(alone, n.meta.name);
		err e = pod_ask_read(&q->pod, alone, q->x->spec.by_default, q->a, &mine.ask, &f);
		if (!e && !mine.ask.missing && node != FLEET_NONE) {
			fit_prepare(&mine.need, &mine.ask.a, &mine.ask.group, NULL);
			v = verdict_of(fit_rate(stock_fleet(alone), &mine.need, node));
		}
	}
	stock_free(alone);
	return v;
}

static filter_verdict node_verdict(const question *q, uint32_t at)
{
	const args_node *n = &q->args.nodes[at];

	if (q->held.p)
		return (filter_verdict){str_eq(q->held, n->name) ? NULL : TEXT_ELSEWHERE, false};
	if (q->pass.refusal)
		return (filter_verdict){q->pass.refusal, true};
	if (q->pass.node.p)
		return (filter_verdict){str_eq(q->pass.node, n->name) ? NULL : TEXT_ORDERED, true};
	if (n->node == FLEET_NONE && q->args.objects)
		return template_verdict(q, q->args.objects[at]);
	if (n->node == FLEET_NONE || q->ask.missing)
		return (filter_verdict){TEXT_NO_DEVICES, true};
	if (q->is_over)
		return (filter_verdict){TEXT_QUOTA, false};
	int32_t rating = rating_of(q, n->node);
	if (q->choice && (rating < 0 ? fits_without_quota(q, n->node) : !is_within(q, n->node)))
		return (filter_verdict){TEXT_QUOTA, false};
	return verdict_of(rating);
}

static void full_tell(const question *q)
{
	const extender_gate *gate = &q->x->spec.gate;
	const filter_verdict *v = q->x->verdicts.v;

	vec_clear(&q->x->full);
	vec_reserve(&q->x->full, q->args.n);
	for (uint32_t i = 0; i < q->args.n; i++) {
		if (!v[i].text)
			return;
		if (!v[i].is_final && q->args.nodes[i].node != FLEET_NONE)
			q->x->full.v[q->x->full.n++] = q->args.nodes[i].node;
	}
	if (q->x->full.n)
		gate->on_full(gate->arg, &q->pod, q->x->full.v, q->x->full.n);
}

void extender_filter(extender *x, str body, buf *out)
{
	AUTO_ARENA a = arena_new(0);
	question *q = ARENA_NEW(a, question);
	fault f = {0};

	q->x = x;
	q->a = a;
	err e = question_read(q, body, &f);
	vec_clear(&x->verdicts);
	vec_reserve(&x->verdicts, q->args.n);
	for (uint32_t i = 0; !e && i < q->args.n; i++)
		x->verdicts.v[i] = q->ask.n ? node_verdict(q, i) : PASSED;
	filter_answer(&q->args, x->verdicts.v, e ? f.detail : NULL, out);
	if (!e && q->ask.n && !q->held.p && !q->is_over && x->spec.gate.on_full)
		full_tell(q);
}

/* The places of the nodes in the fleet's order: most often that in which they came. */
static void places_fill(const extender_args *args, ranked *all)
{
	bool is_in_order = true;

	for (uint32_t i = 0; i < args->n; i++) {
		all[i] = (ranked){args->nodes[i].rank, i};
		is_in_order = is_in_order && (!i || all[i - 1].key <= all[i].key);
	}
	if (!is_in_order)
		rank_sort(all, all + args->n, args->n);
}

/* Better ratings first, equal ones in the fleet's order. */
static void ranks_fill(const question *q, int64_t *scores)
{
	uint32_t n = 0;

	vec_reserve(&q->x->ranks, 2 * q->args.n);
	ranked *all = q->x->ranks.v;
	places_fill(&q->args, all);
	for (uint32_t i = 0; i < q->args.n; i++) {
		int32_t node = q->args.nodes[all[i].at].node;
		int32_t rating = node == FLEET_NONE ? -1 : rating_of(q, node);
		if (rating >= 0)
			all[n++] = (ranked){(uint32_t)(INT32_MAX - rating), all[i].at};
	}
	rank_sort(all, all + q->args.n, n);
	for (uint32_t i = 0; i < n; i++)
		scores[all[i].at] = (int64_t)(n - i) * EXTENDER_STEP;
}

void extender_prioritize(extender *x, str body, buf *out, bool *ret_is_bad)
{
	AUTO_ARENA a = arena_new(0);
	question *q = ARENA_NEW(a, question);

	q->x = x;
	q->a = a;
	*ret_is_bad = question_read(q, body, NULL) != ERR_OK;
	if (*ret_is_bad)
		return;
	vec_reserve(&x->scores, q->args.n);
	if (q->args.n)
		memset(x->scores.v, 0, q->args.n * sizeof(*x->scores.v));
	if (q->ask.n && !q->ask.missing && !q->pass.refusal)
		ranks_fill(q, x->scores.v);
	prioritize_answer(&q->args, x->scores.v, out);
}

static bool is_ours(const question *q, str space)
{
	const extender_spec *s = &q->x->spec;

	return s->is_one_tenant ? s->is_one_tenant(s->arg, q->pod.meta.space, space) : str_eq(q->pod.meta.space, space);
}

static bool may_yield(const question *q, str space, str uid)
{
	const extender_spec *s = &q->x->spec;

	return is_ours(q, space) && (!s->may_yield || s->may_yield(s->arg, uid));
}

static bool may_go(void *arg, const stock_entry *e)
{
	return may_yield(arg, e->space, e->uid);
}

/* Of those that hold devices. */
static bool may_all_go(const question *q, const args_victims *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		str space;
		const plan *p = stock_pod_plan(q->x->spec.stock, v->uids[i], &space);
		if (p && p->pods.n && !may_yield(q, space, v->uids[i]))
			return false;
	}
	return true;
}

/* Whether the pod would fit with the victims gone; those that it takes besides, for memory or compute, which the
 * scheduler does not count, are added. */
static bool victims_help(question *q, args_victims *v)
{
	victims more;
	victims_ask wish = {.stock = q->x->spec.stock,
		.need = &q->need,
		.budgets = q->x->spec.budgets,
		.priority = q->pod.priority,
		.may_go = may_go,
		.arg = q,
		.kept = q->pass.kept,
		.given = v->uids,
		.n_given = v->n};

	if (!may_all_go(q, v) || !victims_choose(&wish, v->node, q->a, &more))
		return false;
	if (!more.n)
		return true;
	str *all = ARENA_ARRAY(q->a, str, v->n + more.n);
	memcpy(all, v->uids, v->n * sizeof(*all));
	for (uint32_t i = 0; i < more.n; i++)
		all[v->n + i] = str_dup(q->a, more.v[i].uid);
	v->uids = all;
	v->n += more.n;
	return true;
}

void extender_preempt(extender *x, str body, buf *out, bool *ret_is_bad)
{
	AUTO_ARENA a = arena_new(0);
	question *q = ARENA_NEW(a, question);
	preemption_args args;

	q->x = x;
	q->a = a;
	*ret_is_bad = preemption_args_read(body, a, &args, NULL) || pod_question(q, args.pod, NULL);
	if (*ret_is_bad)
		return;
	bool *keep = ARENA_ARRAY(a, bool, args.n);
	for (uint32_t i = 0; i < args.n; i++)
		keep[i] = !q->ask.n ||
			  (!q->ask.missing && !q->pass.refusal && !q->pass.node.p && victims_help(q, &args.nodes[i]));
	preempt_answer(&args, keep, out);
}
