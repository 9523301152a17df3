/* elf: the C library's own dlopen and dlsym, found in its symbol table.
 *
 * The preload form exports names that libc exports, so asking libc by name could lead back here; and a reference by
 * name to what moved between libdl and libc would tie the library to a version of glibc newer than many containers
 * have.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The address of a function that a loaded library whose file name begins with `library` ("libc.so") defines; NULL if
 * none. */
void *elf_find(const char *library, const char *name);

/* The path of a loaded library that defines a function and whose file name begins so; not this library's own. False:
 * none. */
bool elf_owner(const char *library, const char *name, char *ret_path, size_t size);

typedef struct elf_span {
	uintptr_t from, bytes;
} elf_span;

/* The code of the library that an address lies in. False: of none, or of the program itself. */
bool elf_around(const void *at, elf_span *ret);
