#include "agents/node/seats.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/node/settle.h"
#include "base/vec.h"

struct seats {
	allocations *all;
	settle *settle;
	uint64_t generation; /* that `settle` knows */
	bool is_known;
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
	vec_done(&s->members);
	free(s);
}

/* Devices that have no name are told apart by their place. */
static const char *device_of(const allocation *of, uint32_t d, arena *a)
{
	return of->uuids[d][0] ? of->uuids[d] : str_z(a, str_print(a, "%u", d));
}

static void seats_read(seats *s, allocation **list, uint32_t n)
{
	AUTO_ARENA a = arena_new(0);

	vec_clear(&s->members);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < list[i]->n_devices; d++)
			vec_push(&s->members, ((settle_member){device_of(list[i], d, a), &list[i]->lot, d}));
	settle_set(s->settle, s->members.v, s->members.n);
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
