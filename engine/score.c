#include "engine/score.h"

#include "engine/reference.h"

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

static int64_t binpack_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	(void)c;
	(void)slice;
	return -cell->free_milli;
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

const score_policy score_policies[POLICY_COUNT] = {
	[POLICY_BINPACK] = {"binpack", binpack_device, binpack_node},
	[POLICY_SPREAD] = {"spread", spread_device, spread_node},
	[POLICY_FRAGMENTATION] = {"fragmentation", binpack_device, binpack_node},
	[POLICY_REFERENCE] = {"reference", reference_device, reference_node},
};

ask_policy score_policy_named(str name)
{
	for (ask_policy p = 0; p < POLICY_COUNT; p++)
		if (str_eq(name, str_from(score_policies[p].name)))
			return p;
	return POLICY_COUNT;
}
