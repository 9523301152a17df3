/* stream: what the server's watch stream tells about placements, as it comes. */
#pragma once
#include "api/types/placement.h"
#include "cli/demo/demo.h"

typedef struct stream stream;

/* Follows placements in the sight of the token, after the cursor `since` (NULL: from now on). on_placement runs from
 * the loop; n is the decision's number in the placements chain. A stream that ended is opened again where it was. */
stream *stream_open(demo *d, const char *token, const char *since,
	void (*on_placement)(void *arg, int64_t n, const placement *p), void *arg);
void stream_close(stream *s);             /* NULL-safe */
int64_t stream_openings(const stream *s); /* how often it was opened */
