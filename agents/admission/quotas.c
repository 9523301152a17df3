#include "agents/admission/quotas.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/by_space.h"
#include "base/vec.h"

#define LIMITS    "limits."
#define LIMIT_MAX ((int64_t)1 << 40) /* more is no limit */

typedef struct quota_row {
	str name; /* of the quota */
	const vendor *kind;
	bool is_memory;
	int64_t limit; /* units */
} quota_row;

typedef struct quota_space {
	vec(quota_row) rows;
} quota_space;

struct quotas {
	map spaces;
	uint32_t n_rows;
};

quotas *quotas_new(void)
{
	quotas *q = calloc(1, sizeof(*q));

	assert(q);
	return q;
}

static void name_free(const quota_row *r)
{
	free((void *)(uintptr_t)r->name.p);
}

void quotas_free(quotas *q)
{
	if (!q)
		return;
	map_each (slot, &q->spaces) {
		quota_space *s = slot->value;
		vec_each (r, &s->rows)
			name_free(r);
		vec_done(&s->rows);
		free(s);
	}
	map_done(&q->spaces);
	free(q);
}

void quotas_drop(quotas *q, str space, str name)
{
	quota_space *s = map_find(&q->spaces, space);
	uint32_t kept = 0;

	for (uint32_t i = 0; s && i < s->rows.n; i++) {
		if (!str_eq(s->rows.v[i].name, name)) {
			s->rows.v[kept++] = s->rows.v[i];
			continue;
		}
		name_free(&s->rows.v[i]);
		q->n_rows--;
	}
	if (s)
		s->rows.n = kept;
}

static str name_keep(str name)
{
	char *text = calloc(1, (size_t)name.n + 1);

	assert(text);
	memcpy(text, name.p, name.n);
	return str_of(text, name.n);
}

/* Every amount that says something of a kind's memory or compute. */
static err row_put(quotas *q, quota_space *s, str name, const quantity_row *amount)
{
	quota_row r = {0};

	if (!str_starts(amount->resource, S(LIMITS)))
		return ERR_OK;
	str resource = str_cut(amount->resource, sizeof(LIMITS) - 1, amount->resource.n);
	r.kind = vendor_of_resource(resource);
	r.is_memory = r.kind && r.kind->resources.memory && str_eq(str_from(r.kind->resources.memory), resource);
	bool is_compute = r.kind && r.kind->resources.compute && str_eq(str_from(r.kind->resources.compute), resource);
	if (!r.is_memory && !is_compute)
		return ERR_OK;
	if (q->n_rows == QUOTAS_ROWS_MAX)
		return ERR_LIMIT;
	if (!quantity_to_i64(amount->q, 0, &r.limit) || r.limit > LIMIT_MAX)
		r.limit = LIMIT_MAX;
	if (quantity_cmp(amount->q, quantity_of(0, QUANTITY_DECIMAL)) < 0)
		r.limit = 0;
	r.name = name_keep(name);
	vec_push(&s->rows, r);
	q->n_rows++;
	return ERR_OK;
}

static err hard_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {FIELDS_ALL("hard", fields_amounts_into)};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err amounts_read(str object, arena *a, fields_amounts *ret)
{
	static const fields_row rows[] = {FIELDS_ALL("spec", hard_read)};
	pull p;
	err e;

	pull_init(&p, object, OBJECT_DEPTH_MAX);
	return fields_object(&p, &e) ? fields_rest(&p, a, FIELDS_ROWS(rows), ret) : ERR_BAD_FIELD;
}

err quotas_put(quotas *q, str object)
{
	AUTO_ARENA a = arena_new(0);
	fields_amounts hard = {0};
	object_meta meta;

	if (object_meta_read(object, &meta) || !meta.name.n || !meta.space.n || amounts_read(object, a, &hard) ||
		hard.is_cut)
		return ERR_BAD_FIELD;
	quotas_drop(q, meta.space, meta.name);
	quota_space *s = by_space_at(&q->spaces, meta.space, sizeof(*s));
	err e = ERR_OK;
	for (uint32_t i = 0; !e && i < hard.n; i++)
		e = row_put(q, s, meta.name, &hard.v[i]);
	return e;
}

bool quotas_has(const quotas *q, str space)
{
	const quota_space *s = map_find(&q->spaces, space);

	return s && s->rows.n > 0;
}

static const quota_ask *ask_like(const quota_ask *all, uint32_t n, const vendor *kind)
{
	for (uint32_t i = 0; i < n; i++)
		if (all[i].kind == kind)
			return &all[i];
	return NULL;
}

static quota_ask *ask_of(quota_ask *all, uint32_t *n, const vendor *kind)
{
	const quota_ask *like = ask_like(all, *n, kind);

	if (like)
		return &all[like - all];
	all[*n] = (quota_ask){.kind = kind};
	return &all[(*n)++];
}

static int64_t compute_of(const want *w)
{
	return w->compute_milli == VENDOR_ABSENT ? 0 : (int64_t)w->compute_milli * w->count;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

uint32_t quota_asks(const pod *p, const pod_wants *wants, quota_ask *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < wants->n; i++) {
		const pod_container *c = &p->containers[wants->v[i].container];
		const want *w = &wants->v[i].w;
		quota_ask *of = ask_of(ret, &n, w->kind);
		if (c->is_init && !c->is_sidecar)
			continue;
		of->memory_mib += w->memory_mib * w->count;
		of->compute_milli += compute_of(w);
	}
	for (uint32_t i = 0; i < wants->n; i++) {
		const pod_container *c = &p->containers[wants->v[i].container];
		const want *w = &wants->v[i].w;
		quota_ask *of = ask_of(ret, &n, w->kind);
		if (!c->is_init || c->is_sidecar)
			continue;
		of->memory_mib = larger(of->memory_mib, w->memory_mib * w->count);
		of->compute_milli = larger(of->compute_milli, compute_of(w));
	}
	return n;
}

static int64_t units_of(const quota_row *r, int64_t memory_mib, int64_t compute_milli)
{
	const vendor *k = r->kind;

	if (r->is_memory)
		return (memory_mib + k->memory_unit_mib - 1) / k->memory_unit_mib;
	return (compute_milli * (k->compute_whole ? k->compute_whole : 100) + 999) / 1000;
}

void quota_asks_held(const stock *s, str space, quota_ask *asks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		asks[i].held = stock_space_held(s, space, asks[i].kind);
}

bool quotas_let(const quotas *q, str space, const quota_ask *asks, uint32_t n, quota_gap *ret)
{
	const quota_space *all = map_find(&q->spaces, space);
	bool lets = true;

	for (uint32_t i = 0; all && i < all->rows.n; i++) {
		const quota_row *r = &all->rows.v[i];
		const quota_ask *of = ask_like(asks, n, r->kind);
		quota_gap gap = {.name = r->name, .limit = r->limit};
		gap.resource = r->is_memory ? r->kind->resources.memory : r->kind->resources.compute;
		if (!of)
			continue;
		gap.asked = units_of(r, of->memory_mib, of->compute_milli);
		gap.used = units_of(r, of->held.memory_mib, of->held.compute_milli);
		if (!gap.asked || gap.asked <= gap.limit - gap.used)
			continue;
		if (lets || gap.limit - gap.used - gap.asked < ret->limit - ret->used - ret->asked)
			*ret = gap;
		lets = false;
	}
	return lets;
}

/* MiB that the namespace may still take of the kind; INT64_MAX: no quota says it. */
static int64_t memory_left(const quotas *q, str space, const quota_ask *of)
{
	const quota_space *all = map_find(&q->spaces, space);
	int64_t left = INT64_MAX;

	for (uint32_t i = 0; all && i < all->rows.n; i++) {
		const quota_row *r = &all->rows.v[i];
		if (r->kind != of->kind || !r->is_memory)
			continue;
		int64_t here = r->limit * of->kind->memory_unit_mib - of->held.memory_mib;
		left = here < left ? here : left;
	}
	return left;
}

bool quotas_limit_beside(const quotas *q, str space, const quota_ask *asks, uint32_t n, pod_ask *a, quota_gap *ret)
{
	if (!quotas_let(q, space, asks, n, ret))
		return false;
	for (int32_t i = 0; i < a->n; i++) {
		const quota_ask *of = ask_like(asks, n, a->kinds[i]);
		int64_t left = of ? memory_left(q, space, of) : INT64_MAX;
		bool is_open = a->entries[i].memory_mib || left == INT64_MAX;
		a->entries[i].memory_mib_most = is_open ? 0 : left > 0 ? left : -1;
	}
	return true;
}

bool quotas_limit(const quotas *q, const stock *s, const pod *p, pod_ask *a, quota_gap *ret)
{
	quota_ask asks[POD_WANTS_MAX];

	if (!quotas_has(q, p->meta.space))
		return true;
	uint32_t n = quota_asks(p, &a->wants, asks);
	quota_asks_held(s, p->meta.space, asks, n);
	return quotas_limit_beside(q, p->meta.space, asks, n, a, ret);
}

void quotas_each(const quotas *q, const stock *s, void (*visit)(void *arg, const quota_told *t), void *arg)
{
	map_each (slot, &q->spaces) {
		const quota_space *all = slot->value;
		for (uint32_t i = 0; i < all->rows.n; i++) {
			const quota_row *r = &all->rows.v[i];
			stock_held held = stock_space_held(s, slot->key, r->kind);
			const vendor_resources *names = &r->kind->resources;
			visit(arg, &(quota_told){slot->key, r->is_memory ? names->memory : names->compute, r->limit,
					   units_of(r, held.memory_mib, held.compute_milli)});
		}
	}
}
