/* report: what a cluster's agent says, put into the books.
 *
 * Steps move placements along, each once: by the fence of the attempt they belong to, and only forward. A whole list of
 * what runs ends what the books hold and the cluster does not. Inventory is inventory.h. Usage is stored by whoever
 * took the report in; digests are not compared yet.
 */
#pragma once
#include "api/types/agent.h"
#include "db/sql.h"
#include "server/placer/turn.h"

/* A report that cannot be read, or of a cluster nobody knows, changes nothing: ERR_OK only when it was applied. */
err report_apply(turn *t, books *b, const sql_inbox_next_row *row, fault *f) MUST_CHECK;
