#include "engine/pace.h"

/* The thing's row, or the one that has been silent for longest. */
static pace_row *row_of(pace *p, pace_row *set, uint32_t print)
{
	pace_row *oldest = &set[0];

	for (int i = 0; i < PACE_WAYS; i++) {
		if (set[i].print == print)
			return &set[i];
		if (!set[i].print || p->questions - set[i].asked > p->questions - oldest->asked)
			oldest = &set[i];
		if (!oldest->print)
			break;
	}
	*oldest = (pace_row){.print = print, .asked = p->questions - PACE_FIRST, .mean = PACE_FIRST};
	return oldest;
}

uint32_t pace_note(pace *p, uint64_t hash)
{
	uint32_t print = (uint32_t)(hash >> 32) | 1;

	p->questions++;
	pace_row *row = row_of(p, p->rows[hash % PACE_SETS], print);
	uint32_t since = p->questions - row->asked;
	if (since > PACE_FIRST)
		since = PACE_FIRST;
	row->mean = (row->mean * (PACE_WEIGHT - 1) + since) / PACE_WEIGHT;
	row->asked = p->questions;
	return row->mean;
}
