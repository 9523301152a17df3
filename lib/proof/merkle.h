/* merkle: the tree hash of RFC 9162, section 2.1, over the records of a chain, grown a leaf at a time.
 *
 * A leaf is SHA-256(0x00 || record), a node SHA-256(0x01 || left || right), the tree of nothing SHA-256(""). A tree
 * keeps its frontier only: the roots of the complete subtrees that its size has a bit for, at most 63 of them. So a
 * tree grows without reading what it has; paths are built from complete subtrees that somebody else keeps.
 *
 * Subtree (level, index) covers the leaves [index << level, (index + 1) << level); leaves count from 0.
 */
#pragma once
#include "base/str.h"

enum { MERKLE_HASH = 32, MERKLE_LEVELS = 63, MERKLE_PATH_MAX = 128 };

typedef struct merkle_hash {
	uint8_t v[MERKLE_HASH];
} merkle_hash;

typedef struct merkle {
	int64_t size;
	merkle_hash at[MERKLE_LEVELS]; /* by level; those whose bit of size is set */
} merkle;

void merkle_leaf(str record, merkle_hash *ret);
void merkle_node(const merkle_hash *left, const merkle_hash *right, merkle_hash *ret);

void merkle_append(merkle *t, const merkle_hash *leaf);
/* The same, telling of each complete subtree that came to be, the leaf first. */
typedef void merkle_sink(void *arg, int level, int64_t index, const merkle_hash *h);
void merkle_grow(merkle *t, const merkle_hash *leaf, merkle_sink *on_subtree, void *arg);
void merkle_root(const merkle *t, merkle_hash *ret);
/* The frontier as bytes, largest subtree first, and back: false when n does not suit the size. */
uint32_t merkle_frontier(const merkle *t, merkle_hash ret[MERKLE_LEVELS]);
bool merkle_resume(merkle *t, int64_t size, const merkle_hash *frontier, size_t n);

/* Where complete subtrees come from. False: it is not there, and what was asked for fails. */
typedef struct merkle_source {
	bool (*find)(void *arg, int level, int64_t index, merkle_hash *ret);
	void *arg;
} merkle_source;

/* Inclusion (2.1.3): the path from a leaf to the root of the tree of that size. 0 <= leaf < size. */
bool merkle_path(const merkle_source *s, int64_t leaf, int64_t size, merkle_hash *ret, uint32_t *ret_n);
bool merkle_path_holds(int64_t leaf, int64_t size, const merkle_hash *of, const merkle_hash *path, uint32_t n,
	const merkle_hash *root);
/* Consistency (2.1.4): that the tree of size `to` begins with the one of size `from`. 0 < from <= to. */
bool merkle_growth(const merkle_source *s, int64_t from, int64_t to, merkle_hash *ret, uint32_t *ret_n);
bool merkle_growth_holds(int64_t from, int64_t to, const merkle_hash *from_root, const merkle_hash *to_root,
	const merkle_hash *path, uint32_t n);
