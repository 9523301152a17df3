/* lane: writes that leave together.
 *
 * One connection; operations queue while a commit is in flight and the whole queue becomes the next transaction (at
 * most LANE_BATCH_OPS and LANE_BATCH_BYTES). So a hot row costs one flush per batch, not per operation. Inside a batch
 * operations run in order of their key, so that lanes do not wait for each other in a circle.
 *
 * An operation is one statement, idempotent by a key of its own: when the connection is lost with COMMIT in flight the
 * lane cannot know the outcome and runs the batch again. A refusal is a returned row. An SQL error rolls the batch
 * back, answers the operation that met it (db/constraints.def says how) and runs the rest again as one batch. Errors
 * that a repeat may cure (40001, 40P01, 55P03, class 57) repeat the whole batch once, then answer UNAVAILABLE.
 */
#pragma once
#include "db/pipe.h"

enum { LANE_BATCH_OPS = 64, LANE_BATCH_BYTES = 256 * 1024, LANE_QUEUE_MAX = 8192 };

typedef struct lane lane;

typedef struct lane_options {
	db_options db;
	int64_t deadline_us; /* from the call to its answer; 0: 10 s */
} lane_options;

lane *lane_new(loop *l, const lane_options *o);
/* Answers everything left: UNAVAILABLE, or DB_UNKNOWN where a COMMIT is in flight (inside this call). NULL-safe. */
void lane_free(lane *l);

/* Runs s with *in in the next batch; in, what it points to and the scope's keys stay valid until on_done, which runs
 * exactly once. `key` orders operations of one batch and is what the caller hashes lanes by; equal keys keep their
 * order. Errors in the reply: OVERLOADED (queue full), UNAVAILABLE (deadline before it was sent), DB_UNKNOWN (deadline
 * with an outcome that is not known), or the statement's own. */
void lane_run(lane *l, uint64_t key, db_scope scope, sql_id s, const void *in, db_done on_done, void *arg);

uint32_t lane_waiting(const lane *l); /* operations queued or in flight */
bool lane_is_up(const lane *l);
