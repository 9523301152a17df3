/* score_links: the policy `topology`, for nodes.
 *
 * A pod of several devices goes where the set it gets is linked best. A pod of one device goes where the others lose
 * least by it, so that well linked sets stay whole.
 */
#pragma once
#include "engine/score.h"

/* The links of a node's devices, in the order of its cells. */
typedef struct score_wiring {
	topology t;
	uint16_t weight[LINK_DEVICES_MAX * LINK_DEVICES_MAX];
	int16_t numa[LINK_DEVICES_MAX], group[LINK_DEVICES_MAX];
} score_wiring;

/* has_links false: no weights, NUMA nodes and groups alone. The node must have devices. */
void score_wire(score_wiring *w, const fleet *f, int32_t node, bool has_links);

int32_t links_node(const score_case *c);
