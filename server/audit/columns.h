/* columns: whether the searchable columns of a stored record say what the record says.
 *
 * The record's bytes are what the chain's hash covers; the columns beside it are for looking it up and for row-level
 * security. One that was changed by hand must be found as if the record had been.
 */
#pragma once
#include "db/reply.h"

/* The first column of row i that differs from its record (the column body or record), or NULL. chain: g or p. Columns
 * that the record's own format does not hold (it was made before there was a member for them) are passed over. */
const char *columns_wrong(char chain, const db_reply *r, uint32_t i);
