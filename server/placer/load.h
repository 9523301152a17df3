/* load: the books as the database has them, at the start of a term.
 *
 * Rows come as the load_... statements give them, after governance (govern.h): nodes, devices, then placements by
 * rising id in any number of pages, then load_end. What the placements add up to must equal the stored totals: every
 * difference is counted and the first ones are put in words.
 */
#pragma once
#include "base/buf.h"
#include "base/id.h"
#include "api/types/placement.h"
#include "server/placer/govern.h"

enum { LOAD_WORDS_BYTES = 2048, LOAD_TABLES = 12, LOAD_TABLES_GOVERNED = 7 };

/* The tables before the placements, in the order in which they stand on each other, the first LOAD_TABLES_GOVERNED of
 * them people's. */
extern const sql_id load_tables[];

typedef struct load {
	books *b;
	arena *a;                              /* one page's work */
	map node_by_key;                       /* -> handle + 1 */
	vec(int32_t) gone_nodes, gone_devices; /* handles: kept only for what stands on them */
	vec(amounts) node_used, device_used;   /* as stored, by handle */
	char last_id[ID_MAX];                  /* of the placements so far */
	int64_t differences;
	buf words; /* the first differences, one per line */
} load;

void load_begin(load *l, books *b);
void load_done(load *l);
/* The rows of one of these tables. */
void load_table(load *l, sql_id stmt, const void *rows, uint32_t n);
/* A slice as it is told; its charge comes from the amounts. An instance is known by its profile, where the class still
 * has that. */
plan_device load_slice(const fleet *f, int32_t device, const placed_device *told);

void load_nodes(load *l, const sql_load_nodes_row *rows, uint32_t n);
void load_devices(load *l, const sql_load_devices_row *rows, uint32_t n);
/* What was told of tenants, and since when. */
void load_conditions(books *b, const sql_load_conditions_row *rows, uint32_t n);
void load_loans(books *b, const sql_load_loans_row *rows, uint32_t n);
void load_placements(load *l, const sql_load_placements_row *rows, uint32_t n);
/* After load_end: what was used in the past, what is held for whom, who was told to make room. */
void load_history(load *l, const sql_load_history_row *rows, uint32_t n);
void load_holds(load *l, const sql_load_holds_row *rows, uint32_t n);
void load_evictions(load *l, const sql_load_evictions_row *rows, uint32_t n);
/* A list `placed` as a plan, an initialised one. False: something in it is not there, and p holds a part. */
bool load_plan(const books *b, const site *s, str placed, plan *p);
/* What the database found by itself. */
void load_escrow_off(load *l, const sql_load_escrow_off_row *rows, uint32_t n);
/* Compares with the stored totals; takes out of the fleet what is gone. */
void load_end(load *l, const sql_load_uses_row *rows, uint32_t n);
/* The rest of it, for who does not compare. */
void load_settle(load *l);
