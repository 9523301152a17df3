/* ledger_inside: what the files of ledger share. */
#pragma once
#include <string.h>

#include "base/arena.h"
#include "db/ledger.h"
#include "db/sql.h"

typedef enum ledger_phase {
	LEDGER_IDLE,
	LEDGER_TURN1,   /* head locked, statements running */
	LEDGER_TURN2,   /* records, head, COMMIT */
	LEDGER_UNDOING, /* ROLLBACK was sent */
	LEDGER_HELD,    /* a batch that must run again waits for the connection */
	LEDGER_PROBING, /* asking whether the batch is in the chain */
} ledger_phase;

/* One operation of the batch. */
typedef struct ledger_entry {
	ledger_op *op; /* NULL: told already, its record counts */
	err e;         /* the refusal's */
	fault f;
	int32_t status;
	uint32_t answer_at, answer_n; /* in ledger.answers */
	str outcome;
	bool is_replay;
} ledger_entry;

/* One record of the batch: an operation's own, or of one of its effects. */
typedef struct ledger_record {
	const ledger_op *op;
	ledger_effect about;
	str outcome;
	uint32_t body_at, body_n; /* in ledger.bodies */
	uint8_t hash[LEDGER_HASH];
} ledger_record;

typedef struct ledger_queue {
	ledger_op *first, *last;
	uint32_t n;
} ledger_queue;

struct ledger {
	db_pipe *pipe;
	loop_timer *kick, *late, *tick;
	ledger_phase phase;
	bool is_platform, is_kicked, is_closing;
	int64_t deadline_us, sent_us, head_seen;
	ledger_queue queue, refused;

	/* The batch. */
	db_seg seg;
	ledger_entry batch[LEDGER_BATCH_OPS];
	uint32_t n;
	/* By message of turn 1 behind the fixed ones: which entry, and whether it only shows it. */
	uint8_t asked[2 * LEDGER_BATCH_OPS];
	bool asked_shows[2 * LEDGER_BATCH_OPS];
	uint8_t keyed[LEDGER_BATCH_OPS]; /* by ordinal of the key look-up: which entry */
	uint32_t asked_n, keyed_n, replays;
	bool is_dry; /* one dry operation */
	bool is_committed, is_unknown, is_found, was_repeated;
	int32_t failed_at; /* entry; -1: none, or the whole batch when failure.e is set */
	db_reply failure;
	arena *scratch; /* of one run of the batch */
	ledger_record *records;
	uint32_t records_n;
	buf answers, bodies;

	/* The chain: the head as locked, and where it moves to. */
	int64_t head_n, at_us, next_n;
	uint8_t head_hash[LEDGER_HASH], next_hash[LEDGER_HASH];
	int32_t next_tenant_key; /* of the last record: whose scope shows it */
};

void ledger_queue_push(ledger_queue *q, ledger_op *op);
void ledger_queue_push_front(ledger_queue *q, ledger_op *op);
ledger_op *ledger_queue_pop(ledger_queue *q);

/* Tells one operation and forgets it. */
void ledger_tell_failure(ledger_op *op, err e, const fault *f);
void entry_tell(ledger *g, ledger_entry *en);
void entry_fail(ledger_entry *en, err e, const char *why);

void ledger_up(void *arg);
void ledger_next(ledger *g);
void ledger_expire(ledger *g, int64_t now_us);
void ledger_abandon(ledger *g);
/* Whether an operation with the same key is in the batch. */
bool key_is_taken(const ledger *g, const ledger_op *op);

/* ledger_turn.c: the batch on the wire. */
void turn1_send(ledger *g);
void batch_over(ledger *g);

/* ledger_record.c: what a row means, and what is written about it. */
/* The answer to an operation's statement; fails when the row does not say how it went. */
err entry_read(ledger *g, ledger_entry *en, uint32_t k, db_reply *r, fault *f) MUST_CHECK;
/* The row of an operation's `show`. */
err entry_show(ledger *g, ledger_entry *en, db_reply *r, fault *f) MUST_CHECK;
/* An operation without a statement. */
err entry_denied(ledger_entry *en, fault *f) MUST_CHECK;
/* The answer stored under the operation's key. */
void entry_replay(ledger *g, ledger_entry *en, const sql_op_key_find_row *row);
/* Bodies and hashes of the whole batch, behind the head as locked. */
err records_make(ledger *g) MUST_CHECK;
void records_in(ledger *g, sql_audit_add_in *ret);
/* False when no answer is to be kept. */
bool keys_in(ledger *g, sql_op_key_add_in *ret);
