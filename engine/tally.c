#include "engine/tally.h"

static bool is_same_reason(const fit_miss *a, const fit_miss *b)
{
	return a->code == b->code && a->class_id == b->class_id && a->axis == b->axis;
}

bool tally_add(tally_row *rows, int32_t *n, int32_t n_max, const tally_row *row)
{
	int32_t i = 0;

	while (i < *n && !is_same_reason(&rows[i].best, &row->best))
		i++;
	if (i == n_max)
		return false;
	if (i == *n) {
		rows[(*n)++] = *row;
		return true;
	}
	rows[i].nodes += row->nodes;
	if (row->best.free > rows[i].best.free) {
		rows[i].best = row->best;
		rows[i].node = row->node;
	}
	return true;
}
