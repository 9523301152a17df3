#include "server/plan/field.h"

#include <stdlib.h>
#include "json/pull.h"
#include "json/write.h"

enum { FIELDS_FIRST = 8, JSON_MAX = 16 << 20 };

void fields_add(fields *f, arena *a, str path, str value)
{
	if (f->n == f->cap) {
		uint32_t cap = f->cap ? 2 * f->cap : FIELDS_FIRST;
		field *more = ARENA_ARRAY(a, field, cap);
		if (f->n)
			memcpy(more, f->v, f->n * sizeof(*more));
		f->v = more;
		f->cap = cap;
	}
	f->v[f->n++] = (field){path, value};
}

void fields_add_text(fields *f, arena *a, str path, str text)
{
	buf out;

	buf_init(&out, JSON_MAX);
	js_writer w = js_writer_on(&out);
	js_text(&w, text);
	fields_add(f, a, path, str_dup(a, buf_str(&out)));
	buf_done(&out);
}

void fields_add_i64(fields *f, arena *a, str path, int64_t value)
{
	fields_add(f, a, path, str_print(a, "%lld", (long long)value));
}

static int by_path(const void *a, const void *b)
{
	return str_cmp(((const field *)a)->path, ((const field *)b)->path);
}

void fields_sort(fields *f)
{
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), by_path);
}

str fields_find(const fields *f, str path)
{
	uint32_t from = 0, to = f->n;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int order = str_cmp(f->v[middle].path, path);
		if (order == 0)
			return f->v[middle].value;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return STR_NONE;
}

str field_member(str path)
{
	return str_split(&path, '.');
}

bool fields_have_member(const fields *f, str member)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (str_eq(field_member(f->v[i].path), member))
			return true;
	return false;
}

str fields_json(const fields *f, arena *a)
{
	buf out;

	buf_init(&out, JSON_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	for (uint32_t i = 0; i < f->n; i++) {
		js_key(&w, f->v[i].path);
		js_raw_value(&w, f->v[i].value);
	}
	js_object_end(&w);
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

fields fields_read(str json, arena *a)
{
	fields all = {0};
	pull p;
	str key, path, value;
	bool has_escape;

	pull_init(&p, json, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return all;
	while (pull_key(&p, &key, &has_escape)) {
		if (pull_unescape(key, has_escape, a, &path) || pull_span(&p, &value))
			break;
		fields_add(&all, a, path, value);
	}
	fields_sort(&all);
	return all;
}

str field_text(str value, arena *a)
{
	str text;

	if (value.n < 2 || value.p[0] != '"')
		return value;
	str raw = str_cut(value, 1, value.n - 1);
	return pull_unescape(raw, memchr(raw.p, '\\', raw.n) != NULL, a, &text) ? STR_NONE : text;
}

int64_t field_i64(str value, int64_t otherwise)
{
	int64_t number = otherwise;

	(void)!str_to_i64(value, &number);
	return number;
}
