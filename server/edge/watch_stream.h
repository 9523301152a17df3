/* watch_stream: one open GET /v1/watch: what its client follows, how far it is, and the writing of events.
 *
 * Three sources in turn: pages of a snapshot, records of the database, the ring of the feed. A full stream stops at an
 * event and goes on from there when it drains; when that has fallen out of the ring by then, the database gives it
 * again.
 */
#pragma once
#include "server/edge/feed.h"
#include "server/edge/watch_kind.h"

typedef struct watch_plan {
	uint32_t kinds; /* bit per watch_kind */
	str tenant;     /* path whose objects are followed; absent: all in scope */
	bool subtree;
	int32_t *keys; /* of those tenants; with tenant only */
	uint32_t n_keys;
	feed_at since;
	bool snapshot;
	bool is_events; /* text/event-stream; else NDJSON */
} watch_plan;

/* Opens the stream and ends r. Copies what it needs of the plan. */
step watch_stream_begin(request *r, const watch_plan *p);

/* "g12.p34". */
bool feed_at_parse(str s, feed_at *ret);
