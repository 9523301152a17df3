/* geometry_choose: which start, and on which device, so that the most of what may come still finds room.
 *
 * A state is worth the sum, over profiles, of weight x how many of the profile alone could still be placed. The choice
 * is the start that loses the least of it; ties go to what leaves more legal starts, then to the lowest start, then to
 * the first device. Weights say what is expected (learnt demand); without them a profile weighs its share of the
 * device, and those flagged PROFILE_NAMED nothing.
 */
#pragma once
#include "engine/geometry.h"

/* weights: one per profile, 0 to 2^40, or NULL for the default ones. */
int64_t geometry_value(const geometry *g, const geometry_state *s, const int64_t *weights);

/* The share of the device in thousandths: its dominant one over slots and counted resources. */
int64_t geometry_weight_default(const geometry *g, int32_t profile);

/* The default weights of the profiles in `asked` (bit p), 0 for the others. weights holds one per profile. */
void geometry_weights(const geometry *g, uint32_t asked, int64_t *weights);

/* The start that loses least, with the loss; GEOMETRY_NONE where the profile does not fit. */
int32_t geometry_choose(
	const geometry *g, const geometry_state *s, int32_t profile, const int64_t *weights, int64_t *ret_loss);

/* HAMi's: the highest start for profiles flagged PROFILE_HIGH, the lowest for the others. */
int32_t geometry_choose_hami(const geometry *g, const geometry_state *s, int32_t profile);

/* Of n devices of one geometry the one where the profile costs least, with its start; GEOMETRY_NONE: none fits. */
int32_t geometry_choose_device(const geometry *g, const geometry_state *states, int32_t n, int32_t profile,
	const int64_t *weights, int32_t *ret_start);

/* Places all n profiles (at most GEOMETRY_BATCH_MAX) at once: of all ways the one worth most afterwards. False leaves
 * *s and starts alone. */
bool geometry_choose_all(const geometry *g, geometry_state *s, const int32_t *profiles, int32_t n,
	const int64_t *weights, int32_t *starts);

/* What else fits: the combination of greatest weight that can still be placed together. counts holds one number per
 * profile. Returns its weight. */
int64_t geometry_rest(const geometry *g, const geometry_state *s, const int64_t *weights, int32_t *counts);
