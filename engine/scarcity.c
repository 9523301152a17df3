#include "engine/scarcity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIED_CLASSES_MAX = 64, TIED_ROUNDS = 60, DEVICE_MILLI = 1000 };
static const double GANG_SAFETY = 2, GANG_WIDTH = 0.5, GANG_SHARE = 0.005;
static const double MODEL_WIDTH = 0.5, MODEL_WIDTH_CAPACITY = 0.02;
static const double LOAD_MIN = 0.05; /* of the capacity: a model without any load is not infinitely attractive */

static void gangs_learn(scarcity *s, const mix *m)
{
	double asked[MIX_KINDS_MAX], all = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const mix_row *r = &m->rows[i];
		all += r->slow_weight * mix_ask_milli(&r->kind);
		asked[i] = mix_is_gang(&r->kind) ? r->slow_weight * mix_ask_milli(&r->kind) : 0;
	}
	for (s->n_gangs = 0; s->n_gangs < SCARCITY_GANGS_MAX; s->n_gangs++) {
		uint32_t most = 0;
		for (uint32_t i = 1; i < m->n; i++)
			if (asked[i] > asked[most])
				most = i;
		if (m->n == 0 || asked[most] <= 0)
			break;
		s->gangs[s->n_gangs] = (gang){m->rows[most].kind, asked[most] / all};
		asked[most] = 0;
	}
}

/* The demand that may use the same models, and how it is spread over them. */
typedef struct tied_class {
	uint32_t models;
	double demand;
	double part[MIX_MODELS_MAX];
} tied_class;

/* Past the bound, what differs is put to the last class: nobody has so many. */
static int32_t classes_of(tied_class *classes, const mix *m)
{
	int32_t n = 0;
	double all = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const mix_kind *k = &m->rows[i].kind;
		double asked = m->rows[i].weight * mix_ask_milli(k);
		int32_t at = 0;
		all += asked;
		if (!k->count || !k->models)
			continue;
		while (at < n && classes[at].models != k->models)
			at++;
		if (at == TIED_CLASSES_MAX)
			at--;
		else if (at == n)
			classes[n++] = (tied_class){.models = k->models};
		classes[at].demand += asked;
	}
	for (int32_t i = 0; i < n; i++)
		classes[i].demand /= all;
	return n;
}

static void parts_sum_to_one(tied_class *c)
{
	double sum = 0;

	for (int32_t j = 0; j < MIX_MODELS_MAX; j++)
		sum += c->part[j];
	for (int32_t j = 0; j < MIX_MODELS_MAX && sum > 0; j++)
		c->part[j] /= sum;
}

static void loads_of(const tied_class *classes, int32_t n, double *ret)
{
	memset(ret, 0, MIX_MODELS_MAX * sizeof *ret);
	for (int32_t i = 0; i < n; i++)
		for (int32_t j = 0; j < MIX_MODELS_MAX; j++)
			ret[j] += classes[i].demand * classes[i].part[j];
}

/* Models with less load for their size get more, by the root of the difference, so that it settles. */
static void tied_learn(scarcity *s, const mix *m, const stock *k)
{
	tied_class classes[TIED_CLASSES_MAX];
	int32_t n = classes_of(classes, m);

	for (int32_t i = 0; i < n; i++) {
		for (int32_t j = 0; j < MIX_MODELS_MAX; j++)
			classes[i].part[j] = classes[i].models >> j & 1 ? (double)k->model_capacity_milli[j] : 0;
		parts_sum_to_one(&classes[i]);
	}
	for (int32_t round = 0; round < TIED_ROUNDS; round++) {
		double pull[MIX_MODELS_MAX] = {0};
		loads_of(classes, n, s->tied);
		for (int32_t j = 0; j < MIX_MODELS_MAX; j++) {
			double capacity = (double)k->model_capacity_milli[j];
			if (capacity > 0)
				pull[j] =
					sqrt(capacity / (s->tied[j] * (double)k->capacity_milli + LOAD_MIN * capacity));
		}
		for (int32_t i = 0; i < n; i++) {
			for (int32_t j = 0; j < MIX_MODELS_MAX; j++)
				classes[i].part[j] *= pull[j];
			parts_sum_to_one(&classes[i]);
		}
	}
	loads_of(classes, n, s->tied);
}

void scarcity_learn(scarcity *s, const mix *m, const stock *k)
{
	gangs_learn(s, m);
	tied_learn(s, m, k);
}

static bool rent_move(int32_t *rent, double to, bool anew)
{
	int32_t before = *rent;

	if (anew || fabs(to - *rent) > SCARCITY_STEP_MILLI)
		*rent = SCARCITY_STEP_MILLI * (int32_t)floor(to / SCARCITY_STEP_MILLI + 0.5);
	return *rent != before;
}

static double fall(double stock_left, double need, double width)
{
	return 1 / (1 + exp((stock_left - need) / width));
}

static double gang_rent(const gang *g, int64_t hosts, const stock *k, double turnover)
{
	double size = mix_ask_milli(&g->kind), free_milli = (double)k->free_milli;
	double sd = sqrt(g->share * (free_milli + turnover * (double)k->capacity_milli) / size);
	double need = g->share * free_milli / size + GANG_SAFETY * sd + 0.5;

	return size * g->share / (g->share + GANG_SHARE) * fall((double)hosts, need, GANG_WIDTH * sd + 0.5);
}

static double model_rent(double tied, int32_t model, const stock *k, double turnover)
{
	double capacity = (double)k->model_capacity_milli[model], free_milli = (double)k->free_milli;

	if (tied <= 0 || capacity <= 0)
		return 0;
	double sd = sqrt(tied * (free_milli + turnover * (double)k->capacity_milli) * DEVICE_MILLI);
	double need = tied * free_milli + (1 - turnover) * sd;
	double width = MODEL_WIDTH * sd + MODEL_WIDTH_CAPACITY * capacity;
	return DEVICE_MILLI * fall((double)k->model_usable_milli[model], need, width);
}

/* A set of gangs costs what its dearest one does: the node is taken once. */
static void masks_fill(scarcity *s)
{
	s->mask_rents[0] = 0;
	for (int32_t mask = 1; mask < SCARCITY_MASKS; mask++) {
		int32_t rest = s->mask_rents[mask & (mask - 1)], lowest = __builtin_ctz((uint32_t)mask);
		int32_t rent = lowest < s->n_gangs ? s->gang_rents[lowest] : 0;
		s->mask_rents[mask] = rent > rest ? rent : rest;
	}
}

bool scarcity_follow(scarcity *s, const stock *k, double turnover, bool anew)
{
	bool have_gangs_moved = anew, has_moved = anew;

	for (int32_t i = 0; i < s->n_gangs; i++)
		have_gangs_moved |=
			rent_move(&s->gang_rents[i], gang_rent(&s->gangs[i], k->hosts[i], k, turnover), anew);
	for (int32_t j = 0; j < MIX_MODELS_MAX; j++)
		if (s->tied[j] > 0 || s->model_rents[j])
			has_moved |= rent_move(&s->model_rents[j], model_rent(s->tied[j], j, k, turnover), anew);
	if (have_gangs_moved)
		masks_fill(s);
	return has_moved || have_gangs_moved;
}
