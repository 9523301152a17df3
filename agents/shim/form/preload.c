/* The preload form alone: dlsym and dlvsym, so that a program that asks for a call by name meets the wrapper.
 *
 * Only names that begin like the driver's, NVML's or these two are looked at; all others go on with one jump, the
 * caller's return address in place, because RTLD_NEXT means "after the caller". It runs before any constructor, and in
 * programs that have nothing to do with a GPU: it calls nothing for other names, and sets nothing up.
 */
#include <stddef.h>

#include "shim/driver.h"
#include "shim/elf.h"
#include "shim/wrap.h"

#if !defined(__x86_64__)
#error "the preload form is written for x86-64 so far"
#endif

void preload_first(void);
void *preload_ask(void *handle, const char *name);
void *dlsym(void *restrict handle, const char *restrict name);
void *dlvsym(void *restrict handle, const char *restrict name, const char *restrict version);

extern void preload_dlsym_first(void);
extern void preload_dlvsym_first(void);
__attribute__((visibility("hidden"))) void *preload_dlsym_at = (void *)preload_dlsym_first;
__attribute__((visibility("hidden"))) void *preload_dlvsym_at = (void *)preload_dlvsym_first;

/* clang-format off */
__asm__(
	".text\n"
	".macro PRELOAD name, at\n"
	".globl \\name\n"
	".type \\name, @function\n"
	"\\name:\n"
	"	endbr64\n"
	"	cmpb $'c', (%rsi)\n"
	"	je 1f\n"
	"	cmpb $'n', (%rsi)\n"
	"	je 1f\n"
	"	cmpb $'d', (%rsi)\n"
	"	je 1f\n"
	"	cmpb $'_', (%rsi)\n"
	"	je 1f\n"
	"	jmp *\\at(%rip)\n"
	"1:	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	call preload_ask\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	test %rax, %rax\n"
	"	jne 2f\n"
	"	jmp *\\at(%rip)\n"
	"2:	ret\n"
	".size \\name, . - \\name\n"
	".endm\n"
	".macro PRELOAD_FIRST name, at\n"
	".hidden \\name\n"
	".globl \\name\n"
	".type \\name, @function\n"
	"\\name:\n"
	"	endbr64\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	call preload_first\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	jmp *\\at(%rip)\n"
	".size \\name, . - \\name\n"
	".endm\n"
	"PRELOAD dlsym, preload_dlsym_at\n"
	"PRELOAD dlvsym, preload_dlvsym_at\n"
	"PRELOAD_FIRST preload_dlsym_first, preload_dlsym_at\n"
	"PRELOAD_FIRST preload_dlvsym_first, preload_dlvsym_at\n");
/* clang-format on */

static void *preload_nothing(void)
{
	return NULL;
}

static void *preload_libc(const char *name)
{
	void *found = elf_find("libc.so", name);
	if (!found)
		found = elf_find("libdl.so", name);
	if (!found)
		found = elf_find("libc-", name);
	return found ? found : (void *)preload_nothing;
}

__attribute__((used)) void preload_first(void)
{
	preload_dlvsym_at = preload_libc("dlvsym");
	preload_dlsym_at = preload_libc("dlsym");
}

static int preload_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int preload_begins(const char *name, const char *with)
{
	while (*with && *name == *with)
		name++, with++;
	return !*with;
}

/* With a handle of a library that has its own symbol of that name, that is what is meant. */
static void *preload_swap(void *handle, const char *name)
{
	void *wrapper = wrap_of_symbol(name);
	if (!wrapper || !handle || handle == (void *)-1L)
		return wrapper;
	void *real = driver_dlsym(handle, name);
	if (!real)
		return NULL;
	return real == driver_symbol(name) || real == nvml_symbol(name) || real == wrapper ? wrapper : NULL;
}

__attribute__((used)) void *preload_ask(void *handle, const char *name)
{
	if (preload_same(name, "dlsym") || preload_same(name, "__libc_dlsym"))
		return (void *)dlsym;
	if (preload_same(name, "dlvsym"))
		return (void *)dlvsym;
	if (driver_is_opening())
		return NULL; /* the library's own constructor */
	if (preload_begins(name, "cu") || preload_begins(name, "nvml"))
		return preload_swap(handle, name);
	return NULL;
}
