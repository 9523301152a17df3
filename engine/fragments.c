#include "engine/fragments.h"

#include <stdlib.h>
#include <string.h>

typedef struct weighed {
	int32_t value;
	double weight;
} weighed;

static int by_value(const void *a, const void *b)
{
	const weighed *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Cuts v, sorted here, into n - 1 parts of equal weight; levels[0] is 0, the last one used is the largest value. */
static void levels_learn(int32_t *levels, int32_t n, weighed *v, int32_t n_values)
{
	double all = 0, sum = 0, last = 0;
	int32_t used = 1;

	qsort(v, (size_t)n_values, sizeof *v, by_value);
	for (int32_t i = 0; i < n_values; i++)
		all += v[i].weight;
	levels[0] = 0;
	for (int32_t i = 1; i < n; i++)
		levels[i] = INT32_MAX;
	for (int32_t i = 0; i < n_values; i++) {
		bool is_last = i == n_values - 1;
		sum += v[i].weight;
		if (!is_last && (v[i + 1].value == v[i].value || sum - last < all / (n - 1)))
			continue;
		used += used < n;
		levels[used - 1] = v[i].value;
		last = sum;
	}
}

/* Of the pods that want devices, and are no gangs. */
static int32_t values_of(weighed *ret, const mix *m, bool of_memory)
{
	int32_t n = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const mix_kind *k = &m->rows[i].kind;
		if (k->count && !mix_is_gang(k))
			ret[n++] = (weighed){
				of_memory ? k->memory_mib : k->cpu_milli, m->rows[i].weight * mix_ask_milli(k)};
	}
	return n;
}

static void classes_learn(fragments *t, const prices_size *sizes, int32_t n)
{
	for (int32_t r = 0, class = 0; r <= PRICES_WHOLE; r++) {
		while (class < n && sizes[class].milli <= r)
			class ++;
		t->class_of[r] = (uint8_t) class;
	}
}

/* The lowest class whose residues the pod can use: of its own size, or of the size it was counted to. */
static int32_t class_for(const prices_size *sizes, int32_t n, int32_t milli)
{
	for (int32_t i = 0; i < n; i++)
		if (milli <= sizes[i].milli)
			return i + 1;
	return n;
}

/* The least level that an amount has to be at for a pod that asks so much. */
static int32_t level_for(const int32_t *levels, int32_t n, int32_t amount)
{
	int32_t level = 0;

	while (level < n && levels[level] < amount)
		level++;
	return level;
}

/* Takes the pod's part of the demand from what is lost, wherever it has room. */
static void usable_add(fragments *t, const mix_kind *k, uint32_t models, int32_t class, float part)
{
	int32_t cpu_from = level_for(t->cpu_levels, FRAGMENTS_CPU_LEVELS, k->cpu_milli);
	uint32_t may_use = k->models ? k->models & models : models;
	int32_t memory_from = level_for(t->memory_levels, FRAGMENTS_MEMORY_LEVELS, k->memory_mib);

	for (int32_t model = 0; model < MIX_MODELS_MAX; model++)
		for (int32_t cpu = cpu_from; may_use >> model & 1 && cpu < FRAGMENTS_CPU_LEVELS; cpu++)
			for (int32_t memory = memory_from; memory < FRAGMENTS_MEMORY_LEVELS; memory++)
				t->lost[model][cpu][memory][class] -= part;
}

/* From "which pods can just use this class" to "which can not use it". */
static void lost_sum(fragments *t, float all)
{
	float *row = &t->lost[0][0][0][0], *end = row + sizeof t->lost / sizeof(float);

	for (; row < end; row += FRAGMENTS_CLASSES) {
		float lost = all;
		for (int32_t class = 0; class < FRAGMENTS_CLASSES; class ++) {
			lost += row[class];
			row[class] = lost;
		}
	}
}

void fragments_learn(
	fragments *t, const mix *m, const scarcity *s, const prices_size *sizes, int32_t n, uint32_t models)
{
	weighed values[MIX_KINDS_MAX];
	double all = 0, singles = 0;

	levels_learn(t->cpu_levels, FRAGMENTS_CPU_LEVELS, values, values_of(values, m, false));
	levels_learn(t->memory_levels, FRAGMENTS_MEMORY_LEVELS, values, values_of(values, m, true));
	classes_learn(t, sizes, n);
	memset(t->lost, 0, sizeof t->lost);
	for (uint32_t i = 0; i < m->n; i++)
		all += m->rows[i].weight * mix_ask_milli(&m->rows[i].kind);
	for (uint32_t i = 0; i < m->n && all > 0; i++) {
		const mix_kind *k = &m->rows[i].kind;
		double part = m->rows[i].weight * mix_ask_milli(k) / all;
		if (!k->count || mix_is_gang(k))
			continue;
		singles += part;
		usable_add(t, k, models, class_for(sizes, n, k->milli), (float)part);
	}
	lost_sum(t, (float)singles);
	for (int32_t mask = 0; mask < SCARCITY_MASKS; mask++) {
		double lost = 0;
		for (int32_t i = 0; i < s->n_gangs; i++)
			lost += mask >> i & 1 ? 0 : s->gangs[i].share;
		t->gang_lost[mask] = (float)lost;
	}
}
