/* reader: statements that only read, over a few connections, each its own transaction.
 *
 * Two sets of connections: one whose role sees what the scope names, one whose role sees everything. Each holds up to
 * READ_DEPTH statements in flight; what does not fit waits in order. A connection lost under a read costs a repeat, not
 * an error, until the deadline.
 */
#pragma once
#include "db/pipe.h"

enum { READ_DEPTH = 8, READ_QUEUE_MAX = 4096 };

typedef struct db_reader db_reader;

typedef struct reader_options {
	db_options tenants, platform; /* is_platform is set by the reader */
	uint16_t tenants_n, platform_n;
	int64_t deadline_us; /* from the call to its answer; 0: 5 s */
} reader_options;

db_reader *reader_new(loop *l, const reader_options *o);
/* Answers what waits with UNAVAILABLE (inside this call). NULL-safe. */
void reader_free(db_reader *r);

/* Runs s with *in (its sql_..._in; NULL when it has no parameters). in, and what it points to, stay valid until
 * on_done. Errors in the reply: OVERLOADED when READ_QUEUE_MAX wait, UNAVAILABLE at the deadline, or what the statement
 * met. */
void db_read(db_reader *r, db_scope scope, sql_id s, const void *in, db_done on_done, void *arg);

/* Whether a statement sent now would go out at once (readiness). */
bool reader_is_up(const db_reader *r);
