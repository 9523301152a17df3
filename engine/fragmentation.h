/* fragmentation: a pod goes where it spoils least of what the pods to come will want.
 *
 * In thousandths of a device, lower is better:
 *
 *     v    = (base + rent of the gangs lost + rent of the model x ask / 1000), in steps of 40
 *     base = price of the part + S(after) - S(before) + 2 x turnover x (F(after) - F(before))
 *
 *   price  W[r] - W[r - ask] of the device's residue r (engine/prices.h), and 20 for breaking a whole one
 *   S      starved devices: free = sum of residues; free beyond what the node's own cpu and memory can feed is no use:
 *          0.7 x max(0, free - fed(1.05)) + 1.2 x max(0, free - fed(0.42)), fed(x) = min(cpu / (x c), memory / m), c
 *          and m being what the mix asks for each thousandth. The first slope keeps nodes balanced, the second guards
 *          the ends when cpu is what the fleet runs out of. Pods without devices are steered by it alone.
 *   F      fragments (engine/fragments.h), where pods leave
 *   lost   gangs that the node could host before the pod, and can not after it (engine/scarcity.h)
 *
 * The steps make most nodes equal, and equals go to the lowest rank: that fills nodes one after another. All but the
 * two rents hangs on the node alone; the rents move with the whole fleet and are added when nodes are compared
 * (settle). Before anything is learnt prices and rents are zero, and c and m are those of the public traces.
 *
 * What is approximate: a residue is on the dominant axis, and a slice takes its dominant share of it; a node of several
 * classes counts as the class of its first device for F, and as all of them for gangs; pods with several entries are
 * learnt as the largest of them.
 */
#pragma once
#include "engine/fragments.h"
#include "engine/score.h"

/* Thousandths of devices that one of a node's milli or MiB feeds; of cpu by slope. */
typedef struct feeds {
	float cpu[2], memory;
} feeds;

typedef struct fragmentation {
	float worth[PRICES_WHOLE + 1]; /* engine/prices.h */
	feeds feeds;
	float turnover; /* as it was taken over last; 0: fragments say nothing */
	uint8_t model_of[FLEET_CLASSES_MAX];
	scarcity scarcity;
	fragments *fragments; /* looked at where turnover is not 0 */
} fragmentation;

/* Nothing is learnt; `fragments` is the caller's to set. */
void fragmentation_init(fragmentation *t);
/* The needs of a mix; members that are 0 stay as they are. */
void fragmentation_feed(fragmentation *t, mix_needs needs);

/* The models of the node's open devices, by bits; 0: none is open. ret_first: that of the first. */
uint32_t fragmentation_models(const fragmentation *t, const fleet *f, const fleet_view *v, int32_t *ret_first);
/* What the mix can still use there, in thousandths of devices: no more than worth says, nor than is fed. */
int32_t fragmentation_usable_milli(const fragmentation *t, const fleet *f, const fleet_view *v);

/* The policy (score.h). Without tables: as if nothing were learnt. */
enum { FRAGMENTATION_MOST = 4095, FRAGMENTATION_FREE = 2048 }; /* steps of 40 thousandths; a pod that costs nothing */
const void *fragmentation_prepare(const score_case *c);
int64_t fragmentation_device(const score_case *c, const fleet_cell *cell, const score_slice *slice);
int32_t fragmentation_node(const score_case *c);
int32_t fragmentation_unsettled(const score_case *c, uint32_t *ret_tag);
void fragmentation_settle(
	const score_tables *tables, int32_t n, const int32_t *ratings, const uint32_t *tags, int32_t *ret);
void fragmentation_bound_prepare(score_many *m);
void fragmentation_bound(const score_many *m, const lane_block *b, int32_t ret[LANES]);
