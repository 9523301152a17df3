#include "engine/score.h"

/* A large node of the public traces: 128 cores, 8 devices, 1 TiB. Binpack compares what is left over with these, so
 * that it prefers the small remainder of a small node to the same fraction of a large one. */
enum { LARGE_CPU_MILLI = 128000, LARGE_DEVICE_MILLI = 8000, LARGE_MEMORY_MIB = 1 << 20 };

/* 0 to SCORE_MAX. */
static int64_t share_left(int64_t left, int64_t whole)
{
	if (left <= 0 || whole <= 0)
		return 0;
	return left >= whole ? SCORE_MAX : left * SCORE_MAX / whole;
}

typedef struct leftover {
	int64_t device_milli, cpu_milli, memory_mib;
} leftover;

static int64_t score_binpack(const leftover *l)
{
	int64_t host = share_left(l->cpu_milli, LARGE_CPU_MILLI) + share_left(l->memory_mib, LARGE_MEMORY_MIB);

	return SCORE_MAX - (2 * share_left(l->device_milli, LARGE_DEVICE_MILLI) + host) / 4;
}

static int64_t score_spread(const fleet_node *n, const fleet_view *v, const leftover *l)
{
	int64_t host = share_left(l->cpu_milli, n->cpu_milli) + share_left(l->memory_mib, n->memory_mib);

	return (2 * share_left(l->device_milli, (int64_t)v->n_open * SHARE_WHOLE_MILLI) + host) / 4;
}

int64_t score_node(
	const fleet *f, int32_t node, int64_t device_milli, int64_t cpu_milli, int64_t memory_mib, ask_policy policy)
{
	const fleet_node *n = &f->nodes.v[node];
	const fleet_view *v = &f->views.v[node];
	leftover left = {
		.device_milli = v->free_device_milli - device_milli,
		.cpu_milli = n->cpu_milli - n->used_cpu_milli - cpu_milli,
		.memory_mib = n->memory_mib - n->used_memory_mib - memory_mib,
	};

	return policy == POLICY_BINPACK ? score_binpack(&left) : score_spread(n, v, &left);
}

int64_t score_device(const fleet_device *d, int64_t free_memory_mib, int64_t free_compute_milli, ask_policy policy)
{
	int64_t by_memory = free_memory_mib * SHARE_WHOLE_MILLI / d->memory_mib;
	int64_t by_compute = free_compute_milli * SHARE_WHOLE_MILLI / d->compute_milli;
	int64_t free_milli = by_memory < by_compute ? by_memory : by_compute;

	return policy == POLICY_BINPACK ? -free_milli : free_milli;
}
