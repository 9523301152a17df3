/* score_hami: HAMi's formulas and order, for equality with decisions it made.
 *
 * A device scores 10 x the weighted sum of what is used of slots, compute and memory, with the request; a node the same
 * without weights and without the request. All in float32, as there. Binpack takes the highest, spread the lowest; ties
 * of devices go to the higher NUMA node. (reference/hami.md 3.1 to 3.3)
 */
#pragma once
#include "engine/score.h"

typedef struct hami_load {
	int64_t used[3], total[3]; /* slots, compute, memory; used counts what is asked too */
} hami_load;

/* weights: NULL for 1 each. 0 when any total is 0. */
float hami_score(const hami_load *l, const uint16_t *weights);

/* Whether the ask's chain has the key. */
bool hami_has(const ask *a, ask_policy device_policy, ask_hami_key key);

int64_t hami_device_binpack(const score_case *c, const fleet_cell *cell, const score_slice *slice);
int64_t hami_device_spread(const score_case *c, const fleet_cell *cell, const score_slice *slice);
int64_t hami_device_chain(const score_case *c, const fleet_cell *cell, const score_slice *slice);
int32_t hami_node_binpack(const score_case *c);
int32_t hami_node_spread(const score_case *c);
