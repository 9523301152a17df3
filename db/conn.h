/* conn: one connection to PostgreSQL on the event loop, always in pipeline mode.
 *
 * The ground that reader, lane, ledger and batch stand on; nobody else uses it. Work is sent in segments: messages up
 * to one Sync. Outside BEGIN a segment is one transaction of its own. Answers come back per message, then the segment's
 * end; when the connection dies, every segment ends with CLOSED, in order. A dead connection is opened again after a
 * pause that doubles from 100 ms to 5 s, with jitter. Statements are prepared when first used, each in a Sync of its
 * own, so that one that cannot be prepared breaks only itself.
 */
#pragma once
#include "db/reply.h"
#include "db/scope.h"
#include "net/loop.h"

typedef struct db_options {
	const char *dsn;               /* libpq connection string or URI; stays valid */
	const char *kind;              /* application_name is "reeve/<kind>" */
	const char *role;              /* the role stepped down to; NULL: none */
	bool is_platform;              /* what scope the role takes: the platform's, or tenants' */
	int32_t statement_timeout_ms;  /* 0: 10,000 */
	int32_t lock_timeout_ms;       /* 0: 2,000 */
	int32_t idle_in_tx_timeout_ms; /* 0: 5,000 */
	int64_t answer_timeout_us;     /* 0: 15 s; no answer for so long while one is due: the connection is dead */
} db_options;

typedef struct db_conn db_conn;
typedef struct db_seg db_seg;

/* A segment. The owner embeds it and keeps it until on_end. */
struct db_seg {
	/* The answer to message i (counted from 0 by conn_send* calls; scope messages are not counted). */
	void (*on_reply)(db_seg *s, uint32_t i, db_reply *r);
	/* After its Sync: ERR_OK; or CLOSED when the connection was lost first. */
	void (*on_end)(db_seg *s, err e);
	db_seg *next;
	uint32_t sent, answered;
	bool is_closed; /* Sync sent */
};

/* on_up: connected and usable (each time anew); on_down: lost or not reached. `why` is one line of text. */
db_conn *conn_new(
        loop *l, const db_options *o, void (*on_up)(void *arg), void (*on_down)(void *arg, str why), void *arg);
/* Ends segments in flight with CLOSED first. NULL-safe. */
void conn_free(db_conn *c);
bool conn_is_up(const db_conn *c);
/* Closes and opens again; segments end with CLOSED. For owners that saw an answer that cannot be. */
void conn_drop(db_conn *c, str why);

/* Makes sure s is prepared before the next segment. Between segments only. */
void conn_need(db_conn *c, sql_id s);
void conn_begin(db_conn *c, db_seg *s);
/* One statement, with its scope in front when the role takes tenant scopes. in_tx says that BEGIN was sent: then the
 * scope is cleared behind it. A parameter out of range fails with BAD_PARAMETER before anything is sent. */
err conn_send(db_conn *c, db_scope scope, bool in_tx, sql_id s, const void *in, fault *f) MUST_CHECK;
/* The same with parameters bound before (db/bind.h). */
struct bind;
void conn_send_bound(db_conn *c, db_scope scope, bool in_tx, sql_id s, const struct bind *b);
/* Sync and flush. */
void conn_end(db_conn *c);
