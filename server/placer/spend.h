/* spend: what is spent and committed of each budget, as the placer counts it.
 *
 * A placement counts in every budget of its tenant and of the tenants above: held from its grant on, running from when
 * it runs, ended when it is over (engine/budget.h). Loaded with what the segments say has ended in the present period;
 * the rest follows from the placements themselves, so that a load gives what was counted before it. In a turn it
 * follows what the turn does, and is taken back with it.
 */
#pragma once
#include "db/sql.h"
#include "server/placer/turn.h"

enum { SPEND_LOOK_US = 1000 * 1000 };

/* All budgets, in the place of those that were; and all placements count anew. */
void spend_load(books *b, const sql_load_budgets_row *rows, uint32_t n, int64_t now_us);
/* All placements count anew: tenants moved, or it is a new load. */
void spend_recount(books *b);
void spends_done(spends *s);

/* Time goes on; where a period begins, what waits is looked at again. Between turns. */
void spend_advance(books *b, int64_t now_us);
/* The placement counts as its state and its plan say now. t: NULL when a turn is taken back. */
void spend_follow(turn *t, books *b, booking *k);
/* What is lent to a cluster and used by nobody yet counts as held for as long as the cluster lets pods in by itself. */
void spend_lent_follow(books *b, lent *x);
/* All that the turn touched. */
void spend_follow_all(turn *t, books *b);
/* What ended in the turn has not. Before the placements are put back and followed again. */
void spend_undo(turn *t, books *b);

/* Whether the plan may begin now: every budget that blocks has room for it. False adds the tightest in the way. */
bool spend_may(books *b, int32_t tenant, const plan *p, int64_t max_runtime_s, why *ret_why);
/* The same of so many device_milli. */
bool spend_may_rate(books *b, int32_t tenant, int64_t rate, int64_t max_runtime_s, why *ret_why);

/* Whether it is time to look for thresholds; and those that were crossed, into the turn. */
bool spend_is_due(const books *b, int64_t now_us);
void spend_review(turn *t, books *b);
