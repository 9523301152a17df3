/* node_index: node handles by name, for requests that name every node of a cluster.
 *
 * Names lie close together in the cluster's order. A scheduler names nodes in nearly the same order each time, so the
 * name that follows the one found last is tried first, and most look-ups are a comparison with bytes that come next;
 * the others go by a small table. Both are made anew when nodes come or go, which is rare beside look-ups.
 */
#pragma once
#include "base/vec.h"
#include "engine/fleet.h"

typedef struct node_index_row {
	uint32_t at, n; /* of its name in the text */
	int32_t node;
} node_index_row;

typedef struct node_index {
	vec(node_index_row) rows;
	uint32_t *table; /* row + 1, by hash; 0: free */
	uint32_t cap;    /* of the table: a power of two, or 0 before the first look-up */
	uint32_t next;   /* the row that is tried first */
	char *text;
	bool is_stale;
} node_index;

void node_index_done(node_index *x);
/* FLEET_NONE: the cluster has no node of that name. */
int32_t node_index_find(node_index *x, const fleet *f, int32_t cluster, str name);
