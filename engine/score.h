/* score: which of the nodes and devices that fit is the better one. Higher wins; equals go to the lowest rank or index.
 *
 * Scores are whole numbers on a coarse scale on purpose: equal scores fall to the lowest rank, which fills nodes one
 * after another and keeps empty ones whole. A finer scale packs measurably worse.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fleet.h"

enum { SCORE_MAX = 100 };

/* 0 to SCORE_MAX for a node that would take device_milli, cpu_milli and memory_mib more. */
int64_t score_node(
	const fleet *f, int32_t node, int64_t device_milli, int64_t cpu_milli, int64_t memory_mib, ask_policy policy);

/* Any int64: for a device whose free amounts are free_memory_mib and free_compute_milli. */
int64_t score_device(const fleet_device *d, int64_t free_memory_mib, int64_t free_compute_milli, ask_policy policy);
