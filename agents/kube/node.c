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

static err spec_read(pull *p, kube_node *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("unschedulable")) ? fields_bool(p, &ret->is_cordoned) : pull_skip(p);
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
			e = spec_read(&p, ret);
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

bool kube_node_capacity(const kube_node *n, const char *resource, quantity *ret)
{
	for (uint32_t i = 0; i < n->capacity.n; i++) {
		if (!str_eq(n->capacity.v[i].resource, str_from(resource)))
			continue;
		*ret = n->capacity.v[i].q;
		return true;
	}
	return false;
}
