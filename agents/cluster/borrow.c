#include "agents/cluster/borrow.h"

#include <assert.h>
#include <stdlib.h>

void borrow_init(borrow *b)
{
	*b = (borrow){.self = {.session = BORROW_SESSION_OWN, .asked_us = INT64_MIN / 2}};
}

void borrow_done(borrow *b)
{
	map_each (slot, &b->by_name)
		free(slot->value);
	map_done(&b->by_name);
}

static void text_put(char *out, size_t max, str s)
{
	size_t n = s.n < max ? s.n : max;

	memcpy(out, s.p ? s.p : "", n);
	out[n] = 0;
}

loan *borrow_named(const borrow *b, str name)
{
	return map_find(&b->by_name, name);
}

static loan *loan_put(borrow *b, str name)
{
	loan *l = borrow_named(b, name);

	if (l || name.n > BORROW_TEXT_MAX)
		return l;
	l = calloc(1, sizeof(*l));
	assert(l);
	text_put(l->name, BORROW_TEXT_MAX, name);
	l->is_new = b->has_new = true;
	(void)map_put(&b->by_name, str_from(l->name), l);
	return l;
}

void borrow_recall(borrow *b, const fact_loan *f)
{
	loan *l = loan_put(b, f->name);

	if (!l)
		return;
	text_put(l->tenant, BORROW_TEXT_MAX, f->tenant);
	text_put(l->model, BOOK_ID_MAX, f->model);
	l->hold.seq = f->seq;
	l->hold.offered = f->offered;
	l->offline_s = f->offline_s;
	l->is_kept = true;
	l->is_new = false;
	(void)lease_mode_find(f->mode.p, f->mode.n, &l->mode);
}

bool borrow_is_nothing(const loan *l)
{
	bool is_nothing = true;

	for (int i = 0; i < AXIS_COUNT; i++)
		is_nothing = is_nothing && !l->hold.offered.v[i] && !l->hold.used.v[i];
	return is_nothing;
}

static size_t bytes_of(const loan *l)
{
	fact_loan f = borrow_fact(l);

	return borrow_is_nothing(l) ? 0 : fact_loan_bytes(&f);
}

void borrow_make_room(borrow *b)
{
	size_t taken = 0;

	b->n_unkept = 0;
	map_each (slot, &b->by_name) {
		loan *l = slot->value;
		l->is_kept = l->is_kept && !borrow_is_nothing(l);
		taken += l->is_kept ? bytes_of(l) : 0;
	}
	map_each (slot, &b->by_name) {
		loan *l = slot->value;
		size_t bytes = bytes_of(l);
		if (l->is_kept || !bytes)
			continue;
		l->is_kept = !b->kept_max || taken + bytes <= b->kept_max;
		taken += l->is_kept ? bytes : 0;
		b->n_unkept += !l->is_kept;
	}
}

fact_loan borrow_fact(const loan *l)
{
	return (fact_loan){.name = str_from(l->name),
		.tenant = str_from(l->tenant),
		.model = str_from(l->model),
		.mode = str_from(lease_mode_name(l->mode)),
		.offline_s = l->offline_s,
		.seq = l->hold.seq,
		.offered = l->hold.offered};
}

static bool offer_take(borrow *b, facts *k, const sync_answer *s, const sync_lease *o, bool is_own)
{
	lease_offer offer = {s->incarnation, is_own ? BORROW_SESSION_OWN : BORROW_SESSION_OTHER, o->seq,
		{{o->device_milli, o->memory_mib, o->compute_milli}}};
	loan *l = loan_put(b, o->lease);

	if (!l)
		return false;
	if (is_own) {
		text_put(l->tenant, BORROW_TEXT_MAX, o->tenant);
		text_put(l->model, BOOK_ID_MAX, o->model);
		l->offline_s = o->offline_s;
		(void)lease_mode_find(o->mode.p, o->mode.n, &l->mode);
	}
	if (!lease_take(&l->hold, &b->self, &offer))
		return false;
	fact_loan f = borrow_fact(l);
	facts_loan(k, &f);
	l->is_due = true;
	return true;
}

static void anew(borrow *b, facts *k)
{
	map_each (slot, &b->by_name) {
		loan *l = slot->value;
		lease_begin_anew(&l->hold);
		fact_loan f = borrow_fact(l);
		facts_loan(k, &f);
	}
	b->rev = 0;
}

bool borrow_heard(
	borrow *b, facts *k, const sync_answer *s, str session, int64_t asked_us, int64_t now_us, bool *ret_anew)
{
	const sync_lease *o = s->leases.items.v;
	bool has_leases = js_given(&sync_answer_type, s, "leases"), is_taken = false;
	bool is_own = !has_leases || str_eq(s->leases.session, session);

	*ret_anew = is_own && lease_meets(&b->self, s->incarnation, BORROW_SESSION_OWN);
	if (*ret_anew)
		anew(b, k);
	if (is_own)
		lease_answered(&b->self, asked_us, now_us);
	for (uint32_t i = 0; has_leases && i < s->leases.items.n; i++)
		is_taken |= offer_take(b, k, s, &o[i], is_own);
	if (has_leases && is_own)
		b->rev = s->leases.rev;
	if (is_taken)
		borrow_make_room(b);
	return is_taken;
}

void borrow_session(borrow *b)
{
	b->rev = 0;
}

loan *borrow_of(const borrow *b, str tenant, str model)
{
	map_each (slot, &b->by_name) {
		loan *l = slot->value;
		if (str_eq(tenant, str_from(l->tenant)) && str_eq(model, str_from(l->model)))
			return l;
	}
	return NULL;
}

bool borrow_spend(borrow *b, loan *l, amounts a, int64_t now_us)
{
	return l->is_kept && lease_is_open(&b->self, now_us, l->offline_s * 1000000) &&
	       lease_spend(&l->hold, &l->hold, a);
}

void borrow_return(loan *l, amounts a)
{
	bool was_over = false;

	for (int i = 0; i < AXIS_COUNT; i++)
		was_over |= l->hold.used.v[i] > l->hold.offered.v[i];
	lease_return(&l->hold, a);
	l->is_due |= was_over;
}

void borrow_found(loan *l, amounts a)
{
	l->hold.used = amounts_add(l->hold.used, a);
}
