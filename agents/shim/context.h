/* context: what a context costs, and what ends with it. */
#pragma once
#include "shim/self.h"

/* What is paid for a context before it is made, and what the driver said was left, when nobody knew the price. */
typedef struct context_price {
	uint64_t paid, left;
} context_price;

/* What one costs: the node says it, or some process of the container has found it out; 0: nobody knows yet. */
uint64_t context_known(const self *s, unsigned device);

/* By the driver's count of the whole device of the thread's context; 0: it does not tell, or there is no context. */
uint64_t context_left(void);

/* What was taken between two such counts, as far as a context may have. */
uint64_t context_between(uint64_t left, uint64_t after);

/* Pays for a context on a device before it is made; false when that passes the limit. */
bool context_take(self *s, unsigned device, context_price *ret_price);

/* The context was made. False: what it took is found out now, and over the limit: it must be ended again. */
bool context_enter(self *s, CUcontext context, unsigned device, const context_price *price);

/* The context has ended, and all that was made in it. */
void context_end(self *s, CUcontext context);

/* The same for a device's primary context, which is made by the first retain and ends with the last release or a reset.
 */
bool context_retain(self *s, int ordinal);
void context_retained(self *s, int ordinal, CUcontext context, bool made);
void context_release(self *s, int ordinal, bool reset, bool gone);
