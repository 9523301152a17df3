/* green: what a green context costs, a part of a device's processors beside the primary context.
 *
 * The driver tells nobody beforehand, and it differs with the driver: it is what the device has less of when it was
 * made, at most as much as a whole context. Neighbours may have taken some of that; then too much is paid, until it is
 * ended.
 */
#pragma once
#include "shim/self.h"

/* What the device has left before it is made; 0 where nothing is limited, or nobody can tell. */
uint64_t green_left(self *s, unsigned device, CUdevice ordinal);

/* It was made. False: what it took is over the limit, and it must be ended again. */
bool green_enter(self *s, CUgreenCtx context, unsigned device, CUdevice ordinal, uint64_t left);

void green_end(self *s, CUgreenCtx context);
