#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/cluster/agent_inside.h"
#include "base/id.h"
#include "json/write.h"

enum { PLACED_BYTES_MAX = 4 << 20, PODS_SPEAK_US = 60 * 1000 * 1000, PODS_SPEAK_REAL_US = 1000 * 1000 };

void pods_came(agent *a, const cluster_pod *p)
{
	pod_wait *w = calloc(1, sizeof(*w) + (size_t)p->tenant.n + p->request.n);
	id name = id_make("plc");

	assert(w && p->id.n <= BOOK_ID_MAX);
	(void)snprintf(w->id, sizeof(w->id), STR_FMT, STR_ARG(p->id.n ? p->id : id_str(&name)));
	memcpy(w->text, p->tenant.p, p->tenant.n);
	memcpy(w->text + p->tenant.n, p->request.p, p->request.n);
	w->tenant = str_of(w->text, p->tenant.n);
	w->request = str_of(w->text + p->tenant.n, p->request.n);
	vec_push(&a->waiting, w);
	a->is_stirred = true;
}

static str placed_text(const js_list *placed, arena *mem)
{
	const placed_pod *pod = placed->v;
	buf out;

	buf_init(&out, PLACED_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_array_begin(&w);
	for (uint32_t i = 0; i < placed->n; i++)
		js_write(&w, &placed_pod_type, &pod[i]);
	js_array_end(&w);
	str text = out.over ? STR_NONE : str_dup(mem, buf_str(&out));
	buf_done(&out);
	return text;
}

/* Books it and writes it down. The pod starts when that is on disk. */
static holding *let_in(agent *a, const pod_wait *w, const loan *l, const admit_found *found, str placed, int64_t now_us)
{
	char fence[BOOK_FENCE_MAX + 1];
	attempt at;

	agent_fence(a, fence);
	bool is_fence = attempt_read(str_from(fence), &at);
	assert(is_fence);
	(void)is_fence;
	holding *h = book_put(&a->book, str_from(w->id), str_from(fence), at);
	book_pod_put(h, &(book_pod){.tenant = w->tenant,
				.request = w->request,
				.placed = placed,
				.loan = str_from(l->name),
				.charge = found->charge,
				.at_us = now_us});
	book_take(&a->book, h, &found->plan);
	book_state(&a->book, h, LIFE_ACCEPTED, STR_NONE, now_us);
	facts_admitted(&a->facts, h);
	return h;
}

static holding *admit_one(agent *a, const pod_wait *w, arena *mem, admit_found *found, int64_t now_us)
{
	plan_init(&found->plan);
	if (w->is_told || a->cluster.can->is_scheduled || !admit_find(a->room, &a->book, w->request, mem, found))
		return NULL;
	loan *l = borrow_of(&a->borrow, w->tenant, found->model);
	str placed = l ? placed_text(&found->placed, mem) : STR_NONE;
	if (!placed.n || !borrow_spend(&a->borrow, l, found->charge, now_us))
		return NULL;
	return let_in(a, w, l, found, placed, now_us);
}

static void start(agent *a, holding *h, const admit_found *found, int64_t now_us)
{
	str reason = STR_NONE;
	cluster_order o = {.id = str_from(h->id),
		.fence = str_from(h->fence_text),
		.placed = found->placed,
		.max_runtime_s = found->max_runtime_s,
		.labels = found->labels};

	outbox_admitted(&a->outbox, h);
	if (!a->cluster.can->start(a->cluster.self, &o, now_us, &reason)) {
		book_state(&a->book, h, LIFE_FAILED, reason, now_us);
		agent_over(a, h);
	}
	agent_tell(a, h);
}

typedef struct begun {
	holding *h;
	admit_found found;
} begun;

typedef vec(begun) begun_list;

static void admit_all(agent *a, arena *mem, begun_list *ret, int64_t now_us)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < a->waiting.n; i++) {
		pod_wait *w = a->waiting.v[i];
		begun b = {0};
		b.h = admit_one(a, w, mem, &b.found, now_us);
		if (b.h) {
			vec_push(ret, b);
			free(w);
			continue;
		}
		plan_done(&b.found.plan);
		if (a->is_in_touch && !w->is_told) {
			outbox_want(&a->outbox, str_from(w->id), w->tenant, w->request);
			w->is_told = true;
		}
		a->waiting.v[kept++] = w;
	}
	a->waiting.n = kept;
}

err pods_admit(agent *a, int64_t now_us, fault *f)
{
	AUTO_ARENA mem = arena_new(0);
	begun_list fresh = {0};
	err e = ERR_OK;

	if (!a->is_stirred)
		return ERR_OK;
	a->is_stirred = false;
	admit_all(a, mem, &fresh, now_us);
	if (fresh.n)
		e = facts_flush(&a->facts, f);
	vec_each (b, &fresh) {
		if (!e)
			start(a, b->h, &b->found, now_us);
		plan_done(&b->found.plan);
	}
	vec_done(&fresh);
	return e;
}

void pods_decided(agent *a, str name)
{
	for (uint32_t i = 0; i < a->waiting.n; i++) {
		if (!str_eq(str_from(a->waiting.v[i]->id), name))
			continue;
		free(a->waiting.v[i]);
		memmove(&a->waiting.v[i], &a->waiting.v[i + 1], (a->waiting.n - i - 1) * sizeof(*a->waiting.v));
		a->waiting.n--;
		return;
	}
}

/* What the server orders meanwhile for one that is gone ends by itself: its place waits for a pod that nobody knows. */
void pods_left(agent *a, str name)
{
	bool was_here = false, was_told = false;
	id gone = {0};

	vec_each (at, &a->waiting) {
		was_here |= str_eq(str_from((*at)->id), name);
		was_told |= str_eq(str_from((*at)->id), name) && (*at)->is_told;
	}
	pods_decided(a, name);
	if ((was_here && !was_told) || book_find(&a->book, name) || name.n >= sizeof(gone.p))
		return;
	memcpy(gone.p, name.p, name.n);
	vec_push(&a->withdrawn, gone);
	outbox_withdrawn(&a->outbox, &(strs){&name, 1});
}

static void withdrawn_tell(agent *a)
{
	AUTO_ARENA mem = arena_new(0);
	strs all = {ARENA_ARRAY(mem, str, a->withdrawn.n + 1), 0};

	vec_each (gone, &a->withdrawn)
		all.v[all.n++] = id_str(gone);
	if (all.n)
		outbox_withdrawn(&a->outbox, &all);
}

void pods_remember(holding *h, const cluster_let_in *p, const js_list *placed)
{
	AUTO_ARENA mem = arena_new(0);
	str text = placed_text(placed, mem);

	if (!text.n || !p->request.n)
		return;
	book_pod_put(h, &(book_pod){.tenant = p->tenant,
				.request = p->request,
				.placed = text,
				.loan = p->loan,
				.charge = p->charge,
				.at_us = p->at_us});
}

void agent_let_in(agent *a, const agent_entry *e, int64_t now_us)
{
	char reason[BOOK_REASON_MAX + 1];
	plan at = {0};
	attempt no;

	const holding *known = book_find(&a->book, e->id);
	if (!attempt_read(e->fence, &no) || e->id.n > BOOK_ID_MAX || e->fence.n > BOOK_FENCE_MAX ||
		(known && (known->is_booked || attempt_cmp(no, known->attempt) <= 0)))
		return;
	pods_decided(a, e->id);
	holding *h = book_put(&a->book, e->id, e->fence, no);
	pods_remember(h, &e->let_in, &e->placed);
	plan_init(&at);
	(void)book_plan(&a->book, &e->placed, true, &at, reason);
	book_take(&a->book, h, &at);
	plan_done(&at);
	loan *l = borrow_named(&a->borrow, e->let_in.loan);
	if (l && !e->is_paid)
		borrow_found(l, e->let_in.charge);
	book_state(&a->book, h, LIFE_ACCEPTED, STR_NONE, now_us);
	book_state(&a->book, h, LIFE_BOUND, STR_NONE, now_us);
	if (h->pod)
		outbox_admitted(&a->outbox, h);
	agent_tell(a, h);
}

agent_purse agent_look(const agent *a, str tenant, str model, amounts charge, int64_t now_us)
{
	const loan *l = borrow_of(&a->borrow, tenant, model);

	if (!l)
		return PURSE_NONE;
	if (!l->is_kept && !borrow_is_nothing(l))
		return PURSE_UNKEPT;
	if (!lease_is_open(&a->borrow.self, now_us, l->offline_s * 1000000))
		return PURSE_SHUT;
	for (int i = 0; i < AXIS_COUNT; i++)
		if (charge.v[i] > l->hold.offered.v[i] - l->hold.used.v[i])
			return PURSE_EMPTY;
	return PURSE_OPEN;
}

bool agent_spend(agent *a, str tenant, str model, amounts charge, int64_t now_us, str *ret_loan)
{
	loan *l = borrow_of(&a->borrow, tenant, model);

	if (!l || !borrow_spend(&a->borrow, l, charge, now_us))
		return false;
	*ret_loan = str_from(l->name);
	return true;
}

bool agent_is_in_touch(const agent *a)
{
	return a->is_in_touch;
}

uint64_t agent_purses(const agent *a, int64_t now_us)
{
	uint64_t sum = (uint64_t)a->borrow.rev * 2 + a->is_in_touch;

	map_each (slot, &a->borrow.by_name) {
		const loan *l = slot->value;
		sum = sum * 31 + lease_is_open(&a->borrow.self, now_us, l->offline_s * 1000000);
		for (int i = 0; i < AXIS_COUNT; i++)
			sum = sum * 1099511628211u + (uint64_t)(l->hold.offered.v[i] - l->hold.used.v[i]);
	}
	return sum;
}

void agent_spent(agent *a, str loan_name, amounts charge)
{
	loan *l = borrow_named(&a->borrow, loan_name);

	if (l)
		borrow_found(l, charge);
}

void agent_unspend(agent *a, str loan_name, amounts charge)
{
	loan *l = borrow_named(&a->borrow, loan_name);

	if (!l)
		return;
	borrow_return(l, charge);
	a->is_stirred = true;
}

void agent_fence(const agent *a, char out[BOOK_FENCE_MAX + 1])
{
	(void)snprintf(out, BOOK_FENCE_MAX + 1, "%lld.1", (long long)a->borrow.self.incarnation);
}

static void pod_found(agent *a, holding *h, int64_t now_us)
{
	loan *l = borrow_named(&a->borrow, h->pod->loan);

	if (h->is_booked && l) {
		borrow_found(l, h->pod->charge);
	} else if (h->state == LIFE_GRANTED) {
		book_state(&a->book, h, LIFE_FAILED, S("the agent ended before it began"), now_us);
		facts_ended(&a->facts, h);
	}
}

void pods_found(agent *a, int64_t now_us)
{
	map_each (slot, &a->book.by_id) {
		holding *h = slot->value;
		if (h->pod)
			pod_found(a, h, now_us);
	}
}

void pods_use_new(agent *a)
{
	map_each (slot, &a->book.by_id) {
		const holding *h = slot->value;
		loan *l = h->pod && h->is_booked ? borrow_named(&a->borrow, h->pod->loan) : NULL;
		if (l && l->is_new)
			borrow_found(l, h->pod->charge);
	}
	map_each (slot, &a->borrow.by_name)
		((loan *)slot->value)->is_new = false;
	a->borrow.has_new = false;
}

void pods_tell_held(agent *a)
{
	outbox_loans(&a->outbox, &a->borrow, true);
	map_each (slot, &a->book.by_id)
		if (((const holding *)slot->value)->pod)
			outbox_admitted(&a->outbox, slot->value);
}

void pods_tell_wanted(agent *a)
{
	vec_each (at, &a->waiting)
		if ((*at)->is_told)
			outbox_want(&a->outbox, str_from((*at)->id), (*at)->tenant, (*at)->request);
	withdrawn_tell(a);
}

void pods_settled(agent *a)
{
	vec_clear(&a->withdrawn);
	if (a->cluster.can->settled)
		a->cluster.can->settled(a->cluster.self);
	map_each (slot, &a->book.by_id) {
		const holding *h = slot->value;
		if (h->pod)
			h->pod->is_settled = true;
	}
}

static void fence(agent *a, loan *l, int64_t now_us)
{
	amounts settled = {0};

	map_each (slot, &a->book.by_id) {
		holding *h = slot->value;
		if (!h->pod || !h->is_booked || !str_eq(h->pod->loan, str_from(l->name)))
			continue;
		if (h->pod->is_settled)
			settled = amounts_add(settled, h->pod->charge);
		else if (h->state != LIFE_REVOKING &&
			 a->cluster.can->stop(a->cluster.self, str_from(h->id), str_from(h->fence_text), 0, now_us))
			book_state(&a->book, h, LIFE_REVOKING, S("the server was away for too long"), now_us);
	}
	lease_fence(&l->hold, settled);
}

/* A minute; where time runs faster, at least a second of ours. */
static int64_t speak_every(const agent *a)
{
	int64_t every_us = PODS_SPEAK_US, fence_us = fence_speak_us(a);

	if (fence_us && fence_us < every_us)
		every_us = fence_us;
	while (agent_real_us(a, every_us) < PODS_SPEAK_REAL_US)
		every_us *= 2;
	return every_us;
}

int64_t pods_watch(agent *a, int64_t now_us)
{
	bool speaks = now_us >= a->speaks_us;

	map_each (slot, &a->borrow.by_name) {
		loan *l = slot->value;
		if (l->mode == LEASE_SELF_FENCE && !lease_is_open(&a->borrow.self, now_us, l->offline_s * 1000000))
			fence(a, l, now_us);
	}
	if (speaks && a->is_in_touch && a->speaks_us)
		outbox_digest(&a->outbox, &a->book);
	if (speaks)
		borrow_make_room(&a->borrow);
	if (speaks && a->is_in_touch && a->borrow.by_name.n)
		outbox_loans(&a->outbox, &a->borrow, true);
	if (speaks)
		a->speaks_us = now_us + speak_every(a);
	return a->speaks_us;
}

void pods_done(agent *a)
{
	vec_each (at, &a->waiting)
		free(*at);
	vec_done(&a->waiting);
	vec_done(&a->withdrawn);
}
