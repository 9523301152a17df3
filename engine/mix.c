#include "engine/mix.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_ROWS = 2 * MIX_KINDS_MAX, SIZE_STEPS = 60, GANG_BIN = MIX_SIZE_BINS - 1 };
static const double STEP_MAX = 1e6;
static const double TURNOVER_FULL = 0.1; /* departures for each arrival from which turnover is 1 */
static const double TURNOVER_EARLY = 20; /* arrivals that are taken for granted: a few say little */
static const double MOVED = 0.15;        /* of the demand; half of that of what is tied, and of the needs */

void mix_init(mix *m)
{
	memset(m, 0, sizeof *m);
	m->step = m->slow_step = 1;
}

static uint32_t hash_of(const mix_kind *k)
{
	uint64_t h = (uint64_t)k->cpu_milli * 0x9E3779B97F4A7C15u ^ (uint64_t)k->memory_mib * 0xC2B2AE3D27D4EB4Fu;

	h ^= (uint64_t)k->models * 0x165667B19E3779F9u ^ ((uint64_t)k->count << 32 | (uint64_t)k->milli);
	h *= 0xFF51AFD7ED558CCDu;
	return (uint32_t)(h >> 40);
}

static bool is_same(const mix_kind *a, const mix_kind *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_mib == b->memory_mib && a->count == b->count &&
	       a->milli == b->milli && a->models == b->models;
}

static void hash_put(mix *m, uint32_t row)
{
	uint32_t at = hash_of(&m->rows[row].kind);

	while (m->by_hash[at % HASH_ROWS])
		at++;
	m->by_hash[at % HASH_ROWS] = (int16_t)(row + 1);
}

static int by_weight(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Drops the quarter that weighs least. */
static void thin_out(mix *m)
{
	double weights[MIX_KINDS_MAX];
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->n; i++)
		weights[i] = m->rows[i].slow_weight;
	qsort(weights, m->n, sizeof *weights, by_weight);
	double bound = weights[m->n / 4];
	for (uint32_t i = 0; i < m->n; i++)
		if (m->rows[i].slow_weight > bound)
			m->rows[kept++] = m->rows[i];
	m->n = kept;
	memset(m->by_hash, 0, sizeof m->by_hash);
	for (uint32_t i = 0; i < m->n; i++)
		hash_put(m, i);
}

static mix_row *row_of(mix *m, const mix_kind *kind)
{
	for (uint32_t at = hash_of(kind); m->by_hash[at % HASH_ROWS]; at++) {
		mix_row *r = &m->rows[m->by_hash[at % HASH_ROWS] - 1];
		if (is_same(&r->kind, kind))
			return r;
	}
	if (m->n == MIX_KINDS_MAX)
		thin_out(m);
	m->rows[m->n] = (mix_row){.kind = *kind};
	hash_put(m, m->n);
	return &m->rows[m->n++];
}

static void scale(mix *m)
{
	double by = m->step > STEP_MAX ? 1 / m->step : 1;
	double slow_by = m->slow_step > STEP_MAX ? 1 / m->slow_step : 1;

	if (m->step <= STEP_MAX && m->slow_step <= STEP_MAX)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		m->rows[i].weight *= by;
		m->rows[i].slow_weight *= slow_by;
	}
	m->step *= by;
	m->slow_step *= slow_by;
}

void mix_arrive(mix *m, const mix_kind *kind, int32_t times)
{
	double kept = pow(1 - 1.0 / MIX_HALF_LIFE, times);

	assert(times >= 1 && kind->count >= 0 && kind->milli >= 0 && kind->milli <= 1000);
	m->arrivals = (m->arrivals + times) * kept;
	m->departures *= kept;
	m->seen += (uint64_t)times;
	m->step *= exp2((double)times / MIX_HALF_LIFE);
	m->slow_step *= exp2((double)times / MIX_HALF_LIFE_SLOW);
	mix_row *r = row_of(m, kind);
	r->weight += m->step * times;
	r->slow_weight += m->slow_step * times;
	scale(m);
}

void mix_expect(mix *m, const mix_kind *kind, int32_t times)
{
	mix_row *r = row_of(m, kind);

	r->weight += m->step * times;
	r->slow_weight += m->slow_step * times;
}

void mix_depart(mix *m)
{
	m->departures++;
}

double mix_turnover(const mix *m)
{
	double turnover = m->departures / (m->arrivals + TURNOVER_EARLY) / TURNOVER_FULL;

	return turnover < 1 ? turnover : 1;
}

mix_needs mix_needs_of(const mix *m)
{
	double cpu = 0, memory = 0, milli = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const mix_row *r = &m->rows[i];
		if (!r->kind.count)
			continue;
		cpu += r->weight * r->kind.cpu_milli;
		memory += r->weight * r->kind.memory_mib;
		milli += r->weight * mix_ask_milli(&r->kind);
	}
	return milli > 0 ? (mix_needs){cpu / milli, memory / milli} : (mix_needs){0};
}

static void profile_add(mix_profile *p, const mix_kind *k, double part)
{
	p->sizes[mix_is_gang(k) ? GANG_BIN : k->milli * SIZE_STEPS / 1000] += part;
	for (int32_t model = 0; k->models && model < MIX_MODELS_MAX; model++)
		if (k->models >> model & 1)
			p->tied[model] += part / __builtin_popcount(k->models);
}

void mix_profile_of(const mix *m, mix_profile *ret)
{
	double all = 0;

	memset(ret, 0, sizeof *ret);
	ret->needs = mix_needs_of(m);
	for (uint32_t i = 0; i < m->n; i++)
		all += m->rows[i].weight * mix_ask_milli(&m->rows[i].kind);
	for (uint32_t i = 0; i < m->n && all > 0; i++)
		if (m->rows[i].kind.count)
			profile_add(ret, &m->rows[i].kind, m->rows[i].weight * mix_ask_milli(&m->rows[i].kind) / all);
}

static double distance(const double *a, const double *b, int32_t n)
{
	double sum = 0;

	for (int32_t i = 0; i < n; i++)
		sum += fabs(a[i] - b[i]);
	return sum;
}

bool mix_has_moved(const mix_profile *a, const mix_profile *b)
{
	return distance(a->sizes, b->sizes, MIX_SIZE_BINS) > MOVED ||
	       distance(a->tied, b->tied, MIX_MODELS_MAX) > MOVED / 2 ||
	       fabs(a->needs.cpu_milli - b->needs.cpu_milli) > MOVED / 2 * a->needs.cpu_milli ||
	       fabs(a->needs.memory_mib - b->needs.memory_mib) > MOVED / 2 * a->needs.memory_mib;
}
