#include "agents/admission/edit.h"
#include <stdio.h>
#include "json/write.h"

enum { PATCH_MAX = 1 << 20 };

/* What of a container is there by now. */
typedef struct container_edit {
	bool has_resources, has_limits, has_env;
} container_edit;

struct edit {
	const pod *pod;
	arena *a;
	buf out;
	js_writer w;
	uint32_t n;
	bool has_annotations;
	container_edit *containers;
};

static void edit_end(void *arg)
{
	edit *e = arg;

	buf_done(&e->out);
}

edit *edit_new(const pod *p, arena *a)
{
	edit *e = ARENA_NEW(a, edit);

	e->pod = p;
	e->a = a;
	buf_init(&e->out, PATCH_MAX);
	arena_on_end(a, edit_end, e);
	e->w = js_writer_on(&e->out);
	js_array_begin(&e->w);
	e->has_annotations = p->annotations.v != NULL;
	e->containers = ARENA_ARRAY(a, container_edit, p->n_containers);
	for (uint32_t i = 0; i < p->n_containers; i++) {
		const pod_container *c = &p->containers[i];
		e->containers[i] = (container_edit){c->has_resources, c->limits.v != NULL, c->env.v != NULL};
	}
	return e;
}

/* One step of a JSON Pointer (RFC 6901, section 3). */
static str step_print(arena *a, str key)
{
	char *text = arena_alloc(a, (size_t)key.n * 2 + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < key.n; i++) {
		bool is_marked = key.p[i] == '~' || key.p[i] == '/';
		text[n++] = is_marked ? '~' : key.p[i];
		if (is_marked)
			text[n++] = key.p[i] == '~' ? '0' : '1';
	}
	return str_of(text, n);
}

static void op_begin(edit *e, const char *op, str path)
{
	js_object_begin(&e->w);
	js_put_text(&e->w, "op", str_from(op));
	js_put_text(&e->w, "path", path);
	e->n++;
}

static void op_raw(edit *e, const char *op, str path, str json)
{
	op_begin(e, op, path);
	js_put_raw(&e->w, "value", json);
	js_object_end(&e->w);
}

static void op_text(edit *e, const char *op, str path, str value)
{
	op_begin(e, op, path);
	js_put_text(&e->w, "value", value);
	js_object_end(&e->w);
}

static void annotations_need(edit *e)
{
	if (!e->has_annotations)
		op_raw(e, "add", S("/metadata/annotations"), S("{}"));
	e->has_annotations = true;
}

void edit_annotation(edit *e, const char *key, str value)
{
	if (str_eq(pod_annotation(e->pod, key), value))
		return;
	annotations_need(e);
	op_text(e, "add", str_print(e->a, "/metadata/annotations/" STR_FMT, STR_ARG(step_print(e->a, str_from(key)))),
		value);
}

void edit_annotation_drop(edit *e, str key)
{
	op_begin(e, "remove", str_print(e->a, "/metadata/annotations/" STR_FMT, STR_ARG(step_print(e->a, key))));
	js_object_end(&e->w);
}

void edit_scheduler(edit *e, str name)
{
	if (!str_eq(e->pod->scheduler, name))
		op_text(e, "add", S("/spec/schedulerName"), name);
}

void edit_runtime_class(edit *e, str name)
{
	if (!e->pod->runtime_class.n)
		op_text(e, "add", S("/spec/runtimeClassName"), name);
}

/* Init containers come first in a pod. */
static uint32_t n_init(const pod *p)
{
	uint32_t n = 0;

	while (n < p->n_containers && p->containers[n].is_init)
		n++;
	return n;
}

static str container_path(const pod *p, uint32_t at, arena *a)
{
	if (p->containers[at].is_init)
		return str_print(a, "/spec/initContainers/%u", at);
	return str_print(a, "/spec/containers/%u", at - n_init(p));
}

str edit_field(const pod *p, uint32_t at, arena *a)
{
	if (p->containers[at].is_init)
		return str_print(a, "spec.initContainers[%u]", at);
	return str_print(a, "spec.containers[%u]", at - n_init(p));
}

static void resources_need(edit *e, uint32_t at, str container)
{
	container_edit *c = &e->containers[at];

	if (!c->has_resources)
		op_raw(e, "add", str_print(e->a, STR_FMT "/resources", STR_ARG(container)), S("{}"));
	c->has_resources = true;
	if (!c->has_limits)
		op_raw(e, "add", str_print(e->a, STR_FMT "/resources/limits", STR_ARG(container)), S("{}"));
	c->has_limits = true;
}

static const quantity_row *amount_of(const fields_amounts *list, str resource)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i].resource, resource))
			return &list->v[i];
	return NULL;
}

static bool is_amount(const quantity_row *r, int64_t value)
{
	return r && quantity_cmp(r->q, quantity_of(value, QUANTITY_DECIMAL)) == 0;
}

void edit_amount(edit *e, uint32_t at, const char *resource, int64_t value)
{
	const pod_container *c = &e->pod->containers[at];
	str path = container_path(e->pod, at, e->a);
	str step = step_print(e->a, str_from(resource));
	str text = str_print(e->a, "%lld", (long long)value);
	const quantity_row *asked = amount_of(&c->requests, str_from(resource));

	if (!is_amount(amount_of(&c->limits, str_from(resource)), value)) {
		resources_need(e, at, path);
		op_text(e, "add", str_print(e->a, STR_FMT "/resources/limits/" STR_FMT, STR_ARG(path), STR_ARG(step)),
			text);
	}
	if (asked && !is_amount(asked, value))
		op_text(e, "add", str_print(e->a, STR_FMT "/resources/requests/" STR_FMT, STR_ARG(path), STR_ARG(step)),
			text);
}

static str variable_json(edit *e, const char *name, str value)
{
	buf b;

	buf_init(&b, PATCH_MAX);
	js_writer w = js_writer_on(&b);
	js_object_begin(&w);
	js_put_text(&w, "name", str_from(name));
	js_put_text(&w, "value", value);
	js_object_end(&w);
	e->out.over = e->out.over || b.over;
	str text = str_dup(e->a, buf_str(&b));
	buf_done(&b);
	return text;
}

/* The last of a name counts for a container. */
static int64_t variable_at(const pod_container *c, const char *name)
{
	for (uint32_t i = c->env.n; i-- > 0;)
		if (str_eq(c->env.v[i].key, str_from(name)))
			return i;
	return -1;
}

void edit_variable(edit *e, uint32_t at, const char *name, str value)
{
	const pod_container *c = &e->pod->containers[at];
	str path = container_path(e->pod, at, e->a);
	int64_t i = variable_at(c, name);

	if (i >= 0 && str_eq(c->env.v[i].value, value))
		return;
	if (i >= 0) {
		op_raw(e, "replace", str_print(e->a, STR_FMT "/env/%lld", STR_ARG(path), (long long)i),
			variable_json(e, name, value));
		return;
	}
	if (!e->containers[at].has_env)
		op_raw(e, "add", str_print(e->a, STR_FMT "/env", STR_ARG(path)), S("[]"));
	e->containers[at].has_env = true;
	op_raw(e, "add", str_print(e->a, STR_FMT "/env/-", STR_ARG(path)), variable_json(e, name, value));
}

bool edit_patch(edit *e, str *ret)
{
	js_array_end(&e->w);
	*ret = e->n && !e->out.over ? str_dup(e->a, buf_str(&e->out)) : STR_NONE;
	return !e->out.over;
}
