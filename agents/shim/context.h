/* context: what a context costs, and what ends with it. */
#pragma once
#include "shim/self.h"

/* Pays for a context on a device before it is made; false when that passes the limit. *ret_paid is what to give back.
 */
bool context_take(self *s, unsigned device, uint64_t *ret_paid);

/* The context was made, and `paid` paid for it. */
void context_enter(self *s, CUcontext context, unsigned device, uint64_t paid);

/* The context has ended, and all that was made in it. */
void context_end(self *s, CUcontext context);

/* The same for a device's primary context, which is made by the first retain and ends with the last release. */
bool context_retain(self *s, int ordinal);
void context_retained(self *s, int ordinal, CUcontext context, bool made);
void context_release(self *s, int ordinal, bool reset);
