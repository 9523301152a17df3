/* entry: what a program meets where the shim wraps a call: a few instructions before the wrapper.
 *
 * A driver may call what it exports by its public name, and the loader leads that here: then the wrapper's work has
 * been done for the call that the program made, and the inner one goes on to the driver as it is. Whose call it is, its
 * return address tells, so that nothing need be kept in order by whoever leaves a call half-way (longjmp), and calls
 * that the driver's own threads make are known too.
 *
 * Launches of kernels jump to the driver with every argument where the caller has put it (a compiler would move those
 * on the stack) after one comparison, while nothing holds launches back. Before the driver is open the gates are said
 * to be shut, so that a process's first launch goes the longer way.
 */
#pragma once
#include "shim/calls.h"

/* The entry of each call that is wrapped; NULL: of none. */
extern void *const entry_at[CALLS];

/* By class and price: through an entry, through that of launches, or not at all. */
#define ENTRY_OF_ALLOC(symbol, price)   ENTRY(symbol)
#define ENTRY_OF_FREE(symbol, price)    ENTRY(symbol)
#define ENTRY_OF_HOLD(symbol, price)    ENTRY(symbol)
#define ENTRY_OF_IMPORT(symbol, price)  ENTRY(symbol)
#define ENTRY_OF_CONTEXT(symbol, price) ENTRY(symbol)
#define ENTRY_OF_MODULE(symbol, price)  ENTRY(symbol)
#define ENTRY_OF_POOL(symbol, price)    ENTRY(symbol)
#define ENTRY_OF_GRAPH(symbol, price)   ENTRY(symbol)
#define ENTRY_OF_CAPTURE(symbol, price) ENTRY(symbol)
#define ENTRY_OF_INFO(symbol, price)    ENTRY(symbol)
#define ENTRY_OF_LOOKUP(symbol, price)  ENTRY(symbol)
#define ENTRY_OF_LAUNCH(symbol, price)  ENTRY_OF_LAUNCH_##price(symbol)
#define ENTRY_OF_LAUNCH_GRAPH(symbol)   ENTRY(symbol)
#define ENTRY_OF_LAUNCH_KERNEL(symbol)  ENTRY_QUICK(symbol)
#define ENTRY_OF_WEIGHED(symbol, price) ENTRY_NONE(symbol)
#define ENTRY_OF_PASS(symbol, price)    ENTRY_NONE(symbol)
