/* export: records of a chain, or its checkpoints, as lines of NDJSON, as many as there are.
 *
 * A line is {"chain":"g","hash":H,"record":R}, R the stored bytes and H the stored hash: what `reeve verify-audit`
 * reads. A record whose searchable columns say something else is marked:
 * {"chain":"g","differs":"actor","hash":H,"record":R}. Pages are read as the client takes them, so an export holds one
 * page in memory; a page looks at a bounded stretch of the chain, so that a narrow filter over a long chain is many
 * short statements.
 *
 * A checkpoint's line is {"checkpoint":C,"signature":S,"frontier":F}.
 */
#pragma once
#include "server/edge/request.h"

/* in: of SQL_AUDIT_LIST, SQL_DECISION_LIST or SQL_CHECKPOINT_LIST, with its filters; copied. Records behind `after`, up
 * to number `upto` and `most` of them. */
step export_begin(request *r, char chain, sql_id s, const void *in, int64_t after, int64_t upto, int64_t most);
