/* batch: several statements in one transaction and one flush, with a clear verdict. What the placer commits by.
 *
 * One batch at a time, on one connection of the platform's side. Nothing is ever repeated here: after `unknown` the
 * owner asks its leader row (docs: the placer's loop). The connection is a session that matters (its advisory lock is
 * the leadership), so the owner hears of each new one.
 */
#pragma once
#include "db/pipe.h"

enum { BATCH_CALLS_MAX = 64, BATCH_AFTER_MAX = 16 };

typedef struct db_batcher db_batcher;

typedef struct db_call {
	sql_id stmt;
	const void *in; /* valid until on_done */
} db_call;

typedef enum db_outcome {
	DB_COMMITTED,
	DB_FAILED, /* certainly not committed */
	DB_LOST,   /* the connection was lost and the commit may have happened */
} db_outcome;

typedef struct db_verdict {
	db_outcome outcome;
	err e;             /* ERR_OK only with DB_COMMITTED */
	int32_t failed_at; /* which call met the error; -1: the commit itself, or no statement */
	char sqlstate[DB_STATE_MAX];
	char constraint[DB_CONSTRAINT_MAX];
	char message[256]; /* the server's primary message: the word given to must() */
	db_reply *replies; /* one per call, transaction first, then those after; valid during on_done */
	uint32_t n;
} db_verdict;

/* on_up runs for each new session: state of the one before (locks, terms) is gone. */
db_batcher *batcher_new(
	loop *l, const db_options *o, void (*on_up)(void *arg), void (*on_down)(void *arg, str why), void *arg);
/* A batch in flight ends with DB_LOST (inside this call). NULL-safe. */
void batcher_free(db_batcher *b);
bool batcher_is_up(const db_batcher *b);
bool batcher_is_busy(const db_batcher *b);
/* Closes the session and opens another (stepping down gives the lock back). */
void batcher_drop(db_batcher *b, const char *why);

/* BEGIN; calls...; COMMIT; Sync, then each of `after` in a Sync of its own (reads that see the commit; after_n may be
 * 0), all in one flush. calls_n 0: only the reads. on_done runs exactly once, from the loop. Asserts that no batch is
 * in flight and that the scope is the platform's. Not connected: DB_FAILED with UNAVAILABLE. An error of a read after
 * the commit stands in its reply and leaves the verdict alone. */
void batcher_run(db_batcher *b, db_scope scope, const db_call *calls, uint32_t calls_n, const db_call *after,
	uint32_t after_n, void (*on_done)(void *arg, const db_verdict *v), void *arg);
