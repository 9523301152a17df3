/* lane_inside: what the two files of lane share. */
#pragma once
#include <string.h>

#include "db/lane.h"
#include "db/sql.h"

typedef struct lane_op lane_op;

struct lane_op {
	lane_op *next;
	uint64_t key;
	db_scope scope;
	sql_id stmt;
	const void *in;
	db_done on_done;
	void *arg;
	int64_t deadline_us;
};

typedef struct lane_queue {
	lane_op *first, *last;
	uint32_t n;
} lane_queue;

typedef enum lane_phase {
	LANE_IDLE,
	LANE_FLYING,  /* a batch was sent; its end has not come */
	LANE_UNDOING, /* ROLLBACK was sent */
	LANE_HELD,    /* a batch that must run again waits for the connection */
} lane_phase;

struct lane {
	db_pipe *pipe;
	loop_timer *kick, *late, *tick;
	lane_phase phase;
	bool is_platform, is_kicked, is_closing;
	int64_t deadline_us, sent_us;
	lane_queue queue, refused;
	lane_op *spare;

	/* The batch. An operation's reply waits in replies until the commit is known. */
	db_seg seg;
	lane_op *batch[LANE_BATCH_OPS];
	db_reply replies[LANE_BATCH_OPS];
	uint32_t batch_n;
	bool is_alone;     /* one operation without BEGIN and COMMIT */
	bool is_committed; /* the answer to COMMIT was COMMIT */
	bool is_unknown;   /* sent once on a connection that was lost */
	bool was_repeated; /* for an error a repeat may cure */
	int32_t failed_at; /* which operation met an error; -1: none; batch_n: the commit */
	db_reply failure;
};

void lane_queue_push(lane_queue *q, lane_op *op);
void lane_queue_push_front(lane_queue *q, lane_op *op);
lane_op *lane_queue_pop(lane_queue *q);
void lane_op_done(lane *l, lane_op *op, db_reply *r);
void lane_op_fail(lane *l, lane_op *op, err e, const char *why);

void lane_up(void *arg);                   /* the pipe came up */
void lane_next(lane *l);                   /* sends a batch when there is something to send and nothing in flight */
void lane_expire(lane *l, int64_t now_us); /* answers the operations of a held batch past their deadline */
void lane_abandon(lane *l);                /* answers the batch of a lane that ends */
