/* feed: the two chains as they grow, read once per edge for everybody who waits on them.
 *
 * Followed by hints (server/notify.h) and by looking every FEED_POLL_MS. Recent events stay in a bounded ring, so that
 * many watchers share one read; whoever falls out of it goes on from the database.
 */
#pragma once
#include "base/arena.h"
#include "server/edge/edge.h"

enum { FEED_POLL_MS = 200, FEED_READ_MAX = 1000, FEED_RING_MAX = 4096, FEED_RING_BYTES_MAX = 8 << 20 };

/* Where one is in both chains. */
typedef struct feed_at {
	int64_t g, p;
} feed_at;

/* One record of a chain: governance has kind and outcome, placements have a cluster and its revision, or 0. */
typedef struct feed_event {
	char chain; /* 'g' or 'p' */
	int64_t n;
	int32_t tenant_key, cluster_key;
	str action, kind, id, outcome, body; /* body: the record as stored */
} feed_event;

feed *feed_new(edge *e);
/* Reads nothing more: before the reader ends. NULL-safe, as the next. */
void feed_stop(feed *f);
void feed_free(feed *f); /* after the reader ended */
/* There may be something new. */
void feed_look(feed *f);
/* Of what a record of the placements chain tells: "placement", "budget" or "reservation". */
str decision_kind(str action);

bool feed_is_up(const feed *f);
feed_at feed_head(const feed *f);
feed_at feed_floor(const feed *f);  /* just before the oldest event of the ring */
int64_t feed_age_us(const feed *f); /* since the last look that was answered */

/* A wait for the next decision about a placement. on_decision runs once at most: it is taken off the map before. */
typedef struct feed_wait {
	struct feed_wait *next, *prev;
	str id; /* as long as the wait */
	bool is_on;
	void (*on_decision)(struct feed_wait *w, const feed_event *ev);
} feed_wait;

void feed_wait_add(feed *f, feed_wait *w);
void feed_wait_remove(feed *f, feed_wait *w); /* harmless twice */

/* A listener: on_events runs from the loop after new events came. For watch streams (any event) and held syncs (events
 * of a cluster). */
typedef struct feed_ear {
	struct feed_ear *next, *prev;
	int32_t cluster_key; /* 0: any event */
	const char *cluster; /* the name of that one: what is said of its namespaces wakes too. NULL: none */
	bool is_on;
	void (*on_events)(struct feed_ear *ear);
} feed_ear;

void feed_listen(feed *f, feed_ear *ear);
void feed_unlisten(feed *f, feed_ear *ear); /* harmless twice */
/* Another ear on the same cluster, or NULL. */
feed_ear *feed_listener(const feed *f, int32_t cluster_key);

/* The ring: whether what comes after `at` is all there, and from which place. */
bool feed_ring_find(const feed *f, feed_at at, uint64_t *ret_seq);
/* The event at place seq; NULL past the end. *ret_lost: it has fallen out. */
const feed_event *feed_ring_at(const feed *f, uint64_t seq, bool *ret_lost);
