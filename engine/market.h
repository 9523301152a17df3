/* market: learns what is asked and what is left, and keeps the tables of POLICY_FRAGMENTATION true to both.
 *
 * One object for one fleet, beside the place that decides on it:
 *
 *     market *m = market_new();
 *     place_use(w, market_tables(m));
 *     market_arrive(m, f, a);     each ask once, placed or not, before it is decided
 *     market_depart(m, pods);     pods that ended
 *     market_refresh(m, f);       before place_find
 *
 * It follows the fleet by its log, O(nodes that changed), and a decision after it hangs on the fleet and the tables
 * alone. Prices, gangs and fragments are learnt anew after 64, 128, 256, ... arrivals and when the mix has moved,
 * looked at every MARKET_LOOK arrivals: some 2 ms and a look at all nodes each time, about a dozen times in 200,000
 * arrivals. Rents follow the stock at every refresh, in steps: they move at about one arrival in a hundred.
 *
 * Fixed memory beside one row for each node. All clusters of the fleet are one stock.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fleet.h"
#include "engine/score.h"

enum { MARKET_FIRST_LEARNT = 64, MARKET_GROWTH = 4, MARKET_LOOK = 250 };

typedef struct market market;
struct mix;
struct stock;

market *market_new(void);
void market_free(market *m); /* NULL-safe */

/* Stays valid as long as m. The caller may fill in what other policies want, and counts the epoch up then. */
score_tables *market_tables(market *m);

/* Pods of the ask that are known to come, before any does: as many as a list has, say. Prices are made at the next
 * refresh. */
void market_expect(market *m, const fleet *f, const ask *a);
void market_arrive(market *m, const fleet *f, const ask *a);
void market_depart(market *m, int32_t pods);
void market_refresh(market *m, const fleet *f);
/* The fleet was built anew, or is another one: at the next refresh all of it is counted. */
void market_recount(market *m);

/* For tests and reports. */
const struct mix *market_mix(const market *m);
const struct stock *market_stock(const market *m);
uint64_t market_learnt(const market *m); /* how often prices were made */
