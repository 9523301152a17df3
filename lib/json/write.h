/* write: JSON straight into a buffer, commas and escapes included.
 *
 * Calls must nest as JSON does; a wrong order asserts. Nothing is checked for overflow here: the buffer has a maximum and
 * remembers when it was passed (base/buf.h).
 */
#pragma once
#include "json/js.h"

typedef struct js_writer {
	buf     *out;
	uint32_t depth;
	uint64_t has_items; /* bit per depth: a comma is due */
	bool     after_key;
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
void js_raw_value(js_writer *w, str json); /* must be valid; absent: null */
void js_time_value(js_writer *w, int64_t us); /* 0: null */

/* One-line members. */
void js_put_text(js_writer *w, const char *key, str s);
void js_put_i64(js_writer *w, const char *key, int64_t v);
void js_put_bool(js_writer *w, const char *key, bool v);
void js_put_raw(js_writer *w, const char *key, str json);
void js_put_time(js_writer *w, const char *key, int64_t us);

/* A whole struct by its table. Absent texts, times and raws, empty lists and fields not given are left out, unless the row says
 * `always`. js_write_members writes the members alone, inside an object the caller opened. */
void js_write(js_writer *w, const js_type *t, const void *value);
void js_write_members(js_writer *w, const js_type *t, const void *value);

/* The JSON Schema (2020-12) of t. is_input leaves out read-only members and closes the object (additionalProperties false);
 * nested types become "$ref": "#/components/schemas/<name>" (inputs: <name>_input). */
void js_schema(js_writer *w, const js_type *t, bool is_input);
