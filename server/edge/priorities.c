#include "server/edge/priorities.h"

#include <stdlib.h>
#include <string.h>
#include "base/heap.h"
#include "db/sql.h"

bool priorities_have(const edge *e, str name)
{
	return map_find(&e->priorities, name) != NULL;
}

void priorities_learn(edge *e, const db_reply *reply)
{
	sql_priority_names_row row;
	fault f;

	for (uint32_t i = 0; i < reply->rows; i++) {
		if (db_row(reply, i, &row, &f) || priorities_have(e, row.name))
			continue;
		char *kept = heap_new(1, row.name.n + 1u);
		memcpy(kept, row.name.p, row.name.n);
		map_put(&e->priorities, str_of(kept, row.name.n), kept);
	}
}

void priorities_clear(edge *e)
{
	map_each (slot, &e->priorities)
		free(slot->value);
	map_clear(&e->priorities);
}
