#include "db/reply.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

#include "db/params.h"

#define BIT(type) (1u << (type))

enum { OID_JSONB = 3802, JSONB_VERSION = 1 };

static int64_t number_of(const char *p, int n)
{
	if (n == 8) {
		uint64_t v;
		memcpy(&v, p, sizeof(v));
		return (int64_t)be64toh(v);
	}
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return (int32_t)be32toh(v);
}

/* json and jsonb differ on the wire by one byte of version. */
static str bytes_of(const PGresult *res, int row, int col, pg_type t)
{
	const char *p = PQgetvalue(res, row, col);
	int n = PQgetlength(res, row, col);
	if (t == PG_JSON && PQftype(res, col) == OID_JSONB) {
		assert(n > 0 && p[0] == JSONB_VERSION);
		return str_of(p + 1, (size_t)n - 1);
	}
	return str_of(p, (size_t)n);
}

static void value_get(const PGresult *res, int row, int col, pg_type t, void *to)
{
	switch (t) {
	case PG_BOOL:
		*(bool *)to = *PQgetvalue(res, row, col) != 0;
		return;
	case PG_INT8:
	case PG_INT4:
		*(int64_t *)to = number_of(PQgetvalue(res, row, col), PQgetlength(res, row, col));
		return;
	case PG_TIME:
		*(int64_t *)to = number_of(PQgetvalue(res, row, col), 8) + PG_EPOCH_US;
		return;
	default:
		*(str *)to = bytes_of(res, row, col, t);
	}
}

err db_row(const db_reply *r, uint32_t i, void *row, fault *f)
{
	const sql_stmt *s = &sql_stmts[r->stmt];
	assert(r->res && i < r->rows);
	if (PQnfields(r->res) != s->out_n)
		return fault_set(f, ERR_DB, s->name, "The statement returned other columns than it declares.");
	memset(row, 0, s->row_size);
	for (int c = 0; c < s->out_n; c++) {
		const sql_field *fd = &s->out[c];
		if (!PQgetisnull(r->res, (int)i, c))
			value_get(r->res, (int)i, c, fd->type, (char *)row + fd->at);
		else if (!fd->nullable)
			return fault_set(
				f, ERR_DB, s->name, "The column %s is NULL and was declared not to be.", fd->name);
		else if (fd->null_at)
			*((bool *)row + fd->null_at) = true;
	}
	return ERR_OK;
}

err db_rows(const db_reply *r, arena *a, void **ret_rows, fault *f)
{
	size_t size = sql_stmts[r->stmt].row_size;
	char *rows = arena_alloc(a, size * (r->rows ? r->rows : 1));
	for (uint32_t i = 0; i < r->rows; i++) {
		err e = db_row(r, i, rows + size * i, f);
		if (e)
			return e;
	}
	*ret_rows = rows;
	return ERR_OK;
}

/* The number of a column. */
static uint32_t column_no(const db_reply *r, const char *name)
{
	const sql_stmt *s = &sql_stmts[r->stmt];
	for (uint32_t c = 0; c < s->out_n; c++) {
		if (strcmp(s->out[c].name, name) == 0)
			return c;
	}
	assert(false && "the statement declares no such column");
	return 0;
}

/* Copies the value out unless it is NULL. */
static void value_at(const db_reply *r, uint32_t row, uint32_t c, uint32_t types, void *to)
{
	const sql_stmt *s = &sql_stmts[r->stmt];
	assert(r->res && row < r->rows && c < s->out_n && types & BIT(s->out[c].type));
	if (!PQgetisnull(r->res, (int)row, (int)c))
		value_get(r->res, (int)row, (int)c, s->out[c].type, to);
}

str db_text_at(const db_reply *r, uint32_t row, uint32_t c)
{
	str v = STR_NONE;
	value_at(r, row, c, BIT(PG_TEXT) | BIT(PG_JSON) | BIT(PG_BYTEA), &v);
	return v;
}

int64_t db_i64_at(const db_reply *r, uint32_t row, uint32_t c)
{
	int64_t v = 0;
	value_at(r, row, c, BIT(PG_INT8) | BIT(PG_INT4) | BIT(PG_TIME), &v);
	return v;
}

bool db_bool_at(const db_reply *r, uint32_t row, uint32_t c)
{
	bool v = false;
	value_at(r, row, c, BIT(PG_BOOL), &v);
	return v;
}

str db_text(const db_reply *r, uint32_t row, const char *column)
{
	return db_text_at(r, row, column_no(r, column));
}

int64_t db_i64(const db_reply *r, uint32_t row, const char *column)
{
	return db_i64_at(r, row, column_no(r, column));
}

bool db_bool(const db_reply *r, uint32_t row, const char *column)
{
	return db_bool_at(r, row, column_no(r, column));
}

bool db_is_null(const db_reply *r, uint32_t row, uint32_t c)
{
	assert(r->res && row < r->rows);
	return PQgetisnull(r->res, (int)row, (int)c) != 0;
}

static void result_free(void *arg)
{
	PQclear(arg);
}

void db_keep(db_reply *r, arena *a)
{
	if (!r->res || r->is_kept)
		return;
	arena_on_end(a, result_free, r->res);
	r->is_kept = true;
}

int64_t db_affected(const db_reply *r)
{
	int64_t n = 0;
	(void)str_to_i64(str_from(r->res ? PQcmdTuples(r->res) : ""), &n);
	return n;
}

void reply_clear(db_reply *r)
{
	if (!r->is_kept)
		PQclear(r->res);
	r->res = NULL;
}
