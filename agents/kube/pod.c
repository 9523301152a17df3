#include "agents/kube/pod.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/vec.h"

enum { CONTAINERS_FIRST = 4 };

static err meta_member(pull *p, arena *a, str key, pod *ret)
{
	str gone = STR_NONE;
	err e;

	if (str_eq(key, S("name")))
		return fields_text(p, a, &ret->meta.name);
	if (str_eq(key, S("namespace")))
		return fields_text(p, a, &ret->meta.space);
	if (str_eq(key, S("uid")))
		return fields_text(p, a, &ret->meta.uid);
	if (str_eq(key, S("resourceVersion")))
		return fields_text(p, a, &ret->meta.version);
	if (str_eq(key, S("labels")))
		return fields_pairs_read(p, a, &ret->labels);
	if (str_eq(key, S("annotations")))
		return fields_pairs_read(p, a, &ret->annotations);
	if (!str_eq(key, S("deletionTimestamp")))
		return pull_skip(p);
	e = fields_text(p, a, &gone);
	ret->is_leaving = gone.n > 0;
	return e;
}

static err resources_read(pull *p, arena *a, pod_container *c)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	c->has_resources = true;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("limits")))
			e = fields_amounts_read(p, a, &c->limits);
		else if (str_eq(key, S("requests")))
			e = fields_amounts_read(p, a, &c->requests);
		else
			e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err privilege_read(pull *p, pod_container *c)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("privileged")) ? fields_bool(p, &c->is_privileged) : pull_skip(p);
	return e ? e : p->e;
}

static err variable_read(pull *p, arena *a, object_pair *ret, bool *ret_is_cut)
{
	str key;
	bool has_escape, is_elsewhere = false;
	err e;

	*ret = (object_pair){{"", 0}, {"", 0}};
	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("name")))
			e = fields_text_try(p, a, &ret->key, ret_is_cut);
		else if (str_eq(key, S("value")))
			e = fields_text_try(p, a, &ret->value, ret_is_cut);
		else
			e = pull_skip(p);
		is_elsewhere = is_elsewhere || str_eq(key, S("valueFrom"));
	}
	if (is_elsewhere)
		ret->value = STR_NONE;
	return e ? e : p->e;
}

static err variables_read(pull *p, arena *a, fields_pairs *ret)
{
	vec(object_pair) all = {0};
	object_pair one = {STR_NONE, STR_NONE};
	bool is_cut = false;
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		bool has_room = all.n < FIELDS_VARIABLES_MAX;
		e = has_room ? variable_read(p, a, &one, &is_cut) : pull_skip(p);
		is_cut = is_cut || !has_room;
		if (has_room)
			vec_push(&all, one);
	}
	*ret = (fields_pairs){ARENA_ARRAY(a, object_pair, all.n), all.n, is_cut};
	if (all.n)
		memcpy(ret->v, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	return e ? e : p->e;
}

static err container_read(pull *p, arena *a, pod_container *c)
{
	str key, restart = STR_NONE;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("name")))
			e = fields_text(p, a, &c->name);
		else if (str_eq(key, S("restartPolicy")))
			e = fields_word(p, a, &restart);
		else if (str_eq(key, S("resources")))
			e = resources_read(p, a, c);
		else if (str_eq(key, S("securityContext")))
			e = privilege_read(p, c);
		else if (str_eq(key, S("env")))
			e = variables_read(p, a, &c->env);
		else
			e = pull_skip(p);
	}
	c->is_sidecar = c->is_init && str_eq(restart, S("Always"));
	return e ? e : p->e;
}

/* Most pods have few, and there is room for many. */
typedef struct container_list {
	pod_container *v; /* in the arena */
	uint32_t n, cap;
	bool is_short;
} container_list;

static pod_container *container_add(container_list *list, arena *a)
{
	if (list->n == list->cap) {
		uint32_t cap = list->cap ? list->cap * 4 : CONTAINERS_FIRST;
		pod_container *v = ARENA_ARRAY(a, pod_container, cap);
		if (list->n)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
		list->cap = cap;
	}
	return &list->v[list->n++];
}

static err containers_read(pull *p, arena *a, bool is_init, container_list *list)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		if (list->n == POD_CONTAINERS_MAX) {
			list->is_short = true;
			e = pull_skip(p);
			continue;
		}
		pod_container *c = container_add(list, a);
		c->is_init = is_init;
		e = container_read(p, a, c);
		list->is_short = list->is_short || c->limits.is_cut || c->requests.is_cut;
	}
	return e ? e : p->e;
}

static err gates_read(pull *p, pod *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		ret->is_gated = true;
		e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err toleration_read(pull *p, arena *a, pod_toleration *ret)
{
	str key;
	bool has_escape;
	err e;

	*ret = (pod_toleration){{"", 0}, {"", 0}, {"", 0}, {"", 0}};
	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		str *const to = str_eq(key, S("key")) ? &ret->key
						      : str_eq(key, S("operator"))
					? &ret->operator: str_eq(key, S("value")) ? &ret->value
					  : str_eq(key, S("effect"))              ? &ret->effect
										  : NULL;
		e = to ? fields_word(p, a, to) : pull_skip(p);
	}
	return e ? e : p->e;
}

/* Past the maximum they are passed over: the scheduler reads them all, we only tell them. */
static err tolerations_read(pull *p, arena *a, pod *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	ret->tolerations = ARENA_ARRAY(a, pod_toleration, POD_TOLERATIONS_MAX);
	while (!e && pull_item(p))
		e = ret->n_tolerations < POD_TOLERATIONS_MAX
			    ? toleration_read(p, a, &ret->tolerations[ret->n_tolerations++])
			    : pull_skip(p);
	return e ? e : p->e;
}

static void containers_join(const container_list *init, const container_list *apps, arena *a, pod *ret)
{
	ret->is_short = init->is_short || apps->is_short;
	ret->n_containers = init->n + apps->n;
	ret->containers = ARENA_ARRAY(a, pod_container, ret->n_containers);
	if (init->n)
		memcpy(ret->containers, init->v, init->n * sizeof(*init->v));
	if (apps->n)
		memcpy(ret->containers + init->n, apps->v, apps->n * sizeof(*apps->v));
}

static err policy_read(pull *p, arena *a, pod *ret)
{
	str word = STR_NONE;
	err e = fields_word(p, a, &word);

	ret->is_meek = str_eq(word, S("Never"));
	return e;
}

static err spec_read(pull *p, arena *a, pod *ret)
{
	container_list init = {0}, apps = {0};
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("containers")))
			e = containers_read(p, a, false, &apps);
		else if (str_eq(key, S("initContainers")))
			e = containers_read(p, a, true, &init);
		else if (str_eq(key, S("nodeName")))
			e = fields_text(p, a, &ret->node);
		else if (str_eq(key, S("schedulerName")))
			e = fields_word(p, a, &ret->scheduler);
		else if (str_eq(key, S("runtimeClassName")))
			e = fields_text(p, a, &ret->runtime_class);
		else if (str_eq(key, S("priority")))
			e = fields_i64(p, &ret->priority);
		else if (str_eq(key, S("preemptionPolicy")))
			e = policy_read(p, a, ret);
		else if (str_eq(key, S("nodeSelector")))
			e = fields_pairs_read(p, a, &ret->node_selector);
		else if (str_eq(key, S("tolerations")))
			e = tolerations_read(p, a, ret);
		else if (str_eq(key, S("schedulingGates")))
			e = gates_read(p, ret);
		else
			e = pull_skip(p);
	}
	containers_join(&init, &apps, a, ret);
	return e ? e : p->e;
}

/* One condition of the status; of those, we need one. */
static err condition_read(pull *p, arena *a, pod *ret)
{
	str key, type = STR_NONE, status = STR_NONE;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("type")))
			e = fields_word(p, a, &type);
		else if (str_eq(key, S("status")))
			e = fields_word(p, a, &status);
		else
			e = pull_skip(p);
	}
	if (str_eq(type, S("Initialized")))
		ret->is_initialized = str_eq(status, S("True"));
	return e ? e : p->e;
}

static err conditions_read(pull *p, arena *a, pod *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p))
		e = condition_read(p, a, ret);
	return e ? e : p->e;
}

/* One that cannot be read says nothing. */
static err start_read(pull *p, arena *a, pod *ret)
{
	str at = STR_NONE;
	err e = fields_word(p, a, &at);

	if (!at.n || !clock_parse(at, &ret->started_us))
		ret->started_us = 0;
	return e;
}

static err status_read(pull *p, arena *a, pod *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("phase")))
			e = fields_text(p, a, &ret->phase);
		else if (str_eq(key, S("nominatedNodeName")))
			e = fields_text(p, a, &ret->nominated);
		else if (str_eq(key, S("startTime")))
			e = start_read(p, a, ret);
		else if (str_eq(key, S("conditions")))
			e = conditions_read(p, a, ret);
		else
			e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err meta_read(pull *p, arena *a, pod *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = meta_member(p, a, key, ret);
	return e ? e : p->e;
}

err pod_read(str text, arena *a, pod *ret)
{
	str key;
	bool has_escape;
	pull p;
	err e;

	*ret = (pod){.meta.space = {"", 0}, .node = {"", 0}, .nominated = {"", 0}};
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
	return e ? e : p.e;
}

bool pod_is_cut(const pod *p)
{
	bool is_cut = p->is_short || p->labels.is_cut || p->annotations.is_cut || p->node_selector.is_cut;

	for (uint32_t i = 0; i < p->n_containers; i++)
		is_cut = is_cut || p->containers[i].env.is_cut;
	return is_cut;
}

bool pod_is_over(const pod *p)
{
	return str_eq(p->phase, S("Succeeded")) || str_eq(p->phase, S("Failed"));
}

str pod_annotation(const pod *p, const char *key)
{
	for (uint32_t i = 0; i < p->annotations.n; i++)
		if (str_eq(p->annotations.v[i].key, str_from(key)))
			return p->annotations.v[i].value;
	return STR_NONE;
}

str pod_labels_text(const pod *p, size_t n_bytes_max, arena *a)
{
	buf b;

	buf_init(&b, n_bytes_max);
	for (uint32_t i = 0; i < p->labels.n; i++)
		buf_printf(&b, "%s" STR_FMT "=" STR_FMT, i ? "," : "", STR_ARG(p->labels.v[i].key),
			STR_ARG(p->labels.v[i].value));
	str text = b.over ? POD_LABELS_MANY : str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}
