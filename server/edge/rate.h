/* rate: how much a caller may ask for, as buckets that fill again.
 *
 * A bucket holds RATE_WINDOW_S seconds' worth of units and fills at units_per_s; a request takes its route's cost out
 * (route_cost). There is one bucket per token and one per tenant of tokens; a request needs both. What stands here is
 * one edge's: a caller that spreads over N edges has N buckets. Memory is bounded: a bucket that is full again is
 * forgotten, for it is as one never seen.
 */
#pragma once
#include "base/map.h"

enum { RATE_WINDOW_S = 10, RATE_KEYS_MAX = 8192 };

typedef struct rate {
	int64_t units_per_s; /* 0: no limit */
	map drained;         /* key -> until when it fills again */
} rate;

typedef struct rate_answer {
	bool is_refused;
	int64_t left;    /* units */
	int64_t full_s;  /* until it is full again, rounded up */
	int64_t wait_ms; /* refused: until it would not be */
} rate_answer;

void rate_init(rate *r, int64_t units_per_s);
void rate_done(rate *r);
/* Takes the cost out of the key's bucket; refused takes nothing. now_us: monotonic. */
rate_answer rate_take(rate *r, uint64_t key, int64_t cost, int64_t now_us);
/* Gives back what was taken for a request that another bucket refused. */
void rate_return(rate *r, uint64_t key, int64_t cost);
