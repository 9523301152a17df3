#include "agents/scheduling/by_space.h"
#include <assert.h>
#include <stdlib.h>

void *by_space_at(map *m, str space, size_t bytes)
{
	char *row = map_find(m, space);

	if (row)
		return row;
	row = calloc(1, bytes + space.n);
	assert(row);
	if (space.n)
		memcpy(row + bytes, space.p, space.n);
	(void)map_put(m, str_of(row + bytes, space.n), row);
	return row;
}
