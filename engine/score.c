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

static int64_t price_of(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	const score_tables *t = c->tables;
	int64_t price = t && cell->class_id < t->n_prices ? t->prices[cell->class_id] : 0;

	return price * slice->milli;
}

/* Of equally cheap ones the fullest. */
static int64_t cost_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	return -price_of(c, cell, slice) * (SHARE_WHOLE_MILLI + 1) - cell->free_milli;
}

enum { COST_STEPS = 1 << 20 };

/* What the pod costs there, as a part of what it would cost on whole devices of the dearest class. */
static int32_t cost_node(const score_case *c)
{
	int64_t most = 0, sum = 0;

	for (int32_t i = 0; c->tables && i < c->tables->n_prices; i++)
		most = c->tables->prices[i] > most ? c->tables->prices[i] : most;
	for (int32_t i = 0; i < c->n_slices; i++)
		sum += price_of(c, &c->f->cells.v[c->slices[i].cell], &c->slices[i]);
	if (sum == 0)
		return COST_STEPS;
	return (int32_t)(COST_STEPS - (double)sum / ((double)most * SHARE_WHOLE_MILLI * c->n_slices) * COST_STEPS);
}

const score_policy score_policies[POLICY_COUNT] = {
	[POLICY_BINPACK] = {.name = "binpack", .device = binpack_device, .node = binpack_node},
	[POLICY_SPREAD] = {.name = "spread", .device = spread_device, .node = spread_node},
	[POLICY_FRAGMENTATION] = {"fragmentation", fragmentation_device, fragmentation_node, fragmentation_prepare,
		fragmentation_unsettled, fragmentation_settle, fragmentation_bound_prepare, fragmentation_bound,
		.most = FRAGMENTATION_MOST},
	[POLICY_REFERENCE] = {.name = "reference", .device = reference_device, .node = reference_node},
	[POLICY_TOPOLOGY] = {"topology", binpack_device, links_node, .is_linked = true},
	[POLICY_COST] = {"cost", cost_device, cost_node, .most = COST_STEPS},
	[POLICY_HAMI_BINPACK] = {"hami-binpack", hami_device_binpack, hami_node_binpack, .most = SCORE_LIMIT - 1,
		.is_hami = true},
	[POLICY_HAMI_SPREAD] = {"hami-spread", hami_device_spread, hami_node_spread, .most = SCORE_LIMIT - 1,
		.is_hami = true},
	[POLICY_HAMI_CHAIN] = {"hami-chain", hami_device_chain, hami_node_binpack, .most = SCORE_LIMIT - 1,
		.is_hami = true},
};

int32_t score_of_node(const score_case *c)
{
	int64_t sum = 0, weights = 0;

	assert(c->a->n_weights >= 1 && c->a->n_weights <= ASK_WEIGHTS_MAX);
	for (int32_t i = 0; i < c->a->n_weights; i++) {
		const ask_weight *w = &c->a->weights[i];
		const score_policy *p = &score_policies[w->policy];
		int64_t most = p->most ? p->most : SCORE_MAX;
		int32_t score = p->node(c);
		sum += (int64_t)score * w->weight * SCORE_MAX / most;
		weights += w->weight;
	}
	assert(weights > 0);
	return (int32_t)(sum / weights);
}

ask_policy score_policy_named(str name)
{
	for (ask_policy p = 0; p < POLICY_COUNT; p++)
		if (str_eq(name, str_from(score_policies[p].name)))
			return p;
	return POLICY_COUNT;
}
