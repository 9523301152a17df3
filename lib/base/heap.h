/* heap: the one door to malloc for the base containers.
 *
 * Running out of memory aborts: every input is bounded by a named limit long before, so nothing sensible can follow.
 * Other rooms use arenas, bufs, vecs and maps.
 */
#pragma once
#include <stddef.h>

/* Zeroed memory for n elements of `size` bytes. Never NULL; the caller frees it with free(). */
void *heap_new(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* p with room for `bytes` (not 0); new room is not zeroed. Never NULL. */
void *heap_resize(void *p, size_t bytes) __attribute__((returns_nonnull));
