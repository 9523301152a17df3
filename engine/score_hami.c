#include "engine/score_hami.h"

#include <string.h>

float hami_score(const hami_load *l, const uint16_t *weights)
{
	static const uint16_t equal[3] = {1, 1, 1};
	float sum = 0;

	if (!weights || (!weights[0] && !weights[1] && !weights[2]))
		weights = equal;
	for (int i = 0; i < 3; i++) {
		if (l->total[i] == 0)
			return 0;
		sum += (float)weights[i] * ((float)l->used[i] / (float)l->total[i]);
	}
	return 10 * sum;
}

bool hami_has(const ask *a, ask_policy device_policy, ask_hami_key key)
{
	if (device_policy != POLICY_HAMI_CHAIN)
		return false;
	for (size_t i = 0; i < sizeof a->hami.chain; i++)
		if (a->hami.chain[i] == key)
			return true;
	return false;
}

/* Scores are made once for a container, before its first device is chosen: what the containers before it were given
 * counts, what it was given itself does not. */
static float device_score(const score_case *c, const score_slice *slice)
{
	const fleet_device *d = &c->f->devices.v[c->f->cell_devices.v[slice->cell]];
	int64_t asked = !c->a->hami.without_request;
	hami_load l = {
		{d->sharers + asked, d->used_compute_milli + asked * slice->compute_milli,
			d->used_memory_mib + asked * slice->memory_mib},
		{d->slots, d->compute_milli, d->memory_mib},
	};

	for (int32_t i = 0; i < c->n_slices; i++) {
		const score_slice *s = &c->slices[i];
		if (s->cell != slice->cell || s->entry == slice->entry)
			continue;
		l.used[0]++;
		l.used[1] += s->compute_milli;
		l.used[2] += s->memory_mib;
	}
	return hami_score(&l, c->a->hami.weights);
}

/* Floats that are not negative are ordered as their bits are. */
static int64_t order_of(float score)
{
	uint32_t bits;

	memcpy(&bits, &score, sizeof bits);
	return (int64_t)bits;
}

enum { NUMA_BITS = 8, SCORE_BITS = 32 };

static int64_t numa_of(const fleet_cell *cell)
{
	return cell->numa + 1;
}

static bool is_numa_bound(const score_case *c, const score_slice *slice)
{
	return c->group->entries[slice->entry].numa_bind;
}

/* Bound to a NUMA node, that comes first. */
static int64_t bound(const score_case *c, const fleet_cell *cell, const score_slice *slice, int64_t score)
{
	int64_t rating = score << NUMA_BITS | numa_of(cell);

	return is_numa_bound(c, slice) ? numa_of(cell) << (SCORE_BITS + NUMA_BITS) | rating : rating;
}

int64_t hami_device_binpack(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	return bound(c, cell, slice, order_of(device_score(c, slice)));
}

int64_t hami_device_spread(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	return bound(c, cell, slice, UINT32_MAX - order_of(device_score(c, slice)));
}

/* The keys in their order; without one, spread. */
int64_t hami_device_chain(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	int64_t score = order_of(device_score(c, slice)), rating = is_numa_bound(c, slice) ? numa_of(cell) : 0;
	bool is_scored = false, is_sorted = false;

	for (size_t i = 0; i < sizeof c->a->hami.chain; i++) {
		uint8_t key = c->a->hami.chain[i];
		is_sorted |= key == HAMI_NUMA || key == HAMI_BINPACK || key == HAMI_SPREAD;
		if (key == HAMI_NUMA)
			rating = rating << NUMA_BITS | numa_of(cell);
		if ((key != HAMI_BINPACK && key != HAMI_SPREAD) || is_scored)
			continue;
		rating = rating << SCORE_BITS | (key == HAMI_BINPACK ? score : UINT32_MAX - score);
		is_scored = true;
	}
	return is_sorted ? rating : rating << SCORE_BITS | (UINT32_MAX - score);
}

static float node_score(const score_case *c)
{
	hami_load l = {0};

	fleet_each_device(id, c->f, c->node)
	{
		const fleet_device *d = &c->f->devices.v[id];
		l.used[0] += d->sharers;
		l.used[1] += d->used_compute_milli;
		l.used[2] += d->used_memory_mib;
		l.total[0] += d->slots;
		l.total[1] += d->compute_milli;
		l.total[2] += d->memory_mib;
	}
	return hami_score(&l, NULL);
}

/* Scores reach 30, more with overcommit; four millionths of that are told apart. */
int32_t hami_node_binpack(const score_case *c)
{
	float steps = node_score(c) * (float)(1 << 18);

	return steps < (float)(SCORE_LIMIT - 1) ? (int32_t)steps : SCORE_LIMIT - 1;
}

int32_t hami_node_spread(const score_case *c)
{
	return SCORE_LIMIT - 1 - hami_node_binpack(c);
}
