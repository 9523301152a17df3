#include "agents/scheduling/node_index.h"
#include <assert.h>
#include <endian.h>
#include <stdlib.h>

enum { CAP_MIN = 64, LUCK_MIN = 3, TAIL_BYTES = sizeof(uint64_t) };

void node_index_done(node_index *x)
{
	vec_done(&x->rows);
	free(x->after);
	free(x->table);
	free(x->text);
	*x = (node_index){0};
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
	uint64_t hash = str_hash(name);
	uint32_t i = (uint32_t)hash & (x->cap - 1);

	while (x->table[i].row)
		i = (i + 1) & (x->cap - 1);
	x->text[at - 1] = is_plain(name) ? '"' : '\0';
	memcpy(x->text + at, name.p, name.n);
	memcpy(x->text + at + name.n, "\",", NODE_INDEX_BETWEEN - 1);
	vec_push(&x->rows, ((node_index_row){at, name.n, node, x->rows.n}));
	x->table[i] = (node_index_slot){(uint32_t)(hash >> 32), x->rows.n};
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

/* The row that may come next where rows do not come one behind the other. */
static uint32_t row_after(const node_index *x)
{
	return x->next ? x->after[x->next - 1] : 0;
}

static bool is_lost(const node_index *x)
{
	return x->luck < LUCK_MIN;
}

/* quote: the one behind the name. */
static uint64_t tail_of(const char *quote)
{
	uint64_t tail;

	memcpy(&tail, quote + 1 - TAIL_BYTES, TAIL_BYTES);
	return tail;
}

static node_index_soon *soon_of(node_index *x, uint64_t tail)
{
	return &x->soon[tail * 0x9e3779b97f4a7c15u >> (64 - NODE_INDEX_SOON_BITS)];
}

static void soon_note(node_index *x, uint32_t row)
{
	const node_index_row *r = &x->rows.v[row];

	if (row == x->rows.n || r->n < TAIL_BYTES)
		return;
	uint64_t tail = tail_of(x->text + r->at + r->n);
	*soon_of(x, tail) = (node_index_soon){tail, row};
}

static void row_note(node_index *x, uint32_t row)
{
	bool is_guessed = row == x->next || row == row_after(x);

	x->luck = is_guessed ? x->luck + 1 : 0;
	if (x->next && row != x->next)
		x->after[x->next - 1] = row;
	x->next = row + 1;
	soon_note(x, row + 1);
}

static const node_index_row *row_look(node_index *x, str name)
{
	uint64_t hash = str_hash(name);
	uint32_t tag = (uint32_t)(hash >> 32);

	for (uint32_t i = (uint32_t)hash & (x->cap - 1); x->table[i].row; i = (i + 1) & (x->cap - 1)) {
		uint32_t row = x->table[i].row - 1;
		if (x->table[i].tag != tag || !is_row(x, row, name))
			continue;
		row_note(x, row);
		return &x->rows.v[row];
	}
	return NULL;
}

const node_index_row *node_index_find(node_index *x, const fleet *f, int32_t cluster, str name)
{
	index_follow(x, f, cluster);
	return name.n ? row_look(x, name) : NULL;
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

/* How many rows from this one on, of `most` at most, are the first names of the list. */
static uint32_t rows_same(const node_index *x, uint32_t at, str list, uint32_t most)
{
	const node_index_row *first = &x->rows.v[at],
			     *end = first + (x->rows.n - at < most ? x->rows.n - at : most) - 1;
	uint32_t bytes = end->at + end->n + 2 - first->at, n = 0;
	size_t same = same_bytes(x->text + first->at - 1, list.p, bytes < list.n ? bytes : list.n);

	while (first + n <= end && first[n].at + first[n].n + 2 - first->at <= same)
		n++;
	return n;
}

/* How many names go by a guess; *ret_at is the first one's row. */
static uint32_t rows_guess(node_index *x, str list, uint32_t most, uint32_t *ret_at)
{
	uint32_t n = 0;

	for (int tries = 0; tries < 2; tries++) {
		*ret_at = x->goes_by_after ? row_after(x) : x->next < x->rows.n ? x->next : 0;
		n = rows_same(x, *ret_at, list, most);
		if (n)
			return n;
		x->goes_by_after = !x->goes_by_after;
	}
	x->luck = 0;
	return 0;
}

static const node_index_row *row_soon(node_index *x, str name)
{
	if (name.n < TAIL_BYTES)
		return NULL;
	uint64_t tail = tail_of(name.p + name.n);
	const node_index_soon *s = soon_of(x, tail);
	uint32_t row = s->row;
	if (s->tail != tail || !is_row(x, row, name))
		return NULL;
	row_note(x, row);
	return &x->rows.v[row];
}

/* One name that stands there as it is; what has an escape in it is no name of ours. */
static const node_index_row *row_read(node_index *x, str list)
{
	const char *from = list.p + 1, *end = list.n > 1 ? memchr(from, '"', list.n - 1) : NULL;

	if (!end || end == from)
		return NULL;
	str name = {from, (uint32_t)(end - from)};
	const node_index_row *row = row_soon(x, name);
	if (!row)
		row = row_look(x, name);
	return row && x->text[row->at - 1] == '"' ? row : NULL;
}

uint32_t node_index_run(
	node_index *x, const fleet *f, int32_t cluster, str list, uint32_t most, const node_index_row **ret)
{
	uint32_t n = 0, at;

	index_follow(x, f, cluster);
	while (n < most && x->rows.n) {
		uint32_t from = n, same = is_lost(x) ? 0 : rows_guess(x, list, most - n, &at);
		const node_index_row *row = same ? &x->rows.v[at] : row_read(x, list);
		if (!row)
			break;
		for (ret[n++] = row; n < from + same; n++)
			ret[n] = ++row;
		if (same)
			x->next = at + same;
		uint32_t bytes = row->at + row->n - ret[from]->at + NODE_INDEX_BETWEEN;
		if (bytes >= list.n || list.p[bytes - 1] != ',' || list.p[bytes] != '"')
			break;
		list = str_cut(list, bytes, list.n);
	}
	return n;
}
