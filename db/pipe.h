/* pipe: one connection to PostgreSQL on the event loop, always in pipeline mode.
 *
 * The ground that reader, lane, ledger and batch stand on; nobody else uses it. Work is sent in segments: messages up
 * to one Sync. Outside BEGIN a segment is one transaction of its own. Answers come back per message, then the segment's
 * end; when the connection dies, every segment ends with CLOSED, in order. A dead connection is opened again after a
 * pause that doubles from 100 ms (reconnect_us) to 5 s, with jitter. Statements are prepared when first used, each in a
 * Sync of its own, so that one that cannot be prepared breaks only itself.
 */
#pragma once
#include "db/reply.h"
#include "db/scope.h"
#include "net/loop.h"

typedef struct db_options {
	const char *dsn;  /* libpq connection string or URI; stays valid */
	const char *kind; /* application_name is "reeve/<kind>" */
	const char *role; /* the role stepped down to; NULL: none */
	bool is_platform; /* the scope the role takes: the platform's, or tenants' */
	bool by_index; /* never walk a whole table where an index serves: a plan made while a table was empty stays */
	int32_t statement_timeout_ms;  /* 0: 10,000 */
	int32_t lock_timeout_ms;       /* 0: 2,000 */
	int32_t idle_in_tx_timeout_ms; /* 0: 5,000 */
	int64_t reconnect_us;          /* 0: 100 ms; the first pause */
	int64_t answer_timeout_us;     /* 0: 15 s; no answer for so long while one is due: the connection is dead */
} db_options;

typedef struct db_pipe db_pipe;
typedef struct db_seg db_seg;

/* A segment. The owner embeds it and keeps it until on_end, which is the place to begin the next one. */
struct db_seg {
	/* The answer to message i, counted from 0 by pipe_send calls. */
	void (*on_reply)(db_seg *s, uint32_t i, db_reply *r);
	/* After its Sync: ERR_OK; or CLOSED when the connection was lost first. */
	void (*on_end)(db_seg *s, err e);
	db_seg *next;
	uint32_t answered;
};

/* SQLSTATE of the answers behind an error, up to the Sync: they were not run. */
#define PIPE_SKIPPED "25P02"

/* on_up: connected and usable (each time anew); on_down: lost or not reached; `why` is one line. */
db_pipe *pipe_new(
	loop *l, const db_options *o, void (*on_up)(void *arg), void (*on_down)(void *arg, str why), void *arg);
/* Ends segments in flight with CLOSED first. Not from inside a callback of this pipe. NULL-safe. */
void pipe_free(db_pipe *p);
bool pipe_is_up(const db_pipe *p);
/* Closes and opens again, from the loop: for an owner that saw an answer that cannot be, or gives its session up. */
void pipe_drop(db_pipe *p, const char *why);

/* Makes sure s is prepared before the next segment. Between segments only, and not in a failed transaction. */
void pipe_need(db_pipe *p, sql_id s);
/* Begins a segment; the pipe must be up. */
void pipe_begin(db_pipe *p, db_seg *s);
/* One statement with its scope in front, when the role takes tenant scopes; in_tx says that BEGIN was sent, then the
 * scope is cleared behind it too. This is the only way to send a statement of others. Fails before anything is sent. */
err pipe_send(db_pipe *p, db_scope scope, bool in_tx, sql_id s, const void *in, fault *f) MUST_CHECK;
/* One of this room's own statements (db/queries/ledger.sql), which see no tenant's rows. */
err pipe_send_own(db_pipe *p, sql_id s, const void *in, fault *f) MUST_CHECK;
/* Sync and flush. */
void pipe_end(db_pipe *p);
/* Bytes of parameters sent since pipe_begin. */
size_t pipe_bytes(const db_pipe *p);
