/* fault: from what PostgreSQL says to what a client is told.
 *
 * A broken constraint is looked up by its name in db/constraints.def; a few SQLSTATE classes have a meaning of their
 * own; all else is our mistake.
 */
#pragma once
#include "db/reply.h"

/* A prepared statement whose tables have changed: only a new session prepares it anew. */
#define STATE_STALE_PLAN "0A000"

/* Fills e, sqlstate, constraint and f of r from the error in res. e is the table's, or DB_RETRY (40001, 40P01, 55P03,
 * class 57 but 57014), TIMEOUT (57014), CLOSED (class 08), UNAVAILABLE (class 53), FENCED (RV001: a must() that
 * failed), or DB. */
void reply_fail(db_reply *r, const struct pg_result *res);
/* The server's own words for the error in r, cut to n. */
void reply_message(const db_reply *r, char *out, size_t n);

/* What a client is told instead of an error that stays inside: DB and FENCED give INTERNAL; DB_RETRY, CLOSED and
 * TIMEOUT give UNAVAILABLE. */
err err_for_client(err e);

/* The row of a constraint: false when it is not listed. */
bool constraint_find(str name, err *ret_e, const char **ret_pointer, const char **ret_detail);
