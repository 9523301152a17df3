#include "engine/prices.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS = PRICES_SIZES_MAX + 1, NO_PIECE = -1 };
static const double GAIN_MIN = 1e-6, SLACK_MIN = 1e-7, TINY = 1e-9, TIE = 1e-13, PIECE_TIE = 1e-12;
static const double SHIFT = 1e-7;

/* Row 0: one device. Row i: the demand of size i - 1. The basis is kept as its inverse. */
typedef struct program {
	const prices_size *sizes;
	int32_t n, rows;
	double inverse[ROWS][ROWS];
	double amount[ROWS]; /* of the row's column in the basis */
	double earns[ROWS];
	double dual[ROWS];
	double *worth;
	int16_t piece[PRICES_WHOLE + 1]; /* the last piece that the worth of r is made of */
} program;

typedef struct column {
	double v[ROWS];
	double earns;
} column;

static void program_init(program *p, const prices_size *sizes, int32_t n, double *worth)
{
	*p = (program){.sizes = sizes, .n = n, .rows = n + 1, .worth = worth};
	p->amount[0] = 1;
	for (int32_t i = 0; i < p->rows; i++)
		p->inverse[i][i] = 1;
	for (int32_t i = 1; i < p->rows; i++)
		p->amount[i] = sizes[i - 1].demand * (1 + SHIFT * (i * 7 % 13)) + TINY * i;
}

static void duals_find(program *p)
{
	memset(p->dual, 0, sizeof p->dual);
	for (int32_t i = 0; i < p->rows; i++)
		for (int32_t j = 0; p->earns[i] > 0 && j < p->rows; j++)
			p->dual[j] += p->earns[i] * p->inverse[i][j];
}

/* The dearest pieces for every residue; a size that demand does not ask for more of is worth nothing. */
static void knapsack(program *p)
{
	double value[PRICES_SIZES_MAX];
	int32_t milli[PRICES_SIZES_MAX], size[PRICES_SIZES_MAX], n = 0;

	for (int32_t s = 0; s < p->n; s++) {
		value[n] = p->sizes[s].milli - p->dual[s + 1];
		milli[n] = p->sizes[s].milli;
		size[n] = s;
		n += value[n] > TINY;
	}
	p->worth[0] = 0;
	p->piece[0] = NO_PIECE;
	for (int32_t r = 1; r <= PRICES_WHOLE; r++) {
		p->worth[r] = p->worth[r - 1];
		p->piece[r] = NO_PIECE;
		for (int32_t i = 0; i < n && milli[i] <= r; i++) {
			double with = p->worth[r - milli[i]] + value[i];
			if (with <= p->worth[r] + PIECE_TIE)
				continue;
			p->worth[r] = with;
			p->piece[r] = (int16_t)size[i];
		}
	}
}

static void pattern_of(const program *p, column *c)
{
	*c = (column){.v[0] = 1};
	for (int32_t r = PRICES_WHOLE; r > 0;) {
		int32_t s = p->piece[r];
		if (s == NO_PIECE) {
			r--;
			continue;
		}
		c->v[s + 1]++;
		c->earns += p->sizes[s].milli;
		r -= p->sizes[s].milli;
	}
}

/* What improves most: the best pattern, or to leave a row unused. False: nothing does. */
static bool column_find(program *p, column *c)
{
	int32_t slack = -1;
	double slack_gain = SLACK_MIN;

	for (int32_t i = 0; i < p->rows; i++)
		if (-p->dual[i] > slack_gain) {
			slack_gain = -p->dual[i];
			slack = i;
		}
	double gain = p->worth[PRICES_WHOLE] - p->dual[0];
	if (gain > GAIN_MIN && gain >= slack_gain) {
		pattern_of(p, c);
		return true;
	}
	*c = (column){0};
	if (slack >= 0)
		c->v[slack] = 1;
	return slack >= 0;
}

/* The row that runs out first when the column comes in; -1: none. ret: the column in terms of the basis. */
static int32_t row_out(const program *p, const column *c, double *ret)
{
	double least = INFINITY;
	int32_t row = -1;

	for (int32_t i = 0; i < p->rows; i++) {
		ret[i] = 0;
		for (int32_t j = 0; j < p->rows; j++)
			ret[i] += p->inverse[i][j] * c->v[j];
		if (ret[i] > TINY && p->amount[i] / ret[i] < least - TIE) {
			least = p->amount[i] / ret[i];
			row = i;
		}
	}
	return row;
}

static void pivot(program *p, int32_t row, const double *in)
{
	for (int32_t j = 0; j < p->rows; j++)
		p->inverse[row][j] /= in[row];
	p->amount[row] /= in[row];
	for (int32_t i = 0; i < p->rows; i++) {
		if (i == row || fabs(in[i]) <= 0)
			continue;
		for (int32_t j = 0; j < p->rows; j++)
			p->inverse[i][j] -= in[i] * p->inverse[row][j];
		p->amount[i] = fmax(0, p->amount[i] - in[i] * p->amount[row]);
	}
}

static void sizes_check(const prices_size *sizes, int32_t n)
{
	assert(n >= 0 && n <= PRICES_SIZES_MAX);
	for (int32_t s = 0; s < n; s++) {
		assert(sizes[s].milli >= 1 && sizes[s].milli <= PRICES_WHOLE);
		assert(s == 0 || sizes[s].milli > sizes[s - 1].milli);
	}
}

int32_t prices_find(const prices_size *sizes, int32_t n, double ret[PRICES_WHOLE + 1])
{
	program p;
	column c;
	double in[ROWS];
	int32_t round = 0;

	sizes_check(sizes, n);
	program_init(&p, sizes, n, ret);
	for (; round < PRICES_ROUNDS_MAX; round++) {
		duals_find(&p);
		knapsack(&p);
		if (!column_find(&p, &c))
			break;
		int32_t row = row_out(&p, &c, in);
		if (row < 0)
			break;
		pivot(&p, row, in);
		p.earns[row] = c.earns;
	}
	return round;
}
