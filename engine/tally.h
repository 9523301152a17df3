/* tally: how many of many nodes miss for which reason, and the nearest of them to a fit. */
#pragma once
#include "engine/fit.h"

enum { TALLY_ROWS_MAX = 24 };

typedef struct tally_row {
	fit_miss best; /* of the node that has the most free */
	int32_t node;
	int32_t nodes;
} tally_row;

typedef struct tally {
	int32_t n;
	tally_row rows[TALLY_ROWS_MAX];
} tally;

/* Adds a row that stands for `row->nodes` nodes to the rows (at most n_max). False: there is no room for its reason. */
bool tally_add(tally_row *rows, int32_t *n, int32_t n_max, const tally_row *row);
