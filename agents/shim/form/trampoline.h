/* trampoline: an exported function that is one jump to a real one, for each row of a table that has no wrapper.
 *
 * Rows are counted in the table's order, so that a row's number is the call's; rows with a wrapper count and make
 * nothing.
 */
#pragma once

#if !defined(__x86_64__)
#error "trampolines are written for x86-64 so far"
#endif

extern void *trampoline_at[] __attribute__((visibility("hidden")));

// clang-format off
#define TRAMPOLINE_BEGIN(form)                                                  \
	__asm__(                                                                \
		".text\n"                                                       \
		".set trampoline_n, 0\n"                                        \
		".pushsection .data.rel.local, \"aw\"\n"                        \
		".globl trampoline_at\n"                                        \
		".hidden trampoline_at\n"                                       \
		".balign 64\n"                                                  \
		"trampoline_at:\n"                                              \
		".popsection\n"                                                 \
		".macro TRAMPOLINE name\n"                                      \
		".globl \\name\n"                                               \
		".type \\name, @function\n"                                     \
		".balign 16\n"                                                  \
		"\\name:\n"                                                     \
		"	endbr64\n"                                              \
		"	jmp *trampoline_at + 8 * trampoline_n(%rip)\n"          \
		".size \\name, . - \\name\n"                                    \
		"\\name\\()_first:\n"                                           \
		"	push $trampoline_n\n"                                   \
		"	jmp trampoline_find\n"                                  \
		".pushsection .data.rel.local, \"aw\"\n"                        \
		"	.quad \\name\\()_first\n"                               \
		".popsection\n"                                                 \
		".set trampoline_n, trampoline_n + 1\n"                         \
		".endm\n"                                                       \
		".macro TRAMPOLINE_NONE\n"                                      \
		".pushsection .data.rel.local, \"aw\"\n"                        \
		"	.quad 0\n"                                              \
		".popsection\n"                                                 \
		".set trampoline_n, trampoline_n + 1\n"                         \
		".endm\n");

#define TRAMPOLINE_ONE(symbol)  __asm__("TRAMPOLINE " #symbol);
#define TRAMPOLINE_SKIP(symbol) __asm__("TRAMPOLINE_NONE");

#define TRAMPOLINE_PASS(symbol)    TRAMPOLINE_ONE(symbol)
#define TRAMPOLINE_WEIGHED(symbol) TRAMPOLINE_ONE(symbol)
#define TRAMPOLINE_ALLOC(symbol)   TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_FREE(symbol)    TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_HOLD(symbol)    TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_IMPORT(symbol)  TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_CONTEXT(symbol) TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_MODULE(symbol)  TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_POOL(symbol)    TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_GRAPH(symbol)   TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_LAUNCH(symbol)  TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_CAPTURE(symbol) TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_INFO(symbol)    TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_LIST(symbol)    TRAMPOLINE_SKIP(symbol)
#define TRAMPOLINE_LOOKUP(symbol)  TRAMPOLINE_SKIP(symbol)

/* Integer arguments are in six registers, floating ones in eight; rax counts the latter for variadic calls. */
#define TRAMPOLINE_END(form)                                                    \
	__asm__(                                                                \
		"trampoline_find:\n"                                            \
		"	pop %r11\n"                                             \
		"	push %rax\n"                                            \
		"	push %rdi\n"                                            \
		"	push %rsi\n"                                            \
		"	push %rdx\n"                                            \
		"	push %rcx\n"                                            \
		"	push %r8\n"                                             \
		"	push %r9\n"                                             \
		"	sub $128, %rsp\n"                                       \
		"	movups %xmm0, (%rsp)\n"                                 \
		"	movups %xmm1, 16(%rsp)\n"                               \
		"	movups %xmm2, 32(%rsp)\n"                               \
		"	movups %xmm3, 48(%rsp)\n"                               \
		"	movups %xmm4, 64(%rsp)\n"                               \
		"	movups %xmm5, 80(%rsp)\n"                               \
		"	movups %xmm6, 96(%rsp)\n"                               \
		"	movups %xmm7, 112(%rsp)\n"                              \
		"	mov %r11, %rdi\n"                                       \
		"	call trampoline_resolve\n"                              \
		"	mov %rax, %r11\n"                                       \
		"	movups (%rsp), %xmm0\n"                                 \
		"	movups 16(%rsp), %xmm1\n"                               \
		"	movups 32(%rsp), %xmm2\n"                               \
		"	movups 48(%rsp), %xmm3\n"                               \
		"	movups 64(%rsp), %xmm4\n"                               \
		"	movups 80(%rsp), %xmm5\n"                               \
		"	movups 96(%rsp), %xmm6\n"                               \
		"	movups 112(%rsp), %xmm7\n"                              \
		"	add $128, %rsp\n"                                       \
		"	pop %r9\n"                                              \
		"	pop %r8\n"                                              \
		"	pop %rcx\n"                                             \
		"	pop %rdx\n"                                             \
		"	pop %rsi\n"                                             \
		"	pop %rdi\n"                                             \
		"	pop %rax\n"                                             \
		"	jmp *%r11\n");
// clang-format on
