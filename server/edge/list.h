/* list: pages of rows: keyset cursors, limits, and the forms JSON, NDJSON and CSV. */
#pragma once
#include "server/edge/request.h"

/* Asks for the page that the request names; `in` holds the statement's filters already. */
step list_run(request *r, void *in);
/* The same by another statement than the operation's; its columns fill the same answer. */
step list_run_as(request *r, sql_id s, void *in);

/* Adds the cell of a table to be opened in a spreadsheet: quoted where it must be, and never a formula. */
void csv_cell(buf *out, str text);
