#include "agents/cluster/node_index.h"
#include <assert.h>
#include <endian.h>
#include <stdlib.h>

enum { CAP_MIN = 64 };

void node_index_done(node_index *x)
{
	vec_done(&x->rows);
	free(x->after);
	free(x->table);
	free(x->text);
	*x = (node_index){0};
}

static uint32_t home_of(const node_index *x, str name)
{
	return (uint32_t)str_hash(name) & (x->cap - 1);
}

/* What a JSON list may hold between quotes as it is. */
static bool is_plain(str name)
{
	for (uint32_t i = 0; i < name.n; i++)
		if (name.p[i] < ' ' || name.p[i] > '~' || name.p[i] == '"' || name.p[i] == '\\')
			return false;
	return true;
}

static void row_add(node_index *x, str name, int32_t node, uint32_t at)
{
	uint32_t i = home_of(x, name);

	while (x->table[i])
		i = (i + 1) & (x->cap - 1);
	x->text[at - 1] = is_plain(name) ? '"' : '\0';
	memcpy(x->text + at, name.p, name.n);
	memcpy(x->text + at + name.n, "\",", NODE_INDEX_BETWEEN - 1);
	vec_push(&x->rows, ((node_index_row){at, name.n, node, x->rows.n}));
	x->table[i] = x->rows.n;
}

static void index_make(node_index *x, const fleet *f, int32_t cluster)
{
	const fleet_cluster *c = &f->clusters.v[cluster];
	size_t bytes = 1;
	uint32_t at = 1;

	node_index_done(x);
	for (x->cap = CAP_MIN; x->cap < c->nodes.n * 2;)
		x->cap *= 2;
	for (uint32_t i = 0; i < c->nodes.n; i++)
		bytes += f->node_names.v[c->nodes.v[i]].n + NODE_INDEX_BETWEEN;
	x->table = calloc(x->cap, sizeof(*x->table));
	x->after = calloc(c->nodes.n + 1, sizeof(*x->after));
	x->text = calloc(1, bytes);
	assert(x->table && x->after && x->text && bytes < UINT32_MAX);
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		str name = f->node_names.v[c->nodes.v[i]];
		row_add(x, name, c->nodes.v[i], at);
		at += name.n + NODE_INDEX_BETWEEN;
	}
	x->text_n = at - 1;
}

static bool is_row(const node_index *x, uint32_t row, str name)
{
	const node_index_row *r = &x->rows.v[row];

	return r->n == name.n && memcmp(x->text + r->at, name.p, name.n) == 0;
}

static void index_follow(node_index *x, const fleet *f, int32_t cluster)
{
	if (!x->cap || x->is_stale)
		index_make(x, f, cluster);
}

const node_index_row *node_index_find(node_index *x, const fleet *f, int32_t cluster, str name)
{
	index_follow(x, f, cluster);
	if (!name.n)
		return NULL;
	if (x->next < x->rows.n && is_row(x, x->next, name))
		return &x->rows.v[x->next++];
	for (uint32_t i = home_of(x, name); x->table[i]; i = (i + 1) & (x->cap - 1)) {
		uint32_t row = x->table[i] - 1;
		if (!is_row(x, row, name))
			continue;
		if (x->next && row != x->next)
			x->after[x->next - 1] = row;
		x->next = row + 1;
		return &x->rows.v[row];
	}
	return NULL;
}

/* Bytes that are the same at the beginning of both. */
static size_t same_bytes(const char *a, const char *b, size_t most)
{
	size_t i = 0;
	uint64_t left, right;

	for (; i + sizeof(left) <= most; i += sizeof(left)) {
		memcpy(&left, a + i, sizeof(left));
		memcpy(&right, b + i, sizeof(right));
		if (left != right)
			return i + (size_t)__builtin_ctzll(le64toh(left ^ right)) / 8;
	}
	while (i < most && a[i] == b[i])
		i++;
	return i;
}

/* How many rows from this one on are the first names of the list. */
static uint32_t rows_same(const node_index *x, uint32_t at, str list)
{
	const node_index_row *first = &x->rows.v[at];
	uint32_t from = first->at - 1, left = x->text_n - from, n = 0;
	size_t same = same_bytes(x->text + from, list.p, left < list.n ? left : list.n);

	while (at + n < x->rows.n && first[n].at + first[n].n + 1 - from <= same)
		n++;
	return n;
}

uint32_t node_index_run(node_index *x, const fleet *f, int32_t cluster, str list, const node_index_row **ret)
{
	index_follow(x, f, cluster);
	if (!x->rows.n)
		return 0;
	uint32_t at = x->next < x->rows.n ? x->next : 0;
	uint32_t n = rows_same(x, at, list);
	if (!n && x->next) {
		at = x->after[x->next - 1];
		n = rows_same(x, at, list);
	}
	if (n)
		x->next = at + n;
	*ret = &x->rows.v[at];
	return n;
}
