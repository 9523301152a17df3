/* node_index: node handles by name, for requests that name every node of a cluster.
 *
 * Names lie close together in the cluster's order, as a JSON list has them. A scheduler names nodes in long pieces of
 * that order, so what follows the name found last is compared with the bytes that come next, many names at once; else
 * what followed it when that was found last, as who passed is named twice in one order. While such guesses fail, the
 * rows behind those of the last names are looked through, and then a table. All is made anew when nodes come or go,
 * which is rare beside look-ups.
 */
#pragma once
#include "base/vec.h"
#include "engine/fleet.h"

enum { NODE_INDEX_BETWEEN = 3 }; /* bytes between two names of a JSON list: a quote, a comma, a quote */

typedef struct node_index_row {
	uint32_t at, n; /* of its name in the text: behind the quote */
	int32_t node;
	uint32_t rank; /* among the rows, which are by rising rank of the fleet's */
} node_index_row;

typedef struct node_index_slot {
	uint32_t tag; /* of the name's hash */
	uint32_t row; /* + 1; 0: free */
} node_index_slot;

/* A row that may come soon: behind one that was found a few names ago, as a scheduler's workers each name a piece. */
typedef struct node_index_soon {
	uint64_t tail; /* the last bytes of its name, with the quote behind it */
	uint32_t row;
} node_index_soon;

enum { NODE_INDEX_SOON_BITS = 6 };

typedef struct node_index {
	vec(node_index_row) rows;
	node_index_slot *table; /* by hash */
	uint32_t cap;           /* of the table: a power of two, or 0 before the first look-up */
	uint32_t next;          /* the row behind the one that was found last */
	uint32_t *after; /* by row: the row that followed it, where that was not the next one; 0: none, or the first */
	uint32_t luck;   /* names in a row that a guess would have found; few: nothing is guessed */
	bool goes_by_after; /* what `after` says is tried first */
	char *text;         /* "a","b",... */
	node_index_soon soon[1 << NODE_INDEX_SOON_BITS];
	bool is_stale;
} node_index;

void node_index_done(node_index *x);
/* NULL: the cluster has no node of that name. Rows are valid until nodes come or go. */
const node_index_row *node_index_find(node_index *x, const fleet *f, int32_t cluster, str name);
/* list: bytes of a JSON list of names, from an opening quote on. How many of its first names, of `most` at most, stand
 * there as plain text with nothing but a comma between two and are nodes of the cluster; their rows are written to ret.
 */
uint32_t node_index_run(
	node_index *x, const fleet *f, int32_t cluster, str list, uint32_t most, const node_index_row **ret);
