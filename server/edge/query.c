#include "server/edge/query.h"

#include "json/write.h"
#include "net/router.h"

enum { QUERY_JSON_MAX = 64 * 1024, DAY_MS = 86400000 };

static const char suffix[] = "_gte";
enum { SUFFIX = sizeof(suffix) - 1 };

str query_name(const js_field *row, arena *a)
{
	str name = str_of(row->name, row->name_n);

	if (!str_ends(name, S("_gte")))
		return name;
	return str_print(a, STR_FMT ".gte", STR_ARG(str_cut(name, 0, name.n - SUFFIX)));
}

static const js_field *row_find(const js_type *t, str name, arena *a)
{
	for (uint16_t i = 0; t && i < t->n; i++)
		if (str_eq(query_name(&t->fields[i], a), name))
			return &t->fields[i];
	return NULL;
}

static void texts_put(js_writer *w, str value)
{
	js_array_begin(w);
	while (value.p && value.n)
		js_text(w, str_split(&value, ','));
	js_array_end(w);
}

/* In URLs a tenant's path is written with '~'. */
static str tenant_ref(str value, arena *a)
{
	str s = str_dup(a, value);

	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] == '~')
			((char *)s.p)[i] = '/';
	return s;
}

static err value_put(js_writer *w, const js_field *row, str value, arena *a, fault *f)
{
	const char *name = str_z(a, query_name(row, a));
	int64_t number;

	switch (row->kind) {
	case JS_BOOL:
		if (!str_eq(value, S("true")) && !str_eq(value, S("false")))
			return fault_set(f, ERR_BAD_PARAMETER, name, "must be true or false");
		js_bool(w, value.n == 4);
		return ERR_OK;
	case JS_I64:
		if (!str_to_i64(value, &number))
			return fault_set(f, ERR_BAD_PARAMETER, name, "must be an integer");
		js_i64(w, number);
		return ERR_OK;
	case JS_TEXTS:
		texts_put(w, value);
		return ERR_OK;
	default:
		js_text(w, row->form == JS_TENANT_REF ? tenant_ref(value, a) : value);
		return ERR_OK;
	}
}

static err pairs_write(js_writer *w, const js_type *t, str query, arena *a, fault *f)
{
	str name = STR_NONE, value = STR_NONE;
	bool is_bad = false;

	while (query.n && query_next(&query, a, &name, &value, &is_bad)) {
		if (is_bad)
			break;
		if (!str_is_utf8(name) || !str_is_utf8(value))
			return fault_set(f, ERR_BAD_UTF8, "", "the query is not valid UTF-8");
		const js_field *row = row_find(t, name, a);
		if (!row)
			return fault_set(f, ERR_UNKNOWN_PARAMETER, str_z(a, name), "this route has no such parameter");
		js_key(w, str_of(row->name, row->name_n));
		err e = value_put(w, row, value, a, f);
		if (e)
			return e;
	}
	if (is_bad)
		return fault_set(f, ERR_BAD_PARAMETER, "", "the query has a percent sign without two hex digits");
	return ERR_OK;
}

/* What js_read says about "#/limit" is about the parameter limit. */
static err refused(err e, const js_type *t, arena *a, fault *f)
{
	str at = str_from(f->pointer);
	char detail[FAULT_DETAIL_MAX];

	if (str_starts(at, S("#/"))) {
		at = str_cut(at, 2, at.n);
		at = str_split(&at, '/');
	}
	for (uint16_t i = 0; i < t->n; i++)
		if (str_eq(at, str_of(t->fields[i].name, t->fields[i].name_n)))
			at = query_name(&t->fields[i], a);
	const char *name = str_z(a, at);
	memcpy(detail, f->detail, sizeof(detail));
	return fault_set(f, ERR_BAD_PARAMETER, name, "%s", e == ERR_DUPLICATE_KEY ? "is given twice" : detail);
}

err query_read(const js_type *t, str query, arena *a, void *out, fault *f)
{
	buf json;
	err e;

	buf_init(&json, QUERY_JSON_MAX);
	js_writer w = js_writer_on(&json);
	js_object_begin(&w);
	e = pairs_write(&w, t, query, a, f);
	if (!e) {
		js_object_end(&w);
		str text = str_dup(a, buf_str(&json));
		if (json.over)
			e = fault_set(f, ERR_BAD_PARAMETER, "", "the query is too long");
		else if (t && (e = js_read(t, text, a, out, f)))
			e = refused(e, t, a, f);
	}
	buf_done(&json);
	return e;
}

err query_take(str *query, const char *name, arena *a, str *ret_value, fault *f)
{
	str rest = *query, left = S(""), one = STR_NONE, value = STR_NONE;
	bool is_bad = false;

	*ret_value = STR_NONE;
	while (rest.n) {
		str pair = str_split(&rest, '&'), at = pair;
		bool is_it = query_next(&at, a, &one, &value, &is_bad) && !is_bad && str_eq(one, str_from(name));
		if (is_it && ret_value->p)
			return fault_set(f, ERR_BAD_PARAMETER, name, "is given twice");
		if (is_it)
			*ret_value = value;
		else
			left = str_print(a, STR_FMT "%s" STR_FMT, STR_ARG(left), left.n ? "&" : "", STR_ARG(pair));
	}
	*query = left;
	return ERR_OK;
}

err query_take_bool(str *query, const char *name, arena *a, bool *ret, fault *f)
{
	str value;
	err e;

	if (!query->n)
		return ERR_OK;
	e = query_take(query, name, a, &value, f);
	if (e || !value.p)
		return e;
	*ret = str_eq(value, S("true"));
	if (!*ret && !str_eq(value, S("false")))
		return fault_set(f, ERR_BAD_PARAMETER, name, "must be true or false");
	return ERR_OK;
}

bool query_duration(str s, int64_t *ret_ms)
{
	int64_t unit_ms = 0, n;
	uint32_t cut = 1;

	if (str_ends(s, S("ms"))) {
		unit_ms = 1;
		cut = 2;
	} else if (str_ends(s, S("s")))
		unit_ms = 1000;
	else if (str_ends(s, S("m")))
		unit_ms = 60000;
	if (!unit_ms || !str_to_i64(str_cut(s, 0, s.n - cut), &n) || n < 0 || n > DAY_MS / unit_ms)
		return false;
	*ret_ms = n * unit_ms;
	return true;
}
