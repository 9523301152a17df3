#include "agents/node/seats.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/node/settle.h"
#include "base/vec.h"

/* One device of one allocation; devices that have no name are told apart by their place. */
typedef struct seat_row {
	const char *uuid;
	lot *lot;
	unsigned device;
} seat_row;

struct seats {
	allocations *all;
	settle *settle;
	uint64_t generation; /* that `settle` knows */
	bool is_known;
	vec(seat_row) rows;
	vec(settle_member) members;
};

seats *seats_new(allocations *all)
{
	seats *s = calloc(1, sizeof(*s));

	assert(s);
	s->all = all;
	s->settle = settle_new();
	return s;
}

void seats_free(seats *s)
{
	if (!s)
		return;
	settle_free(s->settle);
	vec_done(&s->rows);
	vec_done(&s->members);
	free(s);
}

static int by_device(const void *a, const void *b)
{
	const seat_row *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	return order || x->uuid[0] ? order : (x->device > y->device) - (x->device < y->device);
}

static void rows_read(seats *s, allocation **list, uint32_t n)
{
	vec_clear(&s->rows);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < list[i]->n_devices; d++)
			vec_push(&s->rows, ((seat_row){list[i]->uuids[d], &list[i]->lot, d}));
	if (s->rows.n)
		qsort(s->rows.v, s->rows.n, sizeof(*s->rows.v), by_device);
}

static void seats_read(seats *s, allocation **list, uint32_t n)
{
	rows_read(s, list, n);
	settle_clear(s->settle);
	for (uint32_t i = 0; i < s->rows.n;) {
		uint32_t first = i;
		vec_clear(&s->members);
		for (; i < s->rows.n && by_device(&s->rows.v[first], &s->rows.v[i]) == 0; i++)
			vec_push(&s->members, ((settle_member){s->rows.v[i].lot, s->rows.v[i].device}));
		settle_device(s->settle, s->members.v, s->members.n);
	}
}

int64_t seats_turn(seats *s, int64_t now_ns)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(s->all, &list, &generation);

	if (!s->is_known || generation != s->generation)
		seats_read(s, list, n);
	s->is_known = true;
	s->generation = generation;
	return settle_turn(s->settle, now_ns);
}
