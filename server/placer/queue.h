/* queue: what waits, line by line.
 *
 * A line holds what one tenant asks of one model at one priority, oldest first. Between lines the order is: the higher
 * tier; what lies within a guarantee; the tenant that is furthest below its fair share of the use (use.h); the older.
 * Whoever has room made or kept for it goes before all.
 */
#pragma once
#include "base/map.h"
#include "server/placer/booking.h"

typedef struct payer payer;

struct queue_line {
	const rank *rank;
	const payer *payer;
	int32_t model;
	uint64_t key;
	uint32_t place; /* in queue.lines */
	booking *oldest, *newest;
	uint32_t n;
	booking *at; /* where the walk stands; NULL: at its end */
};

typedef struct queue {
	vec(queue_line *) lines; /* those with somebody in them */
	map line_by_key;
	uint32_t n; /* that wait, in all lines */
} queue;

void queue_done(queue *q); /* nobody waits any more */

/* By its terms. Both do nothing when it is so already. */
void queue_add(queue *q, booking *b, const payer *p);
void queue_remove(queue *q, booking *b);

/* Every line's walk begins with its oldest. */
void queue_rewind(queue *q);

#define queue_each(k, q)                                                                                               \
	for (uint32_t k##_at = 0; k##_at < (q)->lines.n; k##_at++)                                                     \
		for (booking *k = (q)->lines.v[k##_at]->oldest; k; k = k->newer)
