#include "agents/scheduling/budgets.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/by_space.h"
#include "base/vec.h"

enum { TERMS_MAX = 64, VALUES_MAX = 1024 };

typedef enum term_op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS, OP_UNKNOWN } term_op;

/* One word of a label selector. */
typedef struct term {
	str key, op;
	strs values;
} term;

typedef struct terms {
	term **v;
	uint32_t n;
	bool is_absent;
} terms;

typedef struct budget {
	arena *arena; /* of all below */
	str name;
	terms terms;
	bool is_about_all; /* nobody knows whom it is about */
	int64_t allowed, left;
} budget;

typedef struct budget_space {
	vec(budget) rows;
} budget_space;

struct budgets {
	map spaces;
	uint32_t n_rows;
	bool is_known;
};

budgets *budgets_new(void)
{
	budgets *b = calloc(1, sizeof(*b));

	assert(b);
	return b;
}

void budgets_free(budgets *b)
{
	if (!b)
		return;
	map_each (slot, &b->spaces) {
		budget_space *s = slot->value;
		vec_each (row, &s->rows)
			arena_end(row->arena);
		vec_done(&s->rows);
		free(s);
	}
	map_done(&b->spaces);
	free(b);
}

void budgets_known(budgets *b)
{
	b->is_known = true;
}

void budgets_drop(budgets *b, str space, str name)
{
	budget_space *s = map_find(&b->spaces, space);

	for (uint32_t i = 0; s && i < s->rows.n; i++) {
		if (!str_eq(s->rows.v[i].name, name))
			continue;
		arena_end(s->rows.v[i].arena);
		vec_remove_fast(&s->rows, i);
		b->n_rows--;
		return;
	}
}

static err term_add(terms *all, arena *a, term **ret)
{
	if (all->n == TERMS_MAX)
		return ERR_LIMIT;
	if (!all->v)
		all->v = ARENA_ARRAY(a, term *, TERMS_MAX);
	*ret = all->v[all->n++] = ARENA_NEW(a, term);
	return ERR_OK;
}

static err labels_read(pull *p, arena *a, terms *all)
{
	fields_pairs pairs = {0};
	err e = fields_pairs_read(p, a, &pairs);

	if (!e && pairs.is_cut)
		return ERR_LIMIT;
	for (uint32_t i = 0; !e && i < pairs.n; i++) {
		term *t;
		e = term_add(all, a, &t);
		if (!e)
			*t = (term){pairs.v[i].key, S("In"), {&pairs.v[i].value, 1}};
	}
	return e;
}

static err values_read(pull *p, arena *a, strs *ret)
{
	vec(str) all = {0};
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		str one = STR_NONE;
		e = all.n < VALUES_MAX ? fields_text(p, a, &one) : ERR_LIMIT;
		vec_push(&all, one);
	}
	*ret = (strs){ARENA_ARRAY(a, str, all.n), all.n};
	if (all.n)
		memcpy(ret->v, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	return e ? e : p->e;
}

static err expression_read(pull *p, arena *a, term *t)
{
	bool has_escape;
	str key;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("key")))
			e = fields_text(p, a, &t->key);
		else if (str_eq(key, S("operator")))
			e = fields_text(p, a, &t->op);
		else
			e = str_eq(key, S("values")) ? values_read(p, a, &t->values) : pull_skip(p);
	}
	return e ? e : p->e;
}

static err expressions_read(pull *p, arena *a, terms *all)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		term *t;
		e = term_add(all, a, &t);
		if (!e)
			e = expression_read(p, a, t);
	}
	return e ? e : p->e;
}

static err selector_read(pull *p, arena *a, terms *all)
{
	bool has_escape;
	str key;
	err e;

	if (!fields_object(p, &e))
		return e;
	all->is_absent = false;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("matchLabels")))
			e = labels_read(p, a, all);
		else
			e = str_eq(key, S("matchExpressions")) ? expressions_read(p, a, all) : pull_skip(p);
	}
	return e ? e : p->e;
}

/* What the three members of a budget say. */
typedef struct said {
	terms *terms;
	int64_t generation, counted_at, allowed;
} said;

typedef err member_read(pull *p, arena *a, str key, said *to);

static err meta_member(pull *p, arena *a, str key, said *to)
{
	(void)a;
	return str_eq(key, S("generation")) ? fields_i64(p, &to->generation) : pull_skip(p);
}

static err spec_member(pull *p, arena *a, str key, said *to)
{
	return str_eq(key, S("selector")) ? selector_read(p, a, to->terms) : pull_skip(p);
}

static err status_member(pull *p, arena *a, str key, said *to)
{
	(void)a;
	if (str_eq(key, S("observedGeneration")))
		return fields_i64(p, &to->counted_at);
	return str_eq(key, S("disruptionsAllowed")) ? fields_i64(p, &to->allowed) : pull_skip(p);
}

static err part_read(pull *p, arena *a, member_read *read, said *to)
{
	bool has_escape;
	str key;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = read(p, a, key, to);
	return e ? e : p->e;
}

static err object_read(str object, arena *a, said *to)
{
	bool has_escape;
	str key;
	pull p;
	err e;

	pull_init(&p, object, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(&p, &key, &has_escape)) {
		member_read *read = str_eq(key, S("metadata")) ? meta_member
				    : str_eq(key, S("spec"))   ? spec_member
				    : str_eq(key, S("status")) ? status_member
							       : NULL;
		e = read ? part_read(&p, a, read, to) : pull_skip(&p);
	}
	return e ? e : pull_finish(&p);
}

err budgets_put(budgets *b, const object_meta *of, str object)
{
	budget row = {.arena = arena_new(0), .terms = {.is_absent = true}};
	said is = {.terms = &row.terms};

	budgets_drop(b, of->space, of->name);
	err e = object_read(str_dup(row.arena, object), row.arena, &is);
	row.name = str_dup(row.arena, of->name);
	row.is_about_all = e != ERR_OK;
	row.allowed = e || is.counted_at < is.generation ? 0 : is.allowed;
	if (b->n_rows == BUDGETS_MAX) {
		arena_end(row.arena);
		return ERR_LIMIT;
	}
	budget_space *s = by_space_at(&b->spaces, of->space, sizeof(*s));
	vec_push(&s->rows, row);
	b->n_rows++;
	return e;
}

void budgets_begin(budgets *b)
{
	if (!b)
		return;
	map_each (slot, &b->spaces) {
		budget_space *s = slot->value;
		vec_each (row, &s->rows)
			row->left = row->allowed;
	}
}

static str label_of(str labels, str key)
{
	while (labels.p) {
		str one = str_split(&labels, ','), name = str_split(&one, '=');
		if (str_eq(name, key))
			return one.p ? one : S("");
	}
	return STR_NONE;
}

static term_op op_of(str name)
{
	static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist"};

	for (int i = OP_IN; i < OP_UNKNOWN; i++)
		if (str_eq(name, str_from(names[i])))
			return (term_op)i;
	return OP_UNKNOWN;
}

static bool is_among(const term *t, str value)
{
	for (uint32_t i = 0; i < t->values.n; i++)
		if (str_eq(t->values.v[i], value))
			return true;
	return false;
}

/* What nobody knows of here is taken for met. */
static bool is_met(const term *t, str labels)
{
	str value = label_of(labels, t->key);

	switch (op_of(t->op)) {
	case OP_IN:
		return value.p && is_among(t, value);
	case OP_NOT_IN:
		return !value.p || !is_among(t, value);
	case OP_EXISTS:
		return value.p != NULL;
	case OP_NOT_EXISTS:
		return !value.p;
	default:
		return true;
	}
}

static bool is_about(const budget *row, str labels)
{
	if (row->is_about_all || str_eq(labels, POD_LABELS_MANY))
		return true;
	for (uint32_t i = 0; i < row->terms.n; i++)
		if (!is_met(row->terms.v[i], labels))
			return false;
	return !row->terms.is_absent;
}

static void count(budget_space *s, str labels, int64_t by)
{
	vec_each (row, &s->rows)
		if (is_about(row, labels))
			row->left += by;
}

bool budgets_take(budgets *b, str space, str labels)
{
	budget_space *s = b && space.n ? map_find(&b->spaces, space) : NULL;

	if (b && !b->is_known)
		return false;
	if (!s)
		return true;
	vec_each (row, &s->rows)
		if (row->left <= 0 && is_about(row, labels))
			return false;
	count(s, labels, -1);
	return true;
}

void budgets_give(budgets *b, str space, str labels)
{
	budget_space *s = b && space.n ? map_find(&b->spaces, space) : NULL;

	if (s)
		count(s, labels, 1);
}
