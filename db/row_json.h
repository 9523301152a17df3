/* row_json: result rows as JSON objects, by the same table that reads and documents the type.
 *
 * A column serves the field of its name. Columns without a field (outcome, cursors) are for the caller; fields without
 * a column are left out. Lists, maps and nested objects come as json columns and are copied as they are. NULL is left
 * out, or written as null where the row says `always`.
 */
#pragma once
#include "db/reply.h"
#include "json/write.h"

/* Which column fills which field of a type: made once, checked at start. */
typedef struct row_plan {
	const js_type *type;
	sql_id stmt;
	int8_t column[64]; /* by field; -1: none */
} row_plan;

/* Fails with DB and a sentence when a column's type does not suit its field, or a field marked `always` has no column.
 */
err row_plan_make(const js_type *t, sql_id s, row_plan *ret, fault *f) MUST_CHECK;

/* Row i as an object; row_members writes the members alone inside an object the caller opened. */
void row_write(js_writer *w, const row_plan *p, const db_reply *r, uint32_t i);
void row_members(js_writer *w, const row_plan *p, const db_reply *r, uint32_t i);
