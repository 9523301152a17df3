/* lend: how the shares of one device stand to each other from moment to moment; what the node settles every millisecond
 * or so.
 *
 * Time that nobody asks for is lent to those who do and may borrow (LIMITS_LEND), by their shares, and called back when
 * the lender launches again. While a share of high priority is active, those of low priority are held; shares of high
 * priority with such neighbours pass the gate, so that their activity is seen.
 */
#pragma once
#include <stdint.h>

#include "shim/limits.h"

#define LEND_IDLE_NS 50000000  /* without a launch for so long, a share lends */
#define LEND_HOLD_NS 100000000 /* after a launch of high priority, low priority is held for so long */

typedef struct lend_share {
	limits *limits;
	int64_t latest_ns; /* of its launches, as its books say; 0: none */
	unsigned device;   /* the device's place in this container's limits */
} lend_share;

/* Settles loans and holds among all count shares of one device. now_ns is CLOCK_MONOTONIC. Only what changes is
 * written. */
void lend_settle(const lend_share *list, unsigned count, int64_t now_ns);
