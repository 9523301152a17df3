/* tile: the tree over a chain as rows: tile (level, place) holds the roots of the complete subtrees of 256^level leaves
 * from leaf 256^(level + 1) * place on, in order, at most 256 of them.
 *
 * Tiles only grow. A path to a root is made from two tiles of each level, so a proof costs the same in a chain of a
 * thousand records and of a billion.
 */
#pragma once
#include "base/arena.h"
#include "proof/merkle.h"

enum { TILE_BITS = 8, TILE_HASHES = 256, TILE_LEVELS = 8 };

typedef struct tile {
	int level;
	int64_t place;
	merkle_hash *hashes;
	uint32_t n;
} tile;

typedef struct tiles {
	tile *v;
	uint32_t n, cap;
	arena *arena; /* of all of it */
} tiles;

/* What a growing tree adds: a merkle_sink whose arg is tiles. The hashes of a tile are those that are new. */
void tiles_grow(void *arg, int level, int64_t index, const merkle_hash *h);
/* Notes which tiles are looked into and finds everything: a dry run. */
merkle_source tiles_needed(tiles *t);
/* Finds subtrees in whole tiles. */
merkle_source tiles_source(tiles *t);
tile *tiles_put(tiles *t, int level, int64_t place);
