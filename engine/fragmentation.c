#include "engine/fragmentation.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
	STEP_SHIFT = 5, /* a step is 32 units: what is kept is finer, since rents are added later */
	ZERO = 1 << 22, /* units: what a pod rates that costs nothing, without rents */
	ZERO_STEPS = FRAGMENTATION_FREE,
	MODEL_AT = 8,
	MILLI_AT = 16,
	MILLI_MAX = UINT16_MAX,
};
static const float UNITS_PER_MILLI = (1 << STEP_SHIFT) / (float)SCARCITY_STEP_MILLI;
static const float OPEN_COST = 20, FRAGMENT_WEIGHT = 2, GANG_WEIGHT = 3, STARVED_WEIGHT[2] = {0.7F, 1.2F};
#define STARVED_AT_FIRST  1.05
#define STARVED_AT_SECOND 0.42
/* What a thousandth of a device asks in the public traces. */
#define PUBLIC_CPU_MILLI  11.0
#define PUBLIC_MEMORY_MIB 40.0
static const float NEVER = 10000; /* above all prices */
static const float NEAREST = 3 << 22;
static const float RATING_PARTS = 1024; /* of a thousandth, when devices are compared */

static const fragmentation UNLEARNT = {
	.feeds = {.cpu = {(float)(1 / (PUBLIC_CPU_MILLI * STARVED_AT_FIRST)),
			  (float)(1 / (PUBLIC_CPU_MILLI * STARVED_AT_SECOND))},
		.memory = (float)(1 / PUBLIC_MEMORY_MIB)},
};

void fragmentation_feed(fragmentation *t, mix_needs needs)
{
	if (needs.cpu_milli > 0) {
		t->feeds.cpu[0] = (float)(1 / (needs.cpu_milli * STARVED_AT_FIRST));
		t->feeds.cpu[1] = (float)(1 / (needs.cpu_milli * STARVED_AT_SECOND));
	}
	if (needs.memory_mib > 0)
		t->feeds.memory = (float)(1 / needs.memory_mib);
}

void fragmentation_init(fragmentation *t)
{
	*t = UNLEARNT;
	memset(t->model_of, MIX_MODELS_MAX - 1, sizeof t->model_of);
}

/* The model that the node counts as. */
static int32_t model_of(const fragmentation *t, const fleet *f, const fleet_view *v)
{
	int32_t first;

	if (v->class_id != FLEET_NONE)
		return t->model_of[v->class_id];
	(void)fragmentation_models(t, f, v, &first);
	return first;
}

uint32_t fragmentation_models(const fragmentation *t, const fleet *f, const fleet_view *v, int32_t *ret_first)
{
	uint32_t models = 0;

	*ret_first = MIX_MODELS_MAX - 1;
	if (v->class_id != FLEET_NONE) {
		*ret_first = t->model_of[v->class_id];
		return v->n_open ? 1u << *ret_first : 0;
	}
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *cell = &f->cells.v[i];
		if (!cell->is_open)
			continue;
		if (!models)
			*ret_first = t->model_of[cell->class_id];
		models |= 1u << t->model_of[cell->class_id];
	}
	return models;
}

static float least(float a, float b)
{
	return a < b ? a : b;
}

int32_t fragmentation_usable_milli(const fragmentation *t, const fleet *f, const fleet_view *v)
{
	float worth = 0,
	      fed = least((float)v->free_cpu_milli * t->feeds.cpu[0], (float)v->free_memory_mib * t->feeds.memory);

	if (v->free_device_milli == 0 || t->worth[PRICES_WHOLE] <= 0)
		return 0;
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++)
		worth += t->worth[f->cells.v[i].free_milli];
	return (int32_t)least(worth * (PRICES_WHOLE / t->worth[PRICES_WHOLE]), fed);
}

/* Thousandths of free devices that the node's cpu and memory can not feed, weighted. */
static float starved(const feeds *t, int32_t free_milli, int32_t cpu_milli, int32_t memory_mib)
{
	float memory = (float)memory_mib * t->memory, sum = 0;

	for (int32_t i = 0; i < 2; i++) {
		float over = (float)free_milli - least((float)cpu_milli * t->cpu[i], memory);
		sum += over > 0 ? STARVED_WEIGHT[i] * over : 0;
	}
	return sum;
}

static float price_of(const fragmentation *t, int32_t residue, int32_t left)
{
	return t->worth[residue] - t->worth[left] + (residue == SHARE_WHOLE_MILLI ? OPEN_COST : 0);
}

/* What is lost to the mix of one residue. */
static float lost_of(const fragmentation *t, const float *row, int32_t residue)
{
	assert(t->fragments);
	return (float)residue * row[t->fragments->class_of[residue]];
}

static int32_t left_of(int32_t residue, int32_t taken)
{
	return residue > taken ? residue - taken : 0;
}

/* The node as the pod would leave it. */
typedef struct after {
	int32_t cpu_milli, memory_mib, free_milli, n_idle;
	float price;
} after;

/* The residue that slice i finds: other entries may have taken of the device before. */
static int32_t residue_of(const score_case *c, int32_t i, bool *ret_is_idle)
{
	const fleet_cell *cell = &c->f->cells.v[c->slices[i].cell];
	int32_t residue = cell->free_milli;

	*ret_is_idle = cell->is_idle;
	for (int32_t j = 0; c->group->n_entries > 1 && j < i; j++) {
		if (c->slices[j].cell != c->slices[i].cell)
			continue;
		residue = left_of(residue, c->slices[j].milli);
		*ret_is_idle = false;
	}
	return residue;
}

static after after_of(const fragmentation *t, const score_case *c)
{
	after a = {
		.cpu_milli = (int32_t)(c->view->free_cpu_milli - c->group->cpu_milli),
		.memory_mib = (int32_t)(c->view->free_memory_mib - c->group->memory_mib),
		.free_milli = c->view->free_device_milli,
		.n_idle = c->view->n_idle,
	};
	bool is_idle;

	for (int32_t i = 0; i < c->n_slices; i++) {
		int32_t residue = residue_of(c, i, &is_idle), left = left_of(residue, c->slices[i].milli);
		a.free_milli -= residue - left;
		a.n_idle -= is_idle;
		if (c->slices[i].milli < SHARE_WHOLE_MILLI)
			a.price += price_of(t, residue, left);
	}
	return a;
}

static const float *row_of(const fragmentation *t, const score_case *c, int32_t cpu_milli, int32_t memory_mib)
{
	return fragments_row(t->fragments, model_of(t, c->f, c->view), cpu_milli, memory_mib);
}

/* F(after) - F(before) without the gangs. */
static float fragments_grown(const fragmentation *t, const score_case *c, const after *a)
{
	const float *before = row_of(t, c, c->view->free_cpu_milli, c->view->free_memory_mib);
	const float *with = row_of(t, c, a->cpu_milli, a->memory_mib);
	float grown = 0;
	bool is_idle;

	for (int32_t i = c->view->first_cell; before != with && i < c->view->first_cell + c->view->n_cells; i++) {
		int32_t residue = c->f->cells.v[i].free_milli;
		grown += lost_of(t, with, residue) - lost_of(t, before, residue);
	}
	for (int32_t i = 0; i < c->n_slices; i++) {
		int32_t residue = residue_of(c, i, &is_idle), left = left_of(residue, c->slices[i].milli);
		grown += lost_of(t, with, left) - lost_of(t, with, residue);
	}
	return grown;
}

typedef struct gangs {
	uint8_t before, after; /* that the node can host, by bits */
} gangs;

static gangs gangs_of(const fragmentation *t, const score_case *c, const after *a)
{
	const fleet_view *v = c->view;
	int32_t first;

	if (v->n_idle < MIX_GANG_MIN || !t->scarcity.n_gangs)
		return (gangs){0};
	uint32_t models = fragmentation_models(t, c->f, v, &first);
	return (gangs){
		scarcity_hosts(&t->scarcity, v->free_cpu_milli, v->free_memory_mib, v->n_idle, models),
		scarcity_hosts(&t->scarcity, a->cpu_milli, a->memory_mib, a->n_idle, models),
	};
}

static float base_of(const fragmentation *t, const score_case *c, const after *a, gangs g)
{
	const fleet_view *v = c->view;
	float base = a->price + starved(&t->feeds, a->free_milli, a->cpu_milli, a->memory_mib) -
		     starved(&t->feeds, v->free_device_milli, v->free_cpu_milli, v->free_memory_mib);

	if (!t->fragments || t->turnover <= 0)
		return base;
	float gangs_grown = (float)a->free_milli * t->fragments->gang_lost[g.after] -
			    (float)v->free_device_milli * t->fragments->gang_lost[g.before];
	return base + FRAGMENT_WEIGHT * t->turnover * (fragments_grown(t, c, a) + GANG_WEIGHT * gangs_grown);
}

static const fragmentation *known(const score_tables *tables)
{
	return tables && tables->fragmentation ? tables->fragmentation : &UNLEARNT;
}

static const fragmentation *tables_of(const score_case *c)
{
	return known(c->tables);
}

const void *fragmentation_prepare(const score_case *c)
{
	const fragmentation *t = tables_of(c);

	if (t->turnover <= 0)
		return NULL;
	return row_of(t, c, (int32_t)(c->view->free_cpu_milli - c->group->cpu_milli),
		(int32_t)(c->view->free_memory_mib - c->group->memory_mib));
}

/* Of places for an instance the one that takes least from later ones. */
int64_t fragmentation_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	const fragmentation *t = tables_of(c);
	const float *row = c->prepared;
	int32_t residue = cell->free_milli, left = left_of(residue, slice->milli);
	int64_t loss = (int64_t)slice->loss << 32;

	if (slice->milli == SHARE_WHOLE_MILLI)
		return -loss; /* the lowest index */
	float cost = price_of(t, residue, left);
	if (row)
		cost += FRAGMENT_WEIGHT * t->turnover * (lost_of(t, row, left) - lost_of(t, row, residue));
	return -loss - (int64_t)(cost * RATING_PARTS);
}

static int32_t between(int32_t x, int32_t lo, int32_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static int32_t units_of(float base)
{
	return between(ZERO - (int32_t)lrintf(base * UNITS_PER_MILLI), 0, SCORE_LIMIT - 1);
}

static uint32_t tag_of(int32_t milli, int32_t model, gangs g)
{
	return (uint32_t)between(milli, 0, MILLI_MAX) << MILLI_AT | (uint32_t)model << MODEL_AT |
	       (g.before & (uint32_t)~g.after);
}

int32_t fragmentation_unsettled(const score_case *c, uint32_t *ret_tag)
{
	const fragmentation *t = tables_of(c);
	after a = after_of(t, c);
	gangs g = gangs_of(t, c, &a);

	*ret_tag = tag_of((int32_t)c->device_milli, model_of(t, c->f, c->view), g);
	return units_of(base_of(t, c, &a, g));
}

/* In units; rents are whole steps of a device. */
static int32_t rent_of(const fragmentation *t, uint32_t tag)
{
	int32_t model_steps = t->scarcity.model_rents[tag >> MODEL_AT & (MIX_MODELS_MAX - 1)] / SCARCITY_STEP_MILLI;
	int32_t mask_steps = t->scarcity.mask_rents[tag & (SCARCITY_MASKS - 1)] / SCARCITY_STEP_MILLI;
	int32_t milli = (int32_t)(tag >> MILLI_AT);

	return (mask_steps << STEP_SHIFT) +
	       ((model_steps << STEP_SHIFT) * milli + SHARE_WHOLE_MILLI / 2) / SHARE_WHOLE_MILLI;
}

/* In steps, with the rents. */
static int32_t settled(const fragmentation *t, int32_t units, uint32_t tag)
{
	int32_t steps = (ZERO - units + rent_of(t, tag) + (1 << STEP_SHIFT) / 2) >> STEP_SHIFT;

	return between(ZERO_STEPS - steps, 0, FRAGMENTATION_MOST);
}

void fragmentation_settle(
	const score_tables *tables, int32_t n, const int32_t *ratings, const uint32_t *tags, int32_t *ret)
{
	const fragmentation *t = known(tables);

	for (int32_t i = 0; i < n; i++) {
		int32_t units = ratings[i] & (SCORE_LIMIT - 1);
		ret[i] = ratings[i] < 0 ? ratings[i] : ratings[i] - units + settled(t, units, tags[i]);
	}
}

/* In prices[r]: the least that a part costs on a device of a residue of at most r. Whole devices cost nothing. */
void fragmentation_bound_prepare(score_many *m)
{
	const fragmentation *t = known(m->tables);
	float least_price = NEVER;

	m->idle_price = 0;
	memset(m->prices, 0, sizeof m->prices);
	if (!m->count || m->milli >= SHARE_WHOLE_MILLI)
		return;
	m->idle_price = price_of(t, SHARE_WHOLE_MILLI, left_of(SHARE_WHOLE_MILLI, m->milli));
	for (int32_t r = 0; r <= SHARE_WHOLE_MILLI; r++) {
		if (r >= m->least_milli)
			least_price = least(least_price, price_of(t, r, left_of(r, m->milli)));
		m->prices[r] = least_price;
	}
}

/* The least that the devices cost on each node. */
static void prices_least(const score_many *m, const lane_block *b, float ret[LANES])
{
	const int32_t memory_mib = m->memory_mib, compute_milli = m->compute_milli;
	const float idle_price = m->idle_price;
	float shared[LANES], sums[LANES] = {0};

	for (int32_t i = 0; i < LANES; i++)
		shared[i] = m->prices[b->shared_milli[i]];
	for (int32_t i = 0; i < LANES; i++) {
		int32_t shares =
			(b->shared_memory_mib[i] >= memory_mib) & (b->shared_compute_milli[i] >= compute_milli);
		float price = shares ? shared[i] : NEVER, idle = b->n_idle[i] > 0 ? idle_price : NEVER;
		shared[i] = least(price, idle);
	}
	for (int32_t k = 0; k < m->count; k++)
		for (int32_t i = 0; i < LANES; i++)
			sums[i] += shared[i];
	memcpy(ret, sums, sizeof sums);
}

/* Floats of the size of NEAREST have no fractions: adding it rounds, as lrintf does. All costs are far below it. */
static int32_t rounded(float x)
{
	return (int32_t)((x + NEAREST) - NEAREST);
}

/* `starved` for all lanes, in steps so short that the compiler takes several nodes at a time. */
static void starved_all(const feeds *t, const int32_t *free_milli, const int32_t *cpu_milli, const int32_t *memory_mib,
	float ret[LANES])
{
	const feeds fed = *t;
	float first[LANES], second[LANES];

	for (int32_t i = 0; i < LANES; i++) {
		float over = (float)free_milli[i] -
			     least((float)cpu_milli[i] * fed.cpu[0], (float)memory_mib[i] * fed.memory);
		first[i] = over > 0 ? over : 0;
	}
	for (int32_t i = 0; i < LANES; i++) {
		float over = (float)free_milli[i] -
			     least((float)cpu_milli[i] * fed.cpu[1], (float)memory_mib[i] * fed.memory);
		second[i] = over > 0 ? over : 0;
	}
	for (int32_t i = 0; i < LANES; i++)
		first[i] = STARVED_WEIGHT[0] * first[i] + STARVED_WEIGHT[1] * second[i];
	memcpy(ret, first, sizeof first);
}

static void starved_after(const feeds *t, const score_many *m, const lane_block *b, float ret[LANES])
{
	const int32_t cpu_milli = m->host_cpu_milli, memory_mib = m->host_memory_mib, milli = m->count * m->milli;
	int32_t cpu[LANES], memory[LANES], free[LANES];

	for (int32_t i = 0; i < LANES; i++) {
		cpu[i] = left_of(b->cpu_milli[i], cpu_milli);
		memory[i] = left_of(b->memory_mib[i], memory_mib);
		free[i] = left_of(b->free_milli[i], milli);
	}
	starved_all(t, free, cpu, memory, ret);
}

/* As if each device cost the least, and no gang were lost. Where fragments count they may fall, so that nothing is
 * told. */
void fragmentation_bound(const score_many *m, const lane_block *b, int32_t ret[LANES])
{
	const fragmentation *t = known(m->tables);
	const int32_t rent = rent_of(t, tag_of(m->count * m->milli, t->model_of[m->class_id], (gangs){0}));
	float prices[LANES], before[LANES], after_it[LANES];
	int32_t scores[LANES];

	prices_least(m, b, prices);
	starved_all(&t->feeds, b->free_milli, b->cpu_milli, b->memory_mib, before);
	starved_after(&t->feeds, m, b, after_it);
	for (int32_t i = 0; i < LANES; i++) {
		int32_t units = rounded((prices[i] + after_it[i] - before[i]) * UNITS_PER_MILLI) + rent;
		scores[i] =
			between(ZERO_STEPS - ((units + (1 << STEP_SHIFT) / 2) >> STEP_SHIFT), 0, FRAGMENTATION_MOST);
	}
	for (int32_t i = 0; t->turnover > 0 && i < LANES; i++)
		scores[i] = FRAGMENTATION_MOST;
	memcpy(ret, scores, sizeof scores);
}

int32_t fragmentation_node(const score_case *c)
{
	uint32_t tag;
	int32_t units = fragmentation_unsettled(c, &tag);

	return settled(tables_of(c), units, tag);
}
