/* fragments: how much of what a node has free is of no use to the mix; where pods leave, alone.
 *
 * Published fragmentation gradient descent asks for every typical pod what of the node it could not use: O(kinds x
 * devices) for a look. For pods of one device at most that collapses to a table: a pod can not use a residue that is
 * smaller than its size, nor anything on a node that lacks its cpu, its memory or its model. So with the demand that a
 * residue of each class is lost to, by model, level of free cpu and level of free memory,
 *
 *     F(node) = sum over devices of r x lost[model][cpu][memory][class of r]  +  3 x free x gang_lost[gangs it hosts]
 *
 * in thousandths of devices, O(devices). Classes are the learnt sizes; levels are quantiles of what pods ask, weighted
 * by demand; an amount belongs to the highest level that is not above it. Gangs count more than their part of the
 * demand: a node that is free for them is made by many departures, and one small pod undoes it.
 */
#pragma once
#include <assert.h>

#include "engine/prices.h"
#include "engine/scarcity.h"

enum { FRAGMENTS_CPU_LEVELS = 16, FRAGMENTS_MEMORY_LEVELS = 8, FRAGMENTS_CLASSES = PRICES_SIZES_MAX + 1 };

typedef struct fragments {
	int32_t cpu_levels[FRAGMENTS_CPU_LEVELS]; /* rising from 0; unused ones are INT32_MAX */
	int32_t memory_levels[FRAGMENTS_MEMORY_LEVELS];
	uint8_t class_of[PRICES_WHOLE + 1]; /* how many of the sizes fit into the residue */
	float lost[MIX_MODELS_MAX][FRAGMENTS_CPU_LEVELS][FRAGMENTS_MEMORY_LEVELS][FRAGMENTS_CLASSES];
	float gang_lost[SCARCITY_MASKS];
} fragments;

/* sizes: the n that prices know, rising; models: those that there are, by bits. */
void fragments_learn(
	fragments *t, const mix *m, const scarcity *s, const prices_size *sizes, int32_t n, uint32_t models);

static inline int32_t fragments_level(const int32_t *levels, int32_t n, int32_t amount)
{
	int32_t level = 0;

	for (int32_t i = 1; i < n; i++)
		level += levels[i] <= amount;
	return level;
}

/* lost, by class, for a node with this much free. */
static inline const float *fragments_row(const fragments *t, int32_t model, int32_t cpu_milli, int32_t memory_mib)
{
	assert(t);
	int32_t cpu = fragments_level(t->cpu_levels, FRAGMENTS_CPU_LEVELS, cpu_milli);

	return t->lost[model][cpu][fragments_level(t->memory_levels, FRAGMENTS_MEMORY_LEVELS, memory_mib)];
}
