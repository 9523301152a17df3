#include <assert.h>
#include "json/form.h"
#include "json/reader.h"
#include "json/write.h"

typedef struct schema {
	js_writer *w;
	bool is_input;
} schema;

static bool row_is_shown(const js_field *f, bool is_input)
{
	return is_input ? f->use == JS_REQUIRED || f->use == JS_OPTIONAL : !f->asked_only;
}

/* Whether null may stand: where it is taken, or where the writer puts it. */
static bool row_is_nullable(const js_type *t, const js_field *f, bool is_input)
{
	bool may_miss = f->kind == JS_TEXT || f->kind == JS_TIME || f->kind == JS_RAW;

	if (t->given_at != JS_NO_MASK && f->use == JS_OPTIONAL)
		may_miss = f->kind != JS_TEXTS && f->kind != JS_I64S && f->kind != JS_LIST && f->kind != JS_MAP;
	return f->nullable || (!is_input && f->always && may_miss);
}

static bool row_is_due(const js_type *t, const js_field *f, bool is_input)
{
	bool is_scalar = f->kind == JS_I64 || f->kind == JS_BOOL;
	if (!is_input && f->asked_only)
		return false;
	bool is_masked = t->given_at != JS_NO_MASK && f->use == JS_OPTIONAL;

	if (f->use == JS_REQUIRED)
		return true;
	return !is_input && f->use != JS_SECRET && (f->always || (is_scalar && !is_masked && !f->may_miss));
}

static void put_z(js_writer *w, const char *key, const char *text)
{
	js_put_text(w, key, str_from(text));
}

static void type_put(schema *s, const char *type, bool is_nullable)
{
	js_key(s->w, S("type"));
	if (is_nullable)
		js_array_begin(s->w);
	js_text(s->w, str_from(type));
	if (is_nullable) {
		js_text(s->w, S("null"));
		js_array_end(s->w);
	}
}

static void ref_put(schema *s, const js_type *of)
{
	buf name;

	buf_init(&name, 512);
	buf_printf(&name, "#/components/schemas/%s%s", of->name, s->is_input ? "_input" : "");
	js_put_text(s->w, "$ref", buf_str(&name));
	buf_done(&name);
}

static void values_put(schema *s, const js_field *f, bool is_nullable)
{
	js_key(s->w, s->is_input ? S("enum") : S("x-extensible-enum"));
	js_array_begin(s->w);
	for (const char *const *v = f->values; *v; v++)
		js_text(s->w, str_from(*v));
	if (is_nullable && s->is_input)
		js_null(s->w);
	js_array_end(s->w);
}

static void form_put(schema *s, const js_field *f, js_text_form form, bool is_nullable)
{
	const js_form_row *row = js_form_row_of(form);

	if (form == JS_ENUM)
		values_put(s, f, is_nullable);
	else if (row->pattern)
		put_z(s->w, "pattern", row->pattern);
}

/* JSON Schema counts characters where we count bytes: never more than ours take. */
static void text_put(schema *s, const js_field *f, bool is_nullable)
{
	js_range range = js_range_of(f);

	type_put(s, "string", is_nullable);
	if (f->form == JS_ANY_TEXT || f->min || f->max) {
		if (range.min)
			js_put_i64(s->w, "minLength", range.min);
		js_put_i64(s->w, "maxLength", range.max);
	}
	form_put(s, f, f->form, is_nullable);
}

static void i64_put(schema *s, const js_field *f, bool is_nullable)
{
	js_range range = js_range_of(f);

	type_put(s, "integer", is_nullable);
	put_z(s->w, "format", "int64");
	js_put_i64(s->w, "minimum", range.min);
	js_put_i64(s->w, "maximum", range.max);
	if (s->is_input && f->use == JS_OPTIONAL && f->initial)
		js_put_i64(s->w, "default", f->initial);
}

static void item_put(schema *s, const js_field *f)
{
	js_field item = *f;

	js_key(s->w, S("items"));
	js_object_begin(s->w);
	item.min = item.max = item.initial = 0;
	item.kind = f->kind == JS_TEXTS ? JS_TEXT : JS_I64;
	if (f->kind == JS_LIST)
		ref_put(s, f->of);
	else if (f->kind == JS_TEXTS)
		text_put(s, &item, false);
	else
		i64_put(s, &item, false);
	js_object_end(s->w);
}

static void list_put(schema *s, const js_field *f, bool is_nullable)
{
	js_range range = js_range_of(f);

	type_put(s, "array", is_nullable);
	if (range.min && s->is_input)
		js_put_i64(s->w, "minItems", range.min);
	js_put_i64(s->w, "maxItems", range.max);
	item_put(s, f);
}

/* An object, or null beside it: a "$ref" takes no second type. */
static void object_put(schema *s, const js_field *f, bool is_nullable)
{
	if (!is_nullable) {
		ref_put(s, f->of);
		return;
	}
	js_key(s->w, S("anyOf"));
	js_array_begin(s->w);
	js_object_begin(s->w);
	ref_put(s, f->of);
	js_object_end(s->w);
	js_object_begin(s->w);
	put_z(s->w, "type", "null");
	js_object_end(s->w);
	js_array_end(s->w);
}

static void value_put(schema *s, const js_type *t, const js_field *f);

static void pairs_put(schema *s, const js_field *f, bool is_nullable)
{
	js_range range = js_range_of(f);

	type_put(s, "object", is_nullable);
	if (range.min && s->is_input)
		js_put_i64(s->w, "minProperties", range.min);
	js_put_i64(s->w, "maxProperties", range.max);
	js_key(s->w, S("propertyNames"));
	js_object_begin(s->w);
	js_put_i64(s->w, "maxLength", JS_KEY_BYTES);
	form_put(s, f, js_key_form(f), false);
	js_object_end(s->w);
	js_key(s->w, S("additionalProperties"));
	js_object_begin(s->w);
	if (f->of->is_bare)
		value_put(s, f->of, f->of->fields);
	else /* null takes an entry away */
		object_put(s, f, f->of->nulled_at != JS_NO_MASK);
	js_object_end(s->w);
}

/* Anything, or the map that it must be. */
static void raw_put(schema *s, const js_field *f, bool is_nullable)
{
	js_field map = *f;

	map.min = map.max = 0;
	if (f->of)
		pairs_put(s, &map, is_nullable);
}

static void value_put(schema *s, const js_type *t, const js_field *f)
{
	bool is_nullable = row_is_nullable(t, f, s->is_input);

	switch (f->kind) {
	case JS_BOOL:
		type_put(s, "boolean", is_nullable);
		if (s->is_input && f->use == JS_OPTIONAL && f->initial)
			js_put_bool(s->w, "default", true);
		break;
	case JS_I64:
		i64_put(s, f, is_nullable);
		break;
	case JS_TEXT:
		text_put(s, f, is_nullable);
		break;
	case JS_TIME:
		type_put(s, "string", is_nullable);
		put_z(s->w, "format", "date-time");
		break;
	case JS_RAW:
		raw_put(s, f, is_nullable);
		break;
	case JS_OBJECT:
		object_put(s, f, is_nullable);
		break;
	case JS_MAP:
		pairs_put(s, f, is_nullable);
		break;
	default:
		list_put(s, f, is_nullable);
		break;
	}
	put_z(s->w, "description", f->doc);
}

static void properties_put(schema *s, const js_type *t)
{
	js_key(s->w, S("properties"));
	js_object_begin(s->w);
	for (const js_field *f = t->fields; f < t->fields + t->n; f++) {
		if (!row_is_shown(f, s->is_input))
			continue;
		js_key(s->w, (str){f->name, f->name_n});
		js_object_begin(s->w);
		value_put(s, t, f);
		if (f->use == JS_READ_ONLY || f->use == JS_SECRET)
			js_put_bool(s->w, "readOnly", true);
		js_object_end(s->w);
	}
	js_object_end(s->w);
}

static void required_put(schema *s, const js_type *t)
{
	bool is_open = false;

	for (const js_field *f = t->fields; f < t->fields + t->n; f++) {
		if (!row_is_due(t, f, s->is_input))
			continue;
		if (!is_open) {
			js_key(s->w, S("required"));
			js_array_begin(s->w);
			is_open = true;
		}
		js_text(s->w, (str){f->name, f->name_n});
	}
	if (is_open)
		js_array_end(s->w);
}

void js_schema(js_writer *w, const js_type *t, bool is_input)
{
	schema s = {w, is_input};

	assert(!t->is_bare);
	js_object_begin(w);
	put_z(w, "type", "object");
	put_z(w, "description", t->doc);
	properties_put(&s, t);
	required_put(&s, t);
	if (is_input)
		js_put_bool(w, "additionalProperties", false);
	js_object_end(w);
}

typedef struct type_set {
	uint32_t n;
	const js_type *v[JS_TYPES_MAX];
} type_set;

static void types_gather(type_set *set, const js_type *t)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->v[i] == t)
			return;
	assert(set->n < JS_TYPES_MAX);
	set->v[set->n++] = t;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->fields[i].of)
			types_gather(set, t->fields[i].of);
}

void js_types_each(const js_type *t, void (*fn)(const js_type *t, void *arg), void *arg)
{
	type_set set = {0};

	types_gather(&set, t);
	for (uint32_t i = 0; i < set.n; i++)
		if (!set.v[i]->is_bare)
			fn(set.v[i], arg);
}
