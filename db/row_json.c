#include "db/row_json.h"

#include <assert.h>

enum { NO_COLUMN = -1, FIELDS_MAX = sizeof(((row_plan *)0)->column) };

#define BIT(type) (1u << (type))

/* The column types that serve a kind of field. */
static uint32_t types_for(js_kind kind)
{
	switch (kind) {
	case JS_BOOL:
		return BIT(PG_BOOL);
	case JS_I64:
		return BIT(PG_INT8) | BIT(PG_INT4);
	case JS_TEXT:
		return BIT(PG_TEXT);
	case JS_TIME:
		return BIT(PG_TIME);
	default:
		return BIT(PG_JSON);
	}
}

static int column_find(const sql_stmt *s, const char *name)
{
	for (int c = 0; c < s->out_n; c++) {
		if (strcmp(s->out[c].name, name) == 0)
			return c;
	}
	return NO_COLUMN;
}

err row_plan_make(const js_type *t, sql_id s, row_plan *ret, fault *f)
{
	const sql_stmt *st = &sql_stmts[s];
	assert(t->n <= FIELDS_MAX && st->out_n <= SQL_COLUMNS_MAX);
	ret->type = t;
	ret->stmt = s;
	for (uint32_t i = 0; i < t->n; i++) {
		const js_field *fd = &t->fields[i];
		int c = column_find(st, fd->name);
		if (c != NO_COLUMN && !(types_for(fd->kind) & BIT(st->out[c].type)))
			return fault_set(f, ERR_DB, fd->name, "The column %s of %s does not suit the field of %s.",
				fd->name, st->name, t->name);
		if (c == NO_COLUMN && fd->always)
			return fault_set(f, ERR_DB, fd->name,
				"The statement %s lacks the column %s, which %s always shows.", st->name, fd->name,
				t->name);
		ret->column[i] = (int8_t)c;
	}
	return ERR_OK;
}

static void value_write(js_writer *w, const db_reply *r, uint32_t row, uint32_t column, js_kind kind)
{
	switch (kind) {
	case JS_BOOL:
		js_bool(w, db_bool_at(r, row, column));
		return;
	case JS_I64:
		js_i64(w, db_i64_at(r, row, column));
		return;
	case JS_TEXT:
		js_text(w, db_text_at(r, row, column));
		return;
	case JS_TIME:
		js_time_value(w, db_i64_at(r, row, column));
		return;
	default:
		js_raw_value(w, db_text_at(r, row, column));
	}
}

void row_members(js_writer *w, const row_plan *p, const db_reply *r, uint32_t i)
{
	assert(r->stmt == p->stmt);
	for (uint32_t k = 0; k < p->type->n; k++) {
		const js_field *fd = &p->type->fields[k];
		int c = p->column[k];
		if (c == NO_COLUMN)
			continue;
		bool is_null = db_is_null(r, i, (uint32_t)c);
		if (is_null && !fd->always)
			continue;
		js_key(w, str_from(fd->name));
		if (is_null)
			js_null(w);
		else
			value_write(w, r, i, (uint32_t)c, fd->kind);
	}
}

void row_write(js_writer *w, const row_plan *p, const db_reply *r, uint32_t i)
{
	js_object_begin(w);
	row_members(w, p, r, i);
	js_object_end(w);
}
