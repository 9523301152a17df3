/* write: JSON straight into a buffer, commas and escapes included.
 *
 * Calls must nest as JSON does, one value per writer; a wrong order asserts. Nothing is checked for overflow here: the
 * buffer has a maximum and remembers when it was passed (base/buf.h). Texts must be valid UTF-8.
 */
#pragma once
#include "json/js.h"

enum { JS_WRITE_DEPTH_MAX = 63 };

typedef struct js_writer {
	buf *out;
	uint32_t depth;
	uint64_t has_items; /* bit per depth: a comma is due */
	uint64_t is_object; /* bit per depth */
	bool after_key;
} js_writer;

js_writer js_writer_on(buf *out);

void js_object_begin(js_writer *w);
void js_object_end(js_writer *w);
void js_array_begin(js_writer *w);
void js_array_end(js_writer *w);
void js_key(js_writer *w, str key);
void js_text(js_writer *w, str s); /* absent: null */
void js_i64(js_writer *w, int64_t v);
void js_bool(js_writer *w, bool v);
void js_null(js_writer *w);
void js_raw_value(js_writer *w, str json);    /* must be valid; absent: null */
void js_time_value(js_writer *w, int64_t us); /* 0: null */

/* One-line members. */
void js_put_text(js_writer *w, const char *key, str s);
void js_put_i64(js_writer *w, const char *key, int64_t v);
void js_put_bool(js_writer *w, const char *key, bool v);
void js_put_raw(js_writer *w, const char *key, str json);
void js_put_time(js_writer *w, const char *key, int64_t us);

/* A whole struct by its table. Left out, unless the row says `always` (then null, [] or {}):
 * - absent texts, times and raws, empty lists and maps, nested objects that would have no members;
 * - in types with a `given` mask: OPTIONAL rows whose bit is clear. A set bit writes the value even when it is empty.
 * Fields with their `nulled` bit are written as null. js_write_members writes the members alone, inside an object the
 * caller opened. */
void js_write(js_writer *w, const js_type *t, const void *value);
void js_write_members(js_writer *w, const js_type *t, const void *value);

/* The JSON Schema (2020-12) of t. is_input leaves out read-only members and closes the object (additionalProperties
 * false); nested types become "$ref": "#/components/schemas/<name>" (inputs: <name>_input). In outputs sets of values
 * are open ("x-extensible-enum"). Entries of maps that are bare stand in place. */
void js_schema(js_writer *w, const js_type *t, bool is_input);

/* Calls fn once for t and once for every type that js_schema refers to, bare ones left out: what has to
 * stand under components/schemas. At most JS_TYPES_MAX types. */
enum { JS_TYPES_MAX = 256 };
void js_types_each(const js_type *t, void (*fn)(const js_type *t, void *arg), void *arg);
