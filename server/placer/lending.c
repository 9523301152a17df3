#include "server/placer/lending.h"

#include <stdlib.h>

static int by_pair(const lending_row *a, const lending_row *b)
{
	if (a->borrower_key != b->borrower_key)
		return a->borrower_key < b->borrower_key ? -1 : 1;
	return (a->lender_key > b->lender_key) - (a->lender_key < b->lender_key);
}

static int compare(const void *a, const void *b)
{
	return by_pair(a, b);
}

static void rows_sort(lending_rows *rows)
{
	uint32_t i = 1;

	while (i < rows->n && by_pair(&rows->v[i - 1], &rows->v[i]) <= 0)
		i++;
	if (i < rows->n)
		qsort(rows->v, rows->n, sizeof *rows->v, compare);
}

void lending_done(lending *l)
{
	vec_done(&l->told);
}

void lending_news_done(lending_news *n)
{
	vec_done(&n->found);
	vec_done(&n->put);
	vec_done(&n->gone);
}

void lending_load(lending *l, lending_row row)
{
	vec_push(&l->told, row);
}

void lending_loaded(lending *l)
{
	rows_sort(&l->told);
}

static void find(const quota *q, int32_t model, lending_keys keys, lending_rows *ret)
{
	quota_loans loans = {0};

	quota_loans_find(q, model, &loans);
	quota_loans_trim(q, model, &loans);
	vec_each (x, &loans)
		vec_push(ret, ((lending_row){keys.key_of(keys.arg, x->borrower), keys.key_of(keys.arg, x->lender),
				      quota_depth(q, x->via), x->borrower, x->a}));
	vec_done(&loans);
	rows_sort(ret);
}

/* Rows in the order of a look: from one borrower on, and around to it again. */
typedef struct walk {
	const lending_rows *of;
	uint32_t at, left;
	int32_t from;
} walk;

static walk walk_begin(const lending_rows *of, int32_t from)
{
	walk w = {.of = of, .left = of->n, .from = from};

	while (w.at < of->n && of->v[w.at].borrower_key < from)
		w.at++;
	return w;
}

static const lending_row *walk_row(const walk *w)
{
	return w->left ? &w->of->v[w->at % w->of->n] : NULL;
}

static void walk_next(walk *w)
{
	w->at++;
	w->left--;
}

/* Below 0: x comes first, or y has ended. */
static int walk_order(const walk *x, const walk *y)
{
	const lending_row *a = walk_row(x), *b = walk_row(y);

	if (!a || !b)
		return a ? -1 : 1;
	bool is_around_a = a->borrower_key < x->from, is_around_b = b->borrower_key < y->from;
	return is_around_a == is_around_b ? by_pair(a, b) : is_around_a - is_around_b;
}

static bool is_other(const lending_row *a, const lending_row *b)
{
	return a->via_depth != b->via_depth || !amounts_eq(a->a, b->a);
}

static bool is_full(lending_news *n, int32_t borrower, int32_t last)
{
	n->is_cut = n->put.n + n->gone.n >= LENDING_ROWS_MAX && borrower != last;
	n->until = borrower;
	return n->is_cut;
}

static void differ(const lending *l, lending_news *n)
{
	walk was = walk_begin(&l->told, l->resume), is = walk_begin(&n->found, l->resume);
	int32_t last = 0;

	while (was.left || is.left) {
		int order = walk_order(&was, &is);
		const lending_row *a = walk_row(&was), *b = walk_row(&is);
		int32_t borrower = order <= 0 ? a->borrower_key : b->borrower_key;
		if (is_full(n, borrower, last))
			return;
		if (order < 0)
			vec_push(&n->gone, *a);
		else if (order > 0 || is_other(a, b))
			vec_push(&n->put, *b);
		last = borrower;
		if (order <= 0)
			walk_next(&was);
		if (order >= 0)
			walk_next(&is);
	}
}

bool lending_look(const lending *l, const quota *q, int32_t model, bool has_loans, lending_keys keys, lending_news *ret)
{
	vec_clear(&ret->found);
	vec_clear(&ret->put);
	vec_clear(&ret->gone);
	ret->is_cut = ret->has_capacity = false;
	if (has_loans) {
		find(q, model, keys, &ret->found);
		ret->capacity = quota_get(q, QUOTA_ROOT, model).guaranteed;
		ret->has_capacity = !l->has_capacity || !amounts_eq(l->capacity, ret->capacity);
	}
	differ(l, ret);
	return ret->put.n || ret->gone.n || ret->has_capacity;
}

/* Whether a look that was cut went over this borrower. */
static bool was_looked(const lending *l, const lending_news *n, int32_t borrower)
{
	if (l->resume <= n->until)
		return borrower >= l->resume && borrower < n->until;
	return borrower >= l->resume || borrower < n->until;
}

/* Of what was gone over as it is, of the rest as it was told. */
static void mix(const lending *l, const lending_news *n, lending_rows *ret)
{
	for (uint32_t i = 0; i < l->told.n; i++)
		if (!was_looked(l, n, l->told.v[i].borrower_key))
			vec_push(ret, l->told.v[i]);
	for (uint32_t i = 0; i < n->found.n; i++)
		if (was_looked(l, n, n->found.v[i].borrower_key))
			vec_push(ret, n->found.v[i]);
	rows_sort(ret);
}

void lending_keep(lending *l, lending_news *n)
{
	lending_rows told = {0};

	if (n->has_capacity)
		l->capacity = n->capacity;
	l->has_capacity |= n->has_capacity;
	if (n->is_cut)
		mix(l, n, &told);
	else {
		told = n->found;
		n->found = (lending_rows){0};
	}
	vec_done(&l->told);
	l->told = told;
	l->resume = n->is_cut ? n->until : 0;
}
