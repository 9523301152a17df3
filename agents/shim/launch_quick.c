/* Launches of kernels as programs meet them: one comparison, and a jump to the driver's call with every argument where
 * the caller has put it. A compiler would move those on the stack. What may be held back goes on in wrap_launch.c, as
 * does a process's first launch, since before the driver is open the gates are said to be shut.
 *
 * Rows are counted in the order of calls.def, as driver_at is. Not for link-time optimisation, which knows no order
 * among pieces of assembly.
 */
#include <stddef.h>

#include "shim/limits.h"

#if !defined(__x86_64__)
#error "launches are written for x86-64 so far"
#endif

_Static_assert(offsetof(limits, gates) == 576, "the code below compares it");

// clang-format off
__asm__(
	".text\n"
	".set launch_n, 0\n"
	".macro LAUNCH name\n"
	".globl \\name\n"
	".type \\name, @function\n"
	".balign 32\n"
	"\\name:\n"
	"	endbr64\n"
	"	cmpl $0, self_gates_here + 576(%rip)\n"
	"	jne launch_\\name\n"
	"	jmp *driver_at + 8 * launch_n(%rip)\n"
	".size \\name, . - \\name\n"
	".endm\n"
	".macro LAUNCH_COUNT\n"
	".set launch_n, launch_n + 1\n"
	".endm\n"
	".hidden self_gates_here\n"
	".hidden driver_at\n");

#define LAUNCH_KERNEL(symbol) __asm__(".hidden launch_" #symbol "\n LAUNCH " #symbol);
#define LAUNCH_GRAPH(symbol)

#define ROW_LAUNCH(symbol, price)  LAUNCH_##price(symbol)
#define ROW_ALLOC(symbol, price)
#define ROW_FREE(symbol, price)
#define ROW_HOLD(symbol, price)
#define ROW_IMPORT(symbol, price)
#define ROW_CONTEXT(symbol, price)
#define ROW_POOL(symbol, price)
#define ROW_GRAPH(symbol, price)
#define ROW_MODULE(symbol, price)
#define ROW_CAPTURE(symbol, price)
#define ROW_INFO(symbol, price)
#define ROW_LOOKUP(symbol, price)
#define ROW_WEIGHED(symbol, price)
#define ROW_PASS(symbol, price)

#define CALL(symbol, name, version, flavour, class, price) ROW_##class(symbol, price) __asm__("LAUNCH_COUNT");
#include "shim/calls.def"
#undef CALL
// clang-format on
