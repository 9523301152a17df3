/* pool: what a stream-ordered pool costs: the memory it keeps, which is at least what was handed out from it and not
 * yet freed.
 *
 * Booked is the larger of what is handed out and of what the driver says the pool has reserved, so that an allocation
 * from what the pool has kept costs nothing, and memory that a pool keeps after a free stays booked until it is
 * trimmed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shim/self.h"

#define POOL_ELSEWHERE 0xff /* for a device: the host's memory, which nobody counts */

/* What stands for a device's own pool where the driver has no name for it; the driver never sees it. */
CUmemoryPool pool_unnamed(unsigned device);

/* Remembers that a pool is a device's. */
void pool_enter(self *s, CUmemoryPool pool, unsigned device);

/* The device of a pool that was entered. */
bool pool_device(self *s, CUmemoryPool pool, unsigned *ret_device);

/* Pays for bytes out of the pool; false when that passes the limit. pool_give takes it back, and settles. */
bool pool_take(self *s, CUmemoryPool pool, unsigned device, uint64_t bytes);
void pool_give(self *s, CUmemoryPool pool, uint64_t bytes);

/* Compares what is booked with what the driver says. */
void pool_settle(self *s, CUmemoryPool pool);

/* The pool has ended: nothing of it is booked any more. */
void pool_end(self *s, CUmemoryPool pool);

/* Makes the device's pools give up what they keep. Whether that freed anything. */
bool pool_shrink(self *s, unsigned device);
