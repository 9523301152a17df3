/* planner: answers what edges ask of the worker: plans, applies, exports (db/queries/ask.sql).
 *
 * One question at a time, in the order they came: an apply follows the plan it stands on. A question is claimed, read
 * for, thought about (server/plan) and answered in its row, where the edge that asked finds it; a hint says when to
 * look, and looking now and then makes up for a lost one. What a tenant's question reads and writes runs under that
 * tenant's scope.
 */
#pragma once
#include "db/pipe.h"

typedef struct planner planner;

typedef struct planner_options {
	const char *dsn;
	void (*on_governed)(void *arg); /* the governance chain moved */
	void *arg;
} planner_options;

planner *planner_new(loop *l, const planner_options *o);
void planner_free(planner *p); /* NULL-safe */
/* There may be something to do. */
void planner_look(planner *p);
