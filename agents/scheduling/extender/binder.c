#include "agents/scheduling/extender/binder.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/kube/kube_write.h"
#include "base/clock.h"

#define UNKNOWN "the outcome of the binding is not known yet"

/* One bind under way. */
typedef struct deed {
	binder *owner; /* NULL: nobody waits for it any more */
	arena *arena;
	binding_args args;
	grant *grant;
	void (*on_done)(void *arg, const char *why);
	void *arg;
	loop_timer *again; /* of one whose Binding may still be on its way */
	bool is_lost;      /* its Binding was sent, and no answer came */
	struct deed *next, *prev;
} deed;

struct binder {
	binder_spec spec;
	deed *deeds;
};

binder *binder_new(const binder_spec *s)
{
	binder *b = calloc(1, sizeof(*b));

	assert(b && s->mirror);
	b->spec = *s;
	return b;
}

static void deed_free(deed *d)
{
	loop_timer_free(d->again);
	arena_end(d->arena);
	free(d);
}

/* Whoever asked hears of it once. */
static void deed_answer(deed *d, const char *why)
{
	void (*on_done)(void *arg, const char *why) = d->on_done;

	d->on_done = NULL;
	if (on_done)
		on_done(d->arg, why);
}

void binder_free(binder *b)
{
	if (!b)
		return;
	for (deed *d = b->deeds, *next; d; d = next) {
		next = d->next;
		d->owner = NULL;
		deed_answer(d, "the agent ends");
		if (d->again)
			deed_free(d);
	}
	free(b);
}

static void deed_unlink(deed *d)
{
	if (!d->owner)
		return;
	if (d->prev)
		d->prev->next = d->next;
	else
		d->owner->deeds = d->next;
	if (d->next)
		d->next->prev = d->prev;
}

static void deed_end(deed *d, const char *why)
{
	deed_unlink(d);
	if (d->owner)
		deed_answer(d, why);
	deed_free(d);
}

static const char *sentence(deed *d, const char *what, str why)
{
	return str_z(d->arena, str_print(d->arena, "%s: " STR_FMT, what, STR_ARG(why)));
}

/* The Binding came to nothing, or it did not: whoever governs hears of it. */
static void outcome_tell(const deed *d, bool is_bound)
{
	const binder_till *t = &d->owner->spec.till;

	if (!is_bound)
		stock_release(d->owner->spec.stock, d->args.uid);
	if (t->end)
		t->end(t->arg, d->args.uid, is_bound);
}

static void pod_look(deed *d);

static void on_again(void *arg)
{
	deed *d = arg;

	loop_timer_free(d->again);
	d->again = NULL;
	pod_look(d);
}

/* A Binding that got no answer may be stored after the pod was looked at: what it takes stays kept for so long. */
static void deed_wait(deed *d)
{
	d->is_lost = false;
	d->again = loop_timer_new(d->owner->spec.loop, on_again, d);
	loop_timer_arm(d->again, d->owner->spec.unknown_us);
	deed_answer(d, UNKNOWN);
}

/* The pod after a Binding of unknown outcome: bound where we said, or not. */
static void on_looked(void *arg, const kube_reply *r)
{
	deed *d = arg;
	pod p;

	if (!d->owner) {
		deed_end(d, NULL);
		return;
	}
	bool is_read = kube_is_done(r) && pod_read(r->body, d->arena, &p) == ERR_OK;
	if (is_read && str_eq(p.meta.uid, d->args.uid) && str_eq(p.node, d->args.node)) {
		outcome_tell(d, true);
		deed_end(d, NULL);
		return;
	}
	if (is_read && d->is_lost && d->owner->spec.unknown_us) {
		deed_wait(d);
		return;
	}
	/* Without an answer here the reservation stands: the watch will tell. */
	if (is_read || r->status == 404)
		outcome_tell(d, false);
	deed_end(d, is_read ? "the binding was not taken" : UNKNOWN);
}

static void pod_look(deed *d)
{
	kube_request q = {.method = "GET", .on_done = on_looked, .arg = d};

	q.path = str_print(
		d->arena, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(d->args.space), STR_ARG(d->args.pod));
	(void)kube_send(d->owner->spec.kube, &q);
}

static void on_bound(void *arg, const kube_reply *r)
{
	deed *d = arg;

	if (d->owner && kube_is_done(r))
		outcome_tell(d, true);
	if (!d->owner || kube_is_done(r)) {
		deed_end(d, NULL);
		return;
	}
	/* 409 may be our own Binding, sent twice by a scheduler that did not hear of the first. */
	if (r->e || r->status >= 500 || r->status == 409) {
		d->is_lost = r->status != 409;
		pod_look(d);
		return;
	}
	outcome_tell(d, false);
	deed_end(d, sentence(d, "the API server refused the binding", r->message));
}

static void binding_send(deed *d)
{
	const grant *g = d->grant;
	kube_binding b = {
		.space = d->args.space,
		.pod = d->args.pod,
		.uid = d->args.uid,
		.node = d->args.node,
		.annotations = g->annotations,
		.n_annotations = g->n_annotations,
	};

	(void)kube_bind(d->owner->spec.kube, &b, (kube_done){on_bound, d});
}

static void on_paid(void *arg, bool is_paid)
{
	deed *d = arg;

	if (d->owner && is_paid) {
		binding_send(d);
		return;
	}
	if (d->owner)
		stock_release(d->owner->spec.stock, d->args.uid);
	deed_end(d, "it was not paid: the pod is gone or bound, or another agent of this cluster binds");
}

static void deed_pay(deed *d)
{
	const binder_till *t = &d->owner->spec.till;

	if (t->pay)
		t->pay(t->arg, d->args.uid, on_paid, d);
	else
		binding_send(d);
}

static err grant_decide(deed *d, const pod *p, pod_ask *q, fault *f)
{
	const binder_spec *s = &d->owner->spec;

	if (s->till.enter)
		return s->till.enter(s->till.arg, &d->args, p, q, d->arena, d->grant, f);
	return grant_make(s->stock, p, q, s->tables, d->args.node, clock_now_us(), d->arena, d->grant, f);
}

static err grant_read(deed *d, grant *g, fault *f)
{
	const binder_spec *s = &d->owner->spec;
	str text = mirror_waiting(s->mirror, d->args.uid);
	pod *p = ARENA_NEW(d->arena, pod);
	pod_ask *q = ARENA_NEW(d->arena, pod_ask);

	g->n_shares = g->n_annotations = 0;
	if (!text.p)
		return fault_set(f, ERR_NOT_FOUND, NULL, "the pod is not known here yet, or is bound");
	if (pod_read(str_dup(d->arena, text), d->arena, p) || p->is_short)
		return fault_set(f, ERR_BAD_FIELD, NULL, "the pod cannot be read");
	err e = pod_ask_read(p, s->stock, s->by_default, d->arena, q, f);
	quota_gap gap;
	if (!e && s->quotas && !quotas_limit(s->quotas, s->stock, p, q, &gap))
		return fault_set(
			f, ERR_CONFLICT, NULL, "the pod is over the namespace's quota " STR_FMT, STR_ARG(gap.name));
	return e ? e : grant_decide(d, p, q, f);
}

static bool is_under_way(const deed *d)
{
	for (const deed *o = d->owner->deeds; o; o = o->next)
		if (o != d && str_eq(o->args.uid, d->args.uid))
			return true;
	return false;
}

/* The body stays the caller's. */
static err args_take(deed *d, str body, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	binding_args is;
	err e = binding_args_read(body, a, &is, f);

	if (!e)
		d->args = (binding_args){str_dup(d->arena, is.pod), str_dup(d->arena, is.space),
			str_dup(d->arena, is.uid), str_dup(d->arena, is.node)};
	return e;
}

typedef struct crowd_look {
	str uid;
	int64_t now_us;
	bool is_busy;
} crowd_look;

/* What is only kept for a pod to come is of no namespace. */
static void neighbour_look(void *arg, const stock_entry *e)
{
	crowd_look *l = arg;
	bool is_begun = e->is_seen ? e->bind_us && l->now_us - e->bind_us < BINDER_ALLOCATE_US : e->space.n > 0;

	l->is_busy = l->is_busy || (is_begun && !str_eq(e->uid, l->uid));
}

/* A maker's plugin guesses which pod an Allocate is for: of two that wait for their devices each may get the other's.
 */
static bool node_is_busy(const deed *d)
{
	const binder_spec *s = &d->owner->spec;
	crowd_look l = {.uid = d->args.uid, .now_us = clock_now_us()};

	if (s->is_one_per_node)
		stock_node_each(s->stock, d->args.node, neighbour_look, &l);
	return l.is_busy;
}

static void plan_vouch(const deed *d)
{
	const grant *g = d->grant;

	for (uint32_t i = 0; i < g->n_annotations; i++)
		if (str_eq(g->annotations[i].key, S(PLAN_ANNOTATION)))
			stock_vouch(d->owner->spec.stock, d->args.uid, g->annotations[i].value);
}

static err deed_begin(deed *d, str body, grant *g, fault *f)
{
	const binder_spec *s = &d->owner->spec;
	err e = args_take(d, body, f);

	if (e)
		return e;
	if (s->may_bind && !s->may_bind(s->arg))
		return fault_set(f, ERR_CONFLICT, NULL, "another agent of this cluster binds");
	if (!mirror_is_ready(s->mirror))
		return fault_set(f, ERR_UNAVAILABLE, NULL, "the cluster is not known whole yet");
	if (is_under_way(d))
		return fault_set(f, ERR_CONFLICT, NULL, "the pod is being bound already");
	if (s->till.is_unsure && s->till.is_unsure(s->till.arg, d->args.uid))
		return fault_set(f, ERR_CONFLICT, NULL, "the outcome of an earlier binding is not known yet");
	if (str_eq(stock_pod_node(s->stock, d->args.uid), d->args.node))
		return ERR_OK;
	if (stock_pod_node(s->stock, d->args.uid).p)
		return fault_set(f, ERR_CONFLICT, NULL, "the pod is being bound to another node");
	if (node_is_busy(d))
		return fault_set(f, ERR_CONFLICT, NULL, "another pod is still being given its devices on " STR_FMT,
			STR_ARG(d->args.node));
	e = grant_read(d, g, f);
	if (e)
		return e;
	stock_reserve(s->stock, d->args.uid, d->args.space, d->args.node, g->shares, g->n_shares);
	plan_vouch(d);
	return ERR_OK;
}

void binder_bind(binder *b, str body, void (*on_done)(void *arg, const char *why), void *arg)
{
	deed *d = calloc(1, sizeof(*d));
	fault f = {0};

	assert(d);
	*d = (deed){.owner = b, .arena = arena_new(0), .on_done = on_done, .arg = arg, .next = b->deeds};
	if (b->deeds)
		b->deeds->prev = d;
	b->deeds = d;
	grant *g = d->grant = ARENA_NEW(d->arena, grant);
	if (deed_begin(d, body, g, &f))
		deed_end(d, f.detail);
	else if (g->n_shares)
		deed_pay(d);
	else
		pod_look(d); /* it was reserved or bound there before: whoever asks again wants to know */
}
