/* pg: a database of its own for each test, on the private PostgreSQL that pg.sh started (REEVE_TEST_PG).
 *
 * Blocking calls, for set-up and for looking at what came out. A failure prints and ends the test program.
 */
#pragma once
#include <libpq-fe.h>
#include "base/str.h"
#include "net/loop.h"

/* A connection string of database `name` on the private server; valid until the next call but two. */
const char *pg_dsn(const char *name);

/* A new database made from the migrated template, dropped when the process exits. `name` needs to be unique per process
 * only. Returns its connection string. */
const char *pg_database(const char *name);
/* The same, empty. */
const char *pg_database_empty(const char *name);
/* Makes the template; the fixture's program calls it once. */
void pg_template_make(void);

/* Runs statements. */
void pg_do(const char *dsn, const char *sql);
/* The first column of the first row, as an integer or as text in a static buffer. */
int64_t pg_int(const char *dsn, const char *sql);
const char *pg_text(const char *dsn, const char *sql);

/* Runs the loop until *done, or fails after a minute. */
void pg_run_until(loop *l, const bool *done);
