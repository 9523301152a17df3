#include "agents/backoff.h"

int64_t backoff_next(backoff *b, uint64_t random)
{
	int64_t last_us = b->last_us ? b->last_us : BACKOFF_LAST_US;

	b->wait_us = b->wait_us ? b->wait_us * 2 : b->first_us ? b->first_us : BACKOFF_FIRST_US;
	if (b->wait_us > last_us)
		b->wait_us = last_us;
	int64_t half = b->wait_us / 2;
	return half + (int64_t)(random % (uint64_t)(half + 1));
}

void backoff_reset(backoff *b)
{
	b->wait_us = 0;
}
