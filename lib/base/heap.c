#include "base/heap.h"
#include <stdlib.h>

void *heap_new(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

void *heap_resize(void *p, size_t bytes)
{
	void *q = realloc(p, bytes);

	if (!q)
		abort();
	return q;
}
