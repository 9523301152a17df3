#include "agents/scheduling/pod_wants.h"

static bool is_new_kind(const pod_wants *all, uint32_t container, const vendor *k)
{
	for (uint32_t i = all->n; i-- > 0 && all->v[i].container == container;)
		if (all->v[i].w.kind == k)
			return false;
	return true;
}

static err kind_read(const pod *p, uint32_t at, const vendor *k, pod_wants *ret, fault *f)
{
	const pod_container *c = &p->containers[at];
	want w;
	err e = want_read(k, c->limits.v, c->limits.n, c->requests.v, c->requests.n, &w, f);

	if (e) {
		fault_prefix(f, S("resources"));
		return e;
	}
	if (!w.count)
		return ERR_OK;
	if (ret->n == POD_WANTS_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "more than %d containers ask for devices", POD_WANTS_MAX);
	ret->v[ret->n++] = (pod_want){at, w};
	return ERR_OK;
}

static err list_read(const pod *p, uint32_t at, const fields_amounts *list, pod_wants *ret, fault *f)
{
	for (uint32_t i = 0; i < list->n; i++) {
		const vendor *k =
			str_find(list->v[i].resource, '/', 0) < 0 ? NULL : vendor_of_resource(list->v[i].resource);
		if (!k || !is_new_kind(ret, at, k))
			continue;
		err e = kind_read(p, at, k, ret, f);
		if (e)
			return e;
	}
	return ERR_OK;
}

err pod_wants_read(const pod *p, pod_wants *ret, fault *f)
{
	ret->n = 0;
	for (uint32_t i = 0; i < p->n_containers; i++) {
		err e = list_read(p, i, &p->containers[i].limits, ret, f);
		if (!e)
			e = list_read(p, i, &p->containers[i].requests, ret, f);
		if (e)
			return e;
	}
	return ERR_OK;
}

/* Sums over devices while a pod is read. */
typedef struct tally_share {
	str uuid;
	int64_t init_mib, init_milli, app_mib, app_milli, sharers;
} tally_share;

enum { SHARES_MAX = 256 };

typedef struct tallies {
	tally_share v[SHARES_MAX];
	uint32_t n;
} tallies;

static tally_share *tally_of(tallies *t, str uuid)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i].uuid, uuid))
			return &t->v[i];
	if (t->n == SHARES_MAX)
		return NULL;
	t->v[t->n] = (tally_share){.uuid = uuid};
	return &t->v[t->n++];
}

static int64_t bits_of(int64_t v)
{
	return __builtin_popcountll((unsigned long long)v);
}

static int64_t milli_of(const vendor *k, int64_t units)
{
	if (k->is_whole)
		return 1000;
	if (!k->compute_whole)
		return 0;
	int64_t n = k->compute_is_mask ? bits_of(units) : units;
	return n >= k->compute_whole ? 1000 : (n * 1000 + k->compute_whole - 1) / k->compute_whole;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool tally_add(tallies *t, bool is_init, str uuid, int64_t memory_mib, int64_t milli)
{
	tally_share *one = tally_of(t, uuid);

	if (!one)
		return false;
	if (is_init) {
		one->init_mib = larger(one->init_mib, memory_mib);
		one->init_milli = larger(one->init_milli, milli);
	} else {
		one->app_mib += memory_mib;
		one->app_milli += milli;
		one->sharers++;
	}
	return true;
}

static bool container_add(tallies *t, const vendor *k, bool is_init, const assigned_container *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		int64_t milli = milli_of(k, c->devices[i].compute);
		if (!tally_add(t, is_init, c->devices[i].uuid, c->devices[i].memory_mib, milli))
			return false;
	}
	return true;
}

static void askers_fill(const pod *p, const pod_wants *wants, const vendor *k, assigned_asker *out)
{
	for (uint32_t i = 0; i < p->n_containers; i++)
		out[i] = (assigned_asker){p->containers[i].is_init, 0};
	for (uint32_t i = 0; i < wants->n; i++)
		if (wants->v[i].w.kind == k)
			out[wants->v[i].container].count = (uint32_t)wants->v[i].w.count;
}

static err kind_shares(const pod *p, const pod_wants *wants, const vendor *k, arena *a, tallies *t, fault *f)
{
	str text = pod_annotation(p, k->pod.allocated);
	assigned_asker *askers = ARENA_ARRAY(a, assigned_asker, p->n_containers);
	assigned places, all;

	if (!text.n)
		return ERR_OK;
	askers_fill(p, wants, k, askers);
	err e = assigned_read(text, a, &places, f);
	if (!e)
		e = assigned_settle(&places, askers, p->n_containers, a, &all, f);
	for (uint32_t i = 0; !e && i < all.n; i++) {
		bool is_init = p->containers[i].is_init && !p->containers[i].is_sidecar;
		if (!container_add(t, k, is_init, &all.containers[i]))
			e = fault_set(f, ERR_LIMIT, NULL, "more than %d devices", SHARES_MAX);
	}
	if (e && f)
		(void)fault_set(f, e, k->pod.allocated, "%s", f->detail);
	return e;
}

static bool is_first_of_kind(const pod_wants *wants, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (wants->v[i].w.kind == wants->v[at].w.kind)
			return false;
	return true;
}

static void shares_fill(const pod *p, tallies *t, arena *a, stock_share **ret, uint32_t *ret_n)
{
	*ret = ARENA_ARRAY(a, stock_share, t->n);
	*ret_n = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		tally_share *one = &t->v[i];
		if (p->is_initialized && !one->sharers)
			continue;
		if (p->is_initialized)
			one->init_mib = one->init_milli = 0;
		(*ret)[(*ret_n)++] = (stock_share){one->uuid, larger(one->init_mib, one->app_mib),
			larger(one->init_milli, one->app_milli), one->sharers};
	}
}

err pod_shares_read(const pod *p, arena *a, stock_share **ret, uint32_t *ret_n, fault *f)
{
	pod_wants *wants = ARENA_NEW(a, pod_wants);
	tallies *t = ARENA_NEW(a, tallies);
	err e = pod_wants_read(p, wants, f);

	for (uint32_t i = 0; !e && i < wants->n; i++)
		if (is_first_of_kind(wants, i))
			e = kind_shares(p, wants, wants->v[i].w.kind, a, t, f);
	if (e)
		return e;
	shares_fill(p, t, a, ret, ret_n);
	return ERR_OK;
}

static const want *want_of(const pod_wants *wants, uint32_t container, str resource)
{
	for (uint32_t i = 0; i < wants->n; i++) {
		const vendor *k = wants->v[i].w.kind;
		if (wants->v[i].container == container &&
			str_eq(str_from(k->resources.count ? k->resources.count : k->word), resource))
			return &wants->v[i].w;
	}
	return NULL;
}

/* A plan says of a share without a cap that it may use all of the compute; what was asked says which it is. */
static int64_t planned_milli(const want *w, const plan_share *s)
{
	if (w && w->compute_milli != VENDOR_ABSENT && !w->size)
		return w->compute_milli;
	bool is_counted = s->compute_milli < 1000 || s->profile.n || !w || w->size || w->kind->is_whole;
	return is_counted ? s->compute_milli : 0;
}

static bool planned_add(tallies *t, const pod *p, const pod_wants *wants, const plan_container *c)
{
	uint32_t at = 0;

	while (at < p->n_containers && !str_eq(p->containers[at].name, c->name))
		at++;
	if (at == p->n_containers && !p->is_short)
		return c->n == 0;
	bool is_init = at < p->n_containers && p->containers[at].is_init && !p->containers[at].is_sidecar;
	for (uint32_t i = 0; i < c->n; i++) {
		const plan_share *s = &c->shares[i];
		if (!tally_add(t, is_init, s->uuid, s->memory_mib, planned_milli(want_of(wants, at, s->resource), s)))
			return false;
	}
	return true;
}

bool pod_shares_planned(const pod *p, const plan_record *r, arena *a, stock_share **ret, uint32_t *ret_n)
{
	pod_wants *wants = ARENA_NEW(a, pod_wants);
	tallies *t = ARENA_NEW(a, tallies);

	/* What it was given stands, whatever it says that it asked for. */
	if (pod_wants_read(p, wants, NULL))
		wants->n = 0;
	for (uint32_t i = 0; i < r->n; i++)
		if (!planned_add(t, p, wants, &r->containers[i]))
			return false;
	shares_fill(p, t, a, ret, ret_n);
	return true;
}
