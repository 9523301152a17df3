/* migrate: the schema's history, applied in order, each step in a transaction of its own.
 *
 * Blocking, on a connection of its own: for the supervisor before its loop starts, for tools and tests. An advisory
 * lock keeps two from migrating at once. schema_migration remembers what was applied and its checksum: a file changed
 * afterwards is refused, and so is a database that knows a number this program does not.
 */
#pragma once
#include "base/err.h"

typedef struct migration {
	int32_t number;
	const char *name; /* "base" of 0001_base.up.sql */
	const char *up, *down;
} migration;

extern const migration migrations[]; /* by rising number, from the files of that folder */
extern const uint32_t migrations_n;

/* Brings the database behind dsn to the last of m. *ret_applied (may be NULL) says how many ran. Errors: UNAVAILABLE
 * (no connection), DB with a sentence in f. */
err migrate_up(const char *dsn, const migration *m, uint32_t n, uint32_t *ret_applied, fault *f) MUST_CHECK;
/* Takes back every migration above `to` (0: all), newest first. */
err migrate_down(const char *dsn, const migration *m, uint32_t n, int32_t to, fault *f) MUST_CHECK;
/* The number the database stands at, 0 for an empty one. Checks checksums and unknown numbers as migrate_up does. */
err migrate_at(const char *dsn, const migration *m, uint32_t n, int32_t *ret_number, fault *f) MUST_CHECK;
