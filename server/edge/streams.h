/* streams: how many open streams each caller has on this edge, so that nobody takes them all. */
#pragma once
#include "server/edge/edge.h"

/* By principal_caller. */
uint32_t streams_of(const edge *e, const principal *who);
/* One more, or one less. */
void streams_count(edge *e, const principal *who, int change);
