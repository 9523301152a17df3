/* rows_inside: what the files of rows share. */
#pragma once
#include "db/sql.h"
#include "engine/fleet.h"
#include "server/placer/rows.h"

void rows_call(turn_rows *r, sql_id stmt, const void *in);
strs rows_texts(turn *t, uint32_t n);
i64s rows_numbers(turn *t, uint32_t n);

/* rows_decide.c: the chain's records, the clusters' streams, and the placements' rows. Moves r->after. */
void rows_decide(turn *t, books *b, turn_rows *r);
/* rows_placement.c: rows of the touched placements; touch i has the record first + i. */
void rows_placements(turn *t, const books *b, turn_rows *r, int64_t first);
/* rows_spend.c: thresholds of budgets that were crossed. Moves r->after; behind rows_decide. */
void rows_spend(turn *t, const books *b, turn_rows *r);
/* rows_reserve.c: what became of reservations. Moves r->after; behind rows_decide. */
void rows_reserve(turn *t, const books *b, turn_rows *r);

/* rows_tell.c: records of the chain that are not about a placement. */
typedef struct rows_fact {
	str action;
	const char *kind; /* the member that holds the object */
	str id, object;
	int32_t tenant_key;
} rows_fact;
/* For n of them; then each is told, in order. Moves r->after. */
sql_decision_insert_in *rows_tell_begin(turn *t, turn_rows *r, uint32_t n);
void rows_tell(turn *t, turn_rows *r, sql_decision_insert_in *in, uint32_t i, const rows_fact *what);

/* rows_lend.c: what is lent to clusters, and which placements began as pods. */
void rows_lend(turn *t, const books *b, turn_rows *r);
/* rows_standing.c: what holds of tenants, and totals that have moved. */
void rows_standing(turn *t, const books *b, turn_rows *r);
