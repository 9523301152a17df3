#include "engine/quota_loans.h"

#include <stdlib.h>
#include <string.h>

#include "engine/fleet.h"
#include "engine/quota/inside.h"

/* What a tenant still needs, or has to give; of one axis. Those that wait at one node are linked. */
typedef struct offer {
	int32_t tenant, depth, next;
	int64_t amount;
} offer;

typedef vec(offer) offers;

enum { NEEDS, HAS, SIDES };

typedef struct search_node {
	int32_t tenant;
	const quota_cell *cell;
} search_node;

typedef struct search {
	const quota *q;
	int32_t model;
	int axis;
	vec(search_node) nodes; /* those with a cell, the deepest first */
	offers all;
	vec(int32_t) first[SIDES]; /* by node: into all, FLEET_NONE ends */
	offers here[SIDES];
	quota_loans *found;
} search;

static int by_depth(const void *x, const void *y)
{
	const offer *a = x, *b = y;

	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	return (a->tenant > b->tenant) - (a->tenant < b->tenant);
}

static int by_pair(const void *x, const void *y)
{
	const quota_loan *a = x, *b = y;

	if (a->borrower != b->borrower)
		return a->borrower < b->borrower ? -1 : 1;
	return (a->lender > b->lender) - (a->lender < b->lender);
}

/* What is found in the order of the tree is mostly sorted already. */
static void sort(void *v, uint32_t n, size_t size, int (*compare)(const void *, const void *))
{
	const char *at = v;
	uint32_t i = 1;

	while (i < n && compare(at + (i - 1) * size, at + i * size) <= 0)
		i++;
	if (i < n)
		qsort(v, n, size, compare);
}

static void offer_add(offers *to, const search *s, int32_t tenant, int64_t amount)
{
	if (amount > 0)
		vec_push(to, ((offer){tenant, s->q->tenants.v[tenant].depth, FLEET_NONE, amount}));
}

/* What waits at the node, the first that came first: the list begins with the last. */
static void gather_waiting(search *s, int32_t node, int side)
{
	offers *to = &s->here[side];
	uint32_t n = 0;

	for (int32_t i = s->first[side].v[node]; i != FLEET_NONE; i = s->all.v[i].next)
		n++;
	vec_reserve(to, to->n + n);
	to->n += n;
	for (int32_t i = s->first[side].v[node], k = (int32_t)to->n; i != FLEET_NONE; i = s->all.v[i].next)
		to->v[--k] = s->all.v[i];
}

/* What waits at the node, and what it has or needs itself, the nearest first. */
static void gather(search *s, int32_t node, const quota_cell *c)
{
	int64_t own = quota_own(c, s->axis) - c->own_use.v[s->axis];

	for (int side = 0; side < SIDES; side++)
		vec_clear(&s->here[side]);
	/* What the root promises beyond what it has is nobody's work. */
	if (node != QUOTA_ROOT)
		offer_add(&s->here[NEEDS], s, node, -own);
	offer_add(&s->here[HAS], s, node, own);
	for (int side = 0; side < SIDES; side++) {
		gather_waiting(s, node, side);
		sort(s->here[side].v, s->here[side].n, sizeof(offer), by_depth);
	}
}

static void lend(search *s, int32_t via, offer *from, offer *to, int64_t amount)
{
	quota_loan *l = vec_add(s->found);

	*l = (quota_loan){.borrower = to->tenant, .lender = from->tenant, .via = via};
	l->a.v[s->axis] = amount;
	from->amount -= amount;
	to->amount -= amount;
}

static void match(search *s, int32_t node)
{
	uint32_t has = 0;

	vec_each (to, &s->here[NEEDS]) {
		for (; to->amount && has < s->here[HAS].n; has += s->here[HAS].v[has].amount == 0) {
			offer *from = &s->here[HAS].v[has];
			lend(s, node, from, to, from->amount < to->amount ? from->amount : to->amount);
		}
		offer nobody = {.tenant = QUOTA_ROOT, .amount = to->amount};
		if (to->amount && node == QUOTA_ROOT)
			lend(s, node, &nobody, to, to->amount);
	}
}

/* The rest waits at the parent; of what is left no more than may be lent. */
static void pass_on(search *s, const quota_cell *c, int32_t parent)
{
	int64_t most = c->terms.lend_limit.v[s->axis];
	int64_t may[SIDES] = {INT64_MAX, most == QUOTA_UNSET ? INT64_MAX : most};

	for (int side = 0; side < SIDES; side++) {
		vec_each (x, &s->here[side]) {
			int64_t amount = x->amount < may[side] ? x->amount : may[side];
			may[side] -= amount;
			if (amount == 0)
				continue;
			vec_push(&s->all, ((offer){x->tenant, x->depth, s->first[side].v[parent], amount}));
			s->first[side].v[parent] = (int32_t)s->all.n - 1;
		}
	}
}

static void search_axis(search *s)
{
	vec_clear(&s->all);
	for (int side = 0; side < SIDES; side++)
		for (uint32_t i = 0; i < s->first[side].n; i++)
			s->first[side].v[i] = FLEET_NONE;
	vec_each (node, &s->nodes) {
		gather(s, node->tenant, node->cell);
		match(s, node->tenant);
		if (node->tenant != QUOTA_ROOT)
			pass_on(s, node->cell, s->q->tenants.v[node->tenant].parent);
	}
}

/* Where a cell exists its ancestors have theirs: by depth they come before their parents. */
static void nodes_list(search *s)
{
	for (int32_t depth = QUOTA_DEPTH_MAX; depth >= 0; depth--)
		for (uint32_t i = 0; i < s->q->tenants.n; i++) {
			const quota_tenant *t = &s->q->tenants.v[i];
			const quota_cell *c =
				t->is_live && t->depth == depth ? quota_cell_find(s->q, (int32_t)i, s->model) : NULL;
			if (c)
				vec_push(&s->nodes, ((search_node){(int32_t)i, c}));
		}
	for (int side = 0; side < SIDES; side++)
		while (s->first[side].n < s->q->tenants.n)
			vec_push(&s->first[side], FLEET_NONE);
}

/* The axes of one pair become one loan. */
static void loan_add(quota_loans *to, const quota_loan *l)
{
	quota_loan *last = to->n ? &to->v[to->n - 1] : NULL;

	if (last && by_pair(last, l) == 0)
		last->a = amounts_add(last->a, l->a);
	else
		vec_push(to, *l);
}

/* Two sorted lists become one. */
static void join(quota_loans *ret, const quota_loans *x, const quota_loans *y)
{
	uint32_t i = 0, k = 0;

	vec_clear(ret);
	while (i < x->n || k < y->n) {
		bool is_x = k == y->n || (i < x->n && by_pair(&x->v[i], &y->v[k]) <= 0);
		loan_add(ret, is_x ? &x->v[i++] : &y->v[k++]);
	}
}

/* Each axis for itself, and then together. */
static void search_all(search *s, quota_loans *ret)
{
	quota_loans of_axis = {0}, before = {0};

	s->found = &of_axis;
	for (s->axis = 0; s->axis < AXIS_COUNT; s->axis++) {
		vec_clear(&of_axis);
		search_axis(s);
		sort(of_axis.v, of_axis.n, sizeof(quota_loan), by_pair);
		quota_loans own = before;
		before = *ret;
		*ret = own;
		join(ret, &before, &of_axis);
	}
	s->found = NULL;
	vec_done(&of_axis);
	vec_done(&before);
}

void quota_loans_find(const quota *q, int32_t model, quota_loans *ret)
{
	search s = {.q = q, .model = model};

	vec_clear(ret);
	nodes_list(&s);
	search_all(&s, ret);
	vec_done(&s.nodes);
	vec_done(&s.all);
	for (int side = 0; side < SIDES; side++) {
		vec_done(&s.first[side]);
		vec_done(&s.here[side]);
	}
}

static bool names_any(const quota_terms *t)
{
	bool is_any = false;

	for (int i = 0; i < AXIS_COUNT; i++)
		is_any |= t->guaranteed.v[i] != QUOTA_UNSET;
	return is_any;
}

void quota_loans_trim(const quota *q, int32_t model, quota_loans *loans)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < loans->n; k++) {
		quota_loan l = loans->v[k];
		quota_terms t = quota_get(q, l.borrower, model);
		for (int i = 0; i < AXIS_COUNT; i++)
			if (names_any(&t) && t.guaranteed.v[i] == QUOTA_UNSET)
				l.a.v[i] = 0;
		if (!amounts_eq(l.a, (amounts){0}))
			loans->v[n++] = l;
	}
	loans->n = n;
}
