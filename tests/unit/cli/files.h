/* Files of a test: in memory, gone with the process. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

/* A path where `text` can be read. */
static inline const char *file_of(arena *a, const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	size_t n = strlen(text);

	cr_assert_eq(write(fd, text, n), (ssize_t)n);
	return str_print(a, "/proc/self/fd/%d%c", fd, 0).p;
}

/* What stands in it now. */
static inline str file_text(arena *a, const char *path)
{
	enum { BYTES = 1 << 20 };
	char *p = arena_alloc(a, BYTES);
	FILE *in = fopen(path, "re");

	cr_assert(in);
	size_t n = fread(p, 1, BYTES, in);
	fclose(in);
	return str_of(p, n);
}
