/* table: rows as text for people, a line each, columns aligned. */
#pragma once
#include "db/row_json.h"

/* The first n rows of the reply, under a line of names; nested values and what no row has are left out. */
void table_write(buf *out, const row_plan *p, const db_reply *r, uint32_t n);
