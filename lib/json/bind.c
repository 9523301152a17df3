#include <assert.h>
#include "base/clock.h"
#include "base/map.h"
#include "json/form.h"
#include "json/reader.h"

enum { ITEMS_FIRST = 4, KEYS_SCANNED = 8 };

/* What object_read knows of the members so far. */
typedef struct members {
	const js_type *t;
	char *out;
	uint64_t seen, nulled; /* bit i: row i */
	uint32_t next;         /* where to look first: writers keep the order of the table */
} members;

static err object_read(reader *r, const js_type *t, void *out);
static err value_read(reader *r, const js_field *f, void *to, bool *ret_is_null);

/* A text's bytes with escapes resolved. */
static err text_take(reader *r, str raw, bool has_escape, str *ret)
{
	err e = pull_unescape(raw, has_escape, r->a, ret);

	return e ? refuse(r, e, "holds the character U+0000") : ERR_OK;
}

/* A newer server may have wider ranges than the table a client was built with. */
static js_range range_for(const reader *r, const js_field *f)
{
	return r->is_output ? (js_range){-JS_INT_MAX, JS_INT_MAX} : js_range_of(f);
}

/* The same for sets of values. */
static bool form_holds(const reader *r, const js_field *f, js_text_form form, str s)
{
	bool (*fits)(str, const char *const *) = js_form_row_of(form)->fits;

	return !fits || (r->is_output && form == JS_ENUM) || fits(s, f->values);
}

static err text_read(reader *r, const js_field *f, pull_token k, js_range range, str *to)
{
	if (k != PULL_TEXT)
		return refuse_kind(r, f, k);
	err e = text_take(r, r->p.text, r->p.has_escape, to);
	if (e)
		return e;
	if (to->n < range.min || to->n > range.max)
		return refuse(r, ERR_BAD_FIELD, "must be %lld to %lld bytes long, is %u", (long long)range.min,
			(long long)range.max, to->n);
	if (!form_holds(r, f, f->form, *to))
		return refuse_form(r, f, f->form, *to);
	return ERR_OK;
}

static err i64_read(reader *r, const js_field *f, pull_token k, js_range range, int64_t *to)
{
	int64_t v;

	if (k != PULL_NUMBER)
		return refuse_kind(r, f, k);
	err e = pull_i64(r->p.text, &v);
	if (e == ERR_NOT_AN_INTEGER)
		return refuse(r, e, "must be an integer, is %s", shown_token(&r->p, k).p);
	if (e || v < range.min || v > range.max)
		return refuse(r, ERR_BAD_FIELD, "must be %lld to %lld, is %s", (long long)range.min,
			(long long)range.max, shown_token(&r->p, k).p);
	*to = v;
	return ERR_OK;
}

static err bool_read(reader *r, const js_field *f, pull_token k, bool *to)
{
	if (k != PULL_TRUE && k != PULL_FALSE)
		return refuse_kind(r, f, k);
	*to = k == PULL_TRUE;
	return ERR_OK;
}

static err time_read(reader *r, const js_field *f, pull_token k, js_time *to)
{
	str text;

	if (k != PULL_TEXT)
		return refuse_kind(r, f, k);
	err e = text_take(r, r->p.text, r->p.has_escape, &text);
	if (e)
		return e;
	if (!clock_parse(text, &to->us))
		return refuse(r, ERR_BAD_FIELD, "must be a time like 2026-11-20T09:14:00Z (RFC 3339), is %s",
			shown_text(text).p);
	return ERR_OK;
}

/* Whether checked JSON holds the escape of U+0000. */
static bool raw_has_nul(str json)
{
	const char *end = json.p + json.n;

	for (const char *at = json.p; (at = memchr(at, '\\', (size_t)(end - at))); at += 2)
		if (end - at >= 6 && memcmp(at, "\\u0000", 6) == 0)
			return true;
	return false;
}

static err map_read(reader *r, const js_field *f, pull_token k, js_map *to);

/* The raw value that starts at `from`, whose row says that it is a map. */
static err raw_check(reader *r, const js_field *f, pull from)
{
	js_field row = *f;
	pull behind = r->p;
	js_map entries;

	row.kind = JS_MAP;
	row.min = row.max = 0;
	r->p = from;
	err e = map_read(r, &row, pull_next(&r->p), &entries);
	if (!e)
		r->p = behind;
	return e;
}

static err raw_read(reader *r, const js_field *f, js_raw *to, bool *ret_is_null)
{
	js_range range = range_for(r, f);
	pull from = r->p;
	str json;

	if (pull_span(&r->p, &json))
		return refuse_syntax(r);
	if (json.n < range.min || json.n > range.max)
		return refuse(r, ERR_BAD_FIELD, "must be %lld to %lld bytes long, is %u", (long long)range.min,
			(long long)range.max, json.n);
	if (raw_has_nul(json))
		return refuse(r, ERR_BAD_FIELD, "holds the character U+0000");
	*ret_is_null = (f->nullable || r->is_output) && str_eq(json, S("null"));
	if (*ret_is_null)
		return ERR_OK;
	to->json = json;
	return f->of && !r->is_output ? raw_check(r, f, from) : ERR_OK;
}

static err items_grow(reader *r, js_list *l, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : ITEMS_FIRST;
	r->item_bytes += more * size;
	if (r->item_bytes > r->item_bytes_max)
		return refuse(r, ERR_TOO_MANY_ITEMS, "the lists of this body are too long together");
	void *v = arena_alloc(r->a, more * size);
	if (l->v)
		memcpy(v, l->v, l->n * size);
	l->v = v;
	*cap = more;
	return ERR_OK;
}

/* The place of one more item, zeroed and not yet counted in l->n. */
static err item_place(reader *r, js_list *l, uint32_t *cap, size_t size, char **ret)
{
	err e = l->n == *cap ? items_grow(r, l, cap, size) : ERR_OK;

	if (e)
		return e;
	assert(l->v);
	*ret = (char *)l->v + l->n * size;
	return ERR_OK;
}

static err items_refuse(reader *r, js_range range, uint32_t n)
{
	if (n >= range.max)
		return refuse(r, ERR_TOO_MANY_ITEMS, "takes at most %lld items", (long long)range.max);
	return refuse(r, ERR_BAD_FIELD, "must have at least %lld items, has %u", (long long)range.min, n);
}

static err item_read(reader *r, const js_field *f, void *to)
{
	const js_field item = {.kind = f->kind == JS_TEXTS ? JS_TEXT : JS_I64, .form = f->form, .values = f->values};
	pull_token k = pull_next(&r->p);

	if (f->kind == JS_TEXTS)
		return text_read(r, &item, k, range_for(r, &item), to);
	if (f->kind == JS_I64S)
		return i64_read(r, &item, k, range_for(r, &item), to);
	if (k != PULL_OBJECT)
		return refuse_kind(r, &(js_field){.kind = JS_OBJECT}, k);
	return object_read(r, f->of, to);
}

/* The rest of an array whose '[' was read, for every kind of list: strs, i64s and js_list have one layout. */
static err items_read(reader *r, const js_field *f, js_list *out)
{
	size_t size = f->kind == JS_TEXTS ? sizeof(str) : f->kind == JS_I64S ? sizeof(int64_t) : f->of->size;
	js_range range = range_for(r, f);
	js_list l = {0};
	uint32_t cap = 0;
	place_step *step = &r->at.steps[r->at.n];
	char *item;
	err e;

	while (pull_item(&r->p)) {
		if (l.n >= range.max)
			return items_refuse(r, range, l.n);
		e = item_place(r, &l, &cap, size, &item);
		if (e)
			return e;
		*step = (place_step){.index = l.n};
		r->at.n++;
		e = item_read(r, f, item);
		if (e)
			return e;
		r->at.n--;
		l.n++;
	}
	if (r->p.e)
		return refuse_syntax(r);
	*out = l;
	return l.n < range.min ? items_refuse(r, range, l.n) : ERR_OK;
}

/* Few keys are compared one by one; more go through a hash table. */
static bool key_is_new(map *keys, const js_list *l, size_t size, str key)
{
	if (l->n < KEYS_SCANNED) {
		for (uint32_t i = 0; i < l->n; i++)
			if (str_eq(*(const str *)(const void *)((char *)l->v + i * size), key))
				return false;
		return true;
	}
	if (l->n == KEYS_SCANNED)
		for (uint32_t i = 0; i < l->n; i++) {
			str *old = (void *)((char *)l->v + i * size);
			(void)map_put(keys, *old, keys);
		}
	return !map_put(keys, key, keys);
}

static err key_check(reader *r, const js_field *f, str key)
{
	js_text_form form = js_key_form(f);

	if (key.n > JS_KEY_BYTES)
		return refuse(r, ERR_BAD_FIELD, "the key must be at most %d bytes long, is %u", JS_KEY_BYTES, key.n);
	if (!form_holds(r, f, form, key))
		return refuse_form(r, f, form, key);
	return ERR_OK;
}

static void entry_null(const js_type *t, char *entry)
{
	const uint64_t all = UINT64_MAX;

	memcpy(entry + t->given_at, &all, sizeof(all));
	memcpy(entry + t->nulled_at, &all, sizeof(all));
}

static err entry_read(reader *r, const js_field *f, char *entry)
{
	const js_type *t = f->of;
	bool is_null;

	if (t->is_bare)
		return value_read(r, t->fields, entry + t->fields->at, &is_null);
	pull_token k = pull_next(&r->p);
	if (k == PULL_NULL && t->nulled_at != JS_NO_MASK) {
		entry_null(t, entry);
		return ERR_OK;
	}
	return k == PULL_OBJECT ? object_read(r, t, entry) : refuse_kind(r, f, k);
}

/* One entry behind its raw key; r->at stands on it. */
static err pair_read(reader *r, const js_field *f, js_list *l, uint32_t *cap, map *keys, str raw, bool has_escape)
{
	size_t size = f->of->size;
	char *entry;
	str key;
	err e = text_take(r, raw, has_escape, &key);

	if (e)
		return e;
	r->at.steps[r->at.n - 1].name = key;
	e = key_check(r, f, key);
	if (e)
		return e;
	if (!key_is_new(keys, l, size, key))
		return refuse(r, ERR_DUPLICATE_KEY, "stands twice");
	e = item_place(r, l, cap, size, &entry);
	if (e)
		return e;
	memcpy(entry, &key, sizeof(key));
	return entry_read(r, f, entry);
}

static err pairs_read(reader *r, const js_field *f, js_list *l, map *keys)
{
	js_range range = range_for(r, f);
	uint32_t cap = 0;
	str raw;
	bool has_escape;

	while (pull_key(&r->p, &raw, &has_escape)) {
		if (l->n >= range.max)
			return items_refuse(r, range, l->n);
		r->at.steps[r->at.n++] = (place_step){.name = raw};
		err e = pair_read(r, f, l, &cap, keys, raw, has_escape);
		if (e)
			return e;
		r->at.n--;
		l->n++;
	}
	if (r->p.e)
		return refuse_syntax(r);
	return l->n < range.min ? items_refuse(r, range, l->n) : ERR_OK;
}

static err map_read(reader *r, const js_field *f, pull_token k, js_map *to)
{
	map keys = {0};
	js_list l = {0};

	if (k != PULL_OBJECT)
		return refuse_kind(r, f, k);
	err e = pairs_read(r, f, &l, &keys);
	map_done(&keys);
	*to = (js_map){l.v, l.n};
	return e;
}

static err value_read(reader *r, const js_field *f, void *to, bool *ret_is_null)
{
	*ret_is_null = false;
	if (f->kind == JS_RAW)
		return raw_read(r, f, to, ret_is_null);
	pull_token k = pull_next(&r->p);
	if (k == PULL_NULL && (f->nullable || r->is_output)) {
		*ret_is_null = true;
		return ERR_OK;
	}
	switch (f->kind) {
	case JS_BOOL:
		return bool_read(r, f, k, to);
	case JS_I64:
		return i64_read(r, f, k, range_for(r, f), to);
	case JS_TEXT:
		return text_read(r, f, k, range_for(r, f), to);
	case JS_TIME:
		return time_read(r, f, k, to);
	case JS_OBJECT:
		return k == PULL_OBJECT ? object_read(r, f->of, to) : refuse_kind(r, f, k);
	case JS_MAP:
		return map_read(r, f, k, to);
	default:
		return k == PULL_ARRAY ? items_read(r, f, to) : refuse_kind(r, &(js_field){.kind = JS_LIST}, k);
	}
}

static const js_field *row_find(const js_type *t, str key, uint32_t from)
{
	for (uint32_t n = t->n, i = from; n > 0; n--, i++) {
		if (i >= t->n)
			i = 0;
		const js_field *f = &t->fields[i];
		if (f->name_n == key.n && memcmp(f->name, key.p, key.n) == 0)
			return f;
	}
	return NULL;
}

static bool is_for_server(const js_field *f)
{
	return f->use == JS_READ_ONLY || f->use == JS_SECRET;
}

/* One member behind its key; r->at stands on it. */
static err member_read(reader *r, members *m, str key)
{
	const js_field *f = row_find(m->t, key, m->next);
	bool is_null;

	if (!f && r->is_output)
		return pull_skip(&r->p) ? refuse_syntax(r) : ERR_OK;
	if (!f)
		return refuse_unknown(r, m->t);
	uint32_t i = (uint32_t)(f - m->t->fields);
	if (m->seen >> i & 1)
		return refuse(r, ERR_DUPLICATE_KEY, "stands twice");
	if (is_for_server(f) && !r->is_output)
		return refuse(r, ERR_READ_ONLY_FIELD, "is set by the server");
	err e = value_read(r, f, m->out + f->at, &is_null);
	m->seen |= 1ull << i;
	m->nulled |= (uint64_t)is_null << i;
	m->next = i + 1;
	return e;
}

/* What was left out: the fault, or the default. */
static err absent_settle(reader *r, const members *m, const js_field *f)
{
	if (f->use == JS_REQUIRED && !r->is_output) {
		r->at.steps[r->at.n++] = (place_step){.name = {f->name, f->name_n}};
		return refuse(r, ERR_MISSING_FIELD, "is required");
	}
	if (f->initial && f->kind == JS_I64)
		memcpy(m->out + f->at, &f->initial, sizeof(f->initial));
	else if (f->initial && f->kind == JS_BOOL)
		*(bool *)(m->out + f->at) = true;
	return ERR_OK;
}

static err object_settle(reader *r, const members *m)
{
	const js_type *t = m->t;
	bool has_nulled = t->nulled_at != JS_NO_MASK;
	uint64_t all = t->n == JS_FIELDS_MAX ? UINT64_MAX : (1ull << t->n) - 1;
	uint64_t given = has_nulled ? m->seen : m->seen & ~m->nulled;

	if (t->given_at != JS_NO_MASK)
		memcpy(m->out + t->given_at, &given, sizeof(given));
	if (has_nulled)
		memcpy(m->out + t->nulled_at, &m->nulled, sizeof(m->nulled));
	for (uint64_t left = all & ~m->seen; left; left &= left - 1) {
		err e = absent_settle(r, m, &t->fields[__builtin_ctzll(left)]);
		if (e)
			return e;
	}
	for (uint64_t left = has_nulled ? 0 : m->nulled; left; left &= left - 1) {
		const js_field *f = &t->fields[__builtin_ctzll(left)];
		if (f->use == JS_OPTIONAL)
			(void)absent_settle(r, m, f);
	}
	return ERR_OK;
}

/* The rest of an object whose '{' was read; *out is zeroed but for a map's key. */
static err object_read(reader *r, const js_type *t, void *out)
{
	members m = {.t = t, .out = out};
	str key;
	bool has_escape;

	assert(out && t->n <= JS_FIELDS_MAX);
	while (pull_key(&r->p, &key, &has_escape)) {
		r->at.steps[r->at.n++] = (place_step){.name = key};
		if (has_escape) {
			err e = text_take(r, key, has_escape, &key);
			if (e)
				return e;
			r->at.steps[r->at.n - 1].name = key;
		}
		err e = member_read(r, &m, key);
		if (e)
			return e;
		r->at.n--;
	}
	if (r->p.e)
		return refuse_syntax(r);
	return object_settle(r, &m);
}

static err document_read(reader *r, const js_type *t, str body, void *out)
{
	memset(out, 0, t->size);
	pull_init(&r->p, body, JS_DEPTH_MAX);
	pull_token k = pull_next(&r->p);
	if (k != PULL_OBJECT)
		return refuse_kind(r, &(js_field){.kind = JS_OBJECT}, k);
	err e = object_read(r, t, out);
	if (e)
		return e;
	return pull_finish(&r->p) ? refuse_syntax(r) : ERR_OK;
}

err js_read(const js_type *t, str body, arena *a, void *out, fault *f)
{
	reader r = {.a = a, .f = f, .item_bytes_max = JS_READ_BYTES_MAX};

	return document_read(&r, t, body, out);
}

err js_read_large(const js_type *t, str body, arena *a, void *out, fault *f)
{
	reader r = {.a = a, .f = f, .item_bytes_max = JS_READ_LARGE_BYTES_MAX};

	return document_read(&r, t, body, out);
}

err js_read_output(const js_type *t, str body, arena *a, void *out, fault *f)
{
	reader r = {.a = a, .f = f, .is_output = true, .item_bytes_max = JS_READ_BYTES_MAX};

	return document_read(&r, t, body, out);
}

err js_read_list(const js_type *t, str body, arena *a, int64_t max_items, js_list *out, fault *f)
{
	reader r = {.a = a, .f = f, .item_bytes_max = JS_READ_BYTES_MAX};
	js_field row = {.kind = JS_LIST, .of = t, .max = max_items};

	*out = (js_list){0};
	pull_init(&r.p, body, JS_DEPTH_MAX);
	pull_token k = pull_next(&r.p);
	if (k != PULL_ARRAY)
		return refuse_kind(&r, &row, k);
	err e = items_read(&r, &row, out);
	if (e)
		return e;
	return pull_finish(&r.p) ? refuse_syntax(&r) : ERR_OK;
}

static uint64_t mask_of(const void *value, uint16_t at)
{
	uint64_t mask;

	assert(at != JS_NO_MASK);
	memcpy(&mask, (const char *)value + at, sizeof(mask));
	return mask;
}

static uint32_t row_index(const js_type *t, const char *name)
{
	const js_field *f = row_find(t, str_from(name), 0);

	assert(f);
	return (uint32_t)(f - t->fields);
}

bool js_given(const js_type *t, const void *value, const char *name)
{
	return mask_of(value, t->given_at) >> row_index(t, name) & 1;
}

void js_give(const js_type *t, void *value, const char *name)
{
	uint64_t mask = mask_of(value, t->given_at) | 1ull << row_index(t, name);

	memcpy((char *)value + t->given_at, &mask, sizeof mask);
}

bool js_nulled(const js_type *t, const void *value, const char *name)
{
	return mask_of(value, t->nulled_at) >> row_index(t, name) & 1;
}

bool js_is_nulled_whole(const js_type *t, const void *value)
{
	return t->nulled_at != JS_NO_MASK && mask_of(value, t->nulled_at) == UINT64_MAX;
}
