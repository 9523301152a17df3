#include "agents/scheduling/extender/extender.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/extender/answer.h"
#include "agents/scheduling/extender/rank.h"
#include "agents/scheduling/victims.h"
#include "engine/fit.h"
#include "engine/shape.h"
#include "engine/why.h"
#include "json/write.h"

enum { REFUSAL_MAX = 4096 };

/* What filter says of a node. Few, short, and without names: the scheduler counts equal ones. */
enum {
	PASSED,
	NO_DEVICES,
	OTHER,
	ELSEWHERE,
	OVER_QUOTA,
	ORDERED,
	REFUSED, /* as the gate says */
	BY_WHY,  /* and the why_code */
	REASONS = BY_WHY + WHY_COUNT
};
_Static_assert(REASONS <= UINT8_MAX, "a verdict is one byte");

struct extender {
	extender_spec spec;
	shapes *shapes;
	filter_reason reasons[REASONS];
	/* Kept from one call to the next: there are thousands of nodes in each. */
	args_room room;
	vec(uint8_t) verdicts;
	vec(uint32_t) keys;
	vec(uint32_t) ranks;
	vec(ranked) order;
	vec(int32_t) full;
};

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
static const struct {
	const char *text;
	bool is_final;
} others[BY_WHY] = {
	[NO_DEVICES] = {"no device of this kind", true},
	[OTHER] = {"devices do not fit", true},
	[ELSEWHERE] = {"being bound to another node", false},
	[OVER_QUOTA] = {"over the namespace's quota", false},
	[ORDERED] = {"its place is on another node", true},
};

static void reasons_fill(filter_reason *to)
{
	for (int i = 0; i < BY_WHY; i++)
		to[i] = (filter_reason){str_from(others[i].text), others[i].is_final};
	for (why_code code = 0; code < WHY_COUNT; code++)
		to[BY_WHY + code] = (filter_reason){str_from(texts[code] ? texts[code] : others[OTHER].text),
			why_unblocks(code) != WHEN_CAPACITY_FREES};
}

extender *extender_new(const extender_spec *s)
{
	extender *x = calloc(1, sizeof(*x));

	assert(x && s->stock);
	x->spec = *s;
	x->shapes = shapes_new();
	reasons_fill(x->reasons);
	return x;
}

void extender_free(extender *x)
{
	if (!x)
		return;
	shapes_free(x->shapes);
	args_room_done(&x->room);
	vec_done(&x->verdicts);
	vec_done(&x->keys);
	vec_done(&x->ranks);
	vec_done(&x->order);
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
	shape *shape;           /* NULL: each node is looked at */
	const int32_t *ratings; /* its ratings of the nodes below n_ratings, as they stand there */
	uint32_t n_ratings;
	/* Where the pod is booked or being bound already, or absent. A scheduler that did not hear how a bind ended
	 * asks anew, and must come back to that node, where the bind is looked into. */
	str held;
	bool is_over;       /* a quota of its namespace, whatever the node */
	fit_choice *choice; /* room for one, where quotas must be held against devices; NULL: they need not */
	extender_pass pass;
	bool is_even; /* of a node of the stock its rating by the shape says all */
} question;

static void question_prepare(question *q)
{
	fit_prepare(&q->need, &q->ask.a, &q->ask.group, q->x->spec.tables);
	q->shape = shapes_rate_each(q->x->shapes, stock_fleet(q->x->spec.stock), &q->need);
	q->ratings = q->shape ? shape_ratings(q->shape, &q->n_ratings) : NULL;
	q->is_even = q->shape && !q->held.p && !q->pass.node.p && !q->pass.kept && !q->is_over && !q->choice;
}

/* The gate's words may be any. */
static void refusal_note(question *q)
{
	buf text;

	buf_init(&text, REFUSAL_MAX);
	js_writer w = js_writer_on(&text);
	js_text(&w, str_from(q->pass.refusal));
	str quoted = text.over ? S("\"refused\"") : str_dup(q->a, buf_str(&text));
	q->x->reasons[REFUSED] = (filter_reason){str_cut(quoted, 1, quoted.n - 1), true};
	buf_done(&text);
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
	if (!e && q->pass.refusal)
		refusal_note(q);
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

/* The same where nothing is kept for the pod. */
static inline int32_t rating_of_even(const question *q, int32_t node)
{
	return (uint32_t)node < q->n_ratings ? q->ratings[node] : shape_rating(q->shape, node);
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

static uint8_t verdict_of(int32_t rating)
{
	why_code code = fit_rate_code(rating);

	if (rating >= 0)
		return PASSED;
	if (rating == FIT_NO_NODE || code >= WHY_COUNT)
		return NO_DEVICES;
	return (uint8_t)(BY_WHY + code);
}

/* A node that comes whole and was never told: what it says of itself, with nothing on it (as an autoscaler asks). It
 * is looked at in a stock of its own, so that asking changes nothing. */
static uint8_t template_verdict(const question *q, str object)
{
	stock *alone = stock_new();
	kube_node n;
	uint8_t v = NO_DEVICES;
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

static uint8_t node_verdict(const question *q, uint32_t at)
{
	const args_node *n = &q->args.nodes[at];

	if (q->is_even && n->node != FLEET_NONE)
		return verdict_of(rating_of_even(q, n->node));
	if (q->held.p)
		return str_eq(q->held, n->name) ? PASSED : ELSEWHERE;
	if (q->pass.refusal)
		return REFUSED;
	if (q->pass.node.p)
		return str_eq(q->pass.node, n->name) ? PASSED : ORDERED;
	if (n->node == FLEET_NONE && q->args.objects)
		return template_verdict(q, q->args.objects[at]);
	if (n->node == FLEET_NONE || q->ask.missing)
		return NO_DEVICES;
	if (q->is_over)
		return OVER_QUOTA;
	int32_t rating = rating_of(q, n->node);
	if (q->choice && (rating < 0 ? fits_without_quota(q, n->node) : !is_within(q, n->node)))
		return OVER_QUOTA;
	return verdict_of(rating);
}

static void full_tell(const question *q)
{
	const extender_gate *gate = &q->x->spec.gate;
	const uint8_t *v = q->x->verdicts.v;

	vec_clear(&q->x->full);
	vec_reserve(&q->x->full, q->args.n);
	for (uint32_t i = 0; i < q->args.n; i++) {
		if (v[i] == PASSED)
			return;
		bool would_do = v[i] != OVER_QUOTA && !q->x->reasons[v[i]].is_final;
		if (would_do && q->args.nodes[i].node != FLEET_NONE)
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
	vec_reserve(&x->verdicts, q->args.n);
	if (!e && q->args.n)
		memset(x->verdicts.v, PASSED, q->args.n);
	for (uint32_t i = 0; !e && q->ask.n && i < q->args.n; i++)
		x->verdicts.v[i] = node_verdict(q, i);
	filter_answer(&q->args, x->verdicts.v, x->reasons, e ? f.detail : NULL, out);
	if (!e && q->ask.n && !q->held.p && !q->is_over && x->spec.gate.on_full)
		full_tell(q);
}

/* The smaller, the better. */
static void keys_fill(const question *q, uint32_t *keys)
{
	for (uint32_t i = 0; i < q->args.n; i++) {
		int32_t node = q->args.nodes[i].node;
		int32_t rating = node == FLEET_NONE ? -1 : q->is_even ? rating_of_even(q, node) : rating_of(q, node);
		keys[i] = rating < 0 ? RANK_NONE : (uint32_t)(INT32_MAX - rating);
	}
}

/* The nodes in the fleet's order. */
static void order_fill(const extender_args *args, ranked *order)
{
	for (uint32_t i = 0; i < args->n; i++)
		order[i] = (ranked){args->nodes[i].rank, i};
	rank_sort(order, order + args->n, args->n);
}

/* Better ratings first, equal ones in the fleet's order: most often that in which they came. */
static void ranks_fill(const question *q, uint32_t *ranks)
{
	extender *x = q->x;
	uint32_t n = q->args.n;

	vec_reserve(&x->keys, n);
	vec_reserve(&x->order, 3 * n);
	keys_fill(q, x->keys.v);
	if (!q->args.is_sorted)
		order_fill(&q->args, x->order.v);
	rank_fill(x->keys.v, q->args.is_sorted ? NULL : x->order.v, n, x->order.v + n, ranks);
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
	vec_reserve(&x->ranks, q->args.n);
	if (q->args.n && q->ask.n && !q->ask.missing && !q->pass.refusal)
		ranks_fill(q, x->ranks.v);
	else if (q->args.n)
		memset(x->ranks.v, 0, q->args.n * sizeof(*x->ranks.v));
	prioritize_answer(&q->args, x->ranks.v, out);
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
		.quotas = q->x->spec.quotas,
		.pod = &q->pod,
		.ask = &q->ask,
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

/* Whether room on a node is what the pod is waiting for: if not, others would go for nothing. What its namespace's
 * quotas leave is a matter of who goes. */
static bool room_helps(const question *q)
{
	return !q->ask.missing && !q->pass.refusal && !q->pass.node.p && !q->held.p;
}

/* Where nobody is to go for the pod, nobody does, whatever its scheduler asks. */
static bool may_take(question *q, args_victims *v)
{
	return !q->pod.is_meek && (!q->ask.n || (room_helps(q) && victims_help(q, v)));
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
		keep[i] = may_take(q, &args.nodes[i]);
	preempt_answer(&args, keep, out);
}
