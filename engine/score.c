#include "engine/score.h"

#include <assert.h>

#include "engine/fragmentation.h"
#include "engine/reference.h"
#include "engine/score_hami.h"
#include "engine/score_links.h"

/* A large node of the public traces: 128 cores, 8 devices, 1 TiB. Binpack compares what is left over with these, so
 * that it prefers the small remainder of a small node to the same fraction of a large one. */
enum { LARGE_CPU_MILLI = 128000, LARGE_DEVICE_MILLI = 8000, LARGE_MEMORY_MIB = 1 << 20 };

/* 0 to SCORE_MAX. */
static int32_t share_left(int64_t left, int64_t whole)
{
	if (left <= 0 || whole <= 0)
		return 0;
	return left >= whole ? SCORE_MAX : (int32_t)(left * SCORE_MAX / whole);
}

/* Of places for an instance the one that takes least from later ones. */
static int64_t binpack_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	(void)c;
	return -(((int64_t)slice->loss << 16) + cell->free_milli);
}

static int32_t binpack_node(const score_case *c)
{
	int32_t devices = share_left(c->view->free_device_milli - c->device_milli, LARGE_DEVICE_MILLI);
	int32_t cpu = share_left(c->view->free_cpu_milli - c->group->cpu_milli, LARGE_CPU_MILLI);
	int32_t memory = share_left(c->view->free_memory_mib - c->group->memory_mib, LARGE_MEMORY_MIB);

	return SCORE_MAX - (2 * devices + cpu + memory) / 4;
}

static int32_t left_of(int32_t free, int32_t taken)
{
	return free > taken ? free - taken : 0;
}

static int32_t share_taken(int32_t free, int32_t taken, int32_t whole)
{
	return share_left(left_of(free, taken), whole);
}

/* What hangs on a node's amounts alone needs no bound: it is the score. */
static void binpack_bound(const score_many *m, const lane_block *b, int32_t ret[LANES])
{
	const int32_t device_milli = m->count * m->milli;

	for (int32_t i = 0; i < LANES; i++) {
		int32_t devices = share_taken(b->free_milli[i], device_milli, LARGE_DEVICE_MILLI);
		int32_t cpu = share_taken(b->cpu_milli[i], m->host_cpu_milli, LARGE_CPU_MILLI);
		int32_t memory = share_taken(b->memory_mib[i], m->host_memory_mib, LARGE_MEMORY_MIB);
		ret[i] = SCORE_MAX - (2 * devices + cpu + memory) / 4;
	}
}

static void spread_bound(const score_many *m, const lane_block *b, int32_t ret[LANES])
{
	const int32_t device_milli = m->count * m->milli;

	for (int32_t i = 0; i < LANES; i++) {
		int32_t devices = share_taken(b->free_milli[i], device_milli, b->n_open[i] * SHARE_WHOLE_MILLI);
		int32_t cpu = share_taken(b->cpu_milli[i], m->host_cpu_milli, b->cpu_total_milli[i]);
		int32_t memory = share_taken(b->memory_mib[i], m->host_memory_mib, b->memory_total_mib[i]);
		ret[i] = (2 * devices + cpu + memory) / 4;
	}
}

static void nothing_prepare(score_many *m)
{
	(void)m;
}

static int64_t spread_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	(void)c;
	(void)slice;
	return cell->free_milli;
}

static int32_t spread_node(const score_case *c)
{
	const fleet_node *n = &c->f->nodes.v[c->node];
	int64_t whole_milli = (int64_t)c->view->n_open * SHARE_WHOLE_MILLI;
	int32_t devices = share_left(c->view->free_device_milli - c->device_milli, whole_milli);
	int32_t cpu = share_left(c->view->free_cpu_milli - c->group->cpu_milli, n->cpu_milli);
	int32_t memory = share_left(c->view->free_memory_mib - c->group->memory_mib, n->memory_mib);

	return (2 * devices + cpu + memory) / 4;
}

static int64_t class_price(const score_tables *t, int32_t class_id)
{
	return t && class_id >= 0 && class_id < t->n_prices ? t->prices[class_id] : 0;
}

static int64_t price_of(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	return class_price(c->tables, cell->class_id) * slice->milli;
}

/* Of equally cheap ones the fullest. */
static int64_t cost_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	return -price_of(c, cell, slice) * (SHARE_WHOLE_MILLI + 1) - cell->free_milli;
}

enum { COST_STEPS = 1 << 20 };

/* What n devices cost, as a part of what they would cost whole and of the dearest class. */
static int32_t cost_rate(const score_tables *t, int64_t sum, int32_t n)
{
	int64_t most = 0;

	if (sum == 0)
		return COST_STEPS;
	for (int32_t i = 0; t && i < t->n_prices; i++)
		most = t->prices[i] > most ? t->prices[i] : most;
	return (int32_t)(COST_STEPS - (double)sum / ((double)most * SHARE_WHOLE_MILLI * n) * COST_STEPS);
}

static int32_t cost_node(const score_case *c)
{
	int64_t sum = 0;

	for (int32_t i = 0; i < c->n_slices; i++)
		sum += price_of(c, &c->f->cells.v[c->slices[i].cell], &c->slices[i]);
	return cost_rate(c->tables, sum, c->n_slices);
}

/* All nodes of one class cost the same. */
static void cost_bound(const score_many *m, const lane_block *b, int32_t ret[LANES])
{
	const int32_t all = cost_rate(m->tables, class_price(m->tables, m->class_id) * m->milli * m->count, m->count);

	(void)b;
	for (int32_t i = 0; i < LANES; i++)
		ret[i] = all;
}

const score_policy score_policies[POLICY_COUNT] = {
	[POLICY_BINPACK] = {.name = "binpack",
		.device = binpack_device,
		.node = binpack_node,
		.bound_prepare = nothing_prepare,
		.bound = binpack_bound},
	[POLICY_SPREAD] = {.name = "spread",
		.device = spread_device,
		.node = spread_node,
		.bound_prepare = nothing_prepare,
		.bound = spread_bound},
	[POLICY_FRAGMENTATION] = {"fragmentation", fragmentation_device, fragmentation_node, fragmentation_prepare,
		fragmentation_unsettled, fragmentation_settle, fragmentation_bound_prepare, fragmentation_bound,
		.most = FRAGMENTATION_MOST, .weighed_from = FRAGMENTATION_FREE - SCORE_MAX / 2,
		.weighed_to = FRAGMENTATION_FREE + SCORE_MAX / 2},
	[POLICY_REFERENCE] = {.name = "reference", .device = reference_device, .node = reference_node},
	[POLICY_TOPOLOGY] = {"topology", binpack_device, links_node, .is_linked = true},
	[POLICY_COST] = {.name = "cost",
		.device = cost_device,
		.node = cost_node,
		.bound_prepare = nothing_prepare,
		.bound = cost_bound,
		.most = COST_STEPS},
	[POLICY_HAMI_BINPACK] = {"hami-binpack", hami_device_binpack, hami_node_binpack, .most = SCORE_LIMIT - 1,
		.is_hami = true},
	[POLICY_HAMI_SPREAD] = {"hami-spread", hami_device_spread, hami_node_spread, .most = SCORE_LIMIT - 1,
		.is_hami = true},
	[POLICY_HAMI_CHAIN] = {"hami-chain", hami_device_chain, hami_node_binpack, .most = SCORE_LIMIT - 1,
		.is_hami = true},
};

/* 0 to SCORE_MAX. */
static int64_t weighed(const score_policy *p, int32_t score)
{
	int32_t from = p->weighed_from, to = p->weighed_to ? p->weighed_to : p->most ? p->most : SCORE_MAX;

	if (score <= from)
		return 0;
	return score >= to ? SCORE_MAX : (int64_t)(score - from) * SCORE_MAX / (to - from);
}

int32_t score_of_node(const score_case *c)
{
	int64_t sum = 0;

	static_assert((int64_t)SCORE_MAX * ASK_WEIGHT_MAX * ASK_WEIGHTS_MAX < SCORE_LIMIT, "a sum is a score");
	assert(c->a->n_weights >= 1 && c->a->n_weights <= ASK_WEIGHTS_MAX);
	for (int32_t i = 0; i < c->a->n_weights; i++) {
		const ask_weight *w = &c->a->weights[i];
		assert(w->weight >= 1 && w->weight <= ASK_WEIGHT_MAX);
		sum += weighed(&score_policies[w->policy], score_policies[w->policy].node(c)) * w->weight;
	}
	return (int32_t)sum;
}

ask_policy score_policy_named(str name)
{
	for (ask_policy p = 0; p < POLICY_COUNT; p++)
		if (str_eq(name, str_from(score_policies[p].name)))
			return p;
	return POLICY_COUNT;
}
