/* ledger: the governance lane. Every operation is one guarded statement and one audit record in one transaction.
 *
 * The head of the chain (table chain, row 'g') is locked first by every batch of every process: the lock is the order
 * of the records, their numbering without gaps, and the barrier after a lost connection. Turn 1 locks the head, looks
 * the idempotency keys up and runs the statements; turn 2 stores records and answers, moves the head and commits.
 * Operation k of a batch (from 1) has the record number head.n + k, and that number is the revision of what it changed:
 * a parameter named rev_offset is filled with k, and the statement adds it to the head it can read (SELECT n FROM chain
 * WHERE id = 'g').
 *
 * A statement returns exactly one row with a column `outcome text`: 'done', or 'refused:<code>' with a code of
 * api/errors.def; an optional `pointer text?` and `detail text?` go into the fault. A refusal is recorded too.
 *
 * Record: hash = SHA-256(previous hash || body), body the stored bytes of
 * {"n","at","actor","via","action","object_kind","object_id","tenant","tenant_key","request_id","outcome","change"}.
 * Every column of the row stands in it, so that a column that was changed by hand differs from its record.
 *
 * A dry operation has a batch of its own, which ends in ROLLBACK behind turn 1: the statement is the real one, against
 * the locked head, and nothing of it stays, neither record nor key.
 *
 * An operation of several effects (a plan that is applied) has a batch of its own: its statement is the verdict, parts
 * do the work, and the records behind its own, one per effect, carry the next numbers.
 *
 * A commit whose outcome is unknown is settled after reconnecting: with the head locked again, the batch's last record
 * is either there with our hash (it committed: answers are given) or the batch runs again. Effects happen exactly once.
 */
#pragma once
#include "base/buf.h"
#include "db/pipe.h"

enum {
	LEDGER_BATCH_OPS = 64,
	LEDGER_QUEUE_MAX = 4096,
	LEDGER_HASH = 32,
	LEDGER_ANSWER_MAX = 256 * 1024,
	LEDGER_BODY_MAX = 512 * 1024
};

typedef struct ledger ledger;
typedef struct ledger_op ledger_op;

/* One more statement of an operation, behind its verdict. It runs whatever the verdict was, so it must look by itself
 * whether that was 'done'; its rows are not read. An error undoes the whole operation. */
typedef struct ledger_part {
	sql_id stmt;
	const void *in;
	db_scope scope;
} ledger_part;

/* What one more record of an operation is about. */
typedef struct ledger_effect {
	str action, object_kind, object_id;
	int32_t tenant_key;
	str tenant; /* path */
} ledger_effect;

typedef struct ledger_answer {
	err e; /* ERR_OK, the refusal's code, or why it failed; with e set, body is empty */
	fault f;
	int32_t status;   /* what on_row gave, 200 without it; err_status(e) with e set */
	str body;         /* what on_row wrote; valid during on_done */
	int64_t revision; /* the record's number; 0 for a replay, a dry run or a failure without a record */
	int64_t at_us;    /* the record's time, by the database's clock */
	bool is_replay;
} ledger_answer;

/* One operation, owned by the caller, unchanged until on_done (which runs exactly once). */
struct ledger_op {
	db_scope scope;
	sql_id stmt; /* 0: no statement, only the record with `outcome` (a denial) */
	void *in;
	/* The record. Identifiers must not hold control bytes. */
	str actor, via, action, object_kind, object_id, request_id;
	int32_t tenant_key; /* whose audit log shows it; the root's (1) for the platform */
	str tenant;         /* its path, for people; absent: the root's */
	str change;         /* JSON, absent: null */
	str outcome;        /* only without a statement */
	/* Replay protection; absent key: none. A second call with the same (actor, key) gets the stored answer, or
	 * IDEMPOTENCY_KEY_REUSED when its fingerprint differs. Answers that a repeat may change (err_is_retryable,
	 * ETAG_MISMATCH) are not stored. */
	str key;
	uint8_t fingerprint[LEDGER_HASH];
	bool is_dry; /* it is only tried: key and record do not count */
	/* Reads what the statement changed, behind it in its transaction; on_show writes the answer's body anew from
	 * its row. 0: nothing; a refusal, and no row, leave the answer as it is. */
	sql_id show;
	const void *show_in;
	void (*on_show)(ledger_op *op, const db_reply *r, buf *out);
	/* Turns the row into the answer, before the commit and perhaps more than once: writes the JSON body into out
	 * and returns the status (200, 201, ...). It may set object_id, tenant_key, tenant and change of the op, in
	 * memory that lives until on_done. NULL: status 200, empty body. Not called for a refusal. */
	int32_t (*on_row)(ledger_op *op, const db_reply *r, int64_t revision, int64_t at_us, buf *out);
	void (*on_done)(ledger_op *op, const ledger_answer *a);
	void *arg;
	/* Of an operation of several effects: with the outcome 'done', effect i has the record number revision + 1 + i.
	 * on_effect writes its change, a JSON value, before the commit and perhaps more than once. */
	const ledger_part *parts;
	const ledger_effect *effects;
	uint32_t parts_n, effects_n;
	void (*on_effect)(ledger_op *op, uint32_t i, int64_t revision, int64_t at_us, buf *out);
	void *effect_arg;
	/* The ledger's own: its place in the queue. */
	ledger_op *next;
	int64_t deadline_us;
};

typedef struct ledger_options {
	db_options db;
	int64_t deadline_us; /* from the call to its answer; 0: 10 s */
} ledger_options;

ledger *ledger_new(loop *l, const ledger_options *o);
/* Answers everything left: UNAVAILABLE, or DB_UNKNOWN where a COMMIT is in flight (inside this call). NULL-safe. */
void ledger_free(ledger *g);

/* on_done comes from the loop, never from inside this call. Errors in the answer: OVERLOADED, UNAVAILABLE, DB_UNKNOWN
 * (deadline with an unknown outcome), IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT (the deadline passed while
 * the first call with this key was still in work), the refusal's code, or what the statement met
 * (db/constraints.def). */
void ledger_run(ledger *g, ledger_op *op);

uint32_t ledger_waiting(const ledger *g);
bool ledger_is_up(const ledger *g);
/* The number of the newest record this process has seen committed. */
int64_t ledger_head(const ledger *g);

/* hash = SHA-256(prev || body): the link of both chains. */
void chain_link(const uint8_t prev[LEDGER_HASH], str body, uint8_t ret_hash[LEDGER_HASH]);
