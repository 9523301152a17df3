/* Rows are counted in the order of calls.def, as driver_at is. Not for link-time optimisation, which knows no order
 * among pieces of assembly.
 */
#include "shim/entry.h"

#include <stddef.h>

#include "shim/driver.h"
#include "shim/limits.h"
#include "shim/wrap.h"

#if !defined(__x86_64__)
#error "entries are written for x86-64 so far"
#endif

_Static_assert(offsetof(limits, gates) == 576, "the code below compares it");
_Static_assert(sizeof(elf_span) == 16, "the code below compares two of them");

// clang-format off
__asm__(
	".text\n"
	".set entry_n, 0\n"
	".macro ENTRY_BEGIN name\n"
	".globl \\name\n"
	".type \\name, @function\n"
	".balign 32\n"
	"\\name:\n"
	"	endbr64\n"
	".endm\n"
	/* By whom we are called; a library that ends in a jump to another call leaves us, its caller, on the stack. */
	".macro ENTRY_END name, wrapper\n"
	"	movq (%rsp), %rax\n"
	"	movq %rax, %r11\n"
	"	subq driver_inside(%rip), %rax\n"
	"	cmpq driver_inside + 8(%rip), %rax\n"
	"	jb 1f\n"
	"	subq driver_inside + 16(%rip), %r11\n"
	"	cmpq driver_inside + 24(%rip), %r11\n"
	"	jae \\wrapper\n"
	"1:	jmp *driver_at + 8 * entry_n(%rip)\n"
	".size \\name, . - \\name\n"
	".endm\n"
	".macro ENTRY name\n"
	"	ENTRY_BEGIN \\name\n"
	"	ENTRY_END \\name, wrap_\\name\n"
	".endm\n"
	".macro LAUNCH name\n"
	"	ENTRY_BEGIN \\name\n"
	"	cmpl $0, self_gates_here + 576(%rip)\n"
	"	jne 2f\n"
	"	jmp *driver_at + 8 * entry_n(%rip)\n"
	"2:	ENTRY_END \\name, launch_\\name\n"
	".endm\n"
	".macro ENTRY_COUNT\n"
	".set entry_n, entry_n + 1\n"
	".endm\n"
	".hidden self_gates_here\n"
	".hidden driver_inside\n"
	".hidden driver_at\n");

#define ENTRY(symbol)       __asm__(".hidden wrap_" #symbol "\n ENTRY " #symbol);
#define ENTRY_QUICK(symbol) __asm__(".hidden launch_" #symbol "\n LAUNCH " #symbol);
#define ENTRY_NONE(symbol)
#define CALL(symbol, name, version, flavour, class, price) ENTRY_OF_##class(symbol, price) __asm__("ENTRY_COUNT");
#include "shim/calls.def"
#undef CALL
#undef ENTRY
#undef ENTRY_QUICK

#define ENTRY(symbol)       [AT_##symbol] = (void *)symbol,
#define ENTRY_QUICK(symbol) [AT_##symbol] = (void *)symbol,

void *const entry_at[CALLS] = {
#define CALL(symbol, name, version, flavour, class, price) ENTRY_OF_##class(symbol, price)
#include "shim/calls.def"
#undef CALL
};
// clang-format on
