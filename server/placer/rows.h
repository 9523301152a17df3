/* rows: a turn as the statements that commit it.
 *
 * All outcomes are known in memory, so one transaction without a question in it writes them: the leader's row first,
 * which is fence and chain head in one, then the rows of each table at once. What was built does not change any more:
 * after a lost connection the very same calls are sent again.
 */
#pragma once
#include "db/batch.h"
#include "db/ledger.h"
#include "server/placer/turn.h"

/* The leader's row as this placer knows it. */
typedef struct head {
	int64_t term, batch, n, g_seen;
	uint8_t hash[LEDGER_HASH];
} head;

enum { ROWS_CALLS_MAX = 40 };

typedef struct turn_rows {
	db_call calls[ROWS_CALLS_MAX];
	uint32_t n;
	head after; /* the head once it is committed */
	uint32_t decisions;
	site **streams; /* that grow, and to which revision */
	int64_t *revs;
	uint32_t n_streams;
} turn_rows;

/* Everything lives as long as the turn. New revisions of the clusters' streams stand in rows only: rows_keep makes them
 * the books' once the turn is committed. */
turn_rows *rows_build(turn *t, books *b, const head *h);
void rows_keep(const turn_rows *r);
