#include "agents/kube/node.h"

static err meta_read(pull *p, arena *a, kube_node *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("name")))
			e = fields_text(p, a, &ret->meta.name);
		else if (str_eq(key, S("uid")))
			e = fields_text(p, a, &ret->meta.uid);
		else if (str_eq(key, S("resourceVersion")))
			e = fields_text(p, a, &ret->meta.version);
		else if (str_eq(key, S("labels")))
			e = fields_pairs_read(p, a, &ret->labels);
		else if (str_eq(key, S("annotations")))
			e = fields_pairs_read(p, a, &ret->annotations);
		else
			e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err taint_read(pull *p, arena *a, kube_taint *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		str *const to = str_eq(key, S("key"))      ? &ret->key
				: str_eq(key, S("value"))  ? &ret->value
				: str_eq(key, S("effect")) ? &ret->effect
							   : NULL;
		e = to ? fields_text(p, a, to) : pull_skip(p);
	}
	return e ? e : p->e;
}

/* Past the maximum they are passed over: the scheduler reads them all, we only tell them. */
static err taints_read(pull *p, arena *a, kube_node *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	ret->taints = ARENA_ARRAY(a, kube_taint, KUBE_TAINTS_MAX);
	while (!e && pull_item(p))
		e = ret->n_taints < KUBE_TAINTS_MAX ? taint_read(p, a, &ret->taints[ret->n_taints++]) : pull_skip(p);
	return e ? e : p->e;
}

static err spec_read(pull *p, arena *a, kube_node *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("unschedulable")))
			e = fields_bool(p, &ret->is_cordoned);
		else if (str_eq(key, S("taints")))
			e = taints_read(p, a, ret);
		else
			e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err condition_read(pull *p, arena *a, kube_node *ret)
{
	str key, type = STR_NONE, status = STR_NONE;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("type")))
			e = fields_text(p, a, &type);
		else if (str_eq(key, S("status")))
			e = fields_text(p, a, &status);
		else
			e = pull_skip(p);
	}
	if (str_eq(type, S("Ready")))
		ret->is_unready = !str_eq(status, S("True"));
	return e ? e : p->e;
}

static err conditions_read(pull *p, arena *a, kube_node *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p))
		e = condition_read(p, a, ret);
	return e ? e : p->e;
}

static err status_read(pull *p, arena *a, kube_node *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("capacity")))
			e = fields_amounts_read(p, a, &ret->capacity);
		else if (str_eq(key, S("allocatable")))
			e = fields_amounts_read(p, a, &ret->allocatable);
		else if (str_eq(key, S("conditions")))
			e = conditions_read(p, a, ret);
		else
			e = pull_skip(p);
	}
	return e ? e : p->e;
}

err kube_node_read(str text, arena *a, kube_node *ret)
{
	str key;
	bool has_escape;
	pull p;
	err e;

	*ret = (kube_node){.meta.space = {"", 0}};
	pull_init(&p, text, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(&p, &key, &has_escape)) {
		if (str_eq(key, S("metadata")))
			e = meta_read(&p, a, ret);
		else if (str_eq(key, S("spec")))
			e = spec_read(&p, a, ret);
		else if (str_eq(key, S("status")))
			e = status_read(&p, a, ret);
		else
			e = pull_skip(&p);
	}
	if (!e)
		e = p.e;
	return !e && !ret->meta.name.n ? ERR_BAD_FIELD : e;
}

str kube_node_annotation(const kube_node *n, const char *key)
{
	for (uint32_t i = 0; i < n->annotations.n; i++)
		if (str_eq(n->annotations.v[i].key, str_from(key)))
			return n->annotations.v[i].value;
	return STR_NONE;
}

static bool amount_find(const fields_amounts *all, const char *resource, quantity *ret)
{
	for (uint32_t i = 0; i < all->n; i++) {
		if (!str_eq(all->v[i].resource, str_from(resource)))
			continue;
		*ret = all->v[i].q;
		return true;
	}
	return false;
}

bool kube_node_capacity(const kube_node *n, const char *resource, quantity *ret)
{
	return amount_find(&n->capacity, resource, ret);
}

bool kube_node_allocatable(const kube_node *n, const char *resource, quantity *ret)
{
	return amount_find(&n->allocatable, resource, ret) || amount_find(&n->capacity, resource, ret);
}
