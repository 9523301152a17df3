/* alike: untouched nodes that are built alike rate alike, so that of each kind only the first needs a look.
 *
 * For pods that look at no more of a node than its amounts and its class (fit_need.is_common).
 */
#pragma once
#include "engine/fleet.h"

enum { ALIKE_KINDS_MAX = 16 };

typedef struct alike {
	int32_t n;
	int32_t nodes[ALIKE_KINDS_MAX]; /* the first of each kind */
	fleet_view views[ALIKE_KINDS_MAX];
} alike;

static inline bool alike_is(const fleet_view *a, const fleet_view *b)
{
	return a->class_id == b->class_id && a->n_cells == b->n_cells && a->min_memory_mib == b->min_memory_mib &&
	       a->free_cpu_milli == b->free_cpu_milli && a->free_memory_mib == b->free_memory_mib &&
	       a->max_free_compute_milli == b->max_free_compute_milli && a->free_device_milli == b->free_device_milli &&
	       a->max_free_memory_mib == b->max_free_memory_mib;
}

/* The first node of this one's kind; FLEET_NONE: there was none, and now it is this one. Start with n 0. */
static inline int32_t alike_first(alike *a, const fleet_view *v, int32_t node)
{
	for (int32_t i = 0; i < a->n; i++)
		if (alike_is(&a->views[i], v))
			return a->nodes[i];
	if (a->n < ALIKE_KINDS_MAX) {
		a->nodes[a->n] = node;
		a->views[a->n++] = *v;
	}
	return FLEET_NONE;
}
