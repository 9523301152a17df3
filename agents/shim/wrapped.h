/* wrapped: for the files that hold wrappers: a wrapper has the driver's name in C, and another one for the linker,
 * since that is its entry's (entry.h).
 */
#pragma once
#include "shim/entry.h"
#include "shim/wrap.h"

// clang-format off
#define ENTRY(symbol)       extern __typeof__(symbol) symbol __asm__("wrap_" #symbol);
#define ENTRY_QUICK(symbol)
#define ENTRY_NONE(symbol)
#define CALL(symbol, name, version, flavour, class, price) ENTRY_OF_##class(symbol, price)
#include "shim/calls.def"
#undef CALL
#undef ENTRY
#undef ENTRY_QUICK
#undef ENTRY_NONE
// clang-format on
