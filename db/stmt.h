/* stmt: what the program knows of each SQL statement, from the files of db/queries.
 *
 * A block of those files is a statement with its parameters and columns declared; the build turns it into an enum value
 * (SQL_TENANT_GET), two structs (sql_tenant_get_in, sql_tenant_get_row) and a row of sql_stmts. Include "db/sql.h" for
 * the generated names. A test prepares every statement against a migrated database and compares it with its
 * declaration.
 *
 *     -- name: tenant_get :one        at most one row; :many any number; :exec none
 *     -- in: id text, limit int8, since timestamptz?, ids int8[]
 *     -- out: id text, parent text?, is_open bool, body json
 *
 *     -- sort: fields                 also <name>_sorted, for lists: `after text, limit int8` last of its parameters,
 *                                     `cursor text` last of its columns. It takes `sort text[]` too, names of columns
 *                                     that are no json, with '-' in front for falling; its cursor is of that order.
 *                                     It looks at all rows that fit. `back`: the list's own order, falling; `after` of
 *                                     the first page is a text above all others.
 *
 * C types: text, json and bytea are str; int8, int4 and timestamptz (microseconds since 1970, UTC) are int64_t; bool is
 * bool; arrays (parameters only) of text, json and bytea are strs, of numbers and times i64s, of bool bools. '?' means
 * nullable: an absent str or an array with v == NULL is NULL, every other type has a `bool <name>_null` member beside
 * it. Inside arrays an absent str and PG_I64_NULL are NULL elements. A json parameter is text for the server; a json
 * column may be text, json or jsonb there.
 */
#pragma once
#include "base/err.h"

typedef enum pg_type {
	PG_TEXT,
	PG_JSON,
	PG_BYTEA,
	PG_INT8,
	PG_INT4,
	PG_BOOL,
	PG_TIME,
	PG_TEXTS,
	PG_JSONS,
	PG_BYTEAS,
	PG_INT8S,
	PG_INT4S,
	PG_BOOLS,
	PG_TIMES
} pg_type;

#define PG_I64_NULL INT64_MIN

typedef struct bools {
	bool *v;
	uint32_t n;
} bools;

typedef enum sql_kind { SQL_KIND_EXEC, SQL_KIND_ONE, SQL_KIND_MANY } sql_kind;

typedef struct sql_field {
	const char *name;
	pg_type type;
	bool nullable;
	uint16_t at;      /* offset in the statement's struct */
	uint16_t null_at; /* offset of the _null member, of types that have one */
} sql_field;

typedef struct sql_stmt {
	const char *name; /* "tenant_get": also its name on the server */
	const char *text;
	sql_kind kind;
	const sql_field *in, *out;
	uint16_t in_n, out_n;
	uint16_t in_size, row_size; /* of the structs; 0 when there is none */
	const char *file;           /* "tenant.sql" */
} sql_stmt;

enum { SQL_PARAMS_MAX = 64, SQL_COLUMNS_MAX = 64 };

/* The number of a statement; 0 is none. The names are in "db/sql.h". */
typedef int sql_id;

extern const sql_stmt sql_stmts[]; /* [1 .. sql_stmts_n - 1] */
extern const int sql_stmts_n;

/* The statement called name, or 0. Linear: for start-up. */
sql_id sql_find(str name);

/* The parameter or column of that name, or NULL. */
const sql_field *sql_param(sql_id s, str name);
const sql_field *sql_column(sql_id s, str name);

/* Fill one member of an in-struct by the parameter's name: for code that serves many statements. False, and nothing
 * written, when the statement has no such parameter or it is of another type. sql_put_text takes text, json and bytea;
 * sql_put_i64 int8, int4 (the range is checked when sent) and timestamptz. An absent text stays absent; sql_put_null is
 * for the rest: it needs a nullable parameter. Start from a zeroed struct: zero is 0, false, absent, not null. */
bool sql_put_text(sql_id s, void *in, str name, str v);
bool sql_put_i64(sql_id s, void *in, str name, int64_t v);
bool sql_put_bool(sql_id s, void *in, str name, bool v);
bool sql_put_texts(sql_id s, void *in, str name, strs v);
bool sql_put_i64s(sql_id s, void *in, str name, i64s v);
bool sql_put_null(sql_id s, void *in, str name);
