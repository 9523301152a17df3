#include "db/stmt.h"

#include <assert.h>
#include <string.h>

sql_id sql_find(str name)
{
	for (sql_id s = 1; s < sql_stmts_n; s++) {
		if (str_eq(str_from(sql_stmts[s].name), name))
			return s;
	}
	return 0;
}

static const sql_field *field_find(const sql_field *f, uint32_t n, str name)
{
	for (uint32_t i = 0; i < n; i++) {
		if (strlen(f[i].name) == name.n && memcmp(f[i].name, name.p, name.n) == 0)
			return &f[i];
	}
	return NULL;
}

static const sql_stmt *stmt_of(sql_id s)
{
	assert(s > 0 && s < sql_stmts_n);
	return &sql_stmts[s];
}

const sql_field *sql_param(sql_id s, str name)
{
	const sql_stmt *t = stmt_of(s);
	return field_find(t->in, t->in_n, name);
}

const sql_field *sql_column(sql_id s, str name)
{
	const sql_stmt *t = stmt_of(s);
	return field_find(t->out, t->out_n, name);
}

#define BIT(type) (1u << (type))
enum {
	BYTES = BIT(PG_TEXT) | BIT(PG_JSON) | BIT(PG_BYTEA),
	NUMBERS = BIT(PG_INT8) | BIT(PG_INT4) | BIT(PG_TIME),
	BYTES_LISTS = BIT(PG_TEXTS) | BIT(PG_JSONS) | BIT(PG_BYTEAS),
	NUMBERS_LISTS = BIT(PG_INT8S) | BIT(PG_INT4S) | BIT(PG_TIMES),
};

/* Copies one member when the parameter exists and its type is in the set. */
static bool put(sql_id s, void *in, str name, uint32_t types, const void *v, size_t n)
{
	const sql_field *f = sql_param(s, name);
	if (!f || !(BIT(f->type) & types))
		return false;
	memcpy((char *)in + f->at, v, n);
	if (f->null_at)
		*((bool *)in + f->null_at) = false;
	return true;
}

bool sql_put_text(sql_id s, void *in, str name, str v)
{
	return put(s, in, name, BYTES, &v, sizeof(v));
}

bool sql_put_i64(sql_id s, void *in, str name, int64_t v)
{
	return put(s, in, name, NUMBERS, &v, sizeof(v));
}

bool sql_put_bool(sql_id s, void *in, str name, bool v)
{
	return put(s, in, name, BIT(PG_BOOL), &v, sizeof(v));
}

bool sql_put_texts(sql_id s, void *in, str name, strs v)
{
	return put(s, in, name, BYTES_LISTS, &v, sizeof(v));
}

bool sql_put_i64s(sql_id s, void *in, str name, i64s v)
{
	return put(s, in, name, NUMBERS_LISTS, &v, sizeof(v));
}

bool sql_put_null(sql_id s, void *in, str name)
{
	const sql_field *f = sql_param(s, name);
	if (!f || !f->nullable)
		return false;
	if (f->null_at)
		*((bool *)in + f->null_at) = true;
	else
		memset((char *)in + f->at, 0, BIT(f->type) & BYTES ? sizeof(str) : sizeof(strs));
	return true;
}
