/* jobs: statements that keep the database in order, each at its interval, as one table.
 *
 * One at a time, on a connection of its own; a job that fails is logged and tried again at its next turn.
 */
#pragma once
#include "db/lane.h"
#include "db/reader.h"

typedef struct jobs jobs;

jobs *jobs_new(loop *l, lane *write, db_reader *read);
void jobs_free(jobs *j); /* NULL-safe */
