#include "base/vec.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/heap.h"

enum { VEC_FIRST = 8 };

void vec_grow(void **v, uint32_t *cap, uint32_t need, size_t size)
{
	if (need <= *cap)
		return;
	assert(need <= UINT32_MAX / 2);
	uint32_t more = *cap < VEC_FIRST ? VEC_FIRST : *cap;
	while (more < need)
		more *= 2;

	char *p = heap_resize(*v, more * size);
	memset(p + *cap * size, 0, (more - *cap) * size);
	*v = p;
	*cap = more;
}

void vec_free(void *v)
{
	free(v);
}
