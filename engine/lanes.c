#include "engine/lanes.h"

#include <assert.h>
#include <string.h>

#include "engine/alike.h"

/* A node as its lane would show it, and the group where that is. */
typedef struct facts {
	const fleet_view *view;
	int32_t cluster, class_id, device_memory_mib;
	bool is_pristine;
	int32_t shared_milli, shared_memory_mib, shared_compute_milli;
} facts;

void lanes_done(lanes *all)
{
	vec_each (g, &all->groups)
		vec_done(&g->blocks);
	vec_done(&all->groups);
	vec_done(&all->places);
	*all = (lanes){0};
}

static int32_t larger(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static facts facts_of(const fleet *f, int32_t node)
{
	const fleet_view *v = &f->views.v[node];
	bool is_even = !v->is_ruled && v->class_id != FLEET_NONE && v->n_open > 0;
	facts x = {.view = v, .cluster = f->nodes.v[node].cluster};

	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *c = &f->cells.v[i];
		is_even &= !c->is_open || c->memory_mib == v->min_memory_mib;
		if (c->is_idle || !c->has_slot)
			continue;
		x.shared_milli = larger(x.shared_milli, c->free_milli);
		x.shared_memory_mib = larger(x.shared_memory_mib, c->free_memory_mib);
		x.shared_compute_milli = larger(x.shared_compute_milli, c->free_compute_milli);
	}
	x.class_id = is_even ? v->class_id : FLEET_NONE;
	x.device_memory_mib = is_even ? v->min_memory_mib : 0;
	x.is_pristine = is_even && v->is_pristine;
	return x;
}

static lane_state state_of(const fleet_view *v)
{
	if (v->is_tainted)
		return LANE_TAINTED;
	if (v->is_closed)
		return LANE_CLOSED;
	return v->is_crowded ? LANE_CROWDED : LANE_OPEN;
}

static void lane_write(lane_group *g, uint32_t lane, const fleet *f, int32_t node, const facts *x)
{
	lane_block *b = &g->blocks.v[lane / LANES];
	uint32_t i = lane % LANES;

	b->node[i] = node;
	b->rank[i] = x->view->rank;
	b->state[i] = (int32_t)state_of(x->view);
	b->cpu_milli[i] = x->view->free_cpu_milli;
	b->memory_mib[i] = x->view->free_memory_mib;
	b->cpu_total_milli[i] = (int32_t)f->nodes.v[node].cpu_milli;
	b->memory_total_mib[i] = (int32_t)f->nodes.v[node].memory_mib;
	b->free_milli[i] = x->view->free_device_milli;
	b->n_open[i] = x->view->n_open;
	b->n_idle[i] = x->view->n_idle;
	b->shared_milli[i] = x->shared_milli;
	b->shared_memory_mib[i] = x->shared_memory_mib;
	b->shared_compute_milli[i] = x->shared_compute_milli;
	g->first = FLEET_NONE;
}

static void lane_copy(lane_group *g, uint32_t to, uint32_t from)
{
	int32_t *columns = (int32_t *)g->blocks.v;
	enum { BLOCK = sizeof(lane_block) / sizeof(int32_t), COLUMNS = BLOCK / LANES };

	for (uint32_t c = 0; c < COLUMNS; c++)
		columns[to / LANES * BLOCK + c * LANES + to % LANES] =
			columns[from / LANES * BLOCK + c * LANES + from % LANES];
}

static void lane_clear(lane_block *b, uint32_t i)
{
	b->node[i] = FLEET_NONE;
	b->rank[i] = INT32_MAX;
	b->state[i] = LANE_EMPTY;
}

/* The last lane takes the place of the one that goes. */
static void lane_remove(lanes *all, int32_t node)
{
	lane_place *at = &all->places.v[node];
	lane_group *g = &all->groups.v[at->group];
	uint32_t last = --g->n;
	lane_block *b = &g->blocks.v[last / LANES];

	if (at->lane != last) {
		all->places.v[b->node[last % LANES]].lane = at->lane;
		lane_copy(g, at->lane, last);
	}
	lane_clear(b, last % LANES);
	at->group = FLEET_NONE;
	g->first = FLEET_NONE;
}

static void block_add(lane_group *g)
{
	lane_block *b = vec_add(&g->blocks);

	for (uint32_t i = 0; i < LANES; i++)
		lane_clear(b, i);
}

static void lane_add(lanes *all, int32_t group, const fleet *f, int32_t node, const facts *x)
{
	lane_group *g = &all->groups.v[group];

	if (g->n == g->blocks.n * LANES)
		block_add(g);
	all->places.v[node] = (lane_place){group, g->n};
	lane_write(g, g->n++, f, node, x);
}

static bool is_group_of(const lane_group *g, const facts *x)
{
	return g->cluster == x->cluster && g->class_id == x->class_id && g->device_memory_mib == x->device_memory_mib &&
	       g->is_pristine == x->is_pristine && (!x->is_pristine || alike_is(&g->like, x->view));
}

/* One that nobody is in, or a new one; FLEET_NONE: there are n_max. */
static int32_t group_take(lanes *all, uint32_t n_max)
{
	for (uint32_t i = 0; i < all->groups.n; i++)
		if (all->groups.v[i].n == 0)
			return (int32_t)i;
	if (all->groups.n >= n_max)
		return FLEET_NONE;
	(void)vec_add(&all->groups);
	return (int32_t)all->groups.n - 1;
}

static uint32_t groups_max(const facts *x)
{
	if (x->class_id == FLEET_NONE)
		return UINT32_MAX;
	return x->is_pristine ? LANE_PRISTINE_GROUPS_MAX : LANE_GROUPS_MAX;
}

/* Where groups are short an untouched node stands with the touched ones of its class, and what is of too many classes
 * or sizes with the odd ones. */
static void facts_blur(facts *x)
{
	if (!x->is_pristine) {
		x->class_id = FLEET_NONE;
		x->device_memory_mib = 0;
	}
	x->is_pristine = false;
}

static int32_t group_find(const lanes *all, const facts *x)
{
	for (uint32_t i = 0; i < all->groups.n; i++)
		if (is_group_of(&all->groups.v[i], x))
			return (int32_t)i;
	return FLEET_NONE;
}

static int32_t group_for(lanes *all, facts *x)
{
	int32_t group = group_find(all, x);

	if (group != FLEET_NONE)
		return group;
	while ((group = group_take(all, groups_max(x))) == FLEET_NONE) {
		facts_blur(x);
		group = group_find(all, x);
		if (group != FLEET_NONE)
			return group;
	}
	lane_group *g = &all->groups.v[group];
	g->cluster = x->cluster;
	g->class_id = x->class_id;
	g->device_memory_mib = x->device_memory_mib;
	g->is_pristine = x->is_pristine;
	g->like = *x->view;
	return group;
}

static void node_follow(lanes *all, const fleet *f, int32_t node)
{
	lane_place *at = &all->places.v[node];

	if (f->nodes.v[node].cluster == FLEET_NONE) {
		if (at->group != FLEET_NONE)
			lane_remove(all, node);
		return;
	}
	facts x = facts_of(f, node);
	if (at->group != FLEET_NONE && is_group_of(&all->groups.v[at->group], &x)) {
		lane_write(&all->groups.v[at->group], at->lane, f, node, &x);
		return;
	}
	if (at->group != FLEET_NONE)
		lane_remove(all, node);
	lane_add(all, group_for(all, &x), f, node, &x);
}

static void build(lanes *all, const fleet *f)
{
	lanes_done(all);
	all->fleet = f;
	vec_reserve(&all->places, f->nodes.n);
	while (all->places.n < f->nodes.n)
		vec_push(&all->places, ((lane_place){.group = FLEET_NONE}));
	for (uint32_t i = 0; i < f->nodes.n; i++)
		node_follow(all, f, (int32_t)i);
}

void lanes_follow(lanes *all, const fleet *f)
{
	if (all->fleet != f || all->log_at > f->log_n || !fleet_log_reaches(f, all->log_at)) {
		build(all, f);
		all->log_at = f->log_n;
		return;
	}
	while (all->places.n < f->nodes.n)
		vec_push(&all->places, ((lane_place){.group = FLEET_NONE}));
	for (; all->log_at < f->log_n; all->log_at++) {
		int32_t node = fleet_log_at(f, all->log_at);
		if (node != FLEET_NONE)
			node_follow(all, f, node);
	}
}

static int32_t lowest_rank(const lane_block *b)
{
	int32_t rank = INT32_MAX;

	for (uint32_t i = 0; i < LANES; i++)
		rank = b->rank[i] < rank ? b->rank[i] : rank;
	return rank;
}

/* Of equal ranks the lower handle is first. */
static void first_find(lane_group *g)
{
	int32_t rank = INT32_MAX, node = FLEET_NONE;

	for (uint32_t i = 0; i < lane_blocks(g); i++) {
		const lane_block *b = &g->blocks.v[i];
		int32_t lowest = lowest_rank(b);
		for (uint32_t k = 0; lowest <= rank && k < LANES; k++) {
			if (b->rank[k] != lowest || (lowest == rank && b->node[k] >= node))
				continue;
			rank = lowest;
			node = b->node[k];
		}
	}
	g->first = node;
}

int32_t lane_first(lane_group *g)
{
	assert(g->n > 0);
	if (g->first == FLEET_NONE)
		first_find(g);
	return g->first;
}
