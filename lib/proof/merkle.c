#include "proof/merkle.h"

#include <assert.h>
#include <string.h>

#include "net/digest.h"

void merkle_leaf(str record, merkle_hash *ret)
{
	const str parts[] = {{"\x00", 1}, record};

	digest_sha256(parts, 2, ret->v);
}

void merkle_node(const merkle_hash *left, const merkle_hash *right, merkle_hash *ret)
{
	char all[1 + 2 * MERKLE_HASH] = {1};
	const str part = {all, sizeof(all)};

	memcpy(all + 1, left->v, MERKLE_HASH);
	memcpy(all + 1 + MERKLE_HASH, right->v, MERKLE_HASH);
	digest_sha256(&part, 1, ret->v);
}

void merkle_grow(merkle *t, const merkle_hash *leaf, merkle_sink *on_subtree, void *arg)
{
	merkle_hash up = *leaf;
	int level = 0;

	for (;; level++) {
		if (on_subtree)
			on_subtree(arg, level, t->size >> level, &up);
		if (!(t->size >> level & 1))
			break;
		merkle_node(&t->at[level], &up, &up);
	}
	t->at[level] = up;
	t->size++;
}

void merkle_append(merkle *t, const merkle_hash *leaf)
{
	merkle_grow(t, leaf, NULL, NULL);
}

void merkle_root(const merkle *t, merkle_hash *ret)
{
	static const str nothing = {"", 0};
	bool has_any = false;

	if (!t->size)
		digest_sha256(&nothing, 1, ret->v);
	for (int level = 0; level < MERKLE_LEVELS; level++) {
		if (!(t->size >> level & 1))
			continue;
		if (has_any)
			merkle_node(&t->at[level], ret, ret);
		else
			*ret = t->at[level];
		has_any = true;
	}
}

uint32_t merkle_frontier(const merkle *t, merkle_hash ret[MERKLE_LEVELS])
{
	uint32_t n = 0;

	for (int level = MERKLE_LEVELS; level-- > 0;)
		if (t->size >> level & 1)
			ret[n++] = t->at[level];
	return n;
}

bool merkle_resume(merkle *t, int64_t size, const merkle_hash *frontier, size_t n)
{
	size_t at = 0;

	if (size < 0 || (size_t)__builtin_popcountll((uint64_t)size) != n)
		return false;
	t->size = size;
	for (int level = MERKLE_LEVELS; level-- > 0;)
		if (size >> level & 1)
			t->at[level] = frontier[at++];
	return true;
}

/* The largest power of two below n: where a tree of n > 1 leaves is divided. */
static int split_level(int64_t n)
{
	return 63 - __builtin_clzll((uint64_t)(n - 1));
}

/* The root over the leaves [from, from + n), which begin where a complete subtree of that many would. */
static bool span_root(const merkle_source *s, int64_t from, int64_t n, merkle_hash *ret)
{
	merkle_hash up = {0};
	bool has_any = false;

	for (int level = 0; level < MERKLE_LEVELS && n >> level; level++) {
		merkle_hash left;
		if (!(n >> level & 1))
			continue;
		int64_t begin = from + (n >> (level + 1) << (level + 1));
		if (!s->find(s->arg, level, begin >> level, &left))
			return false;
		if (has_any)
			merkle_node(&left, &up, &up);
		else
			up = left;
		has_any = true;
	}
	*ret = up;
	return has_any;
}

static void reverse(merkle_hash *v, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		merkle_hash kept = v[i];
		v[i] = v[n - 1 - i];
		v[n - 1 - i] = kept;
	}
}

bool merkle_path(const merkle_source *s, int64_t leaf, int64_t size, merkle_hash *ret, uint32_t *ret_n)
{
	int64_t from = 0, n = size;

	assert(leaf >= 0 && leaf < size);
	*ret_n = 0;
	while (n > 1) {
		int64_t half = (int64_t)1 << split_level(n);
		bool is_left = leaf - from < half;
		merkle_hash *other = &ret[(*ret_n)++];
		if (!(is_left ? span_root(s, from + half, n - half, other) : span_root(s, from, half, other)))
			return false;
		from += is_left ? 0 : half;
		n = is_left ? half : n - half;
	}
	reverse(ret, *ret_n);
	return true;
}

/* RFC 9162, 2.1.3.2. */
bool merkle_path_holds(
	int64_t leaf, int64_t size, const merkle_hash *of, const merkle_hash *path, uint32_t n, const merkle_hash *root)
{
	int64_t at = leaf, last = size - 1;
	merkle_hash up = *of;

	if (leaf < 0 || leaf >= size)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!last)
			return false;
		if ((at & 1) || at == last) {
			merkle_node(&path[i], &up, &up);
			while (!(at & 1) && at) {
				at >>= 1;
				last >>= 1;
			}
		} else
			merkle_node(&up, &path[i], &up);
		at >>= 1;
		last >>= 1;
	}
	return !last && memcmp(up.v, root->v, MERKLE_HASH) == 0;
}

bool merkle_growth(const merkle_source *s, int64_t from, int64_t to, merkle_hash *ret, uint32_t *ret_n)
{
	int64_t begin = 0, n = to;
	bool is_whole = true; /* what is asked of is the old tree itself, which the reader knows */

	assert(from > 0 && from <= to);
	*ret_n = 0;
	while (from - begin != n) {
		int64_t half = (int64_t)1 << split_level(n);
		bool is_left = from - begin <= half;
		merkle_hash *other = &ret[(*ret_n)++];
		if (!(is_left ? span_root(s, begin + half, n - half, other) : span_root(s, begin, half, other)))
			return false;
		is_whole = is_whole && is_left;
		begin += is_left ? 0 : half;
		n = is_left ? half : n - half;
	}
	if (!is_whole && !span_root(s, begin, n, &ret[(*ret_n)++]))
		return false;
	reverse(ret, *ret_n);
	return true;
}

/* RFC 9162, 2.1.4.2. */
bool merkle_growth_holds(int64_t from, int64_t to, const merkle_hash *from_root, const merkle_hash *to_root,
	const merkle_hash *path, uint32_t n)
{
	bool is_power = from > 0 && (from & (from - 1)) == 0;
	uint32_t i = is_power ? 0 : 1;
	int64_t at = from - 1, last = to - 1;

	if (from <= 0 || from > to)
		return false;
	if (from == to)
		return n == 0 && memcmp(from_root->v, to_root->v, MERKLE_HASH) == 0;
	if (!n)
		return false;
	merkle_hash old = is_power ? *from_root : path[0], new = old;
	while (at & 1) {
		at >>= 1;
		last >>= 1;
	}
	for (; i < n; i++) {
		if (!last)
			return false;
		if ((at & 1) || at == last) {
			merkle_node(&path[i], &old, &old);
			merkle_node(&path[i], &new, &new);
			while (!(at & 1) && at) {
				at >>= 1;
				last >>= 1;
			}
		} else
			merkle_node(&new, &path[i], &new);
		at >>= 1;
		last >>= 1;
	}
	return !last && memcmp(old.v, from_root->v, MERKLE_HASH) == 0 && memcmp(new.v, to_root->v, MERKLE_HASH) == 0;
}
