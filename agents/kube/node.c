#include "agents/kube/node.h"

static err meta_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(kube_node, "name", meta.name, fields_text_into),
		FIELDS_ROW(kube_node, "uid", meta.uid, fields_text_into),
		FIELDS_ROW(kube_node, "resourceVersion", meta.version, fields_text_into),
		FIELDS_ROW(kube_node, "creationTimestamp", made_us, fields_time_into),
		FIELDS_ROW(kube_node, "labels", labels, fields_pairs_into),
		FIELDS_ROW(kube_node, "annotations", annotations, fields_pairs_into),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err taint_read(pull *p, arena *a, kube_taint *ret)
{
	static const fields_row rows[] = {
		FIELDS_ROW(kube_taint, "key", key, fields_text_into),
		FIELDS_ROW(kube_taint, "value", value, fields_text_into),
		FIELDS_ROW(kube_taint, "effect", effect, fields_text_into),
	};
	err e;

	return fields_object(p, &e) ? fields_rest(p, a, FIELDS_ROWS(rows), ret) : e ? e : ERR_BAD_FIELD;
}

/* Past the maximum they are passed over: the scheduler reads them all, we only tell them. */
static err taints_read(pull *p, arena *a, void *to)
{
	kube_node *ret = to;
	err e;

	if (!fields_array(p, &e))
		return e;
	ret->taints = ARENA_ARRAY(a, kube_taint, KUBE_TAINTS_MAX);
	while (!e && pull_item(p))
		e = ret->n_taints < KUBE_TAINTS_MAX ? taint_read(p, a, &ret->taints[ret->n_taints++]) : pull_skip(p);
	return e ? e : p->e;
}

static err spec_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(kube_node, "unschedulable", is_cordoned, fields_bool_into),
		FIELDS_ALL("taints", taints_read),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

typedef struct node_condition {
	str type, status;
} node_condition;

static err conditions_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(node_condition, "type", type, fields_text_into),
		FIELDS_ROW(node_condition, "status", status, fields_text_into),
	};
	kube_node *ret = to;
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		node_condition is = {STR_NONE, STR_NONE};
		bool has_begun = fields_object(p, &e);
		e = has_begun ? fields_rest(p, a, FIELDS_ROWS(rows), &is) : e ? e : ERR_BAD_FIELD;
		if (str_eq(is.type, S("Ready")))
			ret->is_unready = !str_eq(is.status, S("True"));
	}
	return e ? e : p->e;
}

static err status_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(kube_node, "capacity", capacity, fields_amounts_into),
		FIELDS_ROW(kube_node, "allocatable", allocatable, fields_amounts_into),
		FIELDS_ALL("conditions", conditions_read),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

err kube_node_read(str text, arena *a, kube_node *ret)
{
	static const fields_row rows[] = {
		FIELDS_ALL("metadata", meta_read), FIELDS_ALL("spec", spec_read), FIELDS_ALL("status", status_read)};
	pull p;
	err e;

	*ret = (kube_node){.meta.space = {"", 0}};
	pull_init(&p, text, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return e ? e : ERR_BAD_FIELD;
	e = fields_rest(&p, a, FIELDS_ROWS(rows), ret);
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
