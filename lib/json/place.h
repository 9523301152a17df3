/* place: where in a document a reader stands, kept as steps and printed as a JSON Pointer only when something fails.
 * Internal to this room.
 */
#pragma once
#include "json/js.h"

typedef struct place_step {
	str name; /* absent: index */
	uint32_t index;
} place_step;

typedef struct place {
	uint32_t n;
	place_step steps[JS_DEPTH_MAX];
} place;

/* "#/groups/0/memory_mib": RFC 6901, section 6 (URI fragment). Too long a pointer is cut at a step. */
void place_print(const place *p, char out[FAULT_POINTER_MAX]);
