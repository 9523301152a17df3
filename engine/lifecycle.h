/* lifecycle: the states of a placement and the steps between them, one table for server and agents.
 *
 *     pending -> granted -> delivered -> accepted -> bound -> running -> done
 *     granted, delivered -> refused -> pending (fence + 1)
 *     revoking -> pending (fence + 1), when it made room for another
 *     pending -> rejected; what holds devices -> revoking -> revoked; from accepted on -> failed
 */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum lifecycle {
	LIFE_PENDING,
	LIFE_GRANTED,
	LIFE_DELIVERED,
	LIFE_ACCEPTED,
	LIFE_BOUND,
	LIFE_RUNNING,
	LIFE_DONE,
	LIFE_REFUSED,
	LIFE_REJECTED,
	LIFE_REVOKING,
	LIFE_REVOKED,
	LIFE_FAILED,
	LIFE_COUNT
} lifecycle;

/* Whether one step leads from `from` to `to`. A state to itself is not a step; whoever receives a step twice compares
 * first. */
bool lifecycle_may(lifecycle from, lifecycle to);
/* Whether `to` can be reached from `from` in steps without going back to pending: reports may have been merged on the
 * way. */
bool lifecycle_leads(lifecycle from, lifecycle to);

const char *lifecycle_name(lifecycle s); /* "pending" */
bool lifecycle_find(str name, lifecycle *ret);

bool lifecycle_is_final(lifecycle s);                     /* no step leads out */
bool lifecycle_is_booked(lifecycle s);                    /* holds devices and quota in the books */
bool lifecycle_is_charged(lifecycle s);                   /* its time is billed: a segment may be open */
bool lifecycle_bumps_fence(lifecycle from, lifecycle to); /* the step starts a new attempt */
