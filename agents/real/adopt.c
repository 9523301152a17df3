/* Pods that ran under HAMi before this agent came: they run on, and become placements of their namespace's tenant.
 *
 * A pod that is bound and was given devices by HAMi's annotations has no receipt of ours. It gets one by a patch, and
 * is taken up as any other pod of an agent before us when the API server tells of that (seen.c): told to the server as
 * let in here, out of no loan.
 *
 * Who took the receipt off a pod of ours, or changed it, gets it back: the agent that knows the pod signs the same
 * words again. To one that begins, the plan of ours that still stands on the pod says which placement it is, so that it
 * is not told to be lost. Whether it was let in out of a loan the plan does not say: unless its order is remembered, it
 * counts as that, which lends nothing twice.
 */
#include <assert.h>
#include <stdlib.h>
#include "agents/plan_record.h"
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "base/clock.h"
#include "json/write.h"

enum { BODY_MAX = 16 << 10, AT_ONCE = 16 };

#define LOAN_NONE ((str){"adopted", 7})
#define AGAIN_US  ((int64_t)30000000)

/* One that has no receipt yet. */
typedef struct foreign_row {
	str uid, space, name, node;
	str placement;         /* by our plan; empty: it has none */
	int64_t fence, index;  /* the same */
	int64_t made_us;       /* the same */
	int64_t max_runtime_s; /* by its own word; of one that came by itself */
	int64_t asked_us;      /* when it was given one last; 0: never */
	str priority;          /* its PriorityClass */
	seat_state state;      /* the rest as it was seen last */
	int64_t started_us;
	char text[];
} foreign_row;

static str text_put(char **at, str s)
{
	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return str_of(*at - s.n, s.n);
}

void foreign_drop(real *r, str uid)
{
	free(map_remove(&r->foreign, uid));
}

static bool plan_of_ours(const real *r, const pod *p, arena *a, plan_record *ret)
{
	plan_keys ours = {.n = 1};
	str text = pod_annotation(p, PLAN_ANNOTATION);

	memcpy(ours.v[0], r->public_key, SIGNATURE_KEY);
	return text.n && plan_record_open(text, &ours, a, ret, NULL) == ERR_OK && str_eq(ret->pod_uid, p->meta.uid) &&
	       str_eq(ret->node, p->node);
}

static foreign_row *row_add(real *r, const pod *p)
{
	AUTO_ARENA a = arena_new(0);
	const object_meta *m = &p->meta;
	plan_record says = {.placement = {"", 0}};

	if (!plan_of_ours(r, p, a, &says))
		says = (plan_record){.placement = {"", 0}};
	foreign_row *row = calloc(1,
		sizeof(*row) + m->uid.n + m->space.n + m->name.n + p->node.n + says.placement.n + p->priority_class.n);
	assert(row);
	char *at = row->text;
	row->uid = text_put(&at, m->uid);
	row->space = text_put(&at, m->space);
	row->name = text_put(&at, m->name);
	row->node = text_put(&at, p->node);
	row->placement = text_put(&at, says.placement);
	row->priority = text_put(&at, p->priority_class);
	row->fence = says.fence;
	row->made_us = says.made_us;
	row->index = name_index(p);
	row->max_runtime_s = name_max_runtime_s(p);
	(void)map_put(&r->foreign, row->uid, row);
	return row;
}

void foreign_put(real *r, const pod *p, seat_state state)
{
	foreign_row *row = map_find(&r->foreign, p->meta.uid);

	if (!row)
		row = row_add(r, p);
	row->state = state;
	row->started_us = p->started_us;
}

/* What the API server says to it is told by the pod itself; else it is asked again. */
static void on_patched(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

static str patch_of(const foreign_row *p, str text, arena *a)
{
	buf out;

	buf_init(&out, BODY_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "uid", p->uid);
	js_key(&w, S("annotations"));
	js_object_begin(&w);
	js_put_text(&w, RECEIPT_ANNOTATION, text);
	js_object_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	str body = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return body;
}

/* Its shares as they are booked. */
static bool charge_of(real *r, str uid, arena *a, str *ret_class, amounts *ret)
{
	grant *g = ARENA_NEW(a, grant);
	const fleet *f = stock_fleet(r->spec.stock);
	str space;
	const plan *held = stock_pod_plan(r->spec.stock, uid, &space);

	for (uint32_t i = 0; held && i < held->devices.n && g->n_shares < GRANT_SHARES_MAX; i++) {
		const plan_device *d = &held->devices.v[i];
		if (d->memory_mib || d->compute_milli)
			g->shares[g->n_shares++] =
				(stock_share){f->device_uuids.v[d->device], d->memory_mib, d->compute_milli, 1};
	}
	return wish_settle(g, r->spec.stock, &r->models, ret_class, ret);
}

static receipt receipt_of_work(const work *w, int64_t index)
{
	return (receipt){.id = str_from(w->id),
		.fence = str_from(w->fence),
		.tenant = str_from(w->tenant),
		.loan = w->loan[0] ? str_from(w->loan) : STR_NONE,
		.charge = w->charge,
		.at_us = w->at_us,
		.max_runtime_s = w->max_runtime_s,
		.index = index,
		.self_fence_s = w->self_fence_s,
		.speak_s = w->speak_s};
}

/* The one that it had, as far as the plan and what is lent tell it. A placement that the server was asked for is of no
 * loan, nor is one whose order is remembered. */
static bool receipt_again(real *r, const foreign_row *p, const borrow *lent, arena *a, receipt *ret)
{
	id own = name_of_pod(r->spec.cluster_uid, p->uid);
	bool is_own = str_eq(p->placement, id_str(&own));
	const work *w = works_find(&r->works, p->placement);
	int64_t index = is_own ? 0 : p->index;
	str class;

	ret->id = p->placement;
	ret->fence = fence_text(p->fence, a);
	ret->at_us = p->made_us;
	if (w && (w->loan[0] || !str_eq(str_from(w->fence), ret->fence)))
		return false;
	if (w)
		*ret = receipt_of_work(w, index);
	ret->index = index;
	if (!w && is_own)
		ret->max_runtime_s = p->max_runtime_s;
	if (w || !is_own) {
		ret->loan = STR_NONE;
		return true;
	}
	if (!charge_of(r, p->uid, a, &class, &ret->charge))
		return false;
	const loan *l = borrow_of(lent, ret->tenant, class);
	if (l)
		ret->loan = str_from(l->name);
	return true;
}

static bool receipt_fill(real *r, const foreign_row *p, const borrow *lent, arena *a, receipt *ret)
{
	char *fence = arena_alloc(a, BOOK_FENCE_MAX + 1);
	id name = name_of_pod(r->spec.cluster_uid, p->uid);
	str tenant = spaces_tenant(r->spec.spaces, p->space), class;
	seat *s;
	const work *w = works_of_pod(&r->works, p->uid, &s);

	if (w)
		*ret = receipt_of_work(w, s->index);
	if (w)
		return true;
	if (r->lacks_config || !tenant.n)
		return false;
	*ret = (receipt){.loan = LOAN_NONE, .tenant = tenant, .at_us = clock_now_us()};
	if (p->placement.n)
		return receipt_again(r, p, lent, a, ret);
	if (!r->agent)
		return false;
	agent_fence(r->agent, fence);
	ret->id = str_dup(a, str_from(name.p));
	ret->fence = str_from(fence);
	return charge_of(r, p->uid, a, &class, &ret->charge) && !works_find(&r->works, ret->id);
}

static void row_take(real *r, const foreign_row *p, const borrow *lent, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	object_meta of = {.space = p->space, .name = p->name, .uid = p->uid};
	seen_at at = {&of, p->node, p->priority, p->state, p->started_us};
	receipt t;
	seat *s;

	if (p->placement.n && !works_of_pod(&r->works, p->uid, &s) && receipt_fill(r, p, lent, a, &t))
		(void)seen_take(r, &t, &at, now_us, &s);
}

/* What is lent as the ledger remembers it: the core that will know is about to begin. */
static void lent_recall(const real *r, borrow *lent)
{
	AUTO_ARENA a = arena_new(0);
	facts memory = {0};
	book ended;
	buf all;

	book_init(&ended);
	buf_init(&all, LEDGER_BYTES_MAX);
	for (uint32_t i = 0; i < r->kept.n; i++) {
		buf_add_str(&all, r->kept.v[i]);
		buf_add_char(&all, '\n');
	}
	facts_recall(&memory, str_dup(a, buf_str(&all)), &ended, lent);
	buf_done(&all);
	facts_close(&memory);
	book_done(&ended);
}

void foreign_take(real *r)
{
	borrow lent;

	if (!r->foreign.n)
		return;
	borrow_init(&lent);
	lent_recall(r, &lent);
	map_each (slot, &r->foreign)
		row_take(r, slot->value, &lent, clock_now_us());
	borrow_done(&lent);
}

static bool adopt_one(real *r, foreign_row *p, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	receipt t;
	seat *s;

	if (!receipt_fill(r, p, agent_borrow(r->agent), a, &t))
		return false;
	str text = receipt_sign(&t, p->uid, p->node, r->spec.key, a);
	str body = text.p ? patch_of(p, text, a) : STR_NONE;
	if (!body.p)
		return false;
	p->asked_us = now_us;
	if (works_of_pod(&r->works, p->uid, &s))
		s->receipt = str_hash(text) | 1;
	str path = str_print(a, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(p->space), STR_ARG(p->name));
	(void)kube_patch(r->spec.kube, path, body, (kube_done){on_patched, r});
	return true;
}

void foreign_adopt(real *r, int64_t now_us)
{
	int n = 0;

	if (!r->agent)
		return;
	map_each (slot, &r->foreign) {
		foreign_row *p = slot->value;
		if (n < AT_ONCE && (!p->asked_us || now_us - p->asked_us >= AGAIN_US))
			n += adopt_one(r, p, now_us);
	}
}

void foreign_done(real *r)
{
	map_each (slot, &r->foreign)
		free(slot->value);
	map_done(&r->foreign);
}
