#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "base/clock.h"
#include "json/write.h"

enum { KEY_MAX = 96, FENCE_BITS = 24 };

static const char *say(arena *a, const char *what, str whose)
{
	return str_z(a, str_print(a, "%s " STR_FMT, what, STR_ARG(whose)));
}

static desk_answer no(const char *why)
{
	return (desk_answer){.word = DESK_NO, .why = why};
}

/* The pod's own seat, or the one of its index that nobody has. */
static seat *seat_of(const work *w, const pod *p)
{
	int64_t index = name_index(p);

	for (uint32_t i = 0; i < w->n_seats; i++)
		if (w->seats[i].index == index)
			return &w->seats[i];
	return NULL;
}

static desk_answer seat_answer(work *w, const pod *p, str tenant, arena *a)
{
	seat *s = w->is_claimed ? seat_of(w, p) : &w->seats[0];

	if (!str_eq(str_from(w->tenant), tenant))
		return no(say(a, "its placement is not of", tenant));
	if (w->is_stopping || (w->has_phase && w->phase != CLUSTER_BOUND && w->phase != CLUSTER_RUNNING))
		return no("its placement has ended");
	if (!s || s->state != SEAT_AWAITED || (s->uid[0] && !str_eq(str_from(s->uid), p->meta.uid)))
		return no("its placement has no seat for it");
	return (desk_answer){.word = DESK_ORDERED, .work = w, .seat = s, .tenant = tenant};
}

static str model_of(real *r, int32_t class_id, const vendor *kind)
{
	stock_classes all = stock_classes_of(r->spec.stock, kind);

	for (uint32_t i = 0; i < all.n; i++)
		if (all.v[i] == class_id)
			return models_class(&r->models, all.products[i]);
	return STR_NONE;
}

/* How much of the pod's class of that entry is lent. */
static agent_purse purse_of(
	real *r, const pod_ask *q, int32_t class_id, const vendor *kind, str tenant, int64_t now_us, str *ret_model)
{
	*ret_model = model_of(r, class_id, kind);
	if (!ret_model->n)
		return PURSE_NONE;
	return agent_look(r->agent, tenant, *ret_model, wish_charge(q, r->spec.stock, class_id), now_us);
}

typedef struct narrowing {
	agent_purse worst;
	bool has_model; /* the server knows one of the classes at least */
	str model;
} narrowing;

/* Leaves the classes out of which the pod can be paid. False: none is left. */
static bool entry_narrow(real *r, pod_ask *q, int32_t at, str tenant, int64_t now_us, narrowing *n)
{
	ask_entry *e = &q->entries[at];
	int32_t kept[ASK_CLASSES_MAX], n_kept = 0;

	for (int32_t i = 0; i < e->n_classes; i++) {
		str model;
		agent_purse purse = purse_of(r, q, q->classes[at][i], q->kinds[at], tenant, now_us, &model);
		n->has_model |= model.n > 0;
		if (model.n)
			n->model = model;
		if (purse == PURSE_OPEN)
			kept[n_kept++] = q->classes[at][i];
		else if (purse > n->worst)
			n->worst = purse;
	}
	if (!n_kept)
		return false;
	memcpy(q->classes[at], kept, (size_t)n_kept * sizeof(*kept));
	e->n_classes = n_kept;
	return true;
}

static desk_answer loan_answer(real *r, const pod *p, pod_ask *q, str tenant, int64_t now_us, arena *a)
{
	const wait_row *row = map_find(&r->waits, p->meta.uid);
	narrowing n = {.worst = PURSE_OPEN};

	if (row && row->denied)
		return no(str_z(a, str_from(row->denied)));

	desk_answer ret = {.word = DESK_OPEN, .tenant = tenant};
	bool is_wanted = row && row->is_asked;

	for (int32_t i = 0; i < q->n && ret.word == DESK_OPEN; i++)
		if (!entry_narrow(r, q, i, tenant, now_us, &n))
			ret.word = DESK_WANT;
	if (is_wanted)
		ret.word = DESK_WANT;
	if (ret.word == DESK_OPEN)
		return ret;
	if (!n.has_model)
		ret.why = "the server has not said which class its devices are";
	else if (n.worst == PURSE_SHUT && !is_wanted)
		ret.why = "the server was away for too long, nothing new may start";
	else if (n.worst == PURSE_UNKEPT && !is_wanted)
		ret.why = "more is lent to this cluster than its agent can remember: the server is to decide";
	else
		ret.why = str_z(a, str_print(a, "waiting for quota of " STR_FMT " on " STR_FMT, STR_ARG(tenant),
					   STR_ARG(n.model)));
	return ret;
}

desk_answer desk_look(real *r, const pod *p, pod_ask *q, int64_t now_us, arena *a)
{
	id name = name_of_pod(r->spec.cluster_uid, p->meta.uid);
	str tenant = spaces_tenant(r->spec.spaces, p->meta.space), claimed = name_claimed(p);
	work *w = works_find(&r->works, claimed.n ? claimed : id_str(&name));

	if (!r->agent)
		return (desk_answer){.word = DESK_UNSEEN};
	if (r->lacks_config)
		return no("the server has not said yet whose its namespace is");
	if (!tenant.n)
		return no(say(a, "no tenant for namespace", p->meta.space));
	if (w && w->is_claimed == (claimed.n > 0))
		return seat_answer(w, p, tenant, a);
	if (claimed.n)
		return no("its placement is not granted to this cluster");
	if (w)
		return no("it was bound once");
	return loan_answer(r, p, q, tenant, now_us, a);
}

static waked_row *waked_of(wait_group *g, str model)
{
	waked_row *w = map_find(&g->waked, model);

	if (w)
		return w;
	w = calloc(1, sizeof(*w) + model.n);
	assert(w);
	w->model_n = model.n;
	memcpy(w->model, model.p, model.n);
	(void)map_put(&g->waked, str_of(w->model, w->model_n), w);
	return w;
}

bool desk_wakes(real *r, wait_group *g, const pod_ask *q, str tenant, int64_t now_us)
{
	str model = q->n ? model_of(r, q->classes[0][0], q->kinds[0]) : STR_NONE;

	if (!model.n)
		return true;
	waked_row *w = waked_of(g, model);
	amounts sum = amounts_add(w->sum, wish_charge(q, r->spec.stock, q->classes[0][0]));
	if (agent_look(r->agent, tenant, model, sum, now_us) != PURSE_OPEN)
		return false;
	w->sum = sum;
	return true;
}

static extender_pass gate_look(void *arg, const pod *p, pod_ask *q, arena *a)
{
	real *r = arg;
	desk_answer d = desk_look(r, p, q, clock_now_us(), a);
	wait_row *w = map_find(&r->waits, p->meta.uid);

	if (d.word == DESK_ORDERED)
		return (extender_pass){.node = str_from(d.seat->node)};
	if (d.word == DESK_OPEN || d.word == DESK_UNSEEN)
		return (extender_pass){.kept = yields_kept(r, p->meta.uid)};
	if (w)
		w->was_refused = true;
	return (extender_pass){.refusal = d.why};
}

extender_gate real_gate(real *r)
{
	return (extender_gate){gate_look, yields_full, r};
}

bool real_is_one_tenant(void *arg, str space, str other)
{
	const real *r = arg;
	str tenant = spaces_tenant(r->spec.spaces, space);

	return tenant.n && str_eq(tenant, spaces_tenant(r->spec.spaces, other));
}

static str seat_key(const work *w, const seat *s, char out[KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, "%s/%lld", w->id, (long long)s->index);

	return str_of(out, n < KEY_MAX ? (size_t)n : KEY_MAX - 1);
}

void seat_hold(real *r, const work *w, const seat *s)
{
	char key[KEY_MAX];

	if (s->n_shares)
		stock_reserve(r->spec.stock, seat_key(w, s, key), S(""), str_from(s->node), s->shares, s->n_shares);
}

void seat_free(real *r, const work *w, const seat *s)
{
	char key[KEY_MAX];

	stock_release(r->spec.stock, seat_key(w, s, key));
}

/* The devices that the server chose, and no others. */
static void ask_pin(pod_ask *q, const seat *s, arena *a)
{
	strs uuids = {ARENA_ARRAY(a, str, s->n_shares + 1), 0};

	for (uint32_t i = 0; i < s->n_shares; i++)
		uuids.v[uuids.n++] = s->shares[i].uuid;
	for (int32_t i = 0; i < q->n; i++)
		q->entries[i].uuids = uuids;
}

static err ordered_grant(real *r, const desk_answer *d, const binding_args *at, const pod *p, pod_ask *q, arena *a,
	grant *g, receipt *ret, fault *f)
{
	if (!str_eq(at->node, str_from(d->seat->node)))
		return fault_set(f, ERR_CONFLICT, NULL, "its place is on " STR_FMT, STR_ARG(str_from(d->seat->node)));
	ask_pin(q, d->seat, a);
	seat_free(r, d->work, d->seat);
	err e = grant_make(r->spec.stock, p, q, NULL, at->node, clock_now_us(), a, g, f);
	if (e)
		seat_hold(r, d->work, d->seat);
	*ret = (receipt){.id = str_from(d->work->id),
		.fence = str_from(d->work->fence),
		.tenant = str_from(d->work->tenant),
		.at_us = d->work->at_us,
		.max_runtime_s = d->work->max_runtime_s,
		.self_fence_s = d->work->self_fence_s,
		.speak_s = d->work->speak_s,
		.index = d->seat->index};
	return e;
}

static err lent_grant(real *r, const desk_answer *d, const binding_args *at, const pod *p, const pod_ask *q, arena *a,
	grant *g, receipt *ret, fault *f)
{
	int64_t now_us = clock_now_us();
	char fence[BOOK_FENCE_MAX + 1];
	id name = name_of_pod(r->spec.cluster_uid, at->uid);
	str class;

	yields_lift(r, at->uid);
	err e = grant_make(r->spec.stock, p, q, NULL, at->node, now_us, a, g, f);
	if (e)
		return e;
	agent_fence(r->agent, fence);
	*ret = (receipt){.id = str_dup(a, id_str(&name)),
		.fence = str_dup(a, str_from(fence)),
		.tenant = d->tenant,
		.at_us = now_us,
		.max_runtime_s = name_max_runtime_s(p)};
	if (!wish_settle(g, r->spec.stock, &r->models, &class, &ret->charge))
		return fault_set(f, ERR_CONFLICT, NULL, "devices of several classes: the server is to decide");
	if (!agent_spend(r->agent, d->tenant, class, ret->charge, now_us, &ret->loan))
		return fault_set(f, ERR_CONFLICT, NULL, "waiting for quota of " STR_FMT " on " STR_FMT,
			STR_ARG(d->tenant), STR_ARG(class));
	return ERR_OK;
}

str placed_print(const js_list *placed, arena *a)
{
	buf out;

	buf_init(&out, LEDGER_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_array_begin(&w);
	for (uint32_t i = 0; i < placed->n; i++)
		js_write(&w, &placed_pod_type, &((const placed_pod *)placed->v)[i]);
	js_array_end(&w);
	str text = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static void bind_begin(real *r, const desk_answer *d, const binding_args *at, const pod *p, const pod_ask *q, arena *a,
	const grant *g, str text)
{
	bind_row *b = bind_add(r, at->uid, at->space, at->pod, at->node, text, true);

	b->is_ordered = d->word == DESK_ORDERED;
	bind_shares(b, g->shares, g->n_shares);
	if (b->is_ordered) {
		seat_take(&r->works, d->work, d->seat, at->uid, at->space, at->pod, at->node);
		return;
	}
	js_list placed = wish_placed(g->shares, g->n_shares, r->spec.stock, &r->models, p, at->node, 0, a);
	work_text(&b->request, wish_request(p, q, r->spec.stock, &r->models, d->tenant, a));
	work_text(&b->placed, placed_print(&placed, a));
}

/* A number that rises with each attempt, as nodes compare them. */
static int64_t fence_number(str fence)
{
	attempt at;

	return attempt_read(fence, &at) ? at.incarnation << FENCE_BITS | (at.number & ((1 << FENCE_BITS) - 1)) : 1;
}

str fence_text(int64_t number, arena *a)
{
	return str_print(
		a, "%lld.%lld", (long long)(number >> FENCE_BITS), (long long)(number & ((1 << FENCE_BITS) - 1)));
}

/* What the node is to give, and what the agent is to know of it again. */
static err records_add(real *r, const binding_args *at, const receipt *words, str text, arena *a, grant *g, fault *f)
{
	plan_record made = {.pod_uid = at->uid,
		.node = at->node,
		.placement = words->id,
		.fence = fence_number(words->fence),
		.made_us = clock_now_us(),
		.is_low = g->is_low,
		.containers = g->containers,
		.n = g->n_containers};
	str record = STR_NONE;

	err e = text.n ? plan_record_sign(&made, r->spec.key, a, &record, f)
		       : fault_set(f, ERR_LIMIT, NULL, "the names of its placement are too long");
	if (e)
		return e;
	g->annotations[g->n_annotations++] = (object_pair){S(RECEIPT_ANNOTATION), text};
	g->annotations[g->n_annotations++] = (object_pair){S(PLAN_ANNOTATION), record};
	return ERR_OK;
}

/* Nothing was entered yet but what is spent. */
static void enter_undo(real *r, const desk_answer *d, const binding_args *at, const receipt *words)
{
	if (d->word == DESK_ORDERED)
		seat_hold(r, d->work, d->seat);
	else
		agent_unspend(r->agent, words->loan, words->charge);
	yields_back(r, at->uid);
}

static err till_enter(void *arg, const binding_args *at, const pod *p, pod_ask *q, arena *a, grant *g, fault *f)
{
	real *r = arg;
	desk_answer d = desk_look(r, p, q, clock_now_us(), a);
	receipt words;

	if (d.word == DESK_UNSEEN)
		return fault_set(f, ERR_UNAVAILABLE, NULL, "the agent does not govern yet");
	if (d.word != DESK_OPEN && d.word != DESK_ORDERED)
		return fault_set(f, ERR_CONFLICT, NULL, "%s", d.why);

	err e = d.word == DESK_ORDERED ? ordered_grant(r, &d, at, p, q, a, g, &words, f)
				       : lent_grant(r, &d, at, p, q, a, g, &words, f);
	if (e) {
		yields_back(r, at->uid);
		return e;
	}
	str text = receipt_sign(&words, at->uid, at->node, r->spec.key, a);
	e = records_add(r, at, &words, text, a, g, f);
	if (!e && !ledger_fits(r, LEDGER_BIND, ledger_shares_bytes(g->n_shares)))
		e = fault_set(f, ERR_CONFLICT, NULL, "too many binds are under way of which nobody has seen the end");
	if (e)
		enter_undo(r, &d, at, &words);
	else
		bind_begin(r, &d, at, p, q, a, g, text);
	return e;
}

static void till_pay(void *arg, str uid, void (*on_paid)(void *deed, bool is_paid), void *deed)
{
	real *r = arg;
	bind_row *b = bind_find(r, uid);

	assert(b);
	b->on_paid = on_paid;
	b->deed = deed;
	b->number = vault_want(r->vault);
}

static void till_end(void *arg, str uid, bool is_bound)
{
	real *r = arg;
	bind_row *b = bind_find(r, uid);

	if (b && is_bound)
		bind_landed(r, b, clock_now_us());
	else if (b)
		bind_failed(r, b);
	real_stir(r);
}

static bool till_is_unsure(void *arg, str uid)
{
	const real *r = arg;
	const bind_row *b = bind_find(r, uid);

	return b && b->inherited_us && clock_now_us() < b->inherited_us + r->spec.unknown_us;
}

binder_till real_till(real *r)
{
	return (binder_till){till_enter, till_pay, till_end, till_is_unsure, r};
}
