#include <criterion/criterion.h>
#include <stdio.h>

#include "proof/checkpoint.h"
#include "proof/tile.h"

enum { LEAVES = 700, SLOW_LEAVES = 40 };

/* The inputs and roots that implementations of RFC 6962 and 9162 test themselves by. */
static const struct {
	const char *leaf, *root; /* hex; the root of the tree up to it */
} known[] = {
	{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static bool is_same(const merkle_hash *a, const merkle_hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

Test(merkle, roots_are_those_of_others)
{
	merkle t = {0};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		uint8_t bytes[16];
		merkle_hash leaf, root, expected;
		size_t n = strlen(known[i].leaf) / 2;
		cr_assert(hex_read(str_from(known[i].leaf), bytes, n));
		cr_assert(hex_read(str_from(known[i].root), expected.v, MERKLE_HASH));
		merkle_leaf(str_of((const char *)bytes, n), &leaf);
		merkle_append(&t, &leaf);
		merkle_root(&t, &root);
		cr_expect(is_same(&root, &expected), "of %zu leaves", i + 1);
	}
}

static void leaf_of(int64_t i, merkle_hash *ret)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "record %lld", (long long)i);

	merkle_leaf(str_of(text, (size_t)n), ret);
}

/* Section 2.1.1 as it is written. */
static void root_slow(int64_t from, int64_t n, merkle_hash *ret)
{
	merkle_hash left, right;
	int64_t half = 1;

	if (n == 1) {
		leaf_of(from, ret);
		return;
	}
	while (2 * half < n)
		half *= 2;
	root_slow(from, half, &left);
	root_slow(from + half, n - half, &right);
	merkle_node(&left, &right, ret);
}

/* A tree of so many leaves as tiles, grown in pieces as checkpoints are. */
static void tiles_fill(tiles *all, int64_t n, merkle *t)
{
	*t = (merkle){0};
	for (int64_t i = 0; i < n; i++) {
		merkle_hash leaf;
		leaf_of(i, &leaf);
		merkle_grow(t, &leaf, tiles_grow, all);
	}
}

Test(merkle, a_path_leads_to_the_root_and_no_other_path_does)
{
	AUTO_ARENA a = arena_new(0);
	tiles all = {.arena = a};
	merkle t;

	tiles_fill(&all, LEAVES, &t);
	merkle_source from = tiles_source(&all);
	for (int64_t size = 1; size <= LEAVES; size += size < SLOW_LEAVES ? 1 : 57) {
		merkle_hash root, leaf, path[MERKLE_PATH_MAX];
		root_slow(0, size, &root);
		for (int64_t i = 0; i < size; i += size < SLOW_LEAVES ? 1 : 23) {
			uint32_t n;
			leaf_of(i, &leaf);
			cr_assert(merkle_path(&from, i, size, path, &n));
			cr_expect(merkle_path_holds(i, size, &leaf, path, n, &root), "%d of %d", (int)i, (int)size);
			cr_expect_not(merkle_path_holds(i + 1, size, &leaf, path, n, &root));
			cr_expect(size == 1 || !merkle_path_holds(i, size, &root, path, n, &leaf));
			if (n) {
				path[n / 2].v[7] ^= 1;
				cr_expect_not(merkle_path_holds(i, size, &leaf, path, n, &root));
				path[n / 2].v[7] ^= 1;
				cr_expect_not(merkle_path_holds(i, size, &leaf, path, n - 1, &root));
			}
		}
	}
}

Test(merkle, growth_holds_between_any_two_sizes_and_for_no_other_tree)
{
	AUTO_ARENA a = arena_new(0);
	tiles all = {.arena = a};
	merkle t;

	tiles_fill(&all, LEAVES, &t);
	merkle_source from = tiles_source(&all);
	for (int64_t to = 1; to <= LEAVES; to += to < SLOW_LEAVES ? 1 : 111)
		for (int64_t older = 1; older <= to; older += to < SLOW_LEAVES ? 1 : 37) {
			merkle_hash old_root, new_root, path[MERKLE_PATH_MAX];
			uint32_t n;
			root_slow(0, older, &old_root);
			root_slow(0, to, &new_root);
			cr_assert(merkle_growth(&from, older, to, path, &n));
			cr_expect(merkle_growth_holds(older, to, &old_root, &new_root, path, n), "%d to %d", (int)older,
				(int)to);
			old_root.v[0] ^= 1;
			cr_expect_not(merkle_growth_holds(older, to, &old_root, &new_root, path, n));
			old_root.v[0] ^= 1;
			new_root.v[0] ^= 1;
			cr_expect_not(merkle_growth_holds(older, to, &old_root, &new_root, path, n));
		}
}

Test(merkle, a_tree_goes_on_from_its_frontier)
{
	merkle whole = {0}, cut = {0};

	for (int64_t i = 0; i < LEAVES; i++) {
		merkle_hash leaf, frontier[MERKLE_LEVELS], a, b;
		uint32_t n = merkle_frontier(&whole, frontier);
		cr_assert(merkle_resume(&cut, i, frontier, n));
		cr_expect_not(merkle_resume(&(merkle){0}, i, frontier, n + 1));
		leaf_of(i, &leaf);
		merkle_append(&whole, &leaf);
		merkle_append(&cut, &leaf);
		merkle_root(&whole, &a);
		merkle_root(&cut, &b);
		cr_expect(is_same(&a, &b), "at %d", (int)i);
	}
}

Test(merkle, a_proof_needs_two_tiles_of_each_level_at_most)
{
	static const int64_t sizes[] = {1, 256, 257, 65536, 65537, 1000000, 123456789012};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int64_t leaf = 0; leaf < sizes[i]; leaf += 1 + sizes[i] / 97) {
			AUTO_ARENA a = arena_new(0);
			tiles needed = {.arena = a};
			merkle_source dry = tiles_needed(&needed);
			merkle_hash path[MERKLE_PATH_MAX];
			uint32_t n, per_level[TILE_LEVELS] = {0};
			cr_assert(merkle_path(&dry, leaf, sizes[i], path, &n));
			for (uint32_t k = 0; k < needed.n; k++)
				cr_expect_leq(++per_level[needed.v[k].level], 2);
		}
}

Test(checkpoint, has_one_form_only)
{
	checkpoint c = {.chain = 'p', .size = 4096, .at_us = 1700000000123000, .has_prev = true}, back;
	buf out;

	memset(c.root.v, 0xab, sizeof(c.root.v));
	buf_init(&out, CHECKPOINT_BYTES_MAX);
	checkpoint_write(&c, &out);
	cr_assert(checkpoint_read(buf_str(&out), &back));
	cr_expect_eq(memcmp(&c, &back, sizeof(c)), 0);
	for (size_t i = 0; i < out.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			out.p[i] ^= (char)(1 << bit);
			cr_expect(!checkpoint_read(buf_str(&out), &back) || memcmp(&c, &back, sizeof(c)) != 0,
				"byte %zu reads the same", i);
			out.p[i] ^= (char)(1 << bit);
		}
	buf_done(&out);
}
