/* settle: the shares of each device kept to each other from moment to moment (shim/lend.h): idle time is lent and
 * called back, low priority is held while high priority works.
 *
 * Books are read as often as something can come of it: every SETTLE_FAST_NS where a share that is idle would change its
 * neighbours' by its next launch, seldom where all work or nobody does, hardly ever where no process is.
 */
#pragma once
#include "agents/node/lot.h"

#define SETTLE_FAST_NS  INT64_C(1000000)
#define SETTLE_SOON_NS  INT64_C(10000000)    /* the same, of one that has been idle for over SETTLE_REST_NS */
#define SETTLE_WORK_NS  INT64_C(20000000)    /* between two looks at who works */
#define SETTLE_IDLE_NS  INT64_C(500000000)   /* at a container without a process */
#define SETTLE_QUIET_NS INT64_C(10000000000) /* at one whose books' opening is told */
#define SETTLE_ALERT_NS INT64_C(2000000000)  /* after such news, a process is about to begin */
#define SETTLE_REST_NS  INT64_C(1000000000)

typedef struct settle settle;

/* A share of a device. */
typedef struct settle_member {
	const char *device; /* shares with the same text are of one device */
	lot *lot;           /* stays its owner's */
	unsigned place;     /* of the device in its limits */
} settle_member;

settle *settle_new(void);
void settle_free(settle *s); /* NULL-safe */

/* All shares there are, in the place of those before; sorts list. Texts are not kept. */
void settle_set(settle *s, settle_member *list, unsigned n);

/* Somebody has opened these books. */
void settle_wake(settle *s, const lot *l, int64_t now_ns);

/* Looks and settles; how long until the next turn. now_ns is CLOCK_MONOTONIC. */
int64_t settle_turn(settle *s, int64_t now_ns);

/* How often books were read since it was made. */
uint64_t settle_reads(const settle *s);
