#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "base/clock.h"

static seat_state state_of(const pod *p)
{
	if (str_eq(p->phase, S("Succeeded")))
		return SEAT_DONE;
	if (str_eq(p->phase, S("Failed")))
		return SEAT_FAILED;
	return str_eq(p->phase, S("Running")) ? SEAT_RUNNING : SEAT_BOUND;
}

js_list seat_placed(real *r, const seat *s, arena *a)
{
	const fleet *f = stock_fleet(r->spec.stock);
	str space;
	const plan *p = stock_pod_plan(r->spec.stock, str_from(s->uid), &space);
	stock_share *shares = ARENA_ARRAY(a, stock_share, p ? p->devices.n + 1 : 1);
	uint32_t n = 0;

	for (uint32_t i = 0; p && i < p->devices.n; i++) {
		const plan_device *d = &p->devices.v[i];
		if (d->memory_mib || d->compute_milli)
			shares[n++] = (stock_share){f->device_uuids.v[d->device], d->memory_mib, d->compute_milli, 1};
	}
	return wish_placed(shares, n, r->spec.stock, &r->models, NULL, str_dup(a, str_from(s->node)), s->index, a);
}

agent_entry seat_entry(real *r, const work *w, const seat *s, const receipt *t, arena *a)
{
	agent_entry e = {.id = t->id, .fence = t->fence, .placed = seat_placed(r, s, a)};
	str request = wish_of_placed(&e.placed,
		&(wish_pod){t->tenant, str_from(s->space), str_from(s->pod), str_from(w->priority), t->max_runtime_s},
		a);

	e.let_in = (cluster_let_in){t->tenant, request, t->loan, t->charge, t->at_us};
	return e;
}

/* A Binding landed of which nothing is known here any more. */
static void late_tell(real *r, const work *w, const seat *s, const receipt *t, int64_t now_us, arena *a)
{
	agent_entry e = seat_entry(r, w, s, t, a);

	if (w->loan[0])
		agent_let_in(r->agent, &e, now_us);
}

static work *work_of(real *r, const receipt *t)
{
	work *w = works_find(&r->works, t->id);

	if (w)
		return str_eq(str_from(w->fence), t->fence) ? w : NULL;
	w = works_add(&r->works, t->id, t->fence, t->tenant, t->loan, 0);
	w->charge = t->charge;
	w->at_us = t->at_us;
	w->max_runtime_s = t->max_runtime_s;
	w->self_fence_s = t->self_fence_s;
	w->speak_s = t->speak_s;
	if (w->max_runtime_s)
		works_time(&r->works, w);
	return w;
}

/* One that ran before we looked began when it says so. */
static void begin_note(work *w, seat_state state, int64_t said_us, bool is_adopted, int64_t now_us)
{
	int64_t started_us = said_us < now_us ? said_us : now_us;

	if (started_us && (!w->started_us || started_us < w->started_us))
		w->started_us = started_us;
	if (!w->running_us && state == SEAT_RUNNING)
		w->running_us = is_adopted && started_us ? started_us : now_us;
}

work *seen_take(real *r, const receipt *t, const seen_at *p, int64_t now_us, seat **ret_seat)
{
	AUTO_ARENA a = arena_new(0);
	bool is_new = !works_find(&r->works, t->id);
	work *w = work_of(r, t);
	seat *s = w ? works_seat(w, t->index) : NULL;

	if (!w || s->state != SEAT_AWAITED || (s->uid[0] && !str_eq(str_from(s->uid), p->of->uid)))
		return NULL;
	seat_free(r, w, s);
	seat_take(&r->works, w, s, p->of->uid, p->of->space, p->of->name, p->node);
	work_text(&w->priority, p->priority.n ? p->priority : STR_NONE);
	if (is_new && r->agent)
		late_tell(r, w, s, t, now_us, a);
	begin_note(w, p->state, p->started_us, true, now_us);
	seat_move(&r->works, w, s, SEAT_BOUND, now_us);
	seat_move(&r->works, w, s, p->state, now_us);
	*ret_seat = s;
	return w;
}

static bool receipt_holds(const real *r, const pod *p, receipt *t)
{
	return receipt_open(pod_annotation(p, RECEIPT_ANNOTATION), p->meta.uid, p->node, r->public_key, t);
}

/* A pod that was bound for a placement: by this agent before it was restarted, by another one, or late. */
static work *adopt(real *r, const pod *p, int64_t now_us, seat **ret_seat)
{
	seen_at at = {&p->meta, p->node, p->priority_class, state_of(p), p->started_us};
	receipt t;

	if (!receipt_holds(r, p, &t) || (r->agent && pod_is_over(p)))
		return NULL;
	return seen_take(r, &t, &at, now_us, ret_seat);
}

/* It holds devices, which may be told later than it, and no agent of this cluster has bound it. */
static bool is_foreign(real *r, const pod *p)
{
	receipt t;

	return stock_pod_node(r->spec.stock, p->meta.uid).p && !p->is_leaving && !receipt_holds(r, p, &t);
}

/* Nobody opens it each time. */
static uint64_t receipt_hash(str text)
{
	return text.n ? str_hash(text) | 1 : 0;
}

/* Whether the pod bears what it got. */
static bool seat_is_borne(seat *s, const pod *p)
{
	uint64_t borne = receipt_hash(pod_annotation(p, RECEIPT_ANNOTATION));

	if (!s->receipt)
		s->receipt = borne;
	return p->is_leaving || (borne && borne == s->receipt);
}

static uint64_t bind_seen(real *r, const pod *p, int64_t now_us)
{
	bind_row *b = bind_find(r, p->meta.uid);
	bool is_there = b && str_eq(str_from(b->node), p->node);
	uint64_t given = is_there ? receipt_hash(str_from(b->receipt)) : 0;

	if (is_there)
		bind_landed(r, b, now_us);
	else if (b)
		bind_failed(r, b);
	return given;
}

static void bound_seen(real *r, const pod *p, int64_t now_us)
{
	uint64_t given = bind_seen(r, p, now_us);
	seat_state state = state_of(p);
	seat *s;

	work *w = works_of_pod(&r->works, p->meta.uid, &s);
	if (w) {
		begin_note(w, state, p->started_us, false, now_us);
		seat_move(&r->works, w, s, SEAT_BOUND, now_us);
		seat_move(&r->works, w, s, state, now_us);
	} else {
		w = adopt(r, p, now_us, &s);
	}
	if (w && given)
		s->receipt = given;
	if (pod_is_over(p) || (w && seat_is_borne(s, p)))
		foreign_drop(r, p->meta.uid);
	else if (w || is_foreign(r, p))
		foreign_put(r, p, state);
}

void seen_pod(void *arg, const pod *p, str text)
{
	real *r = arg;

	(void)text;
	if (!p->node.n && !pod_is_over(p)) {
		if (mirror_waiting(r->mirror, p->meta.uid).p)
			waits_put(r, p->meta.uid);
		real_stir(r);
		return;
	}
	waits_drop(r, p->meta.uid);
	if (p->node.n)
		bound_seen(r, p, clock_now_us());
	real_stir(r);
}

void seen_pod_gone(void *arg, const object_meta *m)
{
	real *r = arg;
	bind_row *b = bind_find(r, m->uid);
	seat *s;

	waits_drop(r, m->uid);
	foreign_drop(r, m->uid);
	if (b)
		bind_failed(r, b);
	work *w = works_of_pod(&r->works, m->uid, &s);
	if (w && s->state != SEAT_AWAITED)
		seat_move(&r->works, w, s, SEAT_GONE, clock_now_us());
	if (w && !r->agent && work_is_seated(w)) {
		cluster_phase phase;
		if (work_phase(w, &phase) && phase != CLUSTER_BOUND && phase != CLUSTER_RUNNING)
			works_drop(&r->works, w);
	}
	real_stir(r);
}
