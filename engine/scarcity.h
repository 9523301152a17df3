/* scarcity: the rent of what is short: nodes that can still host a gang, and devices of models that some pods must
 * have.
 *
 * Both are opportunity costs of a stock, told from what is left of it and from what is still to come until the fleet is
 * full. While the stock is larger than the demand to come will need, anybody may use it for nothing; then it gets dear:
 *
 *     rent = top x 1 / (1 + exp((stock - need) / width))
 *
 * A gang of `size` thousandths with a share p of all demand: with `free` thousandths left, p x free / size of them are
 * still to come, with a spread of sd = sqrt(p x free / size). need = that + 2 sd + 1/2, width = sd / 2 + 1/2, and top
 * is size x p / (p + 0.005): what is so rare that it may not come again is worth less. Where pods leave, as much as the
 * whole fleet is still to come in each life, so sd counts the capacity as well (x turnover), and the same formula keeps
 * nodes in reserve.
 *
 * A model that a share t of the demand is tied to: the stock is what the mix can still use on its devices, need = t x
 * free + (1 - turnover) sd, sd = sqrt(t x (free + turnover x capacity) x 1000), width = sd / 2 + 1/50 of its capacity,
 * top = 1000 for a device. Demand that may use several models is spread over them so that their loads even out.
 *
 * A rent moves only when it is off by more than a step, and then to a multiple of it: ratings that were kept stay true
 * meanwhile. The tail of the logistic matters: a straight ramp in its place packs gangs measurably worse.
 */
#pragma once
#include "engine/mix.h"

enum { SCARCITY_GANGS_MAX = 8, SCARCITY_MASKS = 1 << SCARCITY_GANGS_MAX, SCARCITY_STEP_MILLI = 40 };

typedef struct gang {
	mix_kind kind;
	double share; /* of all demand, over the long run */
} gang;

/* What is left in the fleet; sums over its nodes, in thousandths of devices. */
typedef struct stock {
	int64_t free_milli, capacity_milli;
	int64_t hosts[SCARCITY_GANGS_MAX]; /* nodes that could take one such gang now */
	int64_t model_usable_milli[MIX_MODELS_MAX], model_capacity_milli[MIX_MODELS_MAX];
} stock;

typedef struct scarcity {
	int32_t n_gangs;
	gang gangs[SCARCITY_GANGS_MAX];
	double tied[MIX_MODELS_MAX]; /* share of the demand that needs the model */
	/* In thousandths of a device: of the gang; for every set of gangs (by bits) the dearest of it; of a device. */
	int32_t gang_rents[SCARCITY_GANGS_MAX];
	int32_t mask_rents[SCARCITY_MASKS];
	int32_t model_rents[MIX_MODELS_MAX];
} scarcity;

/* The gangs of the mix, dearest demand first, and what is tied to models. Rents stay as they are. */
void scarcity_learn(scarcity *s, const mix *m, const stock *k);

/* The gangs, by bits, that a node with this much free could host; its devices are of these models (bits, not 0). */
static inline uint8_t scarcity_hosts(
	const scarcity *s, int32_t cpu_milli, int32_t memory_mib, int32_t n_idle, uint32_t models)
{
	uint32_t hosts = 0;

	if (n_idle < MIX_GANG_MIN)
		return 0;
	for (int32_t i = 0; i < s->n_gangs; i++) {
		const mix_kind *k = &s->gangs[i].kind;
		if (cpu_milli >= k->cpu_milli && memory_mib >= k->memory_mib && n_idle >= k->count &&
			(k->models == 0 || (k->models & models)))
			hosts |= 1u << i;
	}
	return (uint8_t)hosts;
}

/* Lets rents follow the stock; `anew` without the step that is needed otherwise. Whether one moved. */
bool scarcity_follow(scarcity *s, const stock *k, double turnover, bool anew);
