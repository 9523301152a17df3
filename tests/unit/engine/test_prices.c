/* Prices of sizes: known optima, brute force, and what must hold of any table. */
#include "engine/prices.h"
#include "fixture.h"

#include <math.h>
#include <string.h>

enum { RANDOM_ROUNDS = 60, GRID = 60, CUTS = 200 };

typedef struct known {
	const char *rule;
	prices_size sizes[3];
	int32_t n, at;
	double worth;
} known;

static const known cases[] = {
	{"what is whole wants it whole", {{1000, 1}}, 1, 999, 0},
	{"and pays for all of it", {{1000, 1}}, 1, 1000, 1000},
	{"halves fill halves", {{500, 2}}, 1, 500, 500},
	{"and a crumb is no use", {{500, 2}}, 1, 499, 0},
	{"two that fill a device together", {{400, 1}, {600, 1}}, 2, 1000, 1000},
	{"a size that fills badly earns its own", {{600, 1000.0 / 600}}, 1, 1000, 600},
	{"of which one fits", {{600, 1000.0 / 600}}, 1, 600, 600},
	{"a tenth of a device is worth a tenth of what a device earns", {{100, 0.1}, {990, 1}}, 2, 100, 99},
};

Test(prices, known_optima)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double worth[PRICES_WHOLE + 1];
		(void)prices_find(cases[i].sizes, cases[i].n, worth);
		cr_expect_float_eq(
			worth[cases[i].at], cases[i].worth, 0.01, "%s: %f", cases[i].rule, worth[cases[i].at]);
	}
}

Test(prices, nothing_known_is_worth_nothing)
{
	double worth[PRICES_WHOLE + 1];

	cr_expect_eq(prices_find(NULL, 0, worth), 0);
	cr_expect_float_eq(worth[PRICES_WHOLE], 0, 0);
}

/* The sum of milli x demand is 1000. */
static void sizes_draw(uint64_t *seed, prices_size *sizes, int32_t n, int32_t smallest)
{
	double all = 0;

	for (int32_t i = 0; i < n; i++) {
		int32_t room = (PRICES_WHOLE - smallest) / n;
		sizes[i].milli = smallest + i * room + 1 + (int32_t)draw_below(seed, room);
		sizes[i].demand = 1 + (double)draw_below(seed, 100);
		all += sizes[i].milli * sizes[i].demand;
	}
	for (int32_t i = 0; i < n; i++)
		sizes[i].demand *= PRICES_WHOLE / all;
}

/* What the duals say nobody can pass: the device, and what is paid for demand that is short. */
static double bound_of(const prices_size *sizes, int32_t n, const double *worth)
{
	double bound = worth[PRICES_WHOLE];

	for (int32_t i = 0; i < n; i++)
		bound += sizes[i].demand * (sizes[i].milli - worth[sizes[i].milli]);
	return bound;
}

/* All ways to cut a device into pieces of three sizes. */
typedef struct patterns {
	int32_t n;
	int32_t v[CUTS][3];
} patterns;

static void patterns_fill(patterns *p, const prices_size *s)
{
	p->n = 0;
	for (int32_t a = 0; a * s[0].milli <= PRICES_WHOLE; a++)
		for (int32_t b = 0; a * s[0].milli + b * s[1].milli <= PRICES_WHOLE; b++) {
			int32_t rest = PRICES_WHOLE - a * s[0].milli - b * s[1].milli;
			int32_t cut[3] = {a, b, rest / s[2].milli};
			cr_assert_lt(p->n, CUTS);
			memcpy(p->v[p->n++], cut, sizeof cut);
		}
}

static double served(const prices_size *s, const patterns *p, int32_t a, int32_t b, int32_t c, int32_t x, int32_t y)
{
	double sum = 0;

	for (int32_t i = 0; i < 3; i++) {
		double cut = (x * p->v[a][i] + y * p->v[b][i] + (GRID - x - y) * p->v[c][i]) / (double)GRID;
		sum += s[i].milli * fmin(cut, s[i].demand);
	}
	return sum;
}

/* The best mix of three patterns, in steps. */
static double brute(const prices_size *s, const patterns *p)
{
	double best = 0;

	for (int32_t a = 0; a < p->n; a++)
		for (int32_t b = a; b < p->n; b++)
			for (int32_t c = b; c < p->n; c++)
				for (int32_t x = 0; x <= GRID; x += 2)
					for (int32_t y = 0; x + y <= GRID; y += 2)
						best = fmax(best, served(s, p, a, b, c, x, y));
	return best;
}

Test(prices, equal_brute_force_on_small_cases)
{
	uint64_t run = seed_of_run(), seed = run;

	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		prices_size sizes[3];
		double worth[PRICES_WHOLE + 1];
		patterns p;
		sizes_draw(&seed, sizes, 3, 220);
		patterns_fill(&p, sizes);
		(void)prices_find(sizes, 3, worth);
		double bound = bound_of(sizes, 3, worth), best = brute(sizes, &p);
		cr_assert(bound >= best - 0.01, "seed %lu: %f can be served, not %f", run, best, bound);
		cr_assert(bound <= best + 25, "seed %lu: %f is claimed, %f can be served", run, bound, best);
	}
}

Test(prices, tables_rise_and_are_no_more_than_what_is_there)
{
	uint64_t run = seed_of_run(), seed = run;

	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		prices_size sizes[PRICES_SIZES_MAX];
		double worth[PRICES_WHOLE + 1], again[PRICES_WHOLE + 1];
		int32_t n = 1 + (int32_t)draw_below(&seed, PRICES_SIZES_MAX);
		sizes_draw(&seed, sizes, n, 0);
		cr_assert_lt(prices_find(sizes, n, worth), PRICES_ROUNDS_MAX, "seed %lu: it ends", run);
		for (int32_t r = 1; r <= PRICES_WHOLE; r++) {
			int32_t q = (int32_t)draw_below(&seed, r);
			cr_assert(worth[r] >= worth[r - 1] && worth[r] <= r + 0.01, "seed %lu: %d", run, r);
			cr_assert(worth[r] >= worth[q] + worth[r - q] - 0.01, "seed %lu: %d is less than its parts",
				run, r);
		}
		(void)prices_find(sizes, n, again);
		cr_assert_eq(memcmp(worth, again, sizeof worth), 0, "seed %lu: to the last bit", run);
	}
}
