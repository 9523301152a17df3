#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include "json/form.h"
#include "json/write.h"

/* Types that are being checked: a type may name itself (a tree), and is then not entered again. */
typedef struct trail {
	const js_type *t;
	const struct trail *up;
} trail;

static char sentence[256];

static const char *wrong(const js_type *t, const char *name, const char *fmt, ...) PRINTF(3, 4);
static const char *wrong(const js_type *t, const char *name, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(sentence, sizeof(sentence), "%s%s%s: ", t->name ? t->name : "a type", name ? "." : "",
		name ? name : "");

	va_start(args, fmt);
	if (n > 0 && (size_t)n < sizeof(sentence))
		(void)vsnprintf(sentence + n, sizeof(sentence) - (size_t)n, fmt, args);
	va_end(args);
	return sentence;
}

static size_t kind_size(const js_field *f)
{
	static const size_t sizes[] = {[JS_BOOL] = sizeof(bool),
		[JS_I64] = sizeof(int64_t),
		[JS_TEXT] = sizeof(str),
		[JS_TEXTS] = sizeof(strs),
		[JS_I64S] = sizeof(i64s),
		[JS_TIME] = sizeof(js_time),
		[JS_RAW] = sizeof(js_raw),
		[JS_LIST] = sizeof(js_list),
		[JS_MAP] = sizeof(js_map)};

	return f->kind == JS_OBJECT && f->of ? f->of->size : sizes[f->kind];
}

static size_t type_align(const js_type *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->fields[i].kind != JS_BOOL && (t->fields[i].kind != JS_OBJECT || type_align(t->fields[i].of) > 1))
			return alignof(int64_t);
	return t->given_at == JS_NO_MASK ? alignof(bool) : alignof(uint64_t);
}

static size_t kind_align(const js_field *f)
{
	return f->kind == JS_BOOL ? alignof(bool) : f->kind == JS_OBJECT ? type_align(f->of) : alignof(int64_t);
}

static bool kind_has_table(js_kind kind)
{
	return kind == JS_OBJECT || kind == JS_LIST || kind == JS_MAP;
}

static const char *range_check(const js_type *t, const js_field *f)
{
	bool is_range = f->min || f->max;

	if (is_range && f->min > f->max)
		return wrong(t, f->name, "its least value is above its greatest");
	if (f->kind == JS_I64 && (f->min < -JS_INT_MAX || f->max > JS_INT_MAX))
		return wrong(t, f->name, "its range is wider than %d bits", JS_INT_BITS);
	if (f->kind != JS_I64 && f->min < 0)
		return wrong(t, f->name, "its least size is negative");
	if (f->kind == JS_I64 && is_range && f->initial && (f->initial < f->min || f->initial > f->max))
		return wrong(t, f->name, "its initial value is out of its range");
	if (f->initial && f->kind != JS_I64 && f->kind != JS_BOOL)
		return wrong(t, f->name, "only numbers and bools have an initial value");
	return NULL;
}

/* A map, or a raw value that must be one. */
static bool holds_entries(const js_field *f)
{
	return f->kind == JS_MAP || (f->kind == JS_RAW && f->of);
}

static const char *form_check(const js_type *t, const js_field *f)
{
	bool takes_form = f->kind == JS_TEXT || f->kind == JS_TEXTS || holds_entries(f);

	if (f->form && !takes_form)
		return wrong(t, f->name, "only texts and keys of maps have a form");
	if (f->form == JS_ENUM && (!f->values || !*f->values))
		return wrong(t, f->name, "an enum without values");
	if (f->values && f->form != JS_ENUM && f->form != JS_ID)
		return wrong(t, f->name, "values without the form of an enum or id");
	return NULL;
}

static const char *name_check(const js_type *t, const js_field *f)
{
	if (!f->name || strlen(f->name) != f->name_n)
		return wrong(t, f->name, "its name and the length of it differ");
	if (!f->doc || !*f->doc)
		return wrong(t, f->name, "it has no documentation");
	for (const js_field *other = t->fields; other < f; other++)
		if (strcmp(other->name, f->name) == 0)
			return wrong(t, f->name, "the name stands twice");
	return NULL;
}

static const char *row_check(const js_type *t, const js_field *f)
{
	const char *why = name_check(t, f);

	if (!why && f->kind != JS_RAW && kind_has_table(f->kind) != (f->of != NULL))
		why = wrong(t, f->name, f->of ? "it names a table but holds none" : "it names no table (JS_OF)");
	if (!why && f->of && f->of->is_bare && !holds_entries(f))
		why = wrong(t, f->name, "a bare type may only be a map's entry");
	if (!why && f->size != kind_size(f))
		why = wrong(t, f->name, "the member has %u bytes, its kind %zu", f->size, kind_size(f));
	if (!why)
		why = range_check(t, f);
	return why ? why : form_check(t, f);
}

/* The row or mask that starts lowest at or above `from`; false: none. */
static bool next_part(const js_type *t, size_t from, size_t *ret_at, size_t *ret_size, size_t *ret_align)
{
	size_t best = SIZE_MAX;

	for (uint32_t i = 0; i < t->n; i++)
		if (t->fields[i].at >= from && t->fields[i].at < best) {
			best = t->fields[i].at;
			*ret_size = t->fields[i].size;
			*ret_align = kind_align(&t->fields[i]);
		}
	const uint16_t masks[] = {t->given_at, t->nulled_at};
	for (int i = 0; i < 2; i++)
		if (masks[i] != JS_NO_MASK && masks[i] >= from && masks[i] < best) {
			best = masks[i];
			*ret_size = sizeof(uint64_t);
			*ret_align = alignof(uint64_t);
		}
	*ret_at = best;
	return best != SIZE_MAX;
}

static size_t aligned(size_t at, size_t align)
{
	return (at + align - 1) / align * align;
}

/* Every byte of the struct belongs to a row, a mask, the key or padding. */
static const char *bytes_check(const js_type *t, bool is_entry)
{
	size_t end = is_entry ? sizeof(str) : 0, at, size = 0, align = 1, parts = 0;

	while (next_part(t, end, &at, &size, &align)) {
		if (at != aligned(end, align))
			return wrong(t, NULL, "bytes %zu to %zu of the struct belong to no row", end, at);
		end = at + size;
		parts++;
	}
	size_t due = (size_t)t->n + (t->given_at != JS_NO_MASK) + (t->nulled_at != JS_NO_MASK);
	if (parts != due)
		return wrong(t, NULL, "rows overlap%s", is_entry ? ", or the key is not the first member" : "");
	align = is_entry ? alignof(str) : type_align(t);
	if (aligned(end, align) != t->size)
		return wrong(t, NULL, "bytes %zu to %u of the struct belong to no row", end, t->size);
	return NULL;
}

static const char *type_check(const js_type *t, bool is_entry, const trail *up)
{
	trail here = {t, up};
	const char *why = NULL;

	for (const trail *i = up; i; i = i->up)
		if (i->t == t)
			return NULL;
	if (!t->name || !t->doc || !*t->doc)
		return wrong(t, NULL, "it has no documentation");
	if (!t->n || t->n > JS_FIELDS_MAX)
		return wrong(t, NULL, "it must have 1 to %d rows", JS_FIELDS_MAX);
	if (t->is_bare && (t->n != 1 || !is_entry))
		return wrong(t, NULL, "a bare type has one row and is a map's entry");
	if (t->nulled_at != JS_NO_MASK && t->given_at == JS_NO_MASK)
		return wrong(t, NULL, "a nulled mask needs a given mask");
	for (uint32_t i = 0; i < t->n && !why; i++)
		why = row_check(t, &t->fields[i]);
	for (uint32_t i = 0; i < t->n && !why; i++)
		if (t->fields[i].of)
			why = type_check(t->fields[i].of, holds_entries(&t->fields[i]), &here);
	return why ? why : bytes_check(t, is_entry);
}

const char *js_type_check(const js_type *t)
{
	return type_check(t, false, NULL);
}
