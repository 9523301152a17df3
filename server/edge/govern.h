/* govern: writes of governance: one guarded statement, its record and its answer (db/ledger.h).
 *
 * The record's change is {"reason", "object"}: why the client says it did it, and the object as it then stands. Watch
 * streams show that object.
 */
#pragma once
#include "server/edge/edge.h"

/* Prepares r->ledger_op for statement s with its filled struct; the answer is written by the operation's row plan. */
ledger_op *govern_begin(request *r, sql_id s, void *in);
/* Prepares and runs it; govern_reply answers. */
step govern_run(request *r, sql_id s, void *in);

/* For on_row of routes that write their own object: sets object_id, tenant_key, tenant and change of the op from the
 * row and the object's JSON (absent: none). */
void govern_record(ledger_op *entry, const db_reply *reply, str object);
/* Fails with what the ledger answered; only when there is an error. */
step govern_fail(request *r);
