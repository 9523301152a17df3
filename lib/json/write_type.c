#include <assert.h>
#include "json/write.h"

static void member_write(js_writer *w, const js_field *f, const void *member);

static bool mask_bit(const js_type *t, const void *value, uint16_t at, const js_field *f)
{
	uint64_t mask;

	if (at == JS_NO_MASK)
		return false;
	memcpy(&mask, (const char *)value + at, sizeof(mask));
	return mask >> (f - t->fields) & 1;
}

static bool kind_is_list(js_kind kind)
{
	return kind == JS_TEXTS || kind == JS_I64S || kind == JS_LIST;
}

/* Whether the member alone says that it is there. */
static bool member_is_there(const js_field *f, const void *member)
{
	switch (f->kind) {
	case JS_TEXT:
		return ((const str *)member)->p != NULL;
	case JS_TIME:
		return ((const js_time *)member)->us != 0;
	case JS_RAW:
		return ((const js_raw *)member)->json.p != NULL;
	case JS_TEXTS:
	case JS_I64S:
	case JS_LIST:
	case JS_MAP: /* one layout */
		return ((const js_list *)member)->n != 0;
	default:
		return true;
	}
}

static void items_write(js_writer *w, const js_field *f, const js_list *l)
{
	js_array_begin(w);
	for (uint32_t i = 0; i < l->n; i++) {
		if (f->kind == JS_TEXTS)
			js_text(w, ((const str *)l->v)[i]);
		else if (f->kind == JS_I64S)
			js_i64(w, ((const int64_t *)l->v)[i]);
		else
			js_write(w, f->of, (const char *)l->v + (size_t)i * f->of->size);
	}
	js_array_end(w);
}

static void map_write(js_writer *w, const js_type *of, const js_map *m)
{
	js_object_begin(w);
	for (uint32_t i = 0; i < m->n; i++) {
		const char *entry = (const char *)m->v + (size_t)i * of->size;
		js_key(w, *(const str *)(const void *)entry);
		if (of->is_bare)
			member_write(w, of->fields, entry + of->fields->at);
		else if (js_is_nulled_whole(of, entry))
			js_null(w);
		else
			js_write(w, of, entry);
	}
	js_object_end(w);
}

/* The value alone. */
static void member_write(js_writer *w, const js_field *f, const void *member)
{
	switch (f->kind) {
	case JS_BOOL:
		js_bool(w, *(const bool *)member);
		break;
	case JS_I64:
		js_i64(w, *(const int64_t *)member);
		break;
	case JS_TEXT:
		js_text(w, *(const str *)member);
		break;
	case JS_TIME:
		js_time_value(w, ((const js_time *)member)->us);
		break;
	case JS_RAW:
		js_raw_value(w, ((const js_raw *)member)->json);
		break;
	case JS_OBJECT:
		js_write(w, f->of, member);
		break;
	case JS_MAP:
		map_write(w, f->of, member);
		break;
	default:
		items_write(w, f, member);
		break;
	}
}

static void absent_write(js_writer *w, const js_field *f)
{
	js_key(w, (str){f->name, f->name_n});
	if (kind_is_list(f->kind))
		js_raw_value(w, S("[]"));
	else if (f->kind == JS_MAP)
		js_raw_value(w, S("{}"));
	else
		js_null(w);
}

/* A nested object, taken back when nothing stood in it. */
static void object_write(js_writer *w, const js_field *f, const void *member, bool keeps_empty)
{
	js_writer before = *w;
	size_t n = w->out->n;

	js_key(w, (str){f->name, f->name_n});
	js_object_begin(w);
	js_write_members(w, f->of, member);
	bool is_empty = !(w->has_items >> w->depth & 1);
	js_object_end(w);
	if (is_empty && !keeps_empty) {
		*w = before;
		w->out->n = n;
	}
}

static void row_write(js_writer *w, const js_type *t, const void *value, const js_field *f)
{
	const void *member = (const char *)value + f->at;
	bool is_masked = t->given_at != JS_NO_MASK && f->use == JS_OPTIONAL;
	bool is_given = is_masked && mask_bit(t, value, t->given_at, f);
	bool is_there = is_masked ? is_given : member_is_there(f, member);

	if (mask_bit(t, value, t->nulled_at, f)) {
		js_key(w, (str){f->name, f->name_n});
		js_null(w);
	} else if (is_there && f->kind == JS_OBJECT) {
		object_write(w, f, member, is_given || f->always);
	} else if (is_there) {
		js_key(w, (str){f->name, f->name_n});
		member_write(w, f, member);
	} else if (f->always) {
		absent_write(w, f);
	}
}

void js_write_members(js_writer *w, const js_type *t, const void *value)
{
	for (uint32_t i = 0; i < t->n; i++)
		row_write(w, t, value, &t->fields[i]);
}

void js_write(js_writer *w, const js_type *t, const void *value)
{
	assert(!t->is_bare);
	js_object_begin(w);
	js_write_members(w, t, value);
	js_object_end(w);
}
