#include "agents/kube/pod.h"
#include "base/buf.h"
#include "base/vec.h"

enum { CONTAINERS_FIRST = 4 };

static err leaving_read(pull *p, arena *a, void *to)
{
	str gone = STR_NONE;
	err e = fields_text(p, a, &gone);

	*(bool *)to = gone.n > 0;
	return e;
}

static err meta_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod, "name", meta.name, fields_text_into),
		FIELDS_ROW(pod, "namespace", meta.space, fields_text_into),
		FIELDS_ROW(pod, "uid", meta.uid, fields_text_into),
		FIELDS_ROW(pod, "resourceVersion", meta.version, fields_text_into),
		FIELDS_ROW(pod, "labels", labels, fields_pairs_into),
		FIELDS_ROW(pod, "annotations", annotations, fields_pairs_into),
		FIELDS_ROW(pod, "deletionTimestamp", is_leaving, leaving_read),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err resources_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod_container, "limits", limits, fields_amounts_into),
		FIELDS_ROW(pod_container, "requests", requests, fields_amounts_into),
	};
	pod_container *c = to;
	err e;

	c->has_resources = fields_object(p, &e);
	return c->has_resources ? fields_rest(p, a, FIELDS_ROWS(rows), to) : e;
}

static err privilege_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {FIELDS_ROW(pod_container, "privileged", is_privileged, fields_bool_into)};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
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

static err variables_read(pull *p, arena *a, void *to)
{
	fields_pairs *ret = to;
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

static err restart_read(pull *p, arena *a, void *to)
{
	pod_container *c = to;
	str restart = STR_NONE;
	err e = fields_word(p, a, &restart);

	c->is_sidecar = c->is_init && str_eq(restart, S("Always"));
	return e;
}

static err container_read(pull *p, arena *a, pod_container *c)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod_container, "name", name, fields_text_into),
		FIELDS_ALL("restartPolicy", restart_read),
		FIELDS_ALL("resources", resources_read),
		FIELDS_ALL("securityContext", privilege_read),
		FIELDS_ROW(pod_container, "env", env, variables_read),
	};
	err e;

	return fields_object(p, &e) ? fields_rest(p, a, FIELDS_ROWS(rows), c) : e ? e : ERR_BAD_FIELD;
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

static err gates_read(pull *p, arena *a, void *to)
{
	bool *ret_is_gated = to;
	err e;

	(void)a;
	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		*ret_is_gated = true;
		e = pull_skip(p);
	}
	return e ? e : p->e;
}

static err toleration_read(pull *p, arena *a, pod_toleration *ret)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod_toleration, "key", key, fields_word_into),
		FIELDS_ROW(pod_toleration, "operator", operator, fields_word_into),
		FIELDS_ROW(pod_toleration, "value", value, fields_word_into),
		FIELDS_ROW(pod_toleration, "effect", effect, fields_word_into),
	};
	err e;

	*ret = (pod_toleration){{"", 0}, {"", 0}, {"", 0}, {"", 0}};
	return fields_object(p, &e) ? fields_rest(p, a, FIELDS_ROWS(rows), ret) : e ? e : ERR_BAD_FIELD;
}

/* Past the maximum they are passed over: the scheduler reads them all, we only tell them. */
static err tolerations_read(pull *p, arena *a, void *to)
{
	pod *ret = to;
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

static err policy_read(pull *p, arena *a, void *to)
{
	str word = STR_NONE;
	err e = fields_word(p, a, &word);

	*(bool *)to = str_eq(word, S("Never"));
	return e;
}

static err spec_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod, "nodeName", node, fields_text_into),
		FIELDS_ROW(pod, "schedulerName", scheduler, fields_word_into),
		FIELDS_ROW(pod, "runtimeClassName", runtime_class, fields_text_into),
		FIELDS_ROW(pod, "priority", priority, fields_i64_into),
		FIELDS_ROW(pod, "priorityClassName", priority_class, fields_word_into),
		FIELDS_ROW(pod, "preemptionPolicy", is_meek, policy_read),
		FIELDS_ROW(pod, "nodeSelector", node_selector, fields_pairs_into),
		FIELDS_ALL("tolerations", tolerations_read),
		FIELDS_ROW(pod, "schedulingGates", is_gated, gates_read),
	};
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
		else
			e = fields_member(p, a, key, FIELDS_ROWS(rows), to);
	}
	containers_join(&init, &apps, a, to);
	return e ? e : p->e;
}

typedef struct pod_condition {
	str type, status;
} pod_condition;

/* Of all conditions we need one. */
static err conditions_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod_condition, "type", type, fields_word_into),
		FIELDS_ROW(pod_condition, "status", status, fields_word_into),
	};
	bool *ret_is_initialized = to;
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		pod_condition is = {STR_NONE, STR_NONE};
		e = fields_members(p, a, FIELDS_ROWS(rows), &is);
		if (str_eq(is.type, S("Initialized")))
			*ret_is_initialized = str_eq(is.status, S("True"));
	}
	return e ? e : p->e;
}

static err status_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(pod, "phase", phase, fields_text_into),
		FIELDS_ROW(pod, "nominatedNodeName", nominated, fields_text_into),
		FIELDS_ROW(pod, "startTime", started_us, fields_time_into),
		FIELDS_ROW(pod, "conditions", is_initialized, conditions_read),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

err pod_read(str text, arena *a, pod *ret)
{
	static const fields_row rows[] = {
		FIELDS_ALL("metadata", meta_read), FIELDS_ALL("spec", spec_read), FIELDS_ALL("status", status_read)};
	pull p;
	err e;

	*ret = (pod){.meta.space = {"", 0}, .node = {"", 0}, .nominated = {"", 0}};
	pull_init(&p, text, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return e ? e : ERR_BAD_FIELD;
	return fields_rest(&p, a, FIELDS_ROWS(rows), ret);
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
