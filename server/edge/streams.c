#include "server/edge/streams.h"

uint32_t streams_of(const edge *e, const principal *who)
{
	return (uint32_t)(uintptr_t)map_find_num(&e->stream_callers, principal_caller(who));
}

void streams_count(edge *e, const principal *who, int change)
{
	uint64_t key = principal_caller(who);
	uintptr_t n = streams_of(e, who) + (uintptr_t)change;

	if (n)
		map_put_num(&e->stream_callers, key, (void *)n);
	else
		(void)map_remove_num(&e->stream_callers, key);
}
