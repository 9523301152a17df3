#include "server/edge/rate.h"

#include <stdlib.h>

#include "base/heap.h"

enum { NS = 1000000000, US_NS = 1000, MS_NS = 1000000 };
#define WINDOW_NS ((int64_t)RATE_WINDOW_S * NS)

/* When the bucket is full again; what has run out of it is the time from now to then. */
typedef struct bucket {
	int64_t full_ns;
} bucket;

void rate_init(rate *r, int64_t units_per_s)
{
	*r = (rate){.units_per_s = units_per_s};
}

static void forget(rate *r, int64_t until_ns)
{
	map_each (slot, &r->drained) {
		bucket *b = slot->value;
		if (b->full_ns > until_ns)
			continue;
		map_remove_num(&r->drained, slot->num);
		free(b);
	}
}

void rate_done(rate *r)
{
	forget(r, INT64_MAX);
	map_done(&r->drained);
}

/* With too many callers at once they all begin anew: for some that is more than they should have, for none less. */
static bucket *bucket_of(rate *r, uint64_t key, int64_t now_ns)
{
	bucket *b = map_find_num(&r->drained, key);

	if (b)
		return b;
	if (r->drained.n >= RATE_KEYS_MAX)
		forget(r, now_ns);
	if (r->drained.n >= RATE_KEYS_MAX)
		forget(r, INT64_MAX);
	b = heap_new(1, sizeof(*b));
	map_put_num(&r->drained, key, b);
	return b;
}

/* What costs more than the whole bucket needs the whole bucket. */
static int64_t cost_ns(const rate *r, int64_t cost)
{
	int64_t ns = cost * NS / r->units_per_s;

	return ns < WINDOW_NS ? ns : WINDOW_NS;
}

rate_answer rate_take(rate *r, uint64_t key, int64_t cost, int64_t now_us)
{
	int64_t now_ns = now_us * US_NS, take_ns;
	rate_answer a = {0};

	if (!r->units_per_s)
		return a;
	bucket *b = bucket_of(r, key, now_ns);
	if (b->full_ns < now_ns)
		b->full_ns = now_ns;
	take_ns = cost_ns(r, cost);
	int64_t over_ns = b->full_ns + take_ns - now_ns - WINDOW_NS;
	a.is_refused = over_ns > 0;
	if (a.is_refused)
		a.wait_ms = (over_ns + MS_NS - 1) / MS_NS;
	else
		b->full_ns += take_ns;
	a.left = (WINDOW_NS - (b->full_ns - now_ns)) / 1000 * r->units_per_s / (NS / 1000);
	a.full_s = (b->full_ns - now_ns + NS - 1) / NS;
	return a;
}

void rate_return(rate *r, uint64_t key, int64_t cost)
{
	bucket *b = r->units_per_s ? map_find_num(&r->drained, key) : NULL;

	if (b)
		b->full_ns -= cost_ns(r, cost);
}
