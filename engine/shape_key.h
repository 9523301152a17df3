/* shape_key: what the rating of a node depends on beside the node: two pods of one key rate every node the same. */
#pragma once
#include "engine/fit.h"

enum { SHAPE_KEY_MAX = 512 };

typedef struct shape_key {
	uint32_t n;
	bool is_cut; /* the pod names devices, or asks for more than there is room for: it has no key */
	uint8_t v[SHAPE_KEY_MAX];
} shape_key;

void shape_key_of(shape_key *k, const fleet *f, const fit_need *need);
uint64_t shape_key_hash(const shape_key *k); /* never 0 */
