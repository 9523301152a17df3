#include "proof/walk.h"

#include "net/digest.h"

static bool is_same(const merkle_hash *a, const merkle_hash *b)
{
	return memcmp(a->v, b->v, MERKLE_HASH) == 0;
}

static void link_of(const merkle_hash *prev, str record, merkle_hash *ret)
{
	const str parts[] = {{(const char *)prev->v, MERKLE_HASH}, record};

	digest_sha256(parts, 2, ret->v);
}

void walk_begin(walk *w)
{
	static const str nothing = {"", 0};

	memset(w, 0, sizeof(*w));
	digest_sha256(&nothing, 1, w->hash.v);
	w->computed = w->hash;
	w->has_tree = true;
}

void walk_resume(walk *w, int64_t n, const merkle_hash *hash, const merkle *tree)
{
	memset(w, 0, sizeof(*w));
	w->n = n;
	w->hash = w->computed = *hash;
	w->tree = *tree;
	w->has_tree = true;
}

static bool links(const walk *w, str record, const merkle_hash *hash, merkle_hash *ret_follows)
{
	merkle_hash other;

	link_of(&w->hash, record, ret_follows);
	if (w->is_lost || is_same(ret_follows, hash))
		return true;
	if (is_same(&w->hash, &w->computed))
		return false;
	link_of(&w->computed, record, &other);
	return is_same(&other, hash);
}

walk_step walk_follow(walk *w, int64_t n, str record, const merkle_hash *hash)
{
	merkle_hash follows, leaf;
	bool is_linked = links(w, record, hash, &follows);
	bool is_next = n == w->n + 1;
	walk_step step = is_linked ? WALK_HOLDS : WALK_HASH;

	if (!is_next && !(w->is_astray && is_linked))
		step = WALK_NUMBER;
	w->has_tree = w->has_tree && is_next;
	if (w->has_tree) {
		merkle_leaf(record, &leaf);
		merkle_append(&w->tree, &leaf);
	}
	w->n = n;
	w->hash = *hash;
	w->computed = follows;
	w->is_astray = step != WALK_HOLDS;
	w->is_lost = false;
	return step;
}

void walk_skip(walk *w)
{
	w->n++;
	w->is_lost = true;
	w->is_astray = true;
	w->has_tree = false;
}
