/* jobs: statements that keep the database in order, each at its interval, as one table.
 *
 * One at a time, on a connection of its own; a job that fails is logged and tried again at its next turn.
 */
#pragma once
#include "db/lane.h"
#include "db/reader.h"

typedef struct jobs jobs;

/* audit_keep_days: how long records of the governance chain are kept; 0: for ever. */
jobs *jobs_new(loop *l, lane *write, db_reader *read, int64_t audit_keep_days);
void jobs_free(jobs *j); /* NULL-safe */
