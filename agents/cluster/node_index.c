#include "agents/cluster/node_index.h"
#include <assert.h>
#include <stdlib.h>

enum { CAP_MIN = 64 };

void node_index_done(node_index *x)
{
	vec_done(&x->rows);
	free(x->table);
	free(x->text);
	*x = (node_index){0};
}

static uint32_t home_of(const node_index *x, str name)
{
	return (uint32_t)str_hash(name) & (x->cap - 1);
}

static void row_add(node_index *x, str name, int32_t node, uint32_t at)
{
	uint32_t i = home_of(x, name);

	while (x->table[i])
		i = (i + 1) & (x->cap - 1);
	memcpy(x->text + at, name.p, name.n);
	vec_push(&x->rows, ((node_index_row){at, name.n, node}));
	x->table[i] = x->rows.n;
}

static void index_make(node_index *x, const fleet *f, int32_t cluster)
{
	const fleet_cluster *c = &f->clusters.v[cluster];
	size_t bytes = 1;
	uint32_t at = 0;

	node_index_done(x);
	for (x->cap = CAP_MIN; x->cap < c->nodes.n * 2;)
		x->cap *= 2;
	for (uint32_t i = 0; i < c->nodes.n; i++)
		bytes += f->node_names.v[c->nodes.v[i]].n;
	x->table = calloc(x->cap, sizeof(*x->table));
	x->text = calloc(1, bytes);
	assert(x->table && x->text && bytes < UINT32_MAX);
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		str name = f->node_names.v[c->nodes.v[i]];
		row_add(x, name, c->nodes.v[i], at);
		at += name.n;
	}
}

static bool is_row(const node_index *x, uint32_t row, str name)
{
	const node_index_row *r = &x->rows.v[row];

	return r->n == name.n && memcmp(x->text + r->at, name.p, name.n) == 0;
}

int32_t node_index_find(node_index *x, const fleet *f, int32_t cluster, str name)
{
	if (!x->cap || x->is_stale)
		index_make(x, f, cluster);
	if (!name.n)
		return FLEET_NONE;
	if (x->next < x->rows.n && is_row(x, x->next, name))
		return x->rows.v[x->next++].node;
	for (uint32_t i = home_of(x, name); x->table[i]; i = (i + 1) & (x->cap - 1)) {
		uint32_t row = x->table[i] - 1;
		if (!is_row(x, row, name))
			continue;
		x->next = row + 1;
		return x->rows.v[row].node;
	}
	return FLEET_NONE;
}
