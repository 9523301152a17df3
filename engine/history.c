#include "engine/history.h"

#include <assert.h>

enum { WEIGHT_BITS = 20, ROOT_BITS = 30, BUCKET_HALVINGS = 6 };

__extension__ typedef unsigned __int128 wide;

/* Of v < 2^62. */
static uint64_t root(uint64_t v)
{
	uint64_t low = 0, high = (uint64_t)1 << 31;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (middle * middle <= v)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Weights are powers of the root of 2 that makes HISTORY_BUCKETS of them one doubling. */
void history_curve_make(history_curve *c, int64_t half_life_s)
{
	uint64_t factor = (uint64_t)2 << ROOT_BITS;
	wide weight = (wide)1 << (WEIGHT_BITS + ROOT_BITS);

	assert(half_life_s >= 60 && half_life_s <= 366 * 86400 && HISTORY_BUCKETS == 1 << BUCKET_HALVINGS);
	c->bucket_us = half_life_s * 1000000 / HISTORY_BUCKETS;
	c->half_life_us = c->bucket_us * HISTORY_BUCKETS;
	for (int i = 0; i < BUCKET_HALVINGS; i++)
		factor = root(factor << ROOT_BITS);
	c->before[0] = 0;
	for (int i = 0; i < HISTORY_BUCKETS; i++) {
		c->weight[i] = (int64_t)(weight >> ROOT_BITS);
		c->before[i + 1] = c->before[i] + c->weight[i];
		weight = weight * factor >> ROOT_BITS;
	}
}

/* The integral of the weights over an epoch. */
static history_sum whole(const history_curve *c)
{
	return (history_sum)c->before[HISTORY_BUCKETS] * c->bucket_us;
}

static int slot_of(int64_t epoch)
{
	return (int)(epoch % HISTORY_EPOCHS);
}

/* Epochs up to `epoch` begin: what the rate comes to in those that are over is added, what is too old is forgotten. */
static void roll(const history_curve *c, history *h, int64_t epoch)
{
	if (epoch - h->epoch > HISTORY_EPOCHS)
		h->epoch = epoch - HISTORY_EPOCHS; /* all slots are written anew on the way */
	while (h->epoch < epoch) {
		h->sums[slot_of(h->epoch)] += h->rate * whole(c);
		h->epoch++;
		h->sums[slot_of(h->epoch)] = 0;
	}
}

void history_add_bucket(const history_curve *c, history *h, int64_t bucket, history_sum rate, history_sum rate_us)
{
	int64_t epoch = bucket / HISTORY_BUCKETS, oldest;
	int at = (int)(bucket % HISTORY_BUCKETS);

	assert(bucket >= 0);
	roll(c, h, epoch);
	oldest = h->epoch - HISTORY_EPOCHS + 1;
	/* The integral from the events to the end of their epoch, and over the epochs since. */
	history_sum until = rate * c->before[at] * c->bucket_us + rate_us * c->weight[at];
	for (int64_t e = epoch < oldest ? oldest : epoch; e < h->epoch; e++)
		h->sums[slot_of(e)] += rate * whole(c);
	if (epoch >= oldest)
		h->sums[slot_of(epoch)] -= until;
	h->rate += rate;
}

void history_add(const history_curve *c, history *h, int64_t rate, int64_t at_us)
{
	int64_t bucket = (at_us > 0 ? at_us : 0) / c->bucket_us;

	history_add_bucket(c, h, bucket, rate, (history_sum)rate * (at_us > 0 ? at_us % c->bucket_us : 0));
}

int64_t history_use(const history_curve *c, const history *h, int64_t now_us)
{
	history now = *h;
	int64_t bucket = now_us / c->bucket_us, into_us = now_us % c->bucket_us;
	int at = (int)(bucket % HISTORY_BUCKETS);
	history_sum sum = 0;

	roll(c, &now, bucket / HISTORY_BUCKETS);
	for (int i = 0; i < HISTORY_EPOCHS; i++) {
		int64_t epoch = now.epoch - i;
		history_sum of_epoch = epoch >= 0 ? now.sums[slot_of(epoch)] : 0;
		if (i == 0)
			of_epoch += now.rate * (c->before[at] * (history_sum)c->bucket_us + into_us * c->weight[at]);
		sum += of_epoch >> i;
	}
	if (sum <= 0)
		return 0;
	sum = sum / c->weight[at] / 1000000;
	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

int64_t history_whole(const history_curve *c, int64_t rate)
{
	/* One half-life at weights 1/2 to 1, and all before it as much again. */
	history_sum sum = 2 * whole(c) / ((history_sum)2 << WEIGHT_BITS) * rate / 1000000;

	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

void history_join(const history_curve *c, history *into, const history *of, int sign)
{
	history other = *of;

	if (other.epoch > into->epoch)
		roll(c, into, other.epoch);
	roll(c, &other, into->epoch);
	for (int i = 0; i < HISTORY_EPOCHS; i++)
		into->sums[i] += sign * other.sums[i];
	into->rate += sign * other.rate;
}
