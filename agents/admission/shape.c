#include "agents/admission/shape.h"
#include <stdio.h>
#include "engine/cut.h"

enum { PERCENT_MAX = 100, WHOLE_MILLI = 1000 };

static const quantity_row *amount_in(const fields_amounts *list, const char *resource)
{
	for (uint32_t i = 0; resource && i < list->n; i++)
		if (str_eq(list->v[i].resource, str_from(resource)))
			return &list->v[i];
	return NULL;
}

static const quantity_row *amount_of(const pod_container *c, const char *resource)
{
	const quantity_row *r = amount_in(&c->limits, resource);

	return r ? r : amount_in(&c->requests, resource);
}

static bool refuse(const shape_work *s, refusal code, uint32_t container, const char *member, str text)
{
	str field = edit_field(s->pod, container, s->a);

	s->out->refused = code;
	(void)fault_set(&s->out->why, ERR_BAD_FIELD, str_z(s->a, str_print(s->a, STR_FMT "%s", STR_ARG(field), member)),
		STR_FMT, STR_ARG(text));
	return false;
}

static bool refuse_amount(const shape_work *s, uint32_t container, const char *resource, str text)
{
	return refuse(s, REFUSAL_BAD_AMOUNT, container, str_z(s->a, str_print(s->a, ".resources.limits[%s]", resource)),
		text);
}

static bool refuse_annotation(const shape_work *s, const char *key, str text)
{
	s->out->refused = REFUSAL_BAD_ANNOTATION;
	(void)fault_set(&s->out->why, ERR_BAD_FIELD, str_z(s->a, str_print(s->a, "metadata.annotations[%s]", key)),
		STR_FMT, STR_ARG(text));
	return false;
}

static bool percent_holds(const shape_work *s, uint32_t container, const vendor *k)
{
	const pod_container *c = &s->pod->containers[container];
	const char *name = k->resources.memory_percent;
	const quantity_row *r = k->admission.percent_is_strict ? amount_of(c, name) : NULL;
	char text[QUANTITY_TEXT_MAX];

	if (!r || (quantity_is_whole(r->q) && quantity_cmp(r->q, quantity_of(0, QUANTITY_DECIMAL)) >= 0 &&
			  quantity_cmp(r->q, quantity_of(PERCENT_MAX, QUANTITY_DECIMAL)) <= 0))
		return true;
	(void)quantity_print(r->q, text);
	return refuse_amount(s, container, name,
		str_print(s->a, "invalid %s value %s in container " STR_FMT ": must be an integer between 0 and 100",
			name, text, STR_ARG(c->name)));
}

/* Amounts of a device that is not asked for: without a word such a pod would get none. */
static bool amounts_hold(const shape_work *s, uint32_t container, const vendor *k)
{
	const pod_container *c = &s->pod->containers[container];
	const vendor_resources *r = &k->resources;
	const char *const names[] = {r->memory, r->memory_percent, r->compute, r->priority};

	if (!r->count || amount_of(c, r->count) || amount_of(c, r->parts) || amount_of(c, r->size))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool is_enough = k->may_lack_count && names[i] != r->priority;
		if (!amount_of(c, names[i]))
			continue;
		if (is_enough)
			return true;
		return refuse_amount(s, container, names[i],
			str_print(s->a, "container " STR_FMT " says %s but not %s, so it would get no device",
				STR_ARG(c->name), names[i], r->count));
	}
	return true;
}

bool shape_check(const shape_work *s, uint32_t container)
{
	const vendor *k;

	for (uint32_t i = 0; (k = vendor_at(i)); i++)
		if (!percent_holds(s, container, k) || !amounts_hold(s, container, k))
			return false;
	return true;
}

/* Go's words for true. */
static bool is_true(str s)
{
	static const char *const words[] = {"1", "t", "T", "TRUE", "true", "True"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(s, str_from(words[i])))
			return true;
	return false;
}

/* A value that comes from elsewhere is not known now, so it counts as said. */
static bool keeps_control(const shape_work *s, const pod_want *w)
{
	const pod_container *c = &s->pod->containers[w->container];
	const char *name = w->w.kind->admission.control_env;

	for (uint32_t i = 0; name && i < c->env.n; i++)
		if (str_eq(c->env.v[i].key, str_from(name)) && (!c->env.v[i].value.p || is_true(c->env.v[i].value)))
			return refuse(s, REFUSAL_CONTROL_OFF, w->container, str_z(s->a, str_print(s->a, ".env[%u]", i)),
				str_print(s->a,
					"container " STR_FMT
					" sets %s: a share that nobody keeps is no share; take the "
					"variable out",
					STR_ARG(c->name), name));
	return true;
}

static void variables_set(const shape_work *s, const pod_want *w)
{
	const vendor_admission *is = &w->w.kind->admission;
	const pod_container *c = &s->pod->containers[w->container];
	bool is_named = false;

	if (is->priority_env && w->w.priority != VENDOR_ABSENT)
		edit_variable(s->edit, w->container, is->priority_env, str_print(s->a, "%d", w->w.priority));
	for (uint32_t i = 0; is->name_env && i < c->env.n; i++)
		is_named = is_named || str_eq(c->env.v[i].key, str_from(is->name_env));
	if (is->name_env && !is_named)
		edit_variable(s->edit, w->container, is->name_env, c->name);
}

static void count_set(const shape_work *s, const pod_want *w)
{
	const vendor *k = w->w.kind;

	if (k->may_lack_count && k->resources.count &&
		!amount_of(&s->pod->containers[w->container], k->resources.count))
		edit_amount(s->edit, w->container, k->resources.count, w->w.count);
}

static void exclusive_set(const shape_work *s, pod_want *w)
{
	const vendor *k = w->w.kind;
	const pod_container *c = &s->pod->containers[w->container];
	const quantity_row *percent = amount_of(c, k->resources.memory_percent);
	bool is_all = percent ? quantity_cmp(percent->q, quantity_of(PERCENT_MAX, QUANTITY_DECIMAL)) == 0
			      : !amount_of(c, k->resources.memory);

	if (!k->admission.whole_is_exclusive || !is_all || !amount_of(c, k->resources.count) ||
		amount_of(c, k->resources.compute))
		return;
	edit_amount(s->edit, w->container, k->resources.compute, k->compute_whole);
	w->w.compute_milli = WHOLE_MILLI;
}

static void many_set(const shape_work *s, pod_want *w)
{
	const vendor *k = w->w.kind;
	const vendor_admission *is = &k->admission;
	bool is_lone =
		w->w.count == 1 && is->one_too && !amount_of(&s->pod->containers[w->container], k->resources.memory);

	if (w->w.count > 1 && is->many_key)
		edit_annotation(s->edit, is->many_key, str_print(s->a, "%d", w->w.count));
	if (w->w.count == 1 && !is_lone)
		return;
	if (is->many_compute)
		edit_amount(s->edit, w->container, k->resources.compute, (int64_t)is->many_compute * w->w.count);
	if (is->many_memory)
		edit_amount(s->edit, w->container, k->resources.memory, (int64_t)is->many_memory * w->w.count);
	if (is->many_compute)
		w->w.compute_milli = WHOLE_MILLI;
	if (is->many_memory)
		w->w.memory_mib = (int64_t)is->many_memory * k->memory_unit_mib;
}

static bool is_soft(const shape_work *s, const vendor *k)
{
	return k->admission.soft_key &&
	       str_eq(pod_annotation(s->pod, k->admission.soft_key), str_from(k->admission.soft_value));
}

static bool sizes_hold(const shape_work *s, const pod_want *w, const class_cut *cut)
{
	const vendor *k = w->w.kind;
	char sizes[FAULT_DETAIL_MAX] = "";
	int n = 0;

	if (!k->admission.sizes_are_strict || !cut->steps || !cut->steps->sizes_mib || !w->w.memory_mib ||
		w->w.count > 1 || share_steps_memory(cut->steps, w->w.memory_mib) == w->w.memory_mib)
		return true;
	for (const int64_t *v = cut->steps->sizes_mib; *v && n < (int)sizeof(sizes) - 24; v++)
		n += snprintf(sizes + n, sizeof(sizes) - (size_t)n, "%s%lld", n ? ", " : "",
			(long long)(*v / k->memory_unit_mib));
	return refuse_amount(s, w->container, k->resources.memory,
		str_print(s->a, "%s value is invalid, valid values are [%s]", k->resources.memory, sizes));
}

/* The number of devices is raised to what the kind is given in, and memory to what it is cut to. */
static bool cut_raise(const shape_work *s, pod_want *w, const class_cut *cut)
{
	const vendor *k = w->w.kind;
	int32_t count = cut_count(cut, w->w.count, false);
	geometry_ask size = {.memory_mib = w->w.memory_mib};
	int32_t profile =
		cut->geometry && size.memory_mib ? geometry_serve(cut->geometry, NULL, &size, 0) : GEOMETRY_NONE;

	if (!count)
		return refuse_amount(s, w->container, k->resources.count,
			str_print(s->a, "%s device request must be 1 or 2*n, got %d", k->word, w->w.count));
	if (profile != GEOMETRY_NONE && w->w.count > 1 && w->w.count > cut->count_min && k->admission.parts_are_single)
		return refuse_amount(s, w->container, k->resources.count, S("vNPU not supported for multiple devices"));
	if (profile != GEOMETRY_NONE) {
		w->w.memory_mib = cut->geometry->profiles[profile].memory_mib;
		edit_amount(s->edit, w->container, k->resources.memory, w->w.memory_mib / k->memory_unit_mib);
	}
	if (count != w->w.count)
		edit_amount(s->edit, w->container, k->resources.count, count);
	w->w.count = count;
	return true;
}

static bool cut_hold(const shape_work *s, pod_want *w)
{
	const vendor *k = w->w.kind;
	class_cut cut;

	if (!k->cut || !cut_named(str_from(k->cut), &cut))
		return true;
	if (!sizes_hold(s, w, &cut))
		return false;
	if (!k->admission.is_raised || is_soft(s, k))
		return true;
	if (k->admission.soft_key && amount_of(&s->pod->containers[w->container], k->resources.compute) &&
		w->w.compute_milli > 0)
		return refuse_amount(s, w->container, k->resources.compute,
			str_print(s->a, "%s is only supported in %s (soft split) mode", k->resources.compute,
				k->admission.soft_value));
	return cut_raise(s, w, &cut);
}

static bool choice_holds(const shape_work *s, const vendor_choice *c, str said)
{
	char values[FAULT_DETAIL_MAX] = "";
	int n = 0;

	for (size_t i = 0; i < sizeof(c->values) / sizeof(c->values[0]) && c->values[i]; i++) {
		if (str_eq(said, str_from(c->values[i])))
			return true;
		n += snprintf(values + n, sizeof(values) - (size_t)n, "%s%s", n ? ", " : "", c->values[i]);
	}
	return refuse_annotation(s, c->key, str_print(s->a, "%s must be set one of [%s]", c->key, values));
}

static bool choices_hold(const shape_work *s, const pod_want *w)
{
	const vendor_choice *quality = &w->w.kind->admission.quality, *role = &w->w.kind->admission.role;
	str is = role->key ? pod_annotation(s->pod, role->key) : STR_NONE;

	if (is.p && !choice_holds(s, role, is))
		return false;
	if (is.p && w->w.count != 1)
		return refuse_annotation(s, role->key, S("app-class pod must request single device"));
	if (!quality->key || (is.p && str_eq(is, str_from(role->values[0]))))
		return true;
	str said = pod_annotation(s->pod, quality->key);
	if (!said.p && quality->initial)
		edit_annotation(s->edit, quality->key, str_from(quality->initial));
	return !said.p || choice_holds(s, quality, said);
}

bool shape_want(const shape_work *s, pod_want *w)
{
	if (!keeps_control(s, w) || !cut_hold(s, w) || !choices_hold(s, w))
		return false;
	variables_set(s, w);
	count_set(s, w);
	exclusive_set(s, w);
	many_set(s, w);
	return true;
}

bool shape_is_record(str key)
{
	static const char *const marks[] = {"reeve.io/plan", "reeve.io/receipt", "hami.io/vgpu-node",
		"hami.io/vgpu-time", "hami.io/bind-phase", "hami.io/bind-time"};
	const vendor *k;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (str_eq(key, str_from(marks[i])))
			return true;
	for (uint32_t i = 0; (k = vendor_at(i)); i++)
		if ((k->pod.allocated && str_eq(key, str_from(k->pod.allocated))) ||
			(k->pod.to_allocate && str_eq(key, str_from(k->pod.to_allocate))))
			return true;
	return false;
}
