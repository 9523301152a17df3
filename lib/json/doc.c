#include "json/doc.h"
#include <assert.h>
#include <stdio.h>
#include "json/js.h"
#include "json/pull.h"

static void doc_decref(void *doc)
{
	json_decref(doc);
}

/* Syntax, depth, UTF-8 and integers, before memory is spent on a tree. */
static err text_check(str text, fault *f)
{
	pull p;

	if (text.n > DOC_BYTES_MAX)
		return fault_set(f, ERR_LIMIT, "#", "a document takes at most %d bytes, has %u", DOC_BYTES_MAX, text.n);
	pull_init(&p, text, DOC_DEPTH_MAX);
	err e = pull_skip(&p);
	if (!e)
		e = pull_finish(&p);
	if (e)
		return fault_set(f, e, "#", "at byte %zu", p.begin ? (size_t)(p.at - p.begin) : 0);
	return ERR_OK;
}

static err numbers_check(const json_t *doc, fault *f);

static err members_check(const json_t *doc, fault *f)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)doc, key, value)
	{
		err e = numbers_check(value, f);
		if (e) {
			fault_prefix(f, str_from(key));
			return e;
		}
	}
	return ERR_OK;
}

static err items_check(const json_t *doc, fault *f)
{
	size_t i;
	json_t *value;

	json_array_foreach(doc, i, value)
	{
		err e = numbers_check(value, f);
		if (e) {
			char index[24];
			int n = snprintf(index, sizeof(index), "%zu", i);
			fault_prefix(f, str_of(index, (size_t)n));
			return e;
		}
	}
	return ERR_OK;
}

static err numbers_check(const json_t *doc, fault *f)
{
	switch (json_typeof(doc)) {
	case JSON_OBJECT:
		return members_check(doc, f);
	case JSON_ARRAY:
		return items_check(doc, f);
	case JSON_REAL:
		return fault_set(f, ERR_NOT_AN_INTEGER, "#", "must be an integer, is %.17g", json_real_value(doc));
	case JSON_INTEGER:
		if (json_integer_value(doc) > JS_INT_MAX || json_integer_value(doc) < -JS_INT_MAX)
			return fault_set(f, ERR_BAD_FIELD, "#", "must be %lld to %lld, is %lld", -JS_INT_MAX,
				JS_INT_MAX, (long long)json_integer_value(doc));
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static err tree_refuse(const json_error_t *why, fault *f)
{
	switch (json_error_code(why)) {
	case json_error_duplicate_key:
		return fault_set(f, ERR_DUPLICATE_KEY, "#", "at byte %d: %s", why->position, why->text);
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return fault_set(f, ERR_BAD_FIELD, "#", "at byte %d: a text holds the character U+0000", why->position);
	case json_error_numeric_overflow:
		return fault_set(
			f, ERR_BAD_FIELD, "#", "at byte %d: a number is beyond %d bits", why->position, JS_INT_BITS);
	default:
		return fault_set(f, ERR_MALFORMED_JSON, "#", "at byte %d: %s", why->position, why->text);
	}
}

err doc_read(str text, arena *a, json_t **ret, fault *f)
{
	json_error_t why;
	err e = text_check(text, f);

	if (e)
		return e;
	json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!doc)
		return tree_refuse(&why, f);
	e = numbers_check(doc, f);
	if (e) {
		json_decref(doc);
		return e;
	}
	if (a)
		arena_on_end(a, doc_decref, doc);
	*ret = doc;
	return ERR_OK;
}

json_t *doc_merge(json_t *target, json_t *patch)
{
	const char *key;
	json_t *value;

	if (!json_is_object(patch))
		return json_incref(patch);
	json_t *merged = json_is_object(target) ? json_copy(target) : json_object();
	json_object_foreach(patch, key, value)
	{
		if (json_is_null(value))
			(void)json_object_del(merged, key);
		else
			(void)json_object_set_new(merged, key, doc_merge(json_object_get(merged, key), value));
	}
	return merged;
}

str doc_canonical(const json_t *doc, arena *a)
{
	const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY;
	size_t n = json_dumpb(doc, NULL, 0, flags);

	assert(n > 0);
	char *p = arena_alloc(a, n);
	(void)json_dumpb(doc, p, n, flags);
	return str_of(p, n);
}

bool doc_eq(const json_t *a, const json_t *b)
{
	return json_equal(a, b) != 0;
}
