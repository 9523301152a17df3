/* backoff: how long to wait before trying again: doubling, with jitter, so that agents that lost one server do not come
 * back as one. */
#pragma once
#include <stdint.h>

#define BACKOFF_FIRST_US ((int64_t)200000)
#define BACKOFF_LAST_US  ((int64_t)10000000)

typedef struct backoff {
	int64_t wait_us;           /* 0: nothing has failed since the last success */
	int64_t first_us, last_us; /* 0: BACKOFF_FIRST_US, BACKOFF_LAST_US */
} backoff;

/* The next wait: between half of the present step and all of it; `random` is any 64 bits. */
int64_t backoff_next(backoff *b, uint64_t random);
void backoff_reset(backoff *b);
