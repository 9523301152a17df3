#include "proof/tile.h"

static tile *tile_find(const tiles *t, int level, int64_t place)
{
	for (uint32_t i = t->n; i-- > 0;)
		if (t->v[i].level == level && t->v[i].place == place)
			return &t->v[i];
	return NULL;
}

tile *tiles_put(tiles *t, int level, int64_t place)
{
	tile *found = tile_find(t, level, place);

	if (found)
		return found;
	if (t->n == t->cap) {
		tile *old = t->v;
		t->cap = t->cap ? 2 * t->cap : 32;
		t->v = ARENA_ARRAY(t->arena, tile, t->cap);
		if (t->n)
			memcpy(t->v, old, t->n * sizeof(*old));
	}
	found = &t->v[t->n++];
	*found = (tile){.level = level, .place = place};
	return found;
}

void tiles_grow(void *arg, int level, int64_t index, const merkle_hash *h)
{
	tiles *t = arg;

	if (level % TILE_BITS)
		return;
	tile *to = tiles_put(t, level / TILE_BITS, index >> TILE_BITS);
	if (!to->hashes)
		to->hashes = ARENA_ARRAY(t->arena, merkle_hash, TILE_HASHES);
	to->hashes[to->n++] = *h;
}

/* The subtree (level, index) is made of 2^(level % 8) roots that stand side by side in one tile. */
static int64_t first_root(int level, int64_t index)
{
	return index << (level % TILE_BITS);
}

static bool need(void *arg, int level, int64_t index, merkle_hash *ret)
{
	memset(ret, 0, sizeof(*ret));
	tiles_put(arg, level / TILE_BITS, first_root(level, index) >> TILE_BITS);
	return true;
}

static bool find(void *arg, int level, int64_t index, merkle_hash *ret)
{
	int64_t first = first_root(level, index);
	const tile *in = tile_find(arg, level / TILE_BITS, first >> TILE_BITS);
	uint32_t at = (uint32_t)(first & (TILE_HASHES - 1)), n = 1u << (level % TILE_BITS);
	merkle small = {0};

	if (!in || at + n > in->n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		merkle_append(&small, &in->hashes[at + i]);
	merkle_root(&small, ret);
	return true;
}

merkle_source tiles_needed(tiles *t)
{
	return (merkle_source){need, t};
}

merkle_source tiles_source(tiles *t)
{
	return (merkle_source){find, t};
}
