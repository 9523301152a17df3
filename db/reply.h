/* reply: what the database answered to one statement.
 *
 * A reply lives as long as the on_done call it is handed to; texts of its rows point into it. db_keep moves the bytes
 * to an arena so that rows may be used until that arena ends.
 */
#pragma once
#include "base/arena.h"
#include "db/stmt.h"

struct pg_result;

enum { DB_STATE_MAX = 6, DB_CONSTRAINT_MAX = 64 };

typedef struct db_reply {
	err e; /* ERR_OK, or why there are no rows; a refusal by the statement is a row, not an error */
	sql_id stmt;
	uint32_t rows;
	struct pg_result *res;              /* opaque */
	bool is_kept;                       /* res went to an arena */
	char sqlstate[DB_STATE_MAX];        /* of an SQL error; else empty */
	char constraint[DB_CONSTRAINT_MAX]; /* that refused; else empty */
	fault f;                            /* for the client; set when e is */
} db_reply;

/* Reads row i into the statement's row struct. Fails with DB when a column declared not null is NULL. */
err db_row(const db_reply *r, uint32_t i, void *row, fault *f) MUST_CHECK;
/* All rows as an array of row structs in a; *ret_rows stays valid only as long as the bytes do (db_keep). */
err db_rows(const db_reply *r, arena *a, void **ret_rows, fault *f) MUST_CHECK;

/* One column of a row without its struct; absent or 0 when NULL. Asserts that the column exists and has the type. */
str db_text(const db_reply *r, uint32_t row, const char *column);
int64_t db_i64(const db_reply *r, uint32_t row, const char *column);
bool db_bool(const db_reply *r, uint32_t row, const char *column);
bool db_is_null(const db_reply *r, uint32_t row, uint32_t column_no);

/* The same by the column's number, from 0. */
str db_text_at(const db_reply *r, uint32_t row, uint32_t column_no);
int64_t db_i64_at(const db_reply *r, uint32_t row, uint32_t column_no);
bool db_bool_at(const db_reply *r, uint32_t row, uint32_t column_no);

/* Hands the reply's bytes to a: they are freed when a ends. */
void db_keep(db_reply *r, arena *a);

/* Rows inserted, changed or deleted by a statement without RETURNING. */
int64_t db_affected(const db_reply *r);

/* For those that make replies: frees what was not kept. */
void reply_clear(db_reply *r);

/* Called once per call, from the loop, never from inside the call. */
typedef void (*db_done)(void *arg, db_reply *r);
