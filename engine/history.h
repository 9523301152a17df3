/* history: what was used in the past, the older the less.
 *
 * The use of a tenant is the integral of its rate over time, each moment weighed by 2^-(age / half-life). Kept as sums
 * that no order of events changes: a rate that starts or ends at a moment is one event, and adding the same events
 * again, in any order, gives the same sums to the last bit. Time is cut into epochs of one half-life, and these into
 * HISTORY_BUCKETS buckets within which the weight stays the same; HISTORY_EPOCHS epochs back all is forgotten.
 *
 * Rates are in any unit, for instance millionths of a credit; use is rate x seconds.
 */
#pragma once
#include <stdint.h>

enum { HISTORY_BUCKETS = 64, HISTORY_EPOCHS = 16 };
__extension__ typedef __int128 history_sum;
#define HISTORY_RATE_MAX ((int64_t)1 << 44) /* of all events of one history together */

/* The curve of the weights; for all histories of one half-life. */
typedef struct history_curve {
	int64_t half_life_us, bucket_us;     /* half_life_us = HISTORY_BUCKETS * bucket_us */
	int64_t weight[HISTORY_BUCKETS];     /* from 2^20, at the begin of an epoch, up to twice that */
	int64_t before[HISTORY_BUCKETS + 1]; /* the weights of all buckets before, summed */
} history_curve;

typedef struct history {
	int64_t epoch;                    /* the latest that is begun */
	history_sum sums[HISTORY_EPOCHS]; /* by epoch mod HISTORY_EPOCHS */
	history_sum rate;                 /* now */
} history;

/* half_life_s is 60 to 366 days. */
void history_curve_make(history_curve *c, int64_t half_life_s);

/* From at_us on the rate is higher by `rate` (lower: below 0). Times are UTC and may come in any order. */
void history_add(const history_curve *c, history *h, int64_t rate, int64_t at_us);
/* The same for many events of one bucket at once: `rate` in all, and `rate_us` the sum of each rate times how far into
 * the bucket it stands. bucket counts from 1970. */
void history_add_bucket(const history_curve *c, history *h, int64_t bucket, history_sum rate, history_sum rate_us);

/* What was used until now_us, which lies not before the latest event; rounded down. */
int64_t history_use(const history_curve *c, const history *h, int64_t now_us);
/* What a rate kept up since ever comes to: by this use becomes a part of what could be used. */
int64_t history_whole(const history_curve *c, int64_t rate);

/* `of` counts in `into` as well, as if its events had been added there; sign -1: does not any more. */
void history_join(const history_curve *c, history *into, const history *of, int sign);
