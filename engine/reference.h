/* reference: fragmentation gradient descent as it was published, decision for decision.
 *
 * A node's fragmentation is the free GPU share on it that the typical pods, weighted by how often they come, could not
 * use. A pod goes where that grows least: the difference passes a sigmoid and is cut to a whole number from 0 to 100,
 * so that about 40 thousandths of a GPU are one step. The sums are doubles, added in a fixed order: equality with
 * published decisions hangs on it, and on -ffp-contract=off. (Weng et al., USENIX ATC 2023; reference/placement.md 1.5
 * to 1.7)
 */
#pragma once
#include "engine/score.h"

typedef struct reference reference;

enum { REFERENCE_PODS_MAX = 1024 };

reference *reference_new(void);
void reference_free(reference *r); /* NULL-safe */

/* A typical pod: its share of all pods, and what it asks: cpu and `count` devices with `milli` on each (count 0: none).
 * n_classes 0: any class. The classes are copied. ERR_TOO_MANY_ITEMS past REFERENCE_PODS_MAX. */
err reference_add(reference *r, double share, int64_t cpu_milli, int32_t milli, int32_t count, const int32_t *classes,
	int32_t n_classes) MUST_CHECK;

/* In thousandths of a GPU. */
double reference_fragmentation(const reference *r, const fleet *f, int32_t node);

/* The policy (score.h). */
int64_t reference_device(const score_case *c, const fleet_cell *cell, const score_slice *slice);
int32_t reference_node(const score_case *c);
