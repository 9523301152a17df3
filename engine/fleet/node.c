#include <assert.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet/inside.h"

/* Behind all nodes of the same or a lower rank. */
static void cluster_insert(fleet *f, fleet_cluster *c, int32_t node)
{
	int32_t rank = f->nodes.v[node].rank;
	uint32_t at = c->nodes.n;

	while (at > 0 && f->nodes.v[c->nodes.v[at - 1]].rank > rank)
		at--;
	vec_push(&c->nodes, node);
	memmove(c->nodes.v + at + 1, c->nodes.v + at, (c->nodes.n - 1 - at) * sizeof *c->nodes.v);
	c->nodes.v[at] = node;
}

static void cluster_take_out(fleet_cluster *c, int32_t node)
{
	uint32_t at = 0;

	while (c->nodes.v[at] != node)
		at++;
	c->nodes.n--;
	memmove(c->nodes.v + at, c->nodes.v + at + 1, (c->nodes.n - at) * sizeof *c->nodes.v);
}

/* A block of handles for the cluster: all of them closed rows until a node takes them. */
static void block_add(fleet *f, fleet_cluster *c)
{
	int32_t first = (int32_t)f->nodes.n;

	assert(first % FLEET_BLOCK == 0 && first < INT32_MAX - FLEET_BLOCK);
	vec_push(&c->blocks, first / FLEET_BLOCK);
	if (!f->log)
		f->log = heap_new(FLEET_LOG, sizeof *f->log);
	for (int32_t i = 0; i < FLEET_BLOCK; i++) {
		*vec_add(&f->nodes) =
			(fleet_node){.cluster = FLEET_NONE, .first_device = FLEET_NONE, .wiring = FLEET_NONE};
		*vec_add(&f->views) = (fleet_view){.first_cell = FLEET_NONE, .class_id = FLEET_NONE, .is_closed = true};
		(void)vec_add(&f->node_names);
		vec_push(&f->told, 0);
	}
	for (int32_t i = FLEET_BLOCK; i > 0; i--)
		vec_push(&c->spare, first + i - 1);
}

static int32_t node_new(fleet *f, int32_t cluster, str name)
{
	fleet_cluster *c = &f->clusters.v[cluster];

	if (c->spare.n == 0)
		block_add(f, c);
	int32_t id = vec_pop(&c->spare);
	f->node_names.v[id] = fleet_name_new(name);
	f->nodes.v[id] = (fleet_node){
		.cluster = cluster, .rank = f->next_rank++, .first_device = FLEET_NONE, .wiring = FLEET_NONE};
	map_put(&c->node_by_name, f->node_names.v[id], fleet_value(id));
	cluster_insert(f, c, id);
	f->rank_moves++;
	return id;
}

static void node_rank(fleet *f, int32_t node, int32_t rank)
{
	fleet_node *n = &f->nodes.v[node];
	fleet_cluster *c = &f->clusters.v[n->cluster];

	if (rank == FLEET_NONE || rank == n->rank)
		return;
	assert(rank >= 0 && rank < INT32_MAX);
	cluster_take_out(c, node);
	n->rank = rank;
	f->rank_moves++;
	cluster_insert(f, c, node);
	if (rank >= f->next_rank)
		f->next_rank = rank + 1;
}

int32_t fleet_node_put(fleet *f, int32_t cluster, const node_spec *spec)
{
	assert(f->clusters.v[cluster].is_live && spec->pods_max >= 0);
	int32_t node = fleet_node_find(f, cluster, spec->name);

	if (node == FLEET_NONE)
		node = node_new(f, cluster, spec->name);
	node_rank(f, node, spec->rank);
	fleet_node *n = &f->nodes.v[node];
	n->flags &= ~(uint32_t)FLEET_GONE;
	n->cpu_milli = fleet_amount(spec->cpu_milli);
	n->memory_mib = fleet_amount(spec->memory_mib);
	n->pods_max = spec->pods_max ? spec->pods_max : INT32_MAX;
	fleet_view_refresh(f, node);
	return node;
}

int32_t fleet_node_find(const fleet *f, int32_t cluster, str name)
{
	return fleet_handle(map_find(&f->clusters.v[cluster].node_by_name, name));
}

void fleet_node_tidy(fleet *f, int32_t node)
{
	fleet_node *n = &f->nodes.v[node];
	fleet_cluster *c = &f->clusters.v[n->cluster];

	if (f->n_trials > 0 || !(n->flags & FLEET_GONE) || n->pods > 0 || n->first_device != FLEET_NONE)
		return;
	map_remove(&c->node_by_name, f->node_names.v[node]);
	cluster_take_out(c, node);
	fleet_name_free(&f->node_names.v[node]);
	fleet_cells_free(f, node);
	fleet_node_bare(f, node);
	*n = (fleet_node){.cluster = FLEET_NONE, .first_device = FLEET_NONE, .wiring = FLEET_NONE};
	fleet_view_refresh(f, node);
	vec_push(&c->spare, node);
}

void fleet_node_remove(fleet *f, int32_t node)
{
	assert(f->n_trials == 0);
	f->nodes.v[node].flags |= FLEET_GONE;
	fleet_view_refresh(f, node);
	for (int32_t d = f->nodes.v[node].first_device; d != FLEET_NONE;) {
		int32_t next = f->devices.v[d].next;
		fleet_device_remove(f, d);
		d = next;
	}
	fleet_node_tidy(f, node);
}
