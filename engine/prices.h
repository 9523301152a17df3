/* prices: what r free thousandths of one device can still earn from pods of given sizes and demand.
 *
 * The cutting-stock problem as a linear program: a device is cut into pieces by patterns (each piece a size, together
 * at most 1000); choose how much of one device is cut by each pattern so that the thousandths that are served are most,
 * and no size is served beyond its demand. Its dual puts a price on each size: a size whose demand is met in any case,
 * or which fills holes badly, is worth less than its thousandths. What a residue r is worth is then the dearest set of
 * pieces that fits into it (a knapsack). Taking a part from a device costs the difference: a cut that leaves a residue
 * which the mix fills exactly costs little, one that leaves a crumb costs the crumb.
 *
 * Patterns are made as they are needed (column generation): the knapsack under the duals of a round finds the best one,
 * a primal simplex with an explicit inverse takes it in. The start is to cut nothing, so there is no first phase. Right
 * sides are shifted by parts in ten million, differently each, so that no two rows tie; the same input gives the same
 * table, to the last bit.
 */
#pragma once
#include <stdint.h>

enum {
	PRICES_SIZES_MAX = 31,
	PRICES_WHOLE = 1000,
	PRICES_ROUNDS_MAX = 600, /* about 50 are needed; each takes some 20 us */
};

typedef struct prices_size {
	int32_t milli; /* 1 to 1000; sizes rise */
	double demand; /* pieces for each device's worth of demand: the sum of milli x demand is 1000 */
} prices_size;

/* ret[r] for r from 0 to PRICES_WHOLE: rising, ret[0] is 0 and ret[r] <= r. How many rounds it took. */
int32_t prices_find(const prices_size *sizes, int32_t n, double ret[PRICES_WHOLE + 1]);
