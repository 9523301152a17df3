#include "agents/node/kubelet/local_pods.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { POD_ARENA_BYTES = 16 << 20, KEY_BYTES = 2 * OBJECT_NAME_MAX + 2 };

static char *copy_of(str s)
{
	char *z = strndup(s.p ? s.p : "", s.n);

	assert(z);
	return z;
}

static void given_done(local_given *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		free(g->ids[i]);
	free(g->ids);
	free(g->resource);
}

static void local_pod_free(local_pod *p)
{
	vec_each (g, &p->given)
		given_done(g);
	vec_done(&p->given);
	arena_end(p->a);
	free(p->key);
	free(p->uid);
	free(p);
}

void local_pods_init(local_pods *all, str node)
{
	*all = (local_pods){.node = node};
}

void local_pods_done(local_pods *all)
{
	map_each (slot, &all->by_key)
		local_pod_free(slot->value);
	map_done(&all->by_key);
}

static str key_print(str space, str name, char out[KEY_BYTES])
{
	int n = snprintf(out, KEY_BYTES, STR_FMT "/" STR_FMT, STR_ARG(space), STR_ARG(name));

	return n > 0 && n < KEY_BYTES ? str_of(out, (size_t)n) : STR_NONE;
}

local_pod *local_pods_find(const local_pods *all, str space, str name)
{
	char key[KEY_BYTES];
	str k = key_print(space, name, key);

	return k.p ? map_find(&all->by_key, k) : NULL;
}

local_pod *local_pods_find_uid(const local_pods *all, str uid)
{
	map_each (slot, &all->by_key) {
		local_pod *p = slot->value;
		if (str_eq(str_from(p->uid), uid))
			return p;
	}
	return NULL;
}

static err plan_check(const local_pods *all, const local_pod *p, const plan_record *r, fault *f)
{
	if (!str_eq(r->pod_uid, p->p.meta.uid))
		return fault_set(f, ERR_PERMISSION_DENIED, NULL, "the plan was signed for another pod");
	if (!str_eq(r->node, all->node))
		return fault_set(
			f, ERR_PERMISSION_DENIED, NULL, "the plan was signed for node " STR_FMT, STR_ARG(r->node));
	if (r->fence < p->fence)
		return fault_set(f, ERR_PERMISSION_DENIED, NULL, "the plan is older than one seen before");
	return ERR_OK;
}

static void plan_take(const local_pods *all, local_pod *p)
{
	str text = pod_annotation(&p->p, PLAN_ANNOTATION);
	fault f = {.detail = "the pod has no plan of the cluster's agent"};
	plan_record r;

	p->has_plan = false;
	err e = text.p ? plan_record_open(text, &all->keys, p->a, &r, &f) : ERR_NOT_FOUND;
	if (!e)
		e = plan_check(all, p, &r, &f);
	(void)snprintf(p->why, sizeof(p->why), "%s", e ? f.detail : "");
	if (e)
		return;
	p->has_plan = true;
	p->plan = r;
	p->fence = r.fence;
}

void local_pods_keys_set(local_pods *all, const plan_keys *keys)
{
	all->keys = *keys;
	map_each (slot, &all->by_key)
		plan_take(all, slot->value);
}

static local_pod *pod_new(local_pods *all, str key, str uid)
{
	local_pod *p = calloc(1, sizeof(*p));

	assert(p);
	p->key = copy_of(key);
	p->uid = copy_of(uid);
	(void)map_put(&all->by_key, str_from(p->key), p);
	return p;
}

static void pod_drop(local_pods *all, local_pod *p)
{
	(void)map_remove(&all->by_key, str_from(p->key));
	local_pod_free(p);
}

local_pod *local_pods_put(local_pods *all, str text)
{
	arena *a = arena_new(POD_ARENA_BYTES);
	char key[KEY_BYTES];
	pod p;

	if (pod_read(str_dup(a, text), a, &p) || !key_print(p.meta.space, p.meta.name, key).p) {
		arena_end(a);
		return NULL;
	}
	local_pod *known = map_find(&all->by_key, str_from(key));
	/* Made anew under its name: another pod. */
	if (known && !str_eq(str_from(known->uid), p.meta.uid)) {
		pod_drop(all, known);
		known = NULL;
	}
	if (!known)
		known = pod_new(all, str_from(key), p.meta.uid);
	known->has_changed =
		!known->a || !str_eq(pod_annotation(&known->p, PLAN_ANNOTATION), pod_annotation(&p, PLAN_ANNOTATION));
	arena_end(known->a);
	known->a = a;
	known->p = p;
	plan_take(all, known);
	return known;
}

void local_pods_remove(local_pods *all, str space, str name, str uid)
{
	local_pod *p = local_pods_find(all, space, name);

	if (p && (!uid.p || str_eq(str_from(p->uid), uid)))
		pod_drop(all, p);
}

static const quantity_row *amount_of(const fields_amounts *all, str resource)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].resource, resource))
			return &all->v[i];
	return NULL;
}

uint32_t local_count(const pod_container *c, str resource)
{
	const quantity_row *row = amount_of(&c->limits, resource);
	int64_t n;

	if (!row)
		row = amount_of(&c->requests, resource);
	return row && quantity_to_i64(row->q, 0, &n) && n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

const plan_container *local_plan_of(const local_pod *p, uint32_t container)
{
	const pod_container *c = &p->p.containers[container];

	for (uint32_t i = 0; p->has_plan && i < p->plan.n; i++)
		if (str_eq(p->plan.containers[i].name, c->name) && p->plan.containers[i].is_init == c->is_init)
			return &p->plan.containers[i];
	return NULL;
}

void local_give(local_pod *p, uint32_t container, str resource, char *const *ids, uint32_t n)
{
	local_given *g = vec_add(&p->given);

	g->container = container;
	g->resource = copy_of(resource);
	g->ids = calloc(n + 1, sizeof(*g->ids));
	assert(g->ids);
	for (g->n = 0; g->n < n; g->n++)
		g->ids[g->n] = copy_of(str_from(ids[g->n]));
}

const local_given *local_given_find(const local_pod *p, uint32_t container, str resource)
{
	for (uint32_t i = 0; i < p->given.n; i++) {
		const local_given *g = &p->given.v[i];
		if (g->container == container && str_eq(str_from(g->resource), resource))
			return g;
	}
	return NULL;
}
