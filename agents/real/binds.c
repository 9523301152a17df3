#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"

bind_row *bind_find(const real *r, str uid)
{
	return uid.n ? map_find(&r->binds, uid) : NULL;
}

bind_row *bind_add(real *r, str uid, str space, str name, str node, str text, bool is_signed_here)
{
	bind_row *b = calloc(1, sizeof(*b));

	assert(b && !bind_find(r, uid));
	work_text(&b->uid, uid);
	work_text(&b->space, space);
	work_text(&b->pod, name);
	work_text(&b->node, node);
	work_text(&b->receipt, str_of(text.p ? text.p : "", text.n));
	str told = str_from(b->receipt);
	if (!(is_signed_here ? receipt_read(told, &b->r) : receipt_open(told, uid, node, r->public_key, &b->r)))
		b->r = (receipt){.id = S("")};
	(void)map_put(&r->binds, str_from(b->uid), b);
	return b;
}

void bind_shares(bind_row *b, const stock_share *shares, uint32_t n)
{
	size_t bytes = 1;

	for (uint32_t i = 0; i < n; i++)
		bytes += shares[i].uuid.n;
	char *at = b->uuids = calloc(bytes, 1);
	b->shares = calloc(n + 1, sizeof(*b->shares));
	assert(b->uuids && b->shares);
	for (; b->n_shares < n; b->n_shares++) {
		stock_share *to = &b->shares[b->n_shares];
		*to = shares[b->n_shares];
		memcpy(at, to->uuid.p, to->uuid.n);
		to->uuid = str_of(at, to->uuid.n);
		at += to->uuid.n;
	}
}

void bind_drop(real *r, bind_row *b)
{
	void (*on_paid)(void *deed, bool is_paid) = b->on_paid;
	void *deed = b->deed;

	r->room.is_less = true;
	(void)map_remove(&r->binds, str_from(b->uid));
	free(b->uid);
	free(b->space);
	free(b->pod);
	free(b->node);
	free(b->receipt);
	free(b->request);
	free(b->placed);
	free(b->shares);
	free(b->uuids);
	free(b);
	/* Whoever asked for it waits: its pod has gone, or is bound, before it was paid. */
	if (on_paid)
		on_paid(deed, false);
}

static void ordered_landed(real *r, const bind_row *b, int64_t now_us)
{
	seat *s;
	work *w = works_of_pod(&r->works, str_from(b->uid), &s);

	if (w)
		seat_move(&r->works, w, s, SEAT_BOUND, now_us);
}

/* Of one that an agent before us paid, what it asked for is told as far as what it holds tells it. */
static void let_in_tell(real *r, const work *w, const bind_row *b, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	placement told = {.id = STR_NONE};
	agent_entry e = seat_entry(r, w, &w->seats[0], &b->r, a);

	str json = b->placed ? str_print(a, "{\"placed\":%s}", b->placed) : STR_NONE;
	e.is_paid = true;
	if (b->request)
		e.let_in.request = str_from(b->request);
	if (json.n && js_read_output(&placement_type, json, a, &told, NULL) == ERR_OK)
		e.placed = told.placed;
	agent_let_in(r->agent, &e, now_us);
}

static void lent_landed(real *r, const bind_row *b, int64_t now_us)
{
	if (works_find(&r->works, b->r.id))
		return;
	work *w = works_add(&r->works, b->r.id, b->r.fence, b->r.tenant, b->r.loan, 1);
	w->charge = b->r.charge;
	w->at_us = b->r.at_us;
	w->max_runtime_s = b->r.max_runtime_s;
	w->has_phase = true;
	w->phase = CLUSTER_BOUND;
	seat_take(
		&r->works, w, &w->seats[0], str_from(b->uid), str_from(b->space), str_from(b->pod), str_from(b->node));
	seat_move(&r->works, w, &w->seats[0], SEAT_BOUND, now_us);
	if (w->max_runtime_s)
		works_time(&r->works, w);
	let_in_tell(r, w, b, now_us);
}

void bind_landed(real *r, bind_row *b, int64_t now_us)
{
	if (b->is_ordered)
		ordered_landed(r, b, now_us);
	else if (b->r.id.n && r->agent)
		lent_landed(r, b, now_us);
	bind_drop(r, b);
	real_stir(r);
}

void bind_failed(real *r, bind_row *b)
{
	seat *s;
	work *w = b->is_ordered ? works_of_pod(&r->works, str_from(b->uid), &s) : NULL;

	if (w && s->state == SEAT_AWAITED) {
		seat_leave(&r->works, w, s);
		if (!w->is_stopping)
			seat_hold(r, w, s);
		works_stir(&r->works, w);
		rounds_claimed(r, str_from(w->id));
	} else if (b->r.loan.n && r->agent) {
		agent_unspend(r->agent, b->r.loan, b->r.charge);
	}
	yields_back(r, str_from(b->uid));
	bind_drop(r, b);
	real_write(r);
}
